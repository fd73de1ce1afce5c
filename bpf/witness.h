/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * witness.h - more hooks on the same calls, for kernels that preempt a hook: they do not let the same program run again
 * on that CPU until the preempted one is done, and so pass over the calls of others. Those here run with preemption off
 * (or, the one for permissions, without such a guard) and see what the tracepoints or fentry do not. Whoever comes first
 * captures the call; the others find it in the thread's state (stages.h). They are loaded only where they are needed
 * (user/kernel/witness.c).
 *
 * What guards kprobe.multi, kprobe and raw_syscalls instead: a task that was preempted inside a map operation of bpf(2)
 * (kernel/trace/bpf_trace.c: bpf_prog_active).
 */
#ifndef PVM_WITNESS_H
#define PVM_WITNESS_H

#include "arch.h"
#include "base.h"
#include "call.h"
#include "confirm.h"
#include "exit.h"
#include "here.h"
#include "hooks.h"

/* Returns the registers that the current thread came with; *abi_op: its call as ARCH_CALL, 0 if it is none of ours. */
static __always_inline struct pt_regs *witness_regs(struct task_struct *self, enum pvm_saw saw,
						    u32 *abi_op)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(self);

	*abi_op = arch_number(arch_exit_number(regs));
	if (*abi_op && is_passed_over(regs, saw))
		*abi_op = 0;
	if (*abi_op && !arch_mode_fits(*abi_op, ARCH_COMPAT(regs, self)))
		*abi_op = 0;
	return regs;
}

/* Takes a call at a begin. spared: an earlier hook saw the call, for all that is known here (here.h). */
static __always_inline void witness_enter(enum pvm_hook hook, struct task_struct *self, bool spared)
{
	struct pt_regs *regs;
	u32 abi_op;

	if (spared)
		return;
	regs = witness_regs(self, saw_of(hook), &abi_op);
	if (abi_op)
		call_enter(regs, self, abi_op, hook);
}

static __always_inline void witness_exit(s64 ret, enum pvm_hook hook)
{
	struct task_struct *self = bpf_get_current_task_btf();
	struct pt_regs *regs;
	u32 abi_op;

	regs = witness_regs(self, saw_of(hook), &abi_op);
	if (abi_op)
		call_exit(regs, self, abi_op, ret, hook);
}

/*
 * Where returns are seen, and begins by a session, the kernel keeps the place to return to on a shadow stack, which each
 * thread gets when it is made, or when the first one is used: of threads that are being made just then some get none, and of
 * their calls neither is seen (kernel/trace/fgraph.c). Once such a thread was found, this hook, which needs none, looks at
 * each call itself (pvm_control.begins_exact), and is attached if it was not.
 */
SEC("kprobe.multi")
int pvm_begin(struct pt_regs *ctx)
{
	struct task_struct *self = bpf_get_current_task_btf();

	witness_enter(HOOK_BEGIN, self, !pvm_control.begins_exact && here_is_inside((u64)self));
	return 0;
}

/* This does the same by a session, of which the return is not taken: that goes with an entry that is passed over. The kernel
 * comes to it and to returns by one way, which is cheaper than two. */
SEC("kprobe.multi")
int pvm_begin_session(struct pt_regs *ctx)
{
	struct task_struct *self = bpf_get_current_task_btf();

	/* Two hooks with one bit in a call's state would take it for two calls. */
	witness_enter(HOOK_BEGIN, self, pvm_control.begins_exact || here_is_inside((u64)self));
	return 1;
}

/* This is a second link: see above. */
SEC("kretprobe.multi")
int pvm_return(struct pt_regs *ctx)
{
	witness_exit(arch_function_result(ctx), HOOK_RETURN);
	return 0;
}

/* This is used without CONFIG_FPROBE. */
SEC("kprobe")
int pvm_begin_kprobe(struct pt_regs *ctx)
{
	struct task_struct *self = bpf_get_current_task_btf();

	witness_enter(HOOK_BEGIN, self, here_is_inside((u64)self));
	return 0;
}

/* This is used likewise: a kretprobe sees no more than as many calls at once as it has instances. */
SEC("tp/raw_syscalls/sys_exit")
int pvm_end(struct trace_event_raw_sys_exit *ctx)
{
	if (arch_number(ctx->id))
		witness_exit(ctx->ret, HOOK_END);
	return 0;
}

/* Nothing guards a program of this type, so it sees every call that may reach into another process's memory. */
SEC("lsm/ptrace_access_check")
int BPF_PROG(pvm_permit, struct task_struct *child, unsigned int mode, int ret)
{
	struct task_struct *self = bpf_get_current_task_btf();

	if (mode == ACCESS_MODE)
		witness_enter(HOOK_PERMIT, self, here_permits((u64)self));
	return ret;
}

#endif
