/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * fentry.h - the hooks of --attach fentry: on the functions that the calls themselves end up in, so that no other
 * system call runs one instruction more. Which call it is, the function says. They are not loaded unless they were
 * asked for.
 */
#ifndef PVM_FENTRY_H
#define PVM_FENTRY_H

#include "arch.h"
#include "base.h"
#include "call.h"
#include "current.h"
#include "exit.h"
#include "here.h"
#include "hooks.h"
#include "settings.h"

/* Returns the function's only argument. What 5.10 knows of its type is no more than a name. */
static __always_inline struct pt_regs *function_regs(unsigned long long *ctx)
{
	struct pt_regs *regs = NULL;

	if (cfg_typed_regs)
		return (struct pt_regs *)ctx[0];
	bpf_probe_read_kernel(&regs, sizeof(regs), ctx);
	return regs;
}

static __always_inline int function_enter(unsigned long long *ctx, u32 abi, u32 op,
					  enum pvm_hook hook)
{
	struct pt_regs *regs = function_regs(ctx);

	if (BESIDE(hook) && is_passed_over(regs, saw_of(hook)))
		return 0;
	call_enter(regs, current_task(), ARCH_CALL(arch_function_abi(regs, abi), op), hook);
	return 0;
}

static __always_inline int function_exit(unsigned long long *ctx, u32 abi, u32 op,
					 enum pvm_hook hook)
{
	struct pt_regs *regs = function_regs(ctx);
	struct task_struct *self = current_task();
	u32 abi_op = ARCH_CALL(arch_function_abi(regs, abi), op);
	s64 ret = ctx[1];

	if (BESIDE(hook) && is_passed_over(regs, saw_of(hook)))
		return 0;
	if (BESIDE(hook) && cfg_quick && here_was_awaited(regs, (u64)self, abi_op, ret))
		return 0;
	call_exit(regs, self, abi_op, ret, hook);
	return 0;
}

#define CALL_FENTRY(f, x, name, prefix, call, abi, op, alone)             \
	SEC("fentry/" prefix call)                                        \
	int f##name(unsigned long long *ctx)                              \
	{                                                                 \
		return function_enter(ctx, abi, op, alone HOOK_F_##name); \
	}                                                                 \
	SEC("fexit/" prefix call)                                         \
	int x##name(unsigned long long *ctx)                              \
	{                                                                 \
		return function_exit(ctx, abi, op, alone HOOK_X_##name);  \
	}

/* Each hook is there alone, and for where others may see the same call. */
#define CALL_FENTRIES(name, prefix, call, abi, op)                             \
	CALL_FENTRY(pvm_f_, pvm_x_, name, prefix, call, abi, op, HOOK_ALONE |) \
	CALL_FENTRY(pvm_fw_, pvm_xw_, name, prefix, call, abi, op, )

#define CALLS_FENTRY(name, prefix, abi)                                        \
	CALL_FENTRIES(name##_readv, prefix, "process_vm_readv", abi, PVM_READ) \
	CALL_FENTRIES(name##_writev, prefix, "process_vm_writev", abi, PVM_WRITE)

ARCH_FUNCTIONS(CALLS_FENTRY)

#endif
