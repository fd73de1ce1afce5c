/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * call.h - the life of a call: begun at entry, ended at exit, or swept while it is inside. Every path
 * out counts the call exactly once: told, filtered or lost.
 */
#ifndef PVM_CALL_H
#define PVM_CALL_H

#include "arch.h"
#include "audit.h"
#include "base.h"
#include "current.h"
#include "filter.h"
#include "here.h"
#include "hooks.h"
#include "identity.h"
#include "iovec.h"
#include "maps.h"
#include "reader.h"
#include "self.h"
#include "settings.h"
#include "stages.h"
#include "state.h"
#include "summary.h"
#include "target.h"
#include "task.h"
#include "tell.h"

/* Calls that are told and lasted this long are asked once more, at exit, whom they named. In less time hardly a process
 * dies, is reaped and has a successor; of a call that lasts so long the second look is a small part. */
#define MOVED_AFTER_NS 20000

/* A thread whose calls not all witnesses see (witness.h). The user half looks here. */
__u32 stackless_seen;
/* Set by it then: of the witnesses at a begin, pvm_begin alone looks, and at each call. */
__u32 begins_exact;

static __always_inline void look_for_stack(struct task_struct *task)
{
	if (cfg_stacks && is_stackless(task))
		stackless_seen = 1;
}

static __always_inline void call_head(struct pvm_state *s, struct pt_regs *regs, u32 what, u64 now,
				      u8 phase)
{
	struct pvm_call *call = &s->call;

	call->hdr.type = PVM_CALL;
	call->hdr.version = PVM_WIRE_VERSION;
	call->entry_ns = now;
	call->exit_ns = 0;
	call->ret = 0;
	call->phase = phase;
	call->abi = ARCH_ABI(what);
	call->op = ARCH_OP(what);
	call->resolved = PVM_UNRESOLVED;
	call->kinship = PVM_KIN_NONE;
	call->flags = 0;
	arch_args(regs, what, phase == PVM_ORPHAN, call->args);
	call->kind = call->args[5] & FLAG_PIDFD ? PVM_KIND_PIDFD : PVM_KIND_PID;
	__builtin_memset(&call->local, 0, sizeof(call->local));
	__builtin_memset(&call->remote, 0, sizeof(call->remote));
	s->looks[0] = s->looks[1] = LOOKS_UNKNOWN;
	call->local.addr = call->args[1];
	call->local.count = call->args[2];
	call->remote.addr = call->args[3];
	call->remote.count = call->args[4];
	task_blank(&call->caller);
	__builtin_memset(&call->owner, 0, sizeof(call->owner));
}

/* The caller of a call. Where there are filters on it, it was read for them. */
static __always_inline void caller_read(struct pvm_state *s)
{
	if (!filter_wants_task(PVM_CALLER))
		caller_fill(&s->call.caller);
}

/* Of a call that is to be told. */
static __always_inline void caller_take(struct pvm_state *s)
{
	caller_read(s);
	identity_send(s, PVM_CALLER);
}

/* Who and whom, and the filters on them: the caller's first where there are some, since the target costs more.
 * how: enum target_how. Returns the stage that the call is in now. */
static __always_inline enum pvm_stage call_identify(struct pvm_state *s, u32 tgid, u32 how)
{
	struct pvm_call *call = &s->call;
	int verdict;

	if (!filter_op(call->op) || !filter_pid(PVM_CALLER, tgid, caller_start(), false))
		return STAGE_FILTERED;
	if (filter_wants_task(PVM_CALLER)) {
		caller_fill(&call->caller);
		if (!filter_task(PVM_CALLER, &call->caller, s->apart))
			return STAGE_FILTERED;
	}
	call->caller.pid = tgid; /* the target's filters and kinship compare with it */
	verdict = target_resolve(s, how);
	/* With witnesses such a call can have to be told when the caller is dead, and nobody can be asked any more. */
	if (verdict != TARGET_REJECTED || cfg_witness)
		caller_read(s);
	if (verdict == TARGET_REJECTED)
		return STAGE_REJECTED;
	s->undecided = verdict == TARGET_ABSENT && filter_wants_target();
	identity_send(s, PVM_CALLER);
	return STAGE_ACTIVE;
}

/* A filter on the target was left open, and nobody is in no list that includes. */
static __always_inline bool call_is_hidden(const struct pvm_state *s)
{
	return s->undecided && !filter_passes_nobody();
}

/* Whether to ask once more whom the call named: nobody saw what the kernel found. */
static __always_inline bool call_may_move(const struct pvm_call *call)
{
	return !(call->flags & PVM_CALL_TARGET_CONFIRMED);
}

/* The same for a call that is told in any case, where the answer has to be worth its time. */
static __always_inline bool call_may_have_moved(const struct pvm_call *call)
{
	if (call->resolved != PVM_RESOLVED_ENTRY || !call_may_move(call))
		return false;
	return call->kind == PVM_KIND_PIDFD || call->exit_ns - call->entry_ns > MOVED_AFTER_NS;
}

/* In flight, but so far dropped for its target. */
static __always_inline bool call_is_dropped(const struct pvm_state *s)
{
	return s->stage == STAGE_REJECTED || (s->stage == STAGE_ACTIVE && call_is_hidden(s));
}

/* Such a call whose result nobody will see, by this thread: whether its argument names another one by now. */
static __always_inline bool call_is_doubtful(struct pvm_state *s, u64 by)
{
	bool named = s->call.resolved;

	if (!call_may_move(&s->call))
		return false;
	return target_look(&s->call, by) || !named;
}

/* The sweep told already that this call is over, or is about to. */
static __always_inline bool call_is_out(const struct pvm_state *s)
{
	return cfg_witness && s->out_ns == s->call.entry_ns && !s->out_at_ns;
}

/* Whether a dropped call that no hook saw the exit of stays so. Nobody can be asked about one of an earlier thread, whose
 * struct task_struct is the current one's now. */
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
	struct pvm_state *s = state_current(false);

	if (!s || s->stage < STAGE_REJECTED)
		return 0;
	s->exiting = 1;
	if (call_is_out(s)) {
		s->stage = STAGE_IDLE;
		return 1;
	}
	if (call_is_dropped(s) && call_stays_dropped(s)) {
		count(PVM_C_FILTERED);
	} else {
		s->call.exit_ns = bpf_ktime_get_boot_ns();
		s->call.phase = PVM_ENDED;
		call_submit(s, CALL_IN_STATE);
	}
	s->stage = STAGE_IDLE;
	return 1;
}

/* The thread is in a new call: its state, NULL if there is no room for it. s: the one that it had, or NULL. */
static __always_inline struct pvm_state *state_begin(struct pvm_state *s, u64 task, u64 thread_ns)
{
	if (!s) {
		if (bpf_map_update_elem(&pvm_state, &task, &pvm_blank, BPF_NOEXIST))
			return NULL;
		s = bpf_map_lookup_elem(&pvm_state, &task);
		if (!s)
			return NULL;
	}
	if (s->stage >= STAGE_REJECTED)
		call_ended();
	if (s->thread_ns != thread_ns) {
		s->thread_ns = thread_ns;
		s->sent[PVM_CALLER].pid = 0;
		s->sent[PVM_TARGET].pid = 0;
	}
	return s;
}

static __always_inline void call_enter(struct pt_regs *regs, struct task_struct *self, u32 what,
				       enum pvm_hook hook)
{
	const u32 how = HOOK_OF(hook) >= HOOK_BEGIN ? TARGET_WALK : 0;
	u64 task = (u64)self, thread_ns = OF_CURRENT(self, start_boottime);
	u32 tgid = OF_CURRENT(self, tgid), used;
	enum pvm_stage stage;
	struct pvm_state *s;

	if (is_self(tgid)) {
		self_inside = 1;
		return;
	}
	if (pvm_shared.stopping)
		return;
	s = bpf_map_lookup_elem(&pvm_state, &task);
	if (BESIDE(hook) && cfg_quick && s) {
		here_settle(s, task);
		here_settle_permit(s, task);
	}
	if (BESIDE(hook) && s && state_is_same(s, thread_ns, regs, what, saw_of(hook))) {
		s->seen |= saw_of(hook);
		if (saw_of(hook) == PVM_SAW_PERMIT && cfg_quick)
			here_note_permit(s->row, task);
		return;
	}
	count(PVM_C_SEEN);
	if (HOOK_OF(hook) == HOOK_PERMIT)
		look_for_stack(self);
	audit_seen(regs, what, false, HOOK_OF(hook) != HOOK_ENTER);
	s = state_begin(s, task, thread_ns);
	if (BESIDE(hook) && cfg_quick)
		here_enter(s, task);
	if (!s) {
		count(PVM_C_STATE_FULL);
		return;
	}
	if (BESIDE(hook))
		s->seen = saw_of(hook);
	s->exiting = 0;
	s->hook = HOOK_OF(hook);
	__builtin_memset(&s->held, 0, sizeof(s->held));
	call_head(s, regs, what, bpf_ktime_get_boot_ns(), PVM_COMPLETE);
	stage = call_identify(s, tgid, how);
	if (stage == STAGE_FILTERED)
		count(PVM_C_FILTERED);
	if (stage == STAGE_ACTIVE) {
		used = side_entry(s, &s->call.local, false, 0);
		side_entry(s, &s->call.remote, true, used);
	}
	s->stage = stage;
}

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
	target_resolve_late(TARGET_UNFILTERED);
	return true;
}

static __always_inline void call_look_again(struct pvm_state *s)
{
	u32 first = s->call.local.entry_len;
	u32 off = first + s->call.remote.entry_len;

	off += side_exit(s, &s->call.local, false, 0, off);
	side_exit(s, &s->call.remote, true, first, off);
}

/* Whether the call is to be told. */
static __always_inline bool call_finish(struct pvm_state *s, s64 ret)
{
	struct pvm_call *call = &s->call;

	call->exit_ns = bpf_ktime_get_boot_ns();
	call->ret = ret;
	if (!call_decide(s) || !filter_result(ret)) {
		arrays_drop(s);
		return false;
	}
	if (call_may_have_moved(call))
		call->flags |= target_again(call);
	return true;
}

/*
 * A call that was dropped because of the process its argument named at entry. If it moved bytes, and its argument may
 * have named another process meanwhile, then it may have been the other one's memory: a caller can park a call before
 * the kernel looks the number up. It is told, however short it was: else nothing of it would be.
 */
static __always_inline bool call_reject(struct pvm_state *s, s64 ret)
{
	struct pvm_call *call = &s->call;
	u16 how;

	if (call->flags & PVM_CALL_TARGET_CONFIRMED) {
		arrays_drop(s); /* there are some if it was another one's at entry */
		return false;
	}
	if (ret <= 0 || !filter_result(ret))
		return false;
	call->exit_ns = bpf_ktime_get_boot_ns();
	how = target_again(call);
	if (!how)
		return false;
	call->ret = ret;
	call->flags |= how;
	call->resolved = PVM_UNRESOLVED;
	target_resolve_late(TARGET_UNFILTERED);
	caller_take(s);
	return true;
}

/* Two of them, as one that could do both would need more of the stack than there is. Both return enum pvm_stage. */
#define ORPHAN_HOW (TARGET_AT_EXIT | TARGET_WALK)

__noinline int orphan_identify_apart(u32 tgid)
{
	struct pvm_state *s = state_current(true);

	return s ? call_identify(s, tgid, ORPHAN_HOW | TARGET_OF_ORPHAN) : STAGE_FILTERED;
}

__noinline int orphan_identify_own(u32 tgid)
{
	struct pvm_state *s = state_current(false);

	return s ? call_identify(s, tgid, ORPHAN_HOW) : STAGE_FILTERED;
}

static __always_inline int orphan_identify(const struct pvm_state *s, u32 tgid, enum pvm_hook hook)
{
	return !BESIDE(hook) || s->apart ? orphan_identify_apart(tgid) : orphan_identify_own(tgid);
}

/*
 * An exit without an entry: refused by seccomp, or running when we attached. What stands in the
 * registers and in memory now is all there is. A result that is not an error proves nothing: it may be the
 * call's own number, or a supervisor's invention.
 */
static __always_inline bool call_orphan(struct pvm_state *s, struct pt_regs *regs,
					struct task_struct *self, u32 what, s64 ret,
					enum pvm_hook hook)
{
	s->sent[PVM_CALLER].pid = 0;
	s->sent[PVM_TARGET].pid = 0;
	call_head(s, regs, what, bpf_ktime_get_boot_ns(), PVM_ORPHAN);
	s->call.exit_ns = s->call.entry_ns;
	s->call.ret = ret;
	if (orphan_identify(s, OF_CURRENT(self, tgid), hook) != STAGE_ACTIVE)
		return false;
	return ret >= 0 || (!call_is_hidden(s) && filter_result(ret));
}

/* How an exit hook finds its call. */
enum call_found {
	CALL_FOUND, /* its entry was seen */
	CALL_UNSEEN,
	CALL_OVER, /* another hook has told it */
};

/* With witnesses. A function with a stack of its own (see filter_task). */
static __noinline int call_find_seen(struct pvm_state *s, struct task_struct *self,
				     struct pt_regs *regs, u32 what, enum pvm_saw saw)
{
	u64 task = (u64)self, thread_ns = OF_CURRENT(self, start_boottime);

	if (!s)
		return over_is_same(task, thread_ns, regs, what, saw) ? CALL_OVER : CALL_UNSEEN;
	if (!state_is_same(s, thread_ns, regs, what, saw))
		return CALL_UNSEEN;
	s->seen |= saw;
	return s->stage == STAGE_IDLE || call_is_out(s) ? CALL_OVER : CALL_FOUND;
}

static __always_inline enum call_found call_find(struct pvm_state *s, struct task_struct *self,
						 struct pt_regs *regs, u32 what, enum pvm_hook hook)
{
	if (BESIDE(hook))
		return call_find_seen(s, self, regs, what, saw_of(hook));
	if (!s || s->stage == STAGE_IDLE || s->thread_ns != OF_CURRENT(self, start_boottime))
		return CALL_UNSEEN;
	if (call_is(s, regs, what))
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

/* Without, only the exit hook sees such calls, and there is always room for one. */
static __always_inline struct pvm_state *orphan_begin(struct pvm_state *s, struct task_struct *self,
						      enum pvm_hook hook)
{
	if (pvm_shared.stopping)
		return NULL;
	if (BESIDE(hook)) {
		s = orphan_own(s, self, saw_of(hook));
		if (s || hook != HOOK_EXIT)
			return s;
	}
	s = HOOK_OF(hook) == HOOK_EXIT ? state_current(true) : NULL;
	if (s)
		s->apart = 1;
	return s;
}

/* What the entry hook had no room to send. */
static __always_inline void call_send_late(struct pvm_state *s)
{
	identity_send(s, PVM_CALLER);
	if (s->call.resolved)
		identity_send(s, PVM_TARGET);
}

static __always_inline bool call_close(struct pvm_state *s, s64 ret, enum pvm_hook hook)
{
	bool late = BESIDE(hook) && s->hook == HOOK_PERMIT && s->stage == STAGE_ACTIVE;

	s->exiting = 1;
	s->hook = HOOK_OF(hook);
	if (BESIDE(hook))
		s->out_ns = 0;
	if (late)
		call_send_late(s);
	if (s->stage == STAGE_ACTIVE)
		return call_finish(s, ret);
	return s->stage == STAGE_REJECTED && call_reject(s, ret);
}

static __always_inline void call_exit(struct pt_regs *regs, struct task_struct *self, u32 what,
				      s64 ret, enum pvm_hook hook)
{
	enum call_found found;
	struct pvm_state *s;
	u64 task = (u64)self;
	bool tell, apart;
	u32 stage;

	if (is_self(OF_CURRENT(self, tgid))) {
		self_exit(what);
		return;
	}
	if (pvm_shared.stopping >= PVM_NO_EXITS || cfg_ends_unseen)
		return;
	s = bpf_map_lookup_elem(&pvm_state, &task);
	if (BESIDE(hook) && cfg_quick)
		here_end(s, task);
	found = call_find(s, self, regs, what, hook);
	if (found == CALL_OVER)
		return;
	if (found == CALL_UNSEEN) {
		s = orphan_begin(s, self, hook);
		if (!s)
			return;
		count(PVM_C_SEEN);
		if (BESIDE(hook))
			look_for_stack(self);
		audit_seen(regs, what, true, true);
		stage = STAGE_ORPHAN;
		s->hook = HOOK_OF(hook);
		tell = call_orphan(s, regs, self, what, ret, hook);
	} else {
		stage = s->stage;
		tell = call_close(s, ret, hook);
	}
	apart = stage == STAGE_ORPHAN && (!BESIDE(hook) || s->apart);
	if (tell) {
		u32 of = apart ? CALL_ORPHANED : CALL_IN_STATE;

		call_look_again(s);
		if (!cfg_aggregate || !call_aggregate(s, of))
			call_submit(s, of);
	} else if (stage != STAGE_FILTERED) {
		count(PVM_C_FILTERED);
	}
	if (!apart && state_end(s, task, hook) && here_is_followed(hook))
		here_await(s, task, what);
}

/* The current thread dies: what is kept for it goes. */
static __always_inline void state_drop(void)
{
	u64 task = bpf_get_current_task();
	struct pvm_state *s = bpf_map_lookup_elem(&pvm_state, &task);

	if (!s)
		return;
	if (pvm_shared.stopping < PVM_NO_EXITS)
		call_ended();
	else if (cfg_witness)
		return; /* its call is for the last sweep to tell */
	if (cfg_quick)
		here_end(s, task);
	if (s->kept)
		atomic_add(&state_kept, -1);
	bpf_map_delete_elem(&pvm_state, &task);
}

#endif
