/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* target.h - resolves the target of a call, reads and filters it while it is held. */
#ifndef PVM_TARGET_H
#define PVM_TARGET_H

#include "ancestry.h"
#include "base.h"
#include "decide.h"
#include "filter.h"
#include "found.h"
#include "identity.h"
#include "memory.h"
#include "settings.h"
#include "state.h"
#include "task.h"

enum target_verdict {
	TARGET_ABSENT, /* the argument names no task */
	TARGET_PASSES,
	TARGET_REJECTED, /* by a filter */
};

static __always_inline u8 kinship_of(struct pvm_call *call, enum descent target_descends)
{
	if (call->target.pid == call->caller.pid)
		return PVM_KIN_SELF;
	if (target_descends == DESCENT_YES)
		return PVM_KIN_CHILD;
	if (target_descends == DESCENT_UNKNOWN)
		call->access.flags |= PVM_ACCESS_DEEP;
	return caller_descends(call->target.pid) == DESCENT_YES ? PVM_KIN_PARENT : PVM_KIN_NONE;
}

/* This is how a target is taken. */
enum target_lookup {
	LOOKUP_AT_EXIT = 1,
	LOOKUP_UNFILTERED = 2,
	LOOKUP_WALK = 4, /* without the kfunc, which not every program may call */
};

/* This is what is known of a target's memory so far. */
struct target_memory {
	u64 owner;    /* address of the task it is booked on, where that is another process */
	u32 place;    /* of the process of --target-pid whose it is (memory.h) */
	u32 included; /* rules whose process filter lets somebody pass who shares it */
};

static __always_inline void memory_forget(struct pvm_call *call)
{
	if (call->flags & PVM_CALL_OWNER)
		__builtin_memset(&call->owner, 0, sizeof(call->owner));
	call->flags &= ~(PVM_CALL_MEMORY_FLAGS | PVM_CALL_RELATION_WAIT);
}

/* Compares the addresses of the memories of target (or 0) and caller. */
static __always_inline void memory_compare(struct pvm_call *call, u64 target, u64 caller)
{
	memory_forget(call);
	if (target)
		call->flags |= target == caller ? PVM_CALL_MEMORY_KNOWN | PVM_CALL_SAME_MEMORY
						: PVM_CALL_MEMORY_KNOWN;
}

/* Asks the filters on the target's number, before anything else of it is read. included: rules that want it by its memory. Returns
 * which rules are left. */
static __always_inline u32 target_number_left(const struct pvm_call *call, u32 included)
{
	u32 left = call->rules[PVM_CALLER] &
		   filter_pid(PVM_TARGET, call->target.pid, call->target.start_ns, included);

	return call->target.pid == call->caller.pid ? left & ~cfg_no_self : left;
}

/* Says the last word on the target: that of its own filters (left) and of those on the owner of its memory. */
static __always_inline u32 target_settle(struct pvm_state *s, const struct target_memory *memory,
					 u32 lookup, u32 left)
{
	u32 how = (lookup & LOOKUP_UNFILTERED ? OWNER_UNFILTERED : 0) | (left ? OWNER_TOLD : 0) |
		  OWNER_INCLUDED(memory->included);
	u32 owner;

	s->call.rules[PVM_TARGET] = left;
	if (!memory->owner && !memory->place)
		return left;
	owner = owner_take(memory->owner, memory->place, how, s->slot);
	/* Of a call that is told because nobody could be asked about the owner, user space knows none to judge. */
	if (!(s->call.flags & PVM_CALL_OWNER))
		s->call.rules[PVM_TARGET] = owner ? rules_open(left) | owner : left;
	return left | owner;
}

/* Asks how the two are related, unless the target works in another one's memory: then it is to that one, too. Returns which
 * rules are left. */
static __always_inline u32 target_related(struct pvm_call *call, const struct target_memory *memory,
					  u32 lookup)
{
	if (cfg_has_relation && !(lookup & LOOKUP_UNFILTERED) && !memory->owner && !memory->place)
		call->rules[PVM_TARGET] &= filter_relation(call);
	else if (cfg_has_relation)
		call->rules[PVM_TARGET] = rules_open(call->rules[PVM_TARGET]);
	return call->rules[PVM_TARGET];
}

/* By what the current task's leave to reach into the memory of one with these parts is judged. */
#define access_read(PREFIX, call, parts)                                      \
	({                                                                    \
		struct task_rights rights_;                                   \
                                                                              \
		caller_rights(&rights_);                                      \
		__builtin_memset(&(call)->access, 0, sizeof((call)->access)); \
		PREFIX##_access(&(call)->access, parts, &rights_, 0);         \
	})

/* Defines the same for typed and untyped tasks (task.h). Which process it is, is noted before any filter. */
#define DEFINE_TARGET_TAKE(PREFIX)                                                                 \
	static __always_inline int PREFIX##_target_take(struct pvm_state *s,                       \
							struct task_struct *task, u32 lookup)      \
	{                                                                                          \
		struct pvm_call *call = &s->call;                                                  \
		struct pvm_task *id = task_blank(&call->target);                                   \
		struct target_memory memory = {};                                                  \
		struct task_parts parts;                                                           \
		struct mm_struct *mm;                                                              \
		u32 left;                                                                          \
                                                                                                   \
		PREFIX##_parts(&parts, task);                                                      \
		PREFIX##_task_note(id, task, parts.leader);                                        \
		mm = PREFIX##_part_mm(&parts);                                                     \
		memory.owner = PREFIX##_memory_owner(task, mm);                                    \
		s->cred = (u64)PREFIX##_part_cred(&parts);                                         \
		s->mm = (u64)mm;                                                                   \
		memory_compare(call, s->mm, caller_memory());                                      \
		call->rules[PVM_TARGET] = 0;                                                       \
		left = lookup & LOOKUP_UNFILTERED ? rules_open(call->rules[PVM_CALLER])            \
						  : target_number_left(call, 0);                   \
		if (cfg_memories && !(lookup & LOOKUP_UNFILTERED) &&                               \
		    left != call->rules[PVM_CALLER]) {                                             \
			memory.place = memory_find(PREFIX##_memory_address(task));                 \
			memory.included = memory_wanted(memory.place) & ~cfg_rules_drop;           \
			left |= target_number_left(call, memory.included);                         \
		}                                                                                  \
		memory.included |= left & ~cfg_rules_drop;                                         \
		if (!left && !memory.owner && !memory.place)                                       \
			return TARGET_REJECTED;                                                    \
		PREFIX##_noted_fill(id, task, &parts);                                             \
		access_read(PREFIX, call, &parts);                                                 \
		if (cfg_rules_target && left && !(lookup & LOOKUP_UNFILTERED))                     \
			left = filter_task(PVM_TARGET, id, s->slot,                                \
					   cfg_has_exe[PVM_TARGET] ? PREFIX##_exe_inode(task) : 0, \
					   left);                                                  \
		if (!target_settle(s, &memory, lookup, left))                                      \
			return TARGET_REJECTED;                                                    \
		if (PREFIX##_is_traced_by(task, call->caller.pid))                                 \
			call->access.flags |= PVM_ACCESS_TRACED;                                   \
		call->kinship = kinship_of(call, PREFIX##_descends(PREFIX##_part_parent(&parts),   \
								   call->caller.pid));             \
		if (!target_related(call, &memory, lookup) && !(call->flags & PVM_CALL_OWNER))     \
			return TARGET_REJECTED;                                                    \
		identity_send(s, PVM_TARGET);                                                      \
		if (cfg_ancestors && !target_behind_is_fresh(s))                                   \
			behind_note(s, PVM_TARGET,                                                 \
				    PREFIX##_target_sum(PREFIX##_part_parent(&parts)));            \
		if (cfg_ancestors)                                                                 \
			call->ancestry[PVM_TARGET] = s->behind[PVM_TARGET];                        \
		return TARGET_PASSES;                                                              \
	}

DEFINE_TARGET_TAKE(typed)
DEFINE_TARGET_TAKE(raw)

/* Takes the task at this address. lookup: enum target_lookup. */
__noinline int target_take_task(u64 task, u32 lookup, u32 slot)
{
	struct pvm_state *s = state_at(slot);

	if (!s)
		return TARGET_ABSENT;
	if (bpf_rdonly_cast)
		return typed_target_take(s, cast_task(task), lookup);
	return raw_target_take(s, (struct task_struct *)task, lookup);
}

/* Takes the target with the kfunc, if there is such a task. It gives no reference to some that are there, and that the call
 * finds: on 6.18 pid 1. None is held meanwhile: a task's memory is not given away before a hook that found it is over. This is a
 * function of its own, because the stacks of all that a call goes through are added up, to 512 bytes. */
static __noinline int target_take_typed(struct pvm_state *s, u32 lookup)
{
	if (!found_by_number(&s->found, pvm_target_arg(s->call.args)))
		return TARGET_ABSENT;
	return typed_target_take(s, cast_task(s->found.task), lookup);
}

/* The kernel will look the number up in the caller's active pid namespace, and accepts thread ids. */
static __always_inline int target_find(struct pvm_state *s, u32 lookup)
{
	struct pvm_call *call = &s->call;
	u64 task;

	if (!(lookup & LOOKUP_WALK) && FOUND_BY_KFUNC(call->kind)) {
		int verdict;

		if (pvm_target_arg(call->args) <= 0)
			return TARGET_ABSENT;
		verdict = target_take_typed(s, lookup);
		if (verdict != TARGET_ABSENT)
			return verdict;
	}
	task = (u64)target_walk(call);
	return task ? target_take_task(task, lookup, s->slot) : TARGET_ABSENT;
}

static __always_inline void target_forget(struct pvm_call *call)
{
	call->resolved = PVM_UNRESOLVED;
	call->rules[PVM_TARGET] = rules_open(call->rules[PVM_CALLER]);
	call->look = 0; /* at what lies there in the other one */
	task_blank(&call->target);
	memory_forget(call);
	__builtin_memset(&call->access, 0, sizeof(call->access));
	call->ancestry[PVM_TARGET] = 0;
}

/* Asks the rules that are left when caller and target were judged: the first one may drop the call. */
static __always_inline int target_ask_rules(const struct pvm_state *s, int verdict)
{
	if (verdict == TARGET_PASSES && call_dropped_by(&s->call, false))
		return TARGET_REJECTED;
	return verdict;
}

/* Fills call->target and what depends on it; all zero if there is none. lookup: enum target_lookup. */
static __always_inline int target_resolve(struct pvm_state *s, u32 lookup)
{
	int verdict = target_find(s, lookup);

	if (verdict == TARGET_ABSENT) {
		target_forget(&s->call);
		if (!(lookup & LOOKUP_UNFILTERED))
			s->call.rules[PVM_TARGET] = filter_nobody();
	} else {
		s->call.resolved = lookup & LOOKUP_AT_EXIT ? PVM_RESOLVED_EXIT : PVM_RESOLVED_ENTRY;
	}
	if (!(lookup & LOOKUP_UNFILTERED))
		verdict = target_ask_rules(s, verdict);
	/* This is not done where the id is read: the stacks of all that a call goes through are added up. */
	if (verdict == TARGET_PASSES)
		ancestry_send(s, PVM_TARGET);
	return verdict;
}

/* Does the same at exit, where it is rare, by any kind of program. */
__noinline int target_resolve_late(u32 lookup)
{
	struct pvm_state *s = state_at(SLOT_OWN);

	return s ? target_resolve(s, lookup | LOOKUP_AT_EXIT | LOOKUP_WALK) : TARGET_ABSENT;
}

/* Anybody else who has the same table of descriptors can give the number to another file and take that back unseen. */
static __always_inline bool files_shared(u64 by)
{
	return BPF_CORE_READ((struct task_struct *)by, files, count.counter) > 1;
}

/*
 * Returns whether the argument still names whom it named at entry, that being this task by now: a flag, or 0 for yes. Threads
 * are compared, not processes: a number can be one thread's of a process, then somebody else's, then that of another thread of
 * the first process. The same thread at both ends had it all the time: it keeps its number for life, but for one that executes
 * a file, which shows.
 */
static __always_inline u16 target_differs(const struct pvm_call *call, u64 by,
					  struct task_struct *task)
{
	u64 at = (u64)task, leader;

	if (!task)
		return PVM_CALL_TARGET_GONE;
	if ((u32)PEEK(at, struct task_struct, tgid) != call->target.pid ||
	    PEEK(at, struct task_struct, start_boottime) != call->target.thread_ns)
		return PVM_CALL_TARGET_MOVED;
	leader = PEEK(at, struct task_struct, group_leader);
	if ((u32)PEEK(leader, struct task_struct, self_exec_id) != call->target.exec_id)
		return PVM_CALL_TARGET_EXECED;
	return call->kind == PVM_KIND_PIDFD && files_shared(by) ? PVM_CALL_TARGET_UNSURE : 0;
}

/* Answers so for the current thread's call. */
static __always_inline u16 target_again(const struct pvm_state *s)
{
	const struct pvm_call *call = &s->call;
	u64 by = bpf_get_current_task();

	if (FOUND_BY_KFUNC(call->kind) && found_still(&s->found, pvm_target_arg(call->args)))
		return target_differs(call, by, (struct task_struct *)s->found.task);
	return target_differs(call, by, target_walk_by(call, by));
}

/*
 * Looks, for a call that does not return, whom its argument names now, where that is asked because of a target filter: it named
 * nobody at entry, or one that was not read any further. by: its thread. Returns the flag as above; 0 also where it named
 * nobody at entry.
 */
static __noinline int target_look(struct pvm_call *call, u64 by)
{
	struct task_struct *task = target_walk_by(call, by), *self = (struct task_struct *)by;
	u32 caller = call->caller.pid;
	u16 moved = call->resolved ? target_differs(call, by, task) : 0;
	struct task_rights rights;
	struct task_parts parts;

	target_forget(call);
	if (!call->caller.tid)
		raw_task_fill(&call->caller, self);
	if (task) {
		call->resolved = PVM_RESOLVED_EXIT;
		raw_task_parts_fill(&call->target, task, &parts);
		raw_rights(&rights, self);
		raw_access(&call->access, &parts, &rights, by);
		memory_compare(call, raw_memory_address(task), raw_memory_address(self));
		if (raw_is_traced_by(task, caller))
			call->access.flags |= PVM_ACCESS_TRACED;
		call->kinship = call->target.pid == caller ? PVM_KIN_SELF
				: raw_descends(raw_part_parent(&parts), caller) == DESCENT_YES
					? PVM_KIN_CHILD
				: raw_descends(raw_parent(self), call->target.pid) == DESCENT_YES
					? PVM_KIN_PARENT
					: PVM_KIN_NONE;
	}
	call->flags |= moved;
	return moved;
}

/* Does the same where its thread is dead, with all that its argument could be looked up in: it may have named anybody. */
static __always_inline void target_lose(struct pvm_call *call)
{
	target_forget(call);
	call->flags |= PVM_CALL_TARGET_UNSURE;
}

#endif
