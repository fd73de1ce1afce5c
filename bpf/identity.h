/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * identity.h - sends what is long once: an executable's path and the arguments per exec of a process, a
 * cgroup's path per cgroup. It is remembered as sent only after its record was submitted, so user
 * space is never left without; user space undoes the mark when it forgets.
 *
 * Paths go out as the names from the last one upwards; nothing is joined here. What is too long of an executable's
 * path loses its front, of a cgroup's its middle.
 */
#ifndef PVM_IDENTITY_H
#define PVM_IDENTITY_H

#include "base.h"
#include "current.h"
#include "executable.h"
#include "maps.h"
#include "names.h"
#include "read.h"
#include "reader.h"
#include "settings.h"
#include "state.h"
#include "task.h"

#define NAME_SZ 256	/* NAME_MAX and the NUL */
#define PATH_SMALL 1024 /* nearly every path fits here */
#define PATH_LARGE PVM_PATH_MAX
#define PATH_LAST \
	16 /* of more than PATH_DEPTH cgroups, so many are kept at the end, the rest from the root on */
#define PATH_LAST_SZ 1024 /* and at most so many bytes of a long path */
#define ARGS_SMALL 1024
/* One name fits into each record; and the two parts of a path that lacks some leave each other room. */
PVM_ASSERT(NAME_SZ <= PATH_SMALL && PATH_LAST_SZ + NAME_SZ <= PATH_LARGE && PATH_LAST < PATH_DEPTH);
#define ARGS_TRIES 3 /* then they are taken for unreadable until the next exec */

static __always_inline bool names_add(struct pvm_names *names, const unsigned char *name)
{
	u32 cnt = names->cnt;

	if (cnt >= PATH_DEPTH) {
		names->flags |= PVM_PATH_CUT;
		return false;
	}
	names->name[cnt] = name;
	names->cnt = cnt + 1;
	return true;
}

/* Goes one dentry up, or out of a mount. Returns whether that goes on. It is a function of its own, like kernfs_step(): the
 * verifier follows it once and not for each of PATH_DEPTH steps. hook: whose names, enum pvm_hook. */
__noinline int exe_step(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct dentry *dentry, *up;
	struct mount *mnt, *below;

	if (!names)
		return 0;
	dentry = (struct dentry *)names->at;
	mnt = (struct mount *)names->mnt;
	if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
		below = BPF_CORE_READ(mnt, mnt_parent);
		if (below == mnt)
			return 0;
		names->at = (u64)BPF_CORE_READ(mnt, mnt_mountpoint);
		names->mnt = (u64)below;
		return 1;
	}
	up = BPF_CORE_READ(dentry, d_parent);
	if (!names_add(names, BPF_CORE_READ(dentry, d_name.name)))
		return 0;
	if (up == dentry) { /* a root that is mounted nowhere: memfd */
		names->flags |= PVM_PATH_NAME;
		return 0;
	}
	names->at = (u64)up;
	return 1;
}

/* Goes from the executable up to the root of its mount namespace. */
static __always_inline void exe_walk(struct pvm_names *names, struct task_struct *task,
				     const struct pvm_task *id, u32 hook)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct vfsmount *vfsmnt = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
	struct mnt_namespace *home = BPF_CORE_READ(task, nsproxy, mnt_ns);

	/* The task executed another file since this one was read. */
	if (BPF_CORE_READ(file, f_inode, i_ino) != id->exe_ino ||
	    BPF_CORE_READ(file, f_inode, i_sb, s_dev) != id->exe_dev) {
		names->stale = 1;
		return;
	}
	names->head.file.ctime_ns = inode_ctime((struct inode *)exe_identify((u64)file, hook));
	/* A mount that is attached nowhere, or elsewhere, has whatever paths its maker liked. */
	if (home && BPF_CORE_READ(mnt, mnt_ns) != home)
		names->flags |= PVM_PATH_DETACHED;
	names->at = (u64)BPF_CORE_READ(file, f_path.dentry);
	names->mnt = (u64)mnt;
	for (int i = 0; i < PATH_DEPTH; i++)
		if (!exe_step(hook))
			return;
	names->flags |= PVM_PATH_CUT;
	/* Where mounts lie on top of each other there is no name yet: the file's own is taken. */
	if (!names->cnt)
		names_add(names, BPF_CORE_READ(file, f_path.dentry, d_name.name));
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->__parent))
		return BPF_CORE_READ(kn, __parent);
	return BPF_CORE_READ((struct kernfs_node___parent *)kn, parent);
}

#define CLIMB_STEP 256
#define CLIMBS 64

/* Goes up by cnt names, CLIMB_STEP at most, or less where the root comes first. kn: address of the first one. Returns that
 * of the one that was reached. */
__noinline u64 kernfs_climb(u64 kn, u32 cnt)
{
	struct kernfs_node *at = (struct kernfs_node *)kn;

	for (u32 i = 0; i < CLIMB_STEP; i++) {
		struct kernfs_node *up = kernfs_parent(at);

		if (i >= cnt || !up)
			break;
		at = up;
	}
	return (u64)at;
}

/* It is a function of its own, or the compiler would take the field's place beside the question whether there is such a
 * field: what libbpf puts there if not, no verifier lets pass. */
static __noinline u64 cgroup_ancestor(struct cgroup *cgrp, u32 level)
{
	struct cgroup *at = NULL;

	bpf_probe_read_kernel(&at, sizeof(at),
			      (void *)__builtin_preserve_access_index(&cgrp->ancestors[0]) +
				      level * sizeof(at));
	return (u64)BPF_CORE_READ(at, kn);
}

/* Returns what lies cnt names above kn, which is cgrp's ancestor at this level + cnt. Before 6.1 only a chain leads there,
 * which is followed for 16,384 names. */
static __always_inline struct kernfs_node *cgroup_above(struct cgroup *cgrp, struct kernfs_node *kn,
							u32 level, u32 cnt)
{
	if (bpf_core_field_exists(cgrp->ancestors))
		return (struct kernfs_node *)cgroup_ancestor(cgrp, level);
	for (u32 i = 0; i < CLIMBS && cnt; i++) {
		u32 step = cnt < CLIMB_STEP ? cnt : CLIMB_STEP;

		kn = (struct kernfs_node *)kernfs_climb((u64)kn, step);
		cnt -= step;
	}
	return kn;
}

/* Goes one cgroup up. Returns whether that goes on: the root has no name, and is not gone beyond. */
__noinline int kernfs_step(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct kernfs_node *kn, *up;

	if (!names)
		return 0;
	kn = (struct kernfs_node *)names->at;
	up = kernfs_parent(kn);
	if (!up || !names_add(names, (const unsigned char *)BPF_CORE_READ(kn, name)))
		return 0;
	names->at = (u64)up;
	return 1;
}

/* Goes from the cgroup up to the root. Of very many names those in the middle are left out: who may make cgroups below one
 * that he was given makes as many as he likes, and the host's own are the first. */
static __always_inline void cgroup_walk(struct pvm_names *names, struct task_struct *task,
					const struct pvm_task *id, u32 hook)
{
	struct css_set *set = BPF_CORE_READ(task, group_leader, cgroups);
	u8 hier;
	struct cgroup *cgrp = raw_cgroup_of(set, &hier);
	struct kernfs_node *kn = BPF_CORE_READ(cgrp, kn);
	u32 level = BPF_CORE_READ(cgrp, level);

	/* The task moved since its id was read: this path would not be that id's. */
	if (hier != id->hier || BPF_CORE_READ(kn, id) != id->cgroup_id) {
		names->stale = 1;
		return;
	}
	names->at = (u64)kn;
	if (level > PATH_DEPTH) {
		names->gap = PATH_LAST;
		for (u32 i = 0; i < PATH_LAST; i++)
			if (!kernfs_step(hook))
				return;
		names->at = (u64)cgroup_above(cgrp, (struct kernfs_node *)names->at,
					      PATH_DEPTH - PATH_LAST, level - PATH_DEPTH);
	}
	/* The one too many finds out whether there are more. */
	for (u32 i = 0; i <= PATH_DEPTH; i++)
		if (!kernfs_step(hook))
			return;
}

/* Notes whose path it is, for the record that will be made of the names. */
static __always_inline void path_head(struct pvm_path *path, struct pvm_task *id, u32 type)
{
	path->hdr.type = type;
	path->hdr.version = PVM_WIRE_VERSION;
	path->start_ns = id->start_ns;
	path->pid = id->pid;
	path->len = 0;
	path->pad0 = 0;
	path->gap = 0;
	path->exec_id = id->exec_id;
	if (type == PVM_EXE) {
		path->id = id->exe_ino;
		path->dev = id->exe_dev;
		path->hier = 0;
	} else {
		path->id = id->cgroup_id;
		path->dev = 0;
		path->hier = id->hier;
	}
	__builtin_memset(&path->file, 0, sizeof(path->file));
}

/* Reserves a record for names of up to room bytes. It has room for one name more than is used, for the verifier's sake. */
static __always_inline struct pvm_path *path_reserve(const struct pvm_names *names, const u32 room)
{
	struct pvm_path *path = bpf_ringbuf_reserve(&pvm_calls, sizeof(*path) + room + NAME_SZ, 0);

	if (!path)
		return NULL;
	*path = names->head;
	path->hdr.size = sizeof(*path) + room + NAME_SZ;
	path->flags = names->flags;
	return path;
}

/* Sends the names. Returns -1 without room in the ring, 0 if they need more than room bytes, and 1 if they were sent. What
 * does not fit into the largest record is cut. */
static __always_inline int names_send(const struct pvm_names *names, const u32 room)
{
	struct pvm_path *path = path_reserve(names, room);
	u32 off = 0;

	if (!path)
		return -1;
	for (u32 i = 0; i < PATH_DEPTH; i++) {
		long len;

		if (i >= names->cnt)
			break;
		if (off > room - NAME_SZ) {
			if (room < PATH_LARGE) {
				bpf_ringbuf_discard(path, BPF_RB_NO_WAKEUP);
				return 0;
			}
			path->flags |= PVM_PATH_CUT;
			break;
		}
		len = bpf_probe_read_kernel_str(path->data + off, NAME_SZ, names->name[i]);
		/* There is one way on only: with two the verifier would follow 2^64 of them. */
		if (len <= 0) {
			path->flags |= PVM_PATH_CUT;
			break;
		}
		off += len;
	}
	path->len = off;
	bpf_ringbuf_submit(path, BPF_RB_NO_WAKEUP);
	return 1;
}

/* Each way to send them is verified once, not behind each end of the way before. hook: whose names, enum pvm_hook. */
__noinline int names_send_small(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);

	return names ? names_send(names, PATH_SMALL) : 0;
}

__noinline int names_send_large(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);

	return names ? names_send(names, PATH_LARGE) : 0;
}

/* Puts the last names, as many as fit into PATH_LAST_SZ bytes or stand before the gap. Returns how many bytes they take. */
static __always_inline u32 ends_put_last(struct pvm_names *names, struct pvm_path *path)
{
	u32 off = 0;

	names->sent = 0;
	for (u32 i = 0; i < PATH_DEPTH; i++) {
		long len;

		if (i >= names->cnt || (names->gap && i >= names->gap) ||
		    off > PATH_LAST_SZ - NAME_SZ)
			break;
		len = bpf_probe_read_kernel_str(path->data + off, NAME_SZ, names->name[i]);
		if (len <= 0)
			break;
		off += len;
		names->sent = i + 1;
	}
	return off;
}

/* Puts the first names behind off bytes, from the root down. Returns how many bytes there are then. */
static __always_inline u32 ends_put_first(struct pvm_names *names, struct pvm_path *path, u32 off)
{
	for (u32 i = 1; i <= PATH_DEPTH; i++) {
		u32 at = names->cnt - i;
		long len;

		if (names->sent >= names->cnt || off > PATH_LARGE - NAME_SZ)
			break;
		len = bpf_probe_read_kernel_str(path->data + off, NAME_SZ,
						names->name[at & (PATH_DEPTH - 1)]);
		if (len <= 0)
			break;
		off += len;
		names->sent++;
	}
	return off;
}

/* Does the same for a cgroup whose names need more than PATH_SMALL bytes, or lack some: it puts the last ones, then the
 * first ones from the root down, and what does not fit is missing in the middle. */
__noinline int ends_send(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct pvm_path *path;
	u32 off;

	path = names ? path_reserve(names, PATH_LARGE) : NULL;
	if (!path)
		return -1;
	path->gap = ends_put_last(names, path);
	/* Read back from memory, it is the same to the verifier however the loop ended; else the next loop would be
	 * followed anew behind each of 64 ends. */
	barrier();
	off = path->gap;
	if (!off || off > PATH_LAST_SZ) { /* nothing can be told apart */
		path->flags |= PVM_PATH_CUT;
	} else {
		off = ends_put_first(names, path, off);
		if (names->sent < names->cnt || names->gap)
			path->flags |= PVM_PATH_GAP;
	}
	path->len = off;
	bpf_ringbuf_submit(path, BPF_RB_NO_WAKEUP);
	return 1;
}

/* This says whose paths are sent: a side of the call, as enum pvm_who, or neither of them. */
enum pvm_whose {
	OF_CALLER = PVM_CALLER,
	OF_TARGET = PVM_TARGET,
	OF_OWNER, /* of the target's memory (memory.h) */
};

PVM_ASSERT(__builtin_offsetof(struct pvm_call, target) ==
	   __builtin_offsetof(struct pvm_call, caller) + sizeof(struct pvm_task));

/* Returns caller or target of a call; who: enum pvm_who. That is by a sum and not by a choice, behind which the verifier
 * would follow all that comes twice. */
static __always_inline struct pvm_task *side_of(struct pvm_call *call, u32 who)
{
	barrier_var(who);
	return (void *)&call->caller + (who & 1) * sizeof(struct pvm_task);
}

static __always_inline struct pvm_task *id_of(struct pvm_state *s, struct pvm_names *names,
					      u32 whose)
{
	return whose == OF_OWNER ? &names->owner : side_of(&s->call, whose);
}

/* Sends a path. type: PVM_EXE or PVM_CGROUP; task: the process, which must still be the one that the call knows. whose: enum
 * pvm_whose; slot: enum pvm_slot. Returns whether it was sent. */
__noinline int path_send(u64 task, u32 type, u32 whose, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct task_struct *from = (struct task_struct *)task;
	struct pvm_names *names;
	struct pvm_task *id;
	u32 hook;
	int sent;

	if (!s)
		return 0;
	hook = s->hook;
	names = bpf_map_lookup_elem(&pvm_names, &hook);
	if (!names)
		return 0;
	id = id_of(s, names, whose);
	names->cnt = 0;
	names->flags = 0;
	names->stale = 0;
	names->gap = 0;
	path_head(&names->head, id, type);
	if (type == PVM_EXE)
		exe_walk(names, from, id, hook);
	else
		cgroup_walk(names, from, id, hook);
	if (names->stale)
		return 0;
	sent = names->gap ? 0 : names_send_small(hook);
	if (!sent)
		sent = type == PVM_EXE ? names_send_large(hook) : ends_send(hook);
	if (sent < 0)
		count(PVM_C_IDENTITY_LOST);
	return sent > 0;
}

static __always_inline int args_try(struct pvm_task *id, u64 start, u32 total, u32 len,
				    const u32 room)
{
	struct pvm_args *args;
	char first, last;

	/* A reservation that is given up again takes its room in the ring all the same: look first, on both of the
	 * pages. */
	if (!len || bpf_probe_read_user(&first, 1, (void *)start) ||
	    bpf_probe_read_user(&last, 1, (void *)(start + len - 1)))
		return 0;
	args = bpf_ringbuf_reserve(&pvm_calls, sizeof(*args) + room, 0);
	if (!args) {
		count(PVM_C_IDENTITY_LOST);
		return -1;
	}
	args->hdr.type = PVM_ARGS;
	args->hdr.version = PVM_WIRE_VERSION;
	args->hdr.size = sizeof(*args) + room;
	args->start_ns = id->start_ns;
	args->pid = id->pid;
	args->exec_id = id->exec_id;
	args->len = len;
	args->total = total;
	if (!read_bounded(args->data, len, room, start)) {
		bpf_ringbuf_discard(args, BPF_RB_NO_WAKEUP);
		return 0;
	}
	bpf_ringbuf_submit(args, BPF_RB_NO_WAKEUP);
	return 1;
}

/* Sends the arguments of the current process only: nobody else's memory can be read from here. Returns 1 if they were sent,
 * 0 if they are unreadable, and -1 without room. */
static __always_inline int args_send(struct pvm_task *id)
{
	struct mm_struct *mm = BPF_CORE_READ(current_untyped(), mm);
	u64 start = BPF_CORE_READ(mm, arg_start);
	u64 size = BPF_CORE_READ(mm, arg_end) - start;
	u32 len;

	if (size > (1U << 30)) /* prctl(PR_SET_MM) can set anything */
		return 0;
	len = size < cfg_args_bytes ? size : cfg_args_bytes;
	if (len <= ARGS_SMALL)
		return args_try(id, start, size, len, ARGS_SMALL);
	return args_try(id, start, size, len, PVM_ARGS_MAX);
}

static __always_inline void args_settle(struct pvm_proc_val *val, struct pvm_task *id)
{
	int sent = args_send(id);

	if (sent > 0)
		val->args_sent = 1;
	else if (!sent && ++val->args_tries >= ARGS_TRIES)
		val->args_sent = 1;
}

/* Returns whether user space now knows all there is. A process is remembered only if something of it was
 * sent: what user space never heard of, it could never evict. */
static __always_inline int proc_send(struct pvm_task *id, struct task_struct *task, u32 whose,
				     u32 slot)
{
	bool is_caller = whose == OF_CALLER, wants_args = is_caller && cfg_args_bytes;
	struct pvm_proc_val *old, val = {};
	u32 pid = id->pid;

	old = bpf_map_lookup_elem(&pvm_procs, &pid);
	if (old && old->start_ns == id->start_ns && old->exec_id == id->exec_id)
		val = *old;
	val.start_ns = id->start_ns;
	val.exec_id = id->exec_id;
	if (!(id->flags & PVM_TASK_EXE)) {
		if (!is_caller)
			return 1;
	} else if (!val.exe_sent || val.exe_ino != id->exe_ino || val.exe_dev != id->exe_dev) {
		val.exe_sent = path_send((u64)task, PVM_EXE, whose, slot);
		val.exe_ino = id->exe_ino;
		val.exe_dev = id->exe_dev;
	}
	if (wants_args && !val.args_sent)
		args_settle(&val, id);
	if (!val.exe_sent && !val.args_sent)
		return 0;
	if (bpf_map_update_elem(&pvm_procs, &pid, &val, BPF_ANY))
		count(PVM_C_IDENTITY_FULL);
	return (val.exe_sent || !(id->flags & PVM_TASK_EXE)) && (val.args_sent || !wants_args);
}

static __always_inline int cgroup_known(struct pvm_task *id, struct task_struct *task, u32 whose,
					u32 slot)
{
	struct pvm_cgroup_key key = { .id = id->cgroup_id, .hier = id->hier };
	struct pvm_cgroup_val val = {};

	if (bpf_map_lookup_elem(&pvm_cgroups, &key))
		return 1;
	if (!path_send((u64)task, PVM_CGROUP, whose, slot))
		return 0;
	/* It is not put over a verdict that user space may have put there meanwhile. */
	if (bpf_map_update_elem(&pvm_cgroups, &key, &val, BPF_NOEXIST))
		count(PVM_C_IDENTITY_FULL);
	return 1;
}

/* Ids are small numbers, unique within a hierarchy only. */
static __always_inline u64 cgroup_stamp(const struct pvm_task *id)
{
	return id->cgroup_id ^ (u64)id->hier << 56;
}

static __always_inline bool sent_is(const struct pvm_sent *sent, const struct pvm_task *id)
{
	return sent->pid == id->pid && sent->start_ns == id->start_ns &&
	       sent->exe_ino == id->exe_ino && sent->exe_dev == id->exe_dev &&
	       sent->exec_id == id->exec_id && sent->cgroup == cgroup_stamp(id) &&
	       sent->epoch == pvm_shared.epoch;
}

/* Does the part of identity_send that is rare. who: enum pvm_who; slot: enum pvm_slot. The target is walked to once more:
 * what was held cannot be handed over as a scalar. */
__noinline int identity_settle(u32 who, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct task_struct *task = current_untyped();
	u32 epoch = pvm_shared.epoch;
	struct pvm_sent *sent;
	struct pvm_task *id;
	int known;

	if (!s)
		return 0;
	id = side_of(&s->call, who);
	sent = &s->sent[who & 1];
	if (who == PVM_TARGET) {
		task = target_walk(&s->call);
		if (!task || raw_tgid(task) != id->pid || raw_start(task) != id->start_ns)
			return 0;
	}
	known = proc_send(id, task, who, slot);
	known &= cgroup_known(id, task, who, slot);
	if (!known)
		return 0;
	sent->start_ns = id->start_ns;
	sent->exe_ino = id->exe_ino;
	sent->exe_dev = id->exe_dev;
	sent->exec_id = id->exec_id;
	sent->cgroup = cgroup_stamp(id);
	sent->epoch = epoch;
	sent->pid = id->pid;
	return 0;
}

/* Makes user space know the paths of one side; nearly always it does, and then this is a few compares. */
static __always_inline void identity_send(struct pvm_state *s, u32 who)
{
	const struct pvm_task *id = who == PVM_CALLER ? &s->call.caller : &s->call.target;
	struct pvm_sent *sent = &s->sent[who];

	if (sent_is(sent, id))
		return;
	sent->pid = 0;
	identity_settle(who, s->slot);
}

#endif
