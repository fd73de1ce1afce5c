/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* audit.h - what --audit needs of the hooks: word of each call that one of them saw, whatever becomes of it. */
#ifndef PVM_AUDIT_H
#define PVM_AUDIT_H

#include "arch.h"
#include "base.h"
#include "maps.h"
#include "reader.h"
#include "settings.h"

/* Sends word of the call to --audit. It is a function with a stack of its own (see filter_task). inside: the thread that the
 * sweep found in the call; 0: it is the current one's. */
static __noinline int audit_tell(struct pt_regs *regs, u32 abi_op, bool at_exit, bool late,
				 u32 inside)
{
	struct pvm_seen *seen;

	seen = bpf_ringbuf_reserve(&pvm_seen, sizeof(*seen), 0);
	if (!seen) {
		count(PVM_C_AUDIT_LOST);
		return 0;
	}
	seen->seen_ns = bpf_ktime_get_boot_ns();
	arch_args(regs, abi_op, at_exit, seen->args);
	seen->tid = inside ?: (u32)bpf_get_current_pid_tgid();
	seen->abi = ARCH_ABI(abi_op);
	seen->op = ARCH_OP(abi_op);
	seen->late = late;
	seen->inside = !!inside;
	bpf_ringbuf_submit(seen, BPF_RB_NO_WAKEUP);
	wake();
	return 1;
}

/* Runs once a call, where it is counted as seen. late: this hook runs in the call's function, or behind it. */
static __always_inline void audit_seen(struct pt_regs *regs, u32 abi_op, bool at_exit, bool late)
{
	if (cfg_audit)
		audit_tell(regs, abi_op, at_exit, late, 0);
}

/* Says of a thread of which no hook has seen a call whether it is in one. Its exit may still be seen, and then nobody else
 * is to have told the call. Before 5.15 the registers of other threads are not to be had. */
static __always_inline void audit_inside(struct task_struct *task)
{
	struct pt_regs *regs;
	u32 abi_op;

	if (!cfg_audit || !bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	abi_op = arch_number(arch_exit_number(regs));
	if (abi_op && arch_is_inside(regs))
		audit_tell(regs, abi_op, true, true, task->pid);
}

#endif
