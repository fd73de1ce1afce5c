/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * call.h - the life of a call: begun at entry, ended at exit (exit.h), or swept while it is inside (sweep.h). Every path
 * out counts the call exactly once: told, filtered or lost.
 */
#ifndef PVM_CALL_H
#define PVM_CALL_H

#include "ancestry.h"
#include "arch.h"
#include "aside.h"
#include "audit.h"
#include "base.h"
#include "current.h"
#include "data.h"
#include "decide.h"
#include "filter.h"
#include "here.h"
#include "hooks.h"
#include "identity.h"
#include "lists.h"
#include "maps.h"
#include "reader.h"
#include "region.h"
#include "self.h"
#include "settings.h"
#include "stages.h"
#include "state.h"
#include "target.h"
#include "task.h"
#include "tell.h"

/* Calls that are told and lasted this long are asked once more, at exit, whom they named. In less time hardly a process
 * dies, is reaped and has a successor; of a call that lasts so long the second look is a small part. */
#define MOVED_AFTER_NS 20000

/* A thread was found whose calls not all witnesses see (witness.h). The user half looks here. */
__u32 stackless_seen;

static __always_inline void look_for_stack(struct task_struct *task)
{
	if (cfg_stacks && is_stackless(task))
		stackless_seen = 1;
}

static __always_inline void call_head(struct pvm_state *s, struct pt_regs *regs, u32 abi_op,
				      u64 now, u8 phase)
{
	struct pvm_call *call = &s->call;

	call->hdr.type = PVM_CALL;
	call->hdr.version = PVM_WIRE_VERSION;
	call->entry_ns = now;
	call->exit_ns = 0;
	call->ret = 0;
	call->phase = phase;
	call->abi = ARCH_ABI(abi_op);
	call->op = ARCH_OP(abi_op);
	call->resolved = PVM_UNRESOLVED;
	call->kinship = PVM_KIN_NONE;
	call->flags = 0;
	arch_args(regs, abi_op, phase == PVM_ORPHAN, call->args);
	call->kind = pvm_kind_of(call->args);
	__builtin_memset(&call->local, 0, sizeof(call->local));
	__builtin_memset(&call->remote, 0, sizeof(call->remote));
	s->looks[0] = s->looks[1] = LOOKS_UNKNOWN;
	s->pair = PAIR_NONE;
	call->local.addr = call->args[PVM_ARG_LOCAL];
	call->local.count = call->args[PVM_ARG_LOCAL_CNT];
	call->remote.addr = call->args[PVM_ARG_REMOTE];
	call->remote.count = call->args[PVM_ARG_REMOTE_CNT];
	task_blank(&call->caller);
	__builtin_memset(&call->owner, 0, sizeof(call->owner));
	__builtin_memset(&call->access, 0, sizeof(call->access));
	call->ancestry[0] = call->ancestry[1] = 0;
	call->rules[0] = call->rules[1] = 0;
	call->region_cnt = 0;
	call->look = 0;
	call->pad0 = 0;
	s->mm = 0;
}

/* Reads the caller of a call. Where there are filters on it, it was read for them. */
static __always_inline void caller_read(struct pvm_state *s)
{
	if (!cfg_asks_caller)
		caller_fill(&s->call.caller);
}

/* Takes the caller of a call that is to be told. */
static __always_inline void caller_take(struct pvm_state *s)
{
	caller_read(s);
	identity_send(s, PVM_CALLER);
	ancestry_take_caller(s);
}

/* Finds out who calls and whom, and asks the filters on them: the caller's first where there are some, since the target
 * costs more. lookup: enum target_lookup. beside: a constant, whether others may see the same call. Returns the stage that
 * the call is in now. */
static __always_inline enum pvm_stage call_identify(struct pvm_state *s, u32 tgid, u32 lookup,
						    bool beside)
{
	struct pvm_call *call = &s->call;
	int verdict;

	call->rules[PVM_CALLER] = filter_op(call->op);
	if (cfg_has_pid[PVM_CALLER])
		call->rules[PVM_CALLER] &= filter_pid(PVM_CALLER, tgid, caller_start(), 0);
	if (!call->rules[PVM_CALLER])
		return STAGE_FILTERED;
	if (cfg_asks_caller) {
		caller_fill(&call->caller);
		call->rules[PVM_CALLER] = filter_task(
			PVM_CALLER, &call->caller, s->slot,
			cfg_has_exe[PVM_CALLER] ? caller_exe_inode() : 0, call->rules[PVM_CALLER]);
	}
	if (!call->rules[PVM_CALLER] || caller_is_unwanted(call))
		return STAGE_FILTERED;
	call->caller.pid = tgid; /* the target's filters and kinship compare with it */
	verdict = target_resolve(s, lookup);
	/* With witnesses such a call can have to be told when the caller is dead, and nobody can be asked any more. */
	if (verdict != TARGET_REJECTED || beside)
		caller_read(s);
	if (verdict == TARGET_REJECTED)
		return STAGE_REJECTED;
	s->undecided = verdict == TARGET_ABSENT && cfg_rules_target;
	identity_send(s, PVM_CALLER);
	ancestry_take_caller(s);
	return STAGE_ACTIVE;
}

/* Returns whether a filter on the target was left open that hides this call: nobody is in no list that includes. */
static __always_inline bool call_is_hidden(const struct pvm_state *s)
{
	return s->undecided && !rules_left_of(&s->call);
}

/* Returns whether the kernel half has to ask once more whom the call named: nobody saw what the kernel found. */
static __always_inline bool call_may_move(const struct pvm_call *call)
{
	return !(call->flags & PVM_CALL_TARGET_CONFIRMED);
}

/* Answers the same for a call that is told in any case, where the answer has to be worth its time. */
static __always_inline bool call_may_have_moved(const struct pvm_call *call)
{
	if (call->resolved != PVM_RESOLVED_ENTRY || !call_may_move(call))
		return false;
	return call->kind == PVM_KIND_PIDFD || call->exit_ns - call->entry_ns > MOVED_AFTER_NS;
}

/* Returns whether its last hook asks whom it named by now: where one of several rules could make way for another one. */
static __always_inline bool call_asks_again(const struct pvm_call *call)
{
	if (HAVE_RULES && call->ret > 0 && call->resolved == PVM_RESOLVED_ENTRY)
		return call_may_move(call);
	return call_may_have_moved(call);
}

/* Returns whether the call is in flight, but so far dropped for its target, or could be. */
static __always_inline bool call_is_dropped(const struct pvm_state *s)
{
	if (s->stage == STAGE_REJECTED)
		return true;
	return s->stage == STAGE_ACTIVE && s->undecided &&
	       (cfg_rules_drop || !rules_left_of(&s->call));
}

/* Answers for such a call whose result nobody will see, by this thread: whether its argument names another one by now. */
static __always_inline bool call_is_doubtful(struct pvm_state *s, u64 by)
{
	bool named = s->call.resolved;

	if (!call_may_move(&s->call))
		return false;
	return target_look(&s->call, by) || !named;
}

/* Returns whether the sweep told already that this call is over, or is about to. */
static __always_inline bool call_is_out(const struct pvm_state *s)
{
	return cfg_witness && s->out_ns == s->call.entry_ns && !s->out_at_ns;
}

/*
 * Holds the call that the sweep is about to tell as ended, by the address of its thread's struct task_struct; the thread may
 * come by a hook at that moment, which would tell it too. Whoever takes it out of here tells it: that is the operation which
 * only one can succeed in, on kernels of which programs have no atomic exchange (up to 5.11). The sweep puts it in, looks at
 * the state once more, marks it as told (call_is_out), and takes it out. The thread's hook sets exiting, and tries to take it
 * out. If nothing was there, either the sweep is through, and the mark is there, or it has yet to look, and finds exiting. One
 * lock guards all of this map, so what one of them wrote before is seen by the other one after it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* there is one sweep at a time */
	__type(key, u64);
	__type(value, u32);
} pvm_ending SEC(".maps");

/* The current thread's hook is about to tell the call as ended, and has set exiting. Returns whether the sweep does, or has. */
static __always_inline bool call_is_swept(const struct pvm_state *s)
{
	u64 task = bpf_get_current_task();

	return cfg_witness && bpf_map_delete_elem(&pvm_ending, &task) && call_is_out(s);
}

/* Returns whether a dropped call that no hook saw the exit of stays so. Nobody can be asked about one of an earlier thread,
 * whose struct task_struct is the current one's now. */
static __always_inline bool call_stays_dropped(struct pvm_state *s)
{
	if (s->thread_ns == OF_CURRENT(current_task(), start_boottime))
		return !call_is_doubtful(s, bpf_get_current_task());
	if (!call_may_move(&s->call))
		return true;
	target_lose(&s->call);
	return false;
}

/* The current thread is in no call any more, or the state is of a dead one, but no hook saw the exit: the call is told as far as
 * it is known, by the same rules as the sweep's. */
__noinline int call_ended(void)
{
	struct pvm_state *s = state_at(SLOT_OWN);
	u32 rule;

	if (!s || s->stage < STAGE_REJECTED)
		return 0;
	s->exiting = 1;
	aside_take(s, bpf_get_current_task());
	if (call_is_swept(s)) {
		s->stage = STAGE_IDLE;
		return 1;
	}
	/* As long as its target is the one that was judged. */
	rule = call_dropped_by(&s->call, false);
	if (call_is_dropped(s) && call_stays_dropped(s)) {
		count_filtered(rule);
	} else {
		s->call.exit_ns = bpf_ktime_get_boot_ns();
		s->call.phase = PVM_ENDED;
		call_submit(s, SLOT_OWN);
	}
	s->stage = STAGE_IDLE;
	return 1;
}

/* The thread is in a new call. Returns its state, or NULL if there is no room for it. s: the one that it had, or NULL. */
static __always_inline struct pvm_state *state_begin(struct pvm_state *s, u64 task, u64 thread_ns)
{
	if (!s)
		s = state_new(task);
	if (!s)
		return NULL;
	if (s->stage >= STAGE_REJECTED)
		call_ended();
	if (s->thread_ns != thread_ns) {
		s->thread_ns = thread_ns;
		s->found.nr = 0;
		s->sent[PVM_CALLER].pid = 0;
		s->sent[PVM_TARGET].pid = 0;
		s->behind_ns[PVM_CALLER] = 0;
		s->behind_ns[PVM_TARGET] = 0;
	}
	return s;
}

/* Counts the call, of which no hook before had to do so, for want of room. Its exit is told as an orphan, where that hook is on
 * all calls, and counts for itself. */
static __always_inline void call_lose(struct pt_regs *regs, struct task_struct *self, u32 abi_op,
				      bool at_exit, enum pvm_hook hook)
{
	if (BESIDE(hook))
		over_put((u64)self, OF_CURRENT(self, start_boottime), regs, abi_op, saw_of(hook));
	count(PVM_C_SEEN);
	count(PVM_C_STATE_FULL);
	audit_seen(regs, abi_op, at_exit, HOOK_OF(hook) != HOOK_ENTER);
}

static __always_inline void call_enter(struct pt_regs *regs, struct task_struct *self, u32 abi_op,
				       enum pvm_hook hook)
{
	const u32 lookup = HOOK_OF(hook) >= HOOK_BEGIN ? LOOKUP_WALK : 0;
	u64 task = (u64)self, thread_ns = OF_CURRENT(self, start_boottime);
	u32 tgid = OF_CURRENT(self, tgid);
	enum pvm_stage stage;
	struct pvm_state *s;

	if (is_self(tgid)) {
		self_enter(saw_of(hook));
		return;
	}
	if (pvm_control.stopping)
		return;
	s = state_of(task);
	if (BESIDE(hook) && cfg_quick && s) {
		here_settle(s, task);
		if (!saw_is_first(saw_of(hook)))
			here_settle_permit(s, task);
	}
	if (BESIDE(hook) && s && !saw_is_first(saw_of(hook)) &&
	    state_is_same(s, thread_ns, regs, abi_op, saw_of(hook)) && !call_is_out(s)) {
		s->seen |= saw_of(hook);
		if (saw_of(hook) == PVM_SAW_PERMIT && cfg_quick)
			here_note_permit(s->row, task);
		return;
	}
	if (HOOK_OF(hook) == HOOK_PERMIT)
		look_for_stack(self);
	s = state_begin(s, task, thread_ns);
	if (!s) {
		/* Nothing says there that it is inside, so each of its hooks comes by here. */
		if (!BESIDE(hook) || over_find(self, regs, abi_op, saw_of(hook), 0) == OVER_UNKNOWN)
			call_lose(regs, self, abi_op, false, hook);
		return;
	}
	count(PVM_C_SEEN);
	audit_seen(regs, abi_op, false, HOOK_OF(hook) != HOOK_ENTER);
	if (BESIDE(hook) && cfg_quick) {
		here_enter(s, task);
		if (saw_of(hook) == PVM_SAW_PERMIT)
			here_note_permit(s->row, task);
	}
	if (BESIDE(hook))
		s->seen = saw_of(hook);
	s->exiting = 0;
	s->hook = HOOK_OF(hook);
	s->waits = HAVE_TYPED_CURRENT ? current_waits(self) : 0;
	__builtin_memset(&s->held, 0, sizeof(s->held));
	call_head(s, regs, abi_op, bpf_ktime_get_boot_ns(), PVM_COMPLETE);
	stage = call_identify(s, tgid, lookup, BESIDE(hook));
	if (stage == STAGE_FILTERED)
		count(PVM_C_FILTERED);
	if (stage == STAGE_ACTIVE) {
		lists_entry(s);
		data_entry(s);
		regions_entry(s);
	} else {
		region_blank(s);
	}
	s->stage = stage;
}

#endif
