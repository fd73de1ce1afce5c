/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * memory.h - whose memory a target works in. Two processes can share one address space: a vfork child and its parent
 * until the child executes a program, and whatever was cloned with CLONE_VM. A call that names one of them reaches the
 * memory of all, so a filter on the target holds for the named process or for the one that owns the memory, and that by
 * process for every one that shares it.
 *
 * The owner is who the kernel books the memory on (mm->owner, with CONFIG_MEMCG only), or a process of --target-pid that
 * shares it. Pointers of the kernel are compared and may be out of date: then a call more is told, never one less.
 */
#ifndef PVM_MEMORY_H
#define PVM_MEMORY_H

#include "base.h"
#include "current.h"
#include "filter.h"
#include "identity.h"
#include "maps.h"
#include "names.h"
#include "settings.h"
#include "state.h"
#include "task.h"

#define THREADS_ASKED 16

/* Of a process whose main thread has ended, and with that given up its memory, another thread is asked. */
static __always_inline u64 memory_of_threads(struct task_struct *task)
{
	struct list_head *node = BPF_CORE_READ(task, signal, thread_head.next);
	u64 mm = (u64)BPF_CORE_READ(task, mm);

	for (int i = 0; i < THREADS_ASKED && !mm; i++) {
		task = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
		mm = (u64)BPF_CORE_READ(task, mm);
		node = BPF_CORE_READ(node, next);
	}
	return mm;
}

static __always_inline u64 memory_base(u64 mm)
{
	return BPF_CORE_READ((struct mm_struct *)mm, mmap_base);
}

/* Reads a process by any of its tasks; the name is its main thread's. */
static __always_inline void process_fill(struct pvm_task *id, struct task_struct *task)
{
	raw_task_fill(id, task);
	raw_comm(id->comm, BPF_CORE_READ(task, group_leader));
}

static __always_inline void memory_note(struct pvm_memory *m, struct task_struct *task)
{
	struct pvm_task *id = task_blank(&m->id);

	m->mm = memory_of_threads(task);
	m->bases[0] = memory_base(m->mm);
	m->leader = (u64)BPF_CORE_READ(task, group_leader);
	process_fill(id, task);
}

/* Returns whether anybody else still works in that memory, which may be another one by now. The current process has given up
 * its own already when it ends, but from 6.16 on. */
static __always_inline bool memory_is_used(u64 mm, u64 base)
{
	u64 own = (u64)BPF_CORE_READ(current_untyped(), mm);

	return mm && memory_base(mm) == base &&
	       BPF_CORE_READ((struct mm_struct *)mm, mm_users.counter) > (mm == own);
}

/* Returns the place of the process of --target-pid whose memory this is, counted from 1; 0: none. Who has none has nobody's. */
__noinline u32 memory_find(u64 mm)
{
	u32 cnt = mm ? cfg_memories : 0;

	for (u32 i = 0; i < MEMORIES_MAX; i++) {
		struct pvm_memory *m;
		u32 place = i;

		if (i >= cnt)
			break;
		m = bpf_map_lookup_elem(&pvm_memories, &place);
		if (m && (m->mm == mm || m->left == mm))
			return i + 1;
	}
	return 0;
}

static __always_inline struct pvm_memory *memory_at(u32 place)
{
	u32 at = place - 1;

	return place ? bpf_map_lookup_elem(&pvm_memories, &at) : NULL;
}

/* Returns the main thread of the process at that place, if it is still there. */
static __always_inline struct task_struct *memory_leader(const struct pvm_memory *m)
{
	struct task_struct *leader = m ? (struct task_struct *)m->leader : NULL;

	if (!leader || raw_tgid(leader) != m->id.pid || raw_start(leader) != m->id.start_ns)
		return NULL;
	return leader;
}

/* Renews one place: the current process executed a file, so that it has a memory of its own now; or (gone) all of it is
 * gone. The memory that it had stays its own for as long as others work in it: what it knew is still there. */
__noinline int memory_renew(u32 place, u32 gone)
{
	struct task_struct *self = current_untyped();
	struct pvm_memory *m = bpf_map_lookup_elem(&pvm_memories, &place);

	if (!m)
		return 0;
	if (!memory_is_used(m->left, m->bases[1]))
		m->left = 0;
	if (m->id.pid != raw_tgid(self) || m->id.start_ns != raw_start(self))
		return 0;
	if (memory_is_used(m->mm, m->bases[0])) {
		m->left = m->mm;
		m->bases[1] = m->bases[0];
	}
	if (gone)
		m->mm = 0;
	else
		memory_note(m, self);
	return 1;
}

/* Renews all of them. For the verifier there is one way through the loop's body only. */
__noinline int memories_renew(u32 gone)
{
	u32 cnt = cfg_memories, found = 0;

	for (u32 i = 0; i < MEMORIES_MAX; i++) {
		if (i >= cnt)
			break;
		found |= memory_renew(i, gone);
	}
	return found;
}

/* --target-pid is being bound: the process gets its place. */
static __always_inline void memory_bind(struct task_struct *task)
{
	struct pvm_memory *m = memory_at(pvm_control.memory_place);

	if (m)
		memory_note(m, task);
}

static __always_inline void owner_copy(struct pvm_owner *to, const struct pvm_task *from)
{
	to->start_ns = from->start_ns;
	to->cgroup_id = from->cgroup_id;
	to->exe_ino = from->exe_ino;
	to->pid = from->pid;
	to->uid = from->uid;
	to->exe_dev = from->exe_dev;
	to->exec_id = from->exec_id;
	to->hier = from->hier;
	to->flags = from->flags;
	to->rules = 0;
	to->ns_pid = from->ns_pid;
	__builtin_memcpy(to->comm, from->comm, sizeof(to->comm));
}

/* This is how the filters take the owner of a target's memory. */
enum owner_rule {
	OWNER_UNFILTERED = 1,
	OWNER_TOLD = 2, /* the call is told whatever the filters think of the owner */
};

/* In the same word: rules whose process filter wants somebody who shares the memory. */
#define OWNER_INCLUDED(rules) ((rules) << PVM_RULES_MAX)

/* Fills in the owner's identity. gone: the process of --target-pid that has ended, whose memory it was; else owner, if any. */
static __always_inline void owner_fill(struct pvm_task *id, const struct pvm_memory *gone,
				       struct task_struct *owner)
{
	if (gone)
		*id = gone->id;
	else if (owner)
		process_fill(id, owner);
}

static __always_inline u32 owner_name_left(const struct pvm_task *id, const struct pvm_memory *gone,
					   struct task_struct *owner)
{
	u32 has = cfg_has_comm[PVM_TARGET];

	if (!has)
		return PVM_ALL_RULES;
	return gone ? pvm_rules_left(has, comm_meant(PVM_TARGET, id->comm))
		    : names_of_left((u64)owner);
}

/* What somebody who has ended did run, and who was behind it, is not known here: then a call more is told. */
static __always_inline u32 owner_exe_left(const struct pvm_memory *gone, struct task_struct *owner)
{
	u32 left = PVM_ALL_RULES;

	if (gone || !owner)
		return rules_open(left);
	if (cfg_has_exe[PVM_TARGET])
		left = filter_exe(PVM_TARGET, raw_exe_inode(owner));
	if (cfg_has_exe[PVM_OF_ANCESTOR + PVM_TARGET])
		left &= ancestors_of_left((u64)owner, PVM_OF_ANCESTOR + PVM_TARGET);
	return left;
}

/* Returns those of these rules that the filters on the target leave for the owner, id. */
static __always_inline u32 owner_left(struct pvm_task *id, const struct pvm_memory *gone,
				      struct task_struct *owner, u32 caller, u32 included,
				      u32 rules)
{
	rules &= filter_pid(PVM_TARGET, id->pid, id->start_ns, included);
	if (id->pid == caller)
		rules &= ~cfg_no_self;
	if (rules)
		rules &= filter_uid(PVM_TARGET, id) & owner_exe_left(gone, owner);
	if (rules)
		rules &= owner_name_left(id, gone, owner) & filter_cgroup(PVM_TARGET, id);
	return rules;
}

/*
 * Finds who owns the target's memory, where that may be another process. task: mm->owner; place: that of the process of
 * --target-pid whose memory it is or was, which is rather named, since the user asked for it; either may be 0. how: enum
 * owner_rule, OWNER_INCLUDED; slot: enum pvm_slot. Returns the rules that the filters on the target leave for the owner.
 */
__noinline u32 owner_take(u64 task, u32 place, u32 how, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	const struct pvm_memory *m = memory_at(place);
	struct task_struct *owner = memory_leader(m);
	struct pvm_names *names;
	struct pvm_task *id;
	u32 hook, left;

	if (!s)
		return 0;
	hook = s->hook;
	left = s->call.rules[PVM_CALLER];
	names = bpf_map_lookup_elem(&pvm_names, &hook);
	if (!names)
		return rules_open(left); /* HOOK_PERMIT: nobody can be judged */
	if (owner)
		m = NULL;
	if (!owner || raw_tgid(owner) == s->call.target.pid)
		owner = (struct task_struct *)task;
	id = task_blank(&names->owner);
	owner_fill(id, m, owner);
	if (!id->pid || (id->pid == s->call.target.pid && id->start_ns == s->call.target.start_ns))
		return 0;
	if (how & OWNER_UNFILTERED)
		left = rules_open(left);
	else
		left = owner_left(id, m, owner, s->call.caller.pid, how >> PVM_RULES_MAX, left);
	s->call.flags |= PVM_CALL_OWNER;
	owner_copy(&s->call.owner, id);
	s->call.owner.rules = left;
	if (!left && !(how & OWNER_TOLD))
		return 0;
	if (!m) {
		proc_send(id, owner, OF_OWNER, slot);
		cgroup_known(id, owner, OF_OWNER, slot);
	}
	return left;
}

/* Returns the rules whose process filter wants the process at that place. */
static __always_inline u32 memory_wanted(u32 place)
{
	const struct pvm_memory *m = memory_at(place);
	struct pvm_pid_key key = { .who = PVM_TARGET };
	struct pvm_pid_val *val;

	if (!m)
		return 0;
	key.pid = m->id.pid;
	val = bpf_map_lookup_elem(&pvm_filter_pid, &key);
	return val ? val->meant & PVM_ALL_RULES : 0;
}

#endif
