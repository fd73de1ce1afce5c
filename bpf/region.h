/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * region.h - what lies at the addresses that a call names: the mapping of each remote element, of the first ones and of the
 * last, as /proc/PID/maps of the target would show it at that moment. The elements are those that were captured (iovec.h).
 */
#ifndef PVM_REGION_H
#define PVM_REGION_H

#include "arch.h"
#include "base.h"
#include "iovec.h"
#include "mapping.h"
#include "maps.h"
#include "reader.h"
#include "region_room.h"
#include "region_text.h"
#include "settings.h"
#include "state.h"
#include "task.h"

#define VM_PERMS 7	 /* VM_READ, VM_WRITE, VM_EXEC: as enum pvm_region_perm */
#define VM_MAYSHARE 0x80 /* include/linux/mm.h; what /proc shows as "s" */
#define FMODE_BACKING \
	0x3000000 /* include/linux/fs.h, 6.5: one of these, of which other files have the other one */
#define TMPFS_MAGIC 0x01021994	   /* include/uapi/linux/magic.h */
#define HUGETLBFS_MAGIC 0x958458f6 /* likewise */

/* Of names of the kernel's, in the order of bytes of all architectures that there are. */
#define NAME_MEMFD 0x3a64666d656dULL /* "memfd:" */
#define NAME_VDSO 0x5d6f7364765bULL  /* "[vdso]" */
#define NAME_VVAR 0x726176765bULL    /* "[vvar" */
#define NAME_BYTES(word, cnt) ((word) & ((1ULL << 8 * (cnt)) - 1))

/* The path that an overlay's file is shown by, which is not that of the file below (6.7); 0: it is no such file. What another
 * file has behind its end is none: entry and mount of a path are of one file system. */
static __noinline u64 backing_path(u64 file)
{
	u64 path = file + bpf_core_field_offset(struct backing_file, user_path);
	u64 sb = PEEK(PEEK(path, struct path, dentry), struct dentry, d_sb);

	return sb && PEEK(PEEK(path, struct path, mnt), struct vfsmount, mnt_sb) == sb ? path : 0;
}

static __always_inline void file_take(struct mapped_file *f, u64 file)
{
	u64 path = 0;

	if (bpf_core_field_exists(struct backing_file, user_path) &&
	    PEEK(file, struct file, f_mode) & FMODE_BACKING)
		path = backing_path(file);
	f->inode = PEEK(file, struct file, f_inode);
	if (path && !pvm_control.types.maps_real)
		f->inode = PEEK(PEEK(path, struct path, dentry), struct dentry, d_inode);
	if (!path)
		path = file + bpf_core_field_offset(struct file, f_path);
	f->mnt = PEEK(path, struct path, mnt);
	f->dentry = PEEK(path, struct path, dentry);
	f->sb = PEEK(f->inode, struct inode, i_sb);
	f->ino = PEEK(f->inode, struct inode, i_ino);
	f->dev = PEEK(f->sb, struct super_block, s_dev);
	f->memory = f->deleted = f->named = false;
	/* Removed, or it never was in a directory. Of those some are memory. */
	if (!PEEK(f->dentry, struct dentry, d_hash.pprev)) {
		bool root = PEEK(f->dentry, struct dentry, d_parent) == f->dentry;
		u64 magic = PEEK(f->sb, struct super_block, s_magic);

		f->memory = root && (magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC);
		f->deleted = !root || f->memory;
		f->named = root && !f->memory && magic != ANON_INODE_FS_MAGIC;
	}
}

/* Memory that is shared, or made of huge pages, is a file to the kernel also where no process has one: such never were in a
 * directory. Nor were those of memfd_create(2), which processes have. */
static __always_inline bool file_is_none(const struct mapped_file *f)
{
	return f->memory &&
	       NAME_BYTES(peek(PEEK(f->dentry, struct dentry, d_name.name)), 6) != NAME_MEMFD;
}

/* Gives a region the name that stands at this address, if any does. */
static __always_inline void region_label(struct pvm_state *s, struct pvm_region *r, u64 from)
{
	if (from)
		r->text = label_text(s->hook, from);
}

/*
 * A name that the process gave, which an anonymous mapping can have, and since 6.2 one that shares memory; 0: none. Before, other
 * mappings have something else in its place.
 */
static __noinline u64 anon_name(u64 vma, bool shared)
{
	u64 name;

	if (shared && bpf_core_field_offset(struct vm_area_struct, anon_name) ==
			      bpf_core_field_offset(struct vm_area_struct, shared))
		return 0;
	name = MAPPING(vma, anon_name);
	return name ? name + bpf_core_field_offset(struct anon_vma_name, name) : 0;
}

/* *f: where a path begins; no entry of a directory: it has none. */
static __always_inline void region_of_file(struct pvm_state *s, struct pvm_region *r, u64 vma,
					   u64 addr, u64 file, struct mapped_file *f)
{
	u64 name = 0;

	file_take(f, file);
	r->flags = PVM_REGION_BACKED;
	r->offset = (MAPPING(vma, vm_pgoff) << cfg_page_shift) + (addr - r->start);
	r->ino = f->ino;
	r->dev = f->dev;
	r->kind = PVM_REGION_FILE;
	if (file_is_none(f)) {
		r->kind = r->perms & PVM_REGION_MAYSHARE ? PVM_REGION_SHARED : PVM_REGION_ANON;
		if (bpf_core_field_exists(struct vm_area_struct, anon_name))
			name = anon_name(vma, true);
	} else if (!f->named) {
		if (f->deleted)
			r->flags |= PVM_REGION_DELETED;
		r->text = file_text(f, s->call.target.ns_mnt);
		return;
	}
	region_label(s, r, name ? name : PEEK(f->dentry, struct dentry, d_name.name));
	f->dentry = 0;
}

/* A mapping that the kernel put there and names itself. */
static __always_inline void region_of_kernel(struct pvm_state *s, struct pvm_region *r, u64 vma)
{
	u64 name = PEEK(MAPPING(vma, vm_private_data), struct vm_special_mapping, name);
	u64 word = peek(name);

	r->kind = PVM_REGION_ANON;
	if (NAME_BYTES(word, 6) == NAME_VDSO)
		r->kind = PVM_REGION_VDSO;
	else if (NAME_BYTES(word, 5) == NAME_VVAR)
		r->kind = PVM_REGION_VVAR;
	else if (NAME_BYTES(word, 1) == '[')
		region_label(s, r, name);
}

/* As fs/proc/task_mmu.c tells them apart. */
static __always_inline u8 kind_of_nobody(u64 mm, const struct pvm_region *r)
{
	u64 stack;

	if (r->start < PEEK(mm, struct mm_struct, brk) &&
	    r->end > PEEK(mm, struct mm_struct, start_brk))
		return PVM_REGION_HEAP;
	stack = PEEK(mm, struct mm_struct, start_stack);
	return r->start <= stack && stack <= r->end ? PVM_REGION_STACK : PVM_REGION_ANON;
}

static __always_inline void region_of_nobody(struct pvm_state *s, struct pvm_region *r, u64 vma)
{
	r->kind = kind_of_nobody(s->mm, r);
	if (bpf_core_field_exists(struct vm_area_struct, anon_name))
		region_label(s, r, anon_name(vma, false));
}

/* Whether a mapping still is what was read of it: nobody kept it from becoming another one. changes: map_change_count before that. */
static __always_inline bool region_holds(const struct pvm_state *s, const struct pvm_region *r,
					 u64 vma, u64 flags, u64 file, u32 changes)
{
	if (!(changes & 1) && map_change_count(s->mm) == changes)
		return true;
	return MAPPING(vma, vm_mm) == s->mm && MAPPING(vma, vm_start) == r->start &&
	       MAPPING(vma, vm_end) == r->end && MAPPING(vma, vm_flags) == flags &&
	       MAPPING(vma, vm_file) == file;
}

/* Returns the mapping that was come to last, if it is of the call's target and the map was not changed since; MAPPING_LOST: it is
 * to be looked for. changes: map_change_count of its memory. */
static __always_inline u64 mapped_last(const struct pvm_state *s, u32 changes)
{
	const struct pvm_mapped *m = &s->mapped;
	const struct pvm_task *target = &s->call.target;

	if (changes & 1 || m->changes != changes || m->mm != s->mm || m->pid != target->pid ||
	    m->start_ns != target->start_ns || m->exec_id != target->exec_id)
		return MAPPING_LOST;
	return m->vma;
}

static __always_inline void mapped_note(struct pvm_state *s, u64 vma, u32 changes)
{
	struct pvm_mapped *m = &s->mapped;

	m->vma = vma;
	m->mm = s->mm;
	m->start_ns = s->call.target.start_ns;
	m->pid = s->call.target.pid;
	m->exec_id = s->call.target.exec_id;
	m->changes = changes;
}

/* So long a look is taken for one at the same map, by the count of its changes: to come to the same again it has to be changed
 * 2^31 times, each of which takes more than a nanosecond. */
#define KEPT_NS 1000000000

/*
 * Whether call.region, which is the last call's then, is that of this address, too. What is read of a mapping of no file is the
 * same for as long as the map is, but for where heap and stack are, which takes no lock that is counted (prctl(2), PR_SET_MM). Of
 * a file its path may be another one at any time.
 */
static __always_inline bool region_is_kept(struct pvm_state *s, u64 addr)
{
	struct pvm_region *r = &s->call.region;
	struct pvm_mapped *m = &s->mapped;

	if (m->kept == KEPT_NOTHING || s->call.entry_ns - m->looked_ns >= KEPT_NS ||
	    addr < r->start || addr >= r->end ||
	    mapped_last(s, map_change_count(s->mm)) == MAPPING_LOST || !text_is_known(s, r->text))
		return false;
	if (m->kept == KEPT_UNNAMED)
		r->kind = kind_of_nobody(s->mm, r);
	m->looked_ns = s->call.entry_ns;
	return true;
}

/* Whether the address lies in that mapping; then the region has its bounds, else none. */
static __always_inline bool region_bounds(struct pvm_region *r, u64 vma, u64 addr)
{
	u64 start = MAPPING(vma, vm_start), end = MAPPING(vma, vm_end);

	if (addr < start || addr >= end)
		return false;
	r->start = start;
	r->end = end;
	return true;
}

/* Finds the mapping of an address of the target, and takes its bounds. Returns MAPPING_NONE or MAPPING_LOST if there is none. */
static __always_inline u64 region_find(struct pvm_state *s, struct pvm_region *r, u64 addr,
				       u32 changes)
{
	u64 vma = mapped_last(s, changes);

	if (vma > MAPPING_LOST && region_bounds(r, vma, addr))
		return vma;
	vma = arch_is_off_map(addr) ? MAPPING_LOST : mapping_find(s->mm, addr);
	if (vma <= MAPPING_LOST)
		return vma;
	/* It was so when it was found, and may have changed since. */
	if (!region_bounds(r, vma, addr))
		return MAPPING_LOST;
	if (!(changes & 1))
		mapped_note(s, vma, changes);
	return vma;
}

/* Makes call.region that of an address of the target. Verified once. slot: enum pvm_slot. Returns how much of it holds for as long
 * as the map does: enum mapped_kept. */
__noinline int region_take(u32 slot, u64 addr)
{
	struct pvm_state *s = state_at(slot);
	struct mapped_file f = { 0 };
	u64 vma, file, flags, ops = 0;
	struct pvm_region *r;
	u32 changes;

	if (!s)
		return 0;
	r = &s->call.region;
	__builtin_memset(r, 0, sizeof(*r));
	s->mapped.kept = KEPT_NOTHING;
	changes = map_change_count(s->mm);
	vma = region_find(s, r, addr, changes);
	if (vma <= MAPPING_LOST) {
		r->kind = vma == MAPPING_NONE ? PVM_REGION_NONE : PVM_REGION_UNKNOWN;
		return 0;
	}
	flags = MAPPING(vma, vm_flags);
	r->perms = (flags & VM_PERMS) | (flags & VM_MAYSHARE ? PVM_REGION_MAYSHARE : 0);
	file = MAPPING(vma, vm_file);
	if (!file)
		ops = MAPPING(vma, vm_ops);
	if (file)
		region_of_file(s, r, vma, addr, file, &f);
	else if (ops)
		region_of_kernel(s, r, vma);
	else
		region_of_nobody(s, r, vma);
	if (!region_holds(s, r, vma, flags, file, changes)) {
		__builtin_memset(r, 0, sizeof(*r));
		return 0;
	}
	text_know(s, r->text, f.dentry, f.mnt);
	if (file || changes & 1)
		return KEPT_NOTHING;
	return ops ? KEPT_ALL : KEPT_UNNAMED;
}

/* Whole, that a short list was read, at entry or at exit: where it lies in s->data. */
#define LIST_NOWHERE (DATA_LISTS * PVM_INLINE_SZ)

static __always_inline u32 list_place(const struct pvm_state *s, u64 cnt)
{
	const struct pvm_side *remote = &s->call.remote;
	u8 whole = pvm_page_mask(arch_user_address(remote->addr), array_sz(s->call.abi, cnt));

	if (remote->entry_len && remote->entry_ok == whole)
		return pvm_data_at(&s->call, true, false);
	return remote->exit_len && remote->exit_ok == whole ? pvm_data_at(&s->call, true, true)
							    : LIST_NOWHERE;
}

/* What was told of an earlier call is not told of this one. */
static __always_inline void region_blank(struct pvm_state *s)
{
	if (!cfg_regions || !s->call.region.cnt)
		return;
	__builtin_memset(&s->call.region, 0, sizeof(s->call.region));
	s->mapped.kept = KEPT_NOTHING;
}

/* A list of one, which nearly all are. */
static __always_inline void look_at_one(struct pvm_state *s)
{
	bool wide = pvm_element_sz(s->call.abi) == PVM_ELEMENT_MAX;
	u32 off = list_place(s, 1);
	u64 addr, len;

	barrier_var(off);
	if (off >= LIST_NOWHERE) {
		region_blank(s);
		return;
	}
	addr = element_take(s->data + off, wide, &len);
	s->call.region_cnt = len > 0;
	if (!len) {
		region_blank(s);
	} else if (!region_is_kept(s, addr)) {
		s->mapped.kept = region_take(s->slot, addr);
		s->mapped.looked_ns = s->call.entry_ns;
		s->call.region.cnt = 1;
	}
	s->call.look |= PVM_LOOK_TAKEN;
}

/* Of a longer one, picks the elements that are looked at. Whether they are known. */
static __always_inline bool elements_take(struct pvm_state *s, struct pvm_region_room *room,
					  u64 cnt)
{
	u32 size = pvm_element_sz(s->call.abi), off;

	if (cnt > PVM_INLINE_CNT)
		return room->entry_ns == s->call.entry_ns && room->task == bpf_get_current_task();
	off = list_place(s, cnt);
	barrier_var(off);
	if (off >= LIST_NOWHERE)
		return false;
	elements_forget(room);
	bpf_probe_read_kernel(room->piece, PVM_INLINE_SZ, s->data + off);
	elements_pick(s->hook, 0, cnt * size, size == PVM_ELEMENT_MAX);
	element_pick_last(s->hook, (cnt - 1) * size, cnt, size == PVM_ELEMENT_MAX);
	return true;
}

/* Whether one more element lies in the last region so far, which is the call's, and is counted there. */
static __always_inline bool region_goes_on(struct pvm_state *s, const struct pvm_region_room *room,
					   const struct pvm_picked *picked)
{
	struct pvm_region *r = &s->call.region;
	u64 addr = picked->addr;

	if (!room->found || picked->apart || r->kind <= PVM_REGION_NONE || addr < r->start ||
	    addr >= r->end)
		return false;
	r->cnt = picked->index + 1 - r->first;
	return true;
}

/* One more element, which begins a new region, or goes on with one where nothing is. Those before it stand in the room. */
static __always_inline void region_add(struct pvm_state *s, struct pvm_region_room *room,
				       const struct pvm_picked *picked)
{
	struct pvm_region *r = &s->call.region;
	u32 found = room->found, done = found - 1, index = picked->index;
	bool next = found && !picked->apart;
	u64 addr = picked->addr;
	u16 first = r->first;
	u8 kind = r->kind;

	if (done <= PVM_REGIONS_MAX)
		room->regions[done] = *r;
	region_take(s->slot, addr);
	if (next && kind <= PVM_REGION_NONE && r->kind == kind) {
		r->first = first; /* goes on */
	} else {
		r->first = index;
		room->found = found + 1;
	}
	r->cnt = index + 1 - r->first;
}

/* Element number i of those that are looked at. Verified once. */
__noinline int region_step(u32 slot, u32 i)
{
	struct pvm_state *s = state_at(slot);
	struct pvm_region_room *room;

	room = s ? region_room(s->hook) : NULL;
	if (room && i <= PVM_REGIONS_MAX)
		region_add(s, room, &room->picked[i]);
	return 0;
}

/* Puts the record of the regions into its ring. */
static __always_inline void regions_send(struct pvm_state *s, struct pvm_region_room *room,
					 bool again)
{
	struct pvm_array *head = &room->head;
	u32 len = room->found * sizeof(struct pvm_region), size = sizeof(*head) + len;

	head->hdr.size = size;
	head->hdr.type = PVM_ARRAY;
	head->hdr.version = PVM_WIRE_VERSION;
	head->entry_ns = s->call.entry_ns;
	head->tid = (u32)bpf_get_current_pid_tgid();
	head->of = PVM_ARRAY_REGIONS;
	head->at_exit = again || s->call.look & PVM_LOOK_AT_EXIT;
	head->ok = 0;
	head->pad = 0;
	head->off = 0;
	head->len = len;
	/* As in read_bounded. */
	barrier_var(size);
	if (size > sizeof(*head) + sizeof(room->regions))
		return;
	if (!bpf_ringbuf_output(&pvm_arrays, head, size, BPF_RB_NO_WAKEUP)) {
		s->call.look |= again ? PVM_LOOK_AGAIN : PVM_LOOK_RING;
	} else {
		count(PVM_C_ARRAY_LOST);
		s->call.look |= again ? PVM_LOOK_AGAIN_LOST : PVM_LOOK_LOST;
	}
	arrays_watch();
}

/* The same as look_at_one of more elements. again: the second look, whose regions always have a record of their own. */
static __always_inline void look_at_many(struct pvm_state *s, struct pvm_region_room *room,
					 u32 slot, bool again)
{
	u32 todo = room->picked_cnt, done;

	room->found = 0;
	for (u32 i = 0; i <= PVM_REGIONS_MAX; i++) {
		if (i >= todo)
			break;
		if (!region_goes_on(s, room, &room->picked[i]))
			region_step(slot, i);
	}
	done = room->found - 1;
	if (done <= PVM_REGIONS_MAX)
		room->regions[done] = s->call.region;
	if (!again) {
		s->call.region_cnt = room->found;
		if (room->found)
			s->call.region = room->regions[0];
	}
	if (room->found > (again ? 0 : 1))
		regions_send(s, room, again);
}

/* Looks up what lies at the remote elements, at entry, or at exit for the first time (the call says which) or (again) once
 * more. slot: enum pvm_slot. */
__noinline int regions_look(u32 slot, u32 again)
{
	struct pvm_state *s = state_at(slot);
	struct pvm_region_room *room;
	u64 cnt;

	if (!s || !s->mm)
		return 0;
	cnt = s->call.remote.count;
	if (!cnt || cnt > PVM_IOV_MAX)
		return 0;
	if (cnt == 1 && !again) {
		look_at_one(s);
		return 0;
	}
	room = region_room(s->hook);
	if (!room || !elements_take(s, room, cnt))
		return 0;
	room->kept = s->call.region;
	look_at_many(s, room, slot, again);
	if (again)
		s->call.region = room->kept;
	else
		s->call.look |= PVM_LOOK_TAKEN;
	return 0;
}

/* Of a call whose target and lists were just taken. For one element the state is here already, which to look up costs a good
 * part of what a region does. */
static __always_inline void regions_entry(struct pvm_state *s)
{
	if (!cfg_regions)
		return;
	if (s->call.remote.count == 1 && s->mm && s->hook != HOOK_PERMIT) {
		look_at_one(s);
		return;
	}
	region_blank(s);
	if (s->call.remote.count != 1 && s->hook != HOOK_PERMIT)
		regions_look(s->slot, false);
}

/* For the kernel's work the target is another one than at entry. Of a long list the first look's elements are not here any
 * more: it is looked at when it is read again. */
static __always_inline void regions_renew(struct pvm_state *s)
{
	if (!cfg_regions)
		return;
	s->call.look = 0;
	s->call.region_cnt = 0;
	region_blank(s);
	if (s->stage == STAGE_ACTIVE)
		regions_look(SLOT_OWN, false);
}

/* The address of the target's memory, if it is still there. Not 0 only for the process that the call names as its target, and
 * while that runs what it ran. */
static __always_inline u64 target_memory_now(const struct pvm_call *call)
{
	struct task_struct *task = target_walk(call);

	if (!task || raw_tgid(task) != call->target.pid ||
	    raw_start(task) != call->target.start_ns ||
	    (u32)BPF_CORE_READ(task, group_leader, self_exec_id) != call->target.exec_id)
		return 0;
	return raw_memory_address(task);
}

/* The rare part of regions_exit. */
__noinline int regions_late(u32 slot)
{
	struct pvm_state *s = state_at(slot);
	bool again;
	u64 mm;

	if (!s)
		return 0;
	again = s->call.look & PVM_LOOK_TAKEN;
	mm = target_memory_now(&s->call);
	if (!mm || ((again || s->mm) && mm != s->mm))
		return 0;
	s->mm = mm;
	if (!again)
		s->call.look |= PVM_LOOK_AT_EXIT;
	return regions_look(slot, again);
}

/* Behind the second look at the lists: what was not there at entry, and of calls that took long what became of it. */
static __always_inline void regions_exit(struct pvm_state *s, u32 slot)
{
	const struct pvm_call *call = &s->call;

	if (!cfg_regions || !call->resolved)
		return;
	if (!(call->look & PVM_LOOK_TAKEN) || call->exit_ns - call->entry_ns >= PVM_LOOK_AGAIN_NS)
		regions_late(slot);
}

#endif
