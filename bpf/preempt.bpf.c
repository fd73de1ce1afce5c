/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * This is what user/kernel/witness.c finds out before the tracer is loaded: whether a hook runs so that another task can run on
 * its CPU meanwhile. A program that keeps its CPU by forbidding migration can be preempted; one that runs with preemption off
 * has no need to.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "functions.h"

__u32 ran;     /* times a program ran, of any task; */
__u32 pinned;  /* of these, with migration forbidden */
__u32 told;    /* boolean: the kernel keeps what that is known by */
__u32 regs;    /* boolean: programs see the registers of other threads (5.15) */
__u32 guarded; /* boolean: it does not run a program that is still running on the CPU */

/* Kernels without this (up to 5.11) do not pass over fentry programs at all. */
struct bpf_prog___guarded {
	int *active;
} __attribute__((preserve_access_index));

static __always_inline int look(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	regs = bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
	guarded = bpf_core_field_exists(((struct bpf_prog___guarded *)0)->active);
	told = bpf_core_field_exists(task->migration_disabled);
	if (bpf_core_field_exists(task->migration_disabled) &&
	    BPF_CORE_READ(task, migration_disabled))
		pinned++;
	ran++;
	return 0;
}

SEC("tp_btf/sys_enter")
int pvm_preempt_tp(void *ctx)
{
	return look();
}

SEC("fentry/" PVM_SYS "process_vm_readv")
int pvm_preempt_fentry(void *ctx)
{
	return look();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
