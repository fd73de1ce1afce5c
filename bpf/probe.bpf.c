/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * These are what --probe tries to attach, one at a time (user/probe/hooks.c): programs that do nothing. The section is the
 * hook, and what the report calls it. The object is one of its own, so that the tracer's stays what it loads.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "functions.h"

#define TRY(name, hook)               \
	SEC(hook)                     \
	int pvm_try_##name(void *ctx) \
	{                             \
		return 0;             \
	}

/* The tracer uses these ... */
TRY(enter, "tp_btf/sys_enter")
TRY(exit, "tp_btf/sys_exit")
TRY(death, "tp_btf/sched_process_exit")
TRY(exec, "tp_btf/sched_process_exec")
TRY(iter, "iter/task")

/* ... it could use these, which cost other system calls nothing ... */
TRY(fe_read, "fentry/" PVM_SYS "process_vm_readv")
TRY(fx_read, "fexit/" PVM_SYS "process_vm_readv")
TRY(fe_write, "fentry/" PVM_SYS "process_vm_writev")
TRY(fx_write, "fexit/" PVM_SYS "process_vm_writev")
#ifdef PVM_SYS_IA32
TRY(fe_ia32, "fentry/" PVM_SYS_IA32 "process_vm_readv")
#endif
TRY(fe_access, "fentry/mm_access")
TRY(kp_read, "kprobe/" PVM_SYS "process_vm_readv")

/* ... and these it uses where the first ones can be preempted (witness.h). */
TRY(km_read, "kprobe.multi/" PVM_SYS "process_vm_readv")
TRY(kr_read, "kretprobe.multi/" PVM_SYS "process_vm_readv")
TRY(lsm_access, "lsm/ptrace_access_check")

char LICENSE[] SEC("license") = "Dual BSD/GPL";
