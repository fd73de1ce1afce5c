/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * stages.h - which call a hook is in: the one that an earlier hook saw, or another.
 *
 * A call comes by the hooks in one order (saw_excludes), by each of them once. So a hook that finds its own bit in the thread's
 * state, or that of one from further on, is in a new call, whatever became of the old one; a hook that finds neither is in the
 * same. There is no clock, and nothing to clear: a hook that the kernel passed over leaves a state that the next one
 * recognises. It errs only if all hooks from some place on missed the old call and all up to there the new one; then, nearly
 * always, the registers tell them apart.
 *
 * Without witnesses there are two places, and nothing to remember: an entry is a new call, an exit is the end of the one that
 * is inside.
 */
#ifndef PVM_STAGES_H
#define PVM_STAGES_H

#include "arch.h"
#include "base.h"
#include "current.h"
#include "hash.h"
#include "hooks.h"
#include "settings.h"
#include "state.h"

#define SAW_FROM(bit) (~((bit)-1U))

/* Returns the bits that, found by this hook, are those of another call: its own, and of those that a call comes by later.
 * With fentry the witnesses are between its two hooks, or around them (cfg_around). */
static __always_inline u32 saw_excludes(enum pvm_saw saw)
{
	switch (saw) {
	case PVM_SAW_ENTER:
		return SAW_FROM(PVM_SAW_ENTER);
	case PVM_SAW_FENTRY:
		return saw | SAW_FROM(cfg_around ? PVM_SAW_PERMIT : PVM_SAW_BEGIN);
	case PVM_SAW_BEGIN:
		return saw | SAW_FROM(PVM_SAW_PERMIT) | (cfg_around ? PVM_SAW_FENTRY : 0);
	case PVM_SAW_PERMIT:
		return SAW_FROM(PVM_SAW_PERMIT);
	case PVM_SAW_FEXIT:
		return saw | SAW_FROM(PVM_SAW_EXIT) | (cfg_around ? PVM_SAW_RETURN : 0);
	case PVM_SAW_RETURN:
		return saw | SAW_FROM(PVM_SAW_EXIT) | (cfg_around ? 0 : PVM_SAW_FEXIT);
	default:
		return saw;
	}
}

/* Returns whether a call comes by this hook before all others: then what it finds is of another call, whatever was seen of
 * that. */
static __always_inline bool saw_is_first(enum pvm_saw saw)
{
	return saw == PVM_SAW_ENTER || (saw == PVM_SAW_FENTRY && !cfg_around);
}

/* Returns, in a build for tests, whether this hook is to leave out the call: PVM_PASS_OVER and enum pvm_saw in a register say
 * which hooks are. */
static __always_inline bool is_passed_over(struct pt_regs *regs, enum pvm_saw saw)
{
	return cfg_pass_over && (ARCH_OWN(regs) & ~0xffULL) == PVM_PASS_OVER &&
	       ARCH_OWN(regs) & saw;
}

/* Returns whether the registers are those of the call that the state is of. */
static __always_inline bool call_is(const struct pvm_state *s, struct pt_regs *regs, u32 abi_op)
{
	u32 abi = s->call.abi;
	u64 args[PVM_ARG_CNT];

	/* Without this the compiler would know it, and with it bounds that it does not tell the verifier. */
	barrier_var(abi);
	arch_args(regs, abi_op, true, args);
	for (int i = ARCH_ARGS_KEPT; i < PVM_ARG_CNT; i++) {
		if (args[i] != s->call.args[i])
			return false;
	}
	return abi == ARCH_ABI(abi_op) && s->call.op == ARCH_OP(abi_op);
}

/* Returns, where there are witnesses, whether the thread's state is of the call that this hook sees. */
static __always_inline bool state_is_same(const struct pvm_state *s, u64 thread_ns,
					  struct pt_regs *regs, u32 abi_op, enum pvm_saw saw)
{
	return s->thread_ns == thread_ns && s->seen && !(s->seen & saw_excludes(saw)) &&
	       call_is(s, regs, abi_op);
}

/* This is a call that a hook dealt with, where its state could not be kept for the others: it was told by one of the last
 * ones, or counted as lost at its begin, for want of room. */
struct pvm_over {
	u64 thread_ns;
	u64 call; /* sum of which call it is and of its arguments */
	s64 ret;  /* its result; of one that was lost: 0 */
	u32 seen; /* enum pvm_saw */
	u32 lost; /* boolean */
};

/*
 * They are looked up within microseconds; what stays is what a hook has missed, and goes first. One that goes too early
 * makes a call be told twice: for that, while its thread is between the last two hooks, as many other calls would
 * have to be left there as there is room for, each by a thread of its own that is preempted there or whose hook was
 * passed over. Only then, too, can the element that a hook has found be another call's when it is marked as seen: that one may
 * then be told twice. The user half makes it small where there are no witnesses, and larger where many CPUs lay room aside
 * (kernel/bpf/bpf_lru_list.c, LOCAL_FREE_TARGET).
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* the user half sets it (user/kernel/witness.c) */
	__type(key, u64);	/* address of the thread's struct task_struct */
	__type(value, struct pvm_over);
} pvm_over SEC(".maps");

static __always_inline u64 args_sum(const u64 *args)
{
	u64 sum = 0;

	for (int i = ARCH_ARGS_KEPT; i < PVM_ARG_CNT; i++)
		sum = hash_add(sum, args[i]);
	return sum;
}

/* This is what an earlier hook that could not keep the call's state made of it. */
enum over_what {
	OVER_UNKNOWN,
	OVER_TOLD,
	OVER_LOST,
};

/* Returns a sum of the arguments and of what ARCH_CALL is made of. */
static __always_inline u64 call_sum(const u64 *args, u32 abi, u32 op)
{
	return hash_add(args_sum(args), (u64)abi << 32 | op);
}

/* Looks, where there are witnesses, for what became of the current thread's call. ret: its result, of which one that was told
 * had the same (see call_look_for); a hook at a begin, which has none, finds none that was told. Returns enum over_what. It is a
 * function with a stack of its own (see filter_task). */
static __noinline int over_find(struct task_struct *self, struct pt_regs *regs, u32 abi_op,
				enum pvm_saw saw, s64 ret)
{
	u64 thread_ns = OF_CURRENT(self, start_boottime), task = (u64)self;
	struct pvm_over *over = bpf_map_lookup_elem(&pvm_over, &task);
	u64 args[PVM_ARG_CNT];
	u32 lost;

	if (!over)
		return OVER_UNKNOWN;
	arch_args(regs, abi_op, true, args);
	if (over->thread_ns != thread_ns || over->seen & saw_excludes(saw) ||
	    over->call != call_sum(args, ARCH_ABI(abi_op), ARCH_OP(abi_op)))
		return OVER_UNKNOWN;
	lost = over->lost;
	if (!lost && over->ret != ret)
		return OVER_UNKNOWN;
	over->seen |= saw;
	if ((over->seen & cfg_last) == cfg_last)
		bpf_map_delete_elem(&pvm_over, &task);
	return lost ? OVER_LOST : OVER_TOLD;
}

/* Remembers, with witnesses, that this hook found no room for the call's state. It is a function with a stack of its own. */
static __noinline int over_put(u64 task, u64 thread_ns, struct pt_regs *regs, u32 abi_op,
			       enum pvm_saw saw)
{
	struct pvm_over over = { .thread_ns = thread_ns, .seen = saw, .lost = 1 };
	u64 args[PVM_ARG_CNT];

	arch_args(regs, abi_op, true, args);
	over.call = call_sum(args, ARCH_ABI(abi_op), ARCH_OP(abi_op));
	return bpf_map_update_elem(&pvm_over, &task, &over, BPF_ANY);
}

/* Not all of its last hooks have seen the call, and its state is to go. Returns other than 0 if it could not be remembered. */
static __noinline int over_remember(const struct pvm_state *s, u64 task)
{
	struct pvm_over over = {
		.thread_ns = s->thread_ns,
		.call = call_sum(s->call.args, s->call.abi, s->call.op),
		.ret = s->call.ret,
		.seen = s->seen,
	};

	return bpf_map_update_elem(&pvm_over, &task, &over, BPF_ANY);
}

/* The call of the current thread is over. Its entry stays if few others do, or if it cannot be remembered elsewhere that
 * another hook is still to see the call, which would then be counted and told once more; else it goes, and false is
 * returned. */
static __always_inline bool state_end(struct pvm_state *s, u64 task, enum pvm_hook hook)
{
	s->stage = STAGE_IDLE;
	if (s->kept)
		return true;
	if (state_may_stay() ||
	    (BESIDE(hook) && (s->seen & cfg_last) != cfg_last && over_remember(s, task))) {
		state_keep(s);
		return true;
	}
	state_free(s, task);
	return false;
}

#endif
