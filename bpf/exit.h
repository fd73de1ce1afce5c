/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* exit.h - the end of a call: of one that was begun, of one that was not, and of a thread. */
#ifndef PVM_EXIT_H
#define PVM_EXIT_H

#include "aside.h"
#include "audit.h"
#include "base.h"
#include "call.h"
#include "current.h"
#include "data.h"
#include "decide.h"
#include "filter.h"
#include "here.h"
#include "hooks.h"
#include "identity.h"
#include "iovec.h"
#include "lists.h"
#include "reader.h"
#include "region.h"
#include "self.h"
#include "settings.h"
#include "stages.h"
#include "state.h"
#include "target.h"
#include "tell.h"

/*
 * At exit the target filters that were left open at entry are decided. A call that moved bytes had a
 * target, whatever is there by now: it is told. So a target that came to be while the call was parked cannot
 * hide.
 */
static __always_inline bool call_decide(struct pvm_state *s)
{
	if (s->call.resolved)
		return true;
	if (s->call.ret <= 0)
		return !call_is_hidden(s);
	target_resolve_late(LOOKUP_UNFILTERED);
	return true;
}

/* Takes away the rules that the result does not leave, and returns whether there are others. phase is a constant. */
static __always_inline bool call_result_passes(struct pvm_call *call, const u8 phase, s64 ret)
{
	call->rules[PVM_CALLER] = filter_result(call->rules[PVM_CALLER], phase, ret);
	return rules_left_of(call);
}

/* Returns whether the call is to be told. */
static __always_inline bool call_finish(struct pvm_state *s, s64 ret)
{
	struct pvm_call *call = &s->call;

	call->exit_ns = bpf_ktime_get_boot_ns();
	call->ret = ret;
	if (call_decide(s)) {
		if (call_asks_again(call))
			call->flags |= target_again(s);
		if (call_result_passes(call, PVM_COMPLETE, ret))
			return true;
	}
	arrays_drop(s);
	return false;
}

/*
 * Decides on a call that was dropped because of the process its argument named at entry. If it moved bytes, and its argument
 * may have named another process meanwhile, then it may have been the other one's memory: a caller can park a call before the
 * kernel looks the number up. It is told, however short it was: else nothing of it would be.
 */
static __always_inline bool call_reject(struct pvm_state *s, s64 ret)
{
	struct pvm_call *call = &s->call;
	u16 moved;

	call->rules[PVM_CALLER] = filter_result(call->rules[PVM_CALLER], PVM_COMPLETE, ret);
	if (call->flags & PVM_CALL_TARGET_CONFIRMED) {
		arrays_drop(s); /* there are some if it was another one's at entry */
		return false;
	}
	if (ret <= 0 || !call->rules[PVM_CALLER])
		return false;
	moved = target_again(s);
	if (!moved)
		return false;
	call->exit_ns = bpf_ktime_get_boot_ns();
	call->ret = ret;
	call->flags |= moved;
	call->resolved = PVM_UNRESOLVED;
	target_resolve_late(LOOKUP_UNFILTERED);
	caller_take(s);
	return true;
}

/* There are two of them, as one that could do both would need more of the stack than there is. Both return enum pvm_stage. */
#define ORPHAN_LOOKUP (LOOKUP_AT_EXIT | LOOKUP_WALK)

__noinline int orphan_identify_apart(u32 tgid)
{
	struct pvm_state *s = state_at(SLOT_ORPHAN);

	return s ? call_identify(s, tgid, ORPHAN_LOOKUP, false) : STAGE_FILTERED;
}

__noinline int orphan_identify_own(u32 tgid)
{
	struct pvm_state *s = state_at(SLOT_OWN);

	return s ? call_identify(s, tgid, ORPHAN_LOOKUP, false) : STAGE_FILTERED;
}

static __always_inline int orphan_identify(u32 tgid, u32 slot)
{
	return slot == SLOT_ORPHAN ? orphan_identify_apart(tgid) : orphan_identify_own(tgid);
}

/*
 * Takes an exit without an entry: the call was refused by seccomp, or was running when we attached. What stands in the
 * registers and in memory now is all there is. If its result proves nothing (pvm_outcome_of), it may have moved bytes, and
 * then it had a target: it is told.
 */
static __always_inline bool call_orphan(struct pvm_state *s, struct pt_regs *regs,
					struct task_struct *self, u32 abi_op, s64 ret, u32 slot)
{
	s->sent[PVM_CALLER].pid = 0;
	s->sent[PVM_TARGET].pid = 0;
	call_head(s, regs, abi_op, bpf_ktime_get_boot_ns(), PVM_ORPHAN);
	region_blank(s);
	s->call.exit_ns = s->call.entry_ns;
	s->call.ret = ret;
	if (orphan_identify(OF_CURRENT(self, tgid), slot) != STAGE_ACTIVE)
		return false;
	if (pvm_outcome_of(PVM_ORPHAN, ret) == PVM_UNKNOWN && s->undecided)
		s->call.rules[PVM_TARGET] = rules_open(PVM_ALL_RULES);
	return call_result_passes(&s->call, PVM_ORPHAN, ret);
}

/* This is how an exit hook finds its call. */
enum call_found {
	CALL_FOUND, /* its entry was seen */
	CALL_UNSEEN,
	CALL_OVER, /* another hook has told it */
	CALL_LOST, /* another one has counted it as lost */
};

/* Returns whether the sweep has told the call as ended, or does so now: then this is the end of another one. It looks twice at
 * what it tells, the first time long before (sweep_is_out): only then is it asked, which is dear. */
static __always_inline bool exit_is_anothers(struct pvm_state *s)
{
	if (s->out_ns != s->call.entry_ns)
		return false;
	s->exiting = 1;
	return call_is_swept(s);
}

/* Finds the call where there are witnesses. ret: its result, which two hooks at the end of one call see alike: a call that comes
 * by the last one only, as seccomp refuses it, is so told from the thread's last one, if that had another. */
static __always_inline int call_look_for(struct pvm_state *s, struct task_struct *self,
					 struct pt_regs *regs, u32 abi_op, enum pvm_saw saw,
					 s64 ret)
{
	u64 thread_ns = OF_CURRENT(self, start_boottime);
	int over;

	if (!s) {
		over = over_find(self, regs, abi_op, saw, ret);
		if (over == OVER_LOST)
			return CALL_LOST;
		return over == OVER_TOLD ? CALL_OVER : CALL_UNSEEN;
	}
	if (!state_is_same(s, thread_ns, regs, abi_op, saw))
		return CALL_UNSEEN;
	if (s->stage == STAGE_IDLE) {
		s->seen |= saw;
		return s->call.ret == ret ? CALL_OVER : CALL_UNSEEN;
	}
	if (exit_is_anothers(s))
		return CALL_UNSEEN;
	s->seen |= saw;
	return CALL_FOUND;
}

/* Does the same as a function with a stack of its own (see filter_task), which takes no more than five arguments. The hook where
 * calls return, which comes first of those at their end, can do without. saw_call: hook and call. */
static __noinline int call_find_seen(struct pvm_state *s, struct task_struct *self,
				     struct pt_regs *regs, u64 saw_call, s64 ret)
{
	return call_look_for(s, self, regs, (u32)saw_call, saw_call >> 32, ret);
}

static __always_inline enum call_found call_find(struct pvm_state *s, struct task_struct *self,
						 struct pt_regs *regs, u32 abi_op, s64 ret,
						 enum pvm_hook hook)
{
	const enum pvm_saw saw = saw_of(hook);

	if (BESIDE(hook) && saw == PVM_SAW_RETURN)
		return call_look_for(s, self, regs, abi_op, saw, ret);
	if (BESIDE(hook))
		return call_find_seen(s, self, regs, (u64)saw << 32 | abi_op, ret);
	if (!s || s->stage == STAGE_IDLE || s->thread_ns != OF_CURRENT(self, start_boottime))
		return CALL_UNSEEN;
	if (call_is(s, regs, abi_op))
		return CALL_FOUND;
	call_ended();
	state_end(s, (u64)self, hook);
	return CALL_UNSEEN;
}

/* With witnesses an orphan is built in the thread's state, so that the next hook finds it there. */
static __noinline struct pvm_state *orphan_own(struct pvm_state *s, struct task_struct *self,
					       enum pvm_saw saw)
{
	s = state_begin(s, (u64)self, OF_CURRENT(self, start_boottime));
	if (!s)
		return NULL;
	s->seen = saw;
	s->stage = STAGE_IDLE;
	return s;
}

/* Without witnesses only the exit hook sees such calls, and there is always room for one. */
static __always_inline struct pvm_state *orphan_begin(struct pvm_state *s, struct task_struct *self,
						      enum pvm_hook hook)
{
	if (pvm_control.stopping)
		return NULL;
	if (BESIDE(hook)) {
		s = orphan_own(s, self, saw_of(hook));
		if (s || hook != HOOK_EXIT)
			return s;
	}
	s = HOOK_OF(hook) == HOOK_EXIT ? state_at(SLOT_ORPHAN) : NULL;
	if (s)
		s->slot = SLOT_ORPHAN;
	return s;
}

/* Counts a call of which this hook may be the only one that sees it, and for which it finds no room. The hook on all exits has
 * room in any case. */
static __always_inline void exit_lose(struct pt_regs *regs, struct task_struct *self, u32 abi_op,
				      enum call_found found, enum pvm_hook hook)
{
	if (BESIDE(hook) && hook != HOOK_EXIT && found == CALL_UNSEEN && !pvm_control.stopping)
		call_lose(regs, self, abi_op, true, hook);
}

/* Returns where that was begun: a constant but for the one hook that may use both. */
static __always_inline u32 orphan_slot(const struct pvm_state *s, enum pvm_hook hook)
{
	if (!BESIDE(hook))
		return SLOT_ORPHAN;
	return hook == HOOK_EXIT ? s->slot : SLOT_OWN;
}

/* Sends what the entry hook had no room to send. */
static __always_inline void call_send_late(struct pvm_state *s)
{
	identity_send(s, PVM_CALLER);
	ancestry_send(s, PVM_CALLER);
	if (!s->call.resolved)
		return;
	identity_send(s, PVM_TARGET);
	ancestry_send(s, PVM_TARGET);
}

static __always_inline bool call_close(struct pvm_state *s, u64 task, s64 ret, enum pvm_hook hook)
{
	bool late = BESIDE(hook) && s->hook == HOOK_PERMIT && s->stage == STAGE_ACTIVE;

	s->exiting = 1;
	s->hook = HOOK_OF(hook);
	aside_take(s, task);
	if (BESIDE(hook)) {
		s->out_ns = 0;
		s->call.ret = ret; /* also of what is not told: see call_look_for */
	}
	if (late)
		call_send_late(s);
	if (s->stage == STAGE_ACTIVE)
		return call_finish(s, ret);
	return s->stage == STAGE_REJECTED && call_reject(s, ret);
}

/* This is what an exit makes of its call. */
enum exit_verdict {
	EXIT_FILTERED,
	EXIT_TOLD,    /* by itself or in a sum; lost where neither has room */
	EXIT_COUNTED, /* a filter dropped it at its begin */
};

/* Takes the exit of a call whose begin was seen. */
static __always_inline enum exit_verdict exit_begun(struct pvm_state *s, u64 task, s64 ret,
						    enum pvm_hook hook)
{
	u32 stage = s->stage;

	if (call_close(s, task, ret, hook))
		return EXIT_TOLD;
	return stage == STAGE_FILTERED ? EXIT_COUNTED : EXIT_FILTERED;
}

/* Takes the exit of a call whose begin no hook saw. s: what was begun for it (orphan_begin), at slot. */
static __always_inline enum exit_verdict exit_orphan(struct pvm_state *s, struct pt_regs *regs,
						     struct task_struct *self, u32 abi_op, s64 ret,
						     u32 slot, enum pvm_hook hook)
{
	count(PVM_C_SEEN);
	if (BESIDE(hook))
		look_for_stack(self);
	audit_seen(regs, abi_op, true, true);
	s->hook = HOOK_OF(hook);
	return call_orphan(s, regs, self, abi_op, ret, slot) ? EXIT_TOLD : EXIT_FILTERED;
}

/* Both come to this one way out, which the verifier follows once. */
static __always_inline void exit_settle(struct pvm_state *s, u32 slot, enum exit_verdict verdict)
{
	u32 rule;

	if (verdict == EXIT_COUNTED)
		return;
	rule = call_dropped_by(&s->call, true);
	if (verdict == EXIT_TOLD && rule)
		arrays_drop(s);
	if (verdict == EXIT_FILTERED || rule) {
		count_filtered(rule);
		return;
	}
	lists_exit(s);
	if (call_is_added_up(&s->call) && call_aggregate(s, slot))
		return;
	data_exit(s);
	regions_exit(s, slot);
	call_submit(s, slot);
}

static __always_inline void call_exit(struct pt_regs *regs, struct task_struct *self, u32 abi_op,
				      s64 ret, enum pvm_hook hook)
{
	enum exit_verdict verdict;
	enum call_found found;
	struct pvm_state *s;
	u64 task = (u64)self;
	u32 slot = SLOT_OWN;

	if (is_self(OF_CURRENT(self, tgid))) {
		self_exit(abi_op, saw_of(hook));
		return;
	}
	if (pvm_control.stopping >= PVM_NO_EXITS || (BESIDE(hook) && cfg_ends_unseen))
		return;
	s = state_of(task);
	if (BESIDE(hook) && cfg_quick)
		here_end(s, task);
	found = call_find(s, self, regs, abi_op, ret, hook);
	if (found == CALL_OVER)
		return;
	if (found == CALL_FOUND) {
		verdict = exit_begun(s, task, ret, hook);
	} else {
		s = orphan_begin(s, self, hook);
		if (!s) {
			exit_lose(regs, self, abi_op, found, hook);
			return;
		}
		slot = orphan_slot(s, hook);
		verdict = exit_orphan(s, regs, self, abi_op, ret, slot, hook);
	}
	exit_settle(s, slot, verdict);
	if (slot == SLOT_OWN && state_end(s, task, hook) && here_is_followed(hook))
		here_await(s, task, abi_op);
}

/* The current thread dies: what is kept for it goes. */
static __always_inline void call_drop(void)
{
	u64 task = bpf_get_current_task();
	struct pvm_state *s = state_of(task);

	if (!s)
		return;
	if (pvm_control.stopping < PVM_NO_EXITS)
		call_ended();
	else if (cfg_witness)
		return; /* its call is for the last sweep to tell */
	if (cfg_quick)
		here_end(s, task);
	state_free(s, task);
}

#endif
