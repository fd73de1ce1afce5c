/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * here.h - what the hooks on a CPU last did, so that most of those behind them need not look for a call's state: that, and to
 * compare its registers, is most of what a witness that has nothing to do costs.
 *
 * It is for where witnesses see calls return (cfg_quick), which callers ask first. A thread may be moved to another CPU in
 * between, or others' calls may come by there: then the state has the answer, as it has without this.
 */
#ifndef PVM_HERE_H
#define PVM_HERE_H

#include "arch.h"
#include "base.h"
#include "hooks.h"
#include "settings.h"
#include "stages.h"
#include "state.h"

#define HERE_PERMITTED 1 /* bit of an address: permission was asked for in that call */

/* This is what the hooks on a CPU last did (here.h). */
struct pvm_here {
	u64 inside; /* the thread whose call was taken here and is not over, with HERE_PERMITTED; 0: none */
	u64 awaited; /* the thread whose return was seen here, and its last hook not yet; 0: none. Of that call: */
	s64 ret;    /* its result */
	u32 abi_op; /* ARCH_CALL */
	u32 pad;
	u64 args[PVM_ARG_CNT]; /* its arguments, from ARCH_ARGS_KEPT on */
} __attribute__((aligned(64)));

static struct pvm_here pvm_here[PVM_CPU_ROWS];

/* CPUs beyond the last row share them; then the user half leaves cfg_quick off. */
static __always_inline struct pvm_here *here_at(u32 row)
{
	return &pvm_here[row & (PVM_CPU_ROWS - 1)];
}

static __always_inline u32 here_row(void)
{
	return bpf_get_smp_processor_id() & (PVM_CPU_ROWS - 1);
}

/*
 * A hook at a begin that others come before asks here. Returns whether one here took the call that the thread is in; false
 * without cfg_quick. It is wrong if all ends of the call before were passed over: so the hooks that ask here say nothing of
 * calls that can be missing (docs/design.md).
 */
static __always_inline bool here_is_inside(u64 task)
{
	return cfg_quick && here_at(here_row())->inside == task;
}

/* Permission was asked for in the call that the thread is in. Returns whether that call is known there, and the permission
 * was not so far. */
static __always_inline bool here_note_permit(u32 row, u64 task)
{
	struct pvm_here *h = here_at(row);
	/* It is read, also where it was just written, as the verifier lets no bit be set in a pointer. */
	u64 inside = *(volatile u64 *)&h->inside, permitted = inside;

	/* For the same reason the compiler is not to know that they are the same. */
	barrier_var(permitted);
	if (inside != task)
		return false;
	h->inside = permitted | HERE_PERMITTED;
	return true;
}

/* Answers the same for the hook on the permission check, which a call comes by once: the second one that finds its thread
 * here is in another call. So is a hook at a begin that finds it behind the check. */
static __always_inline bool here_permits(u64 task)
{
	return cfg_quick && here_note_permit(here_row(), task);
}

/* The thread's call is over, or another one begins. */
static __always_inline void here_leave(u32 row, u64 task)
{
	struct pvm_here *h = here_at(row);
	u64 inside = h->inside & ~(u64)HERE_PERMITTED;

	/* Without this a compiler (clang 19) puts the two together first, and the verifier refuses that of a pointer. */
	barrier_var(inside);
	if (inside == task)
		h->inside = 0;
}

/* A hook takes the thread's call. */
static __always_inline void here_enter(struct pvm_state *s, u64 task)
{
	u32 row = here_row();
	struct pvm_here *h = here_at(row);

	if (s->row != row)
		here_leave(s->row, task);
	s->row = row;
	h->inside = task;
}

/* Returns whether the last exit hook (cfg_last) follows this one. hook: a constant. */
static __always_inline bool here_is_followed(enum pvm_hook hook)
{
	return saw_of(hook) == PVM_SAW_RETURN && cfg_quick;
}

/* A hook that is followed by the last has dealt with the thread's call. That of another thread, for which the last is
 * awaited here, is not forgotten for it. */
static __always_inline void here_await(struct pvm_state *s, u64 task, u32 abi_op)
{
	u32 row = here_row();
	struct pvm_here *h = here_at(row);

	if (h->awaited)
		return;
	h->abi_op = abi_op;
	for (int i = ARCH_ARGS_KEPT; i < PVM_ARG_CNT; i++)
		h->args[i] = s->call.args[i];
	h->ret = s->call.ret;
	h->awaited = task;
	s->row = row;
	s->awaits = 1;
}

/* Returns to the last hook, with cfg_quick, whether it was awaited here. It is wrong only if the awaited one was passed
 * over, and the thread has since made a call with the same arguments and the same result, which all other hooks were passed
 * over for, or which came to none, as seccomp refused it. */
static __always_inline bool here_was_awaited(struct pt_regs *regs, u64 task, u32 abi_op, s64 ret)
{
	struct pvm_here *h = here_at(here_row());
	u64 args[PVM_ARG_CNT];

	if (h->awaited != task || h->abi_op != abi_op || h->ret != ret)
		return false;
	arch_args(regs, abi_op, true, args);
	for (int i = ARCH_ARGS_KEPT; i < PVM_ARG_CNT; i++) {
		if (h->args[i] != args[i])
			return false;
	}
	h->awaited = 0;
	return true;
}

/* Notes in the state, before an entry looks at it, whether permission was asked for. */
static __always_inline void here_settle_permit(struct pvm_state *s, u64 task)
{
	u64 inside = here_at(s->row)->inside ^ HERE_PERMITTED;

	barrier_var(inside); /* as in here_leave */
	if (inside == task)
		s->seen |= PVM_SAW_PERMIT;
}

/* Notes in the same way what became of the last hook that was awaited. */
static __always_inline void here_settle(struct pvm_state *s, u64 task)
{
	struct pvm_here *h;

	if (!s->awaits)
		return;
	h = here_at(s->row);
	if (h->awaited == task)
		h->awaited = 0;
	else
		s->seen |= cfg_last;
	s->awaits = 0;
}

/* The thread's call ends, or the thread itself; s is NULL if there is no state. */
static __always_inline void here_end(struct pvm_state *s, u64 task)
{
	here_leave(s ? s->row : here_row(), task);
	if (s)
		here_settle(s, task);
}

#endif
