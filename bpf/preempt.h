/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * preempt.h - keeps a hook from being preempted, where the kernel would allow that. A hook that is preempted holds its
 * program's guard against recursion: the kernel skips the same hook for whoever else runs on that CPU meanwhile, so
 * that a caller of low priority could blind a CPU for as long as it is kept off it.
 *
 * Raw tracepoints run without preemption up to Linux 6.18, programs on functions have always run with it. The two
 * kernel functions came with 6.10; calls of our global functions between them are allowed since 6.15 (user/probe.c
 * finds that out by the kernel's types).
 */
#ifndef PVM_PREEMPT_H
#define PVM_PREEMPT_H

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

static __always_inline void preempt_off(void)
{
	if (cfg_preempt_off && bpf_preempt_disable)
		bpf_preempt_disable();
}

static __always_inline void preempt_on(void)
{
	if (cfg_preempt_off && bpf_preempt_enable)
		bpf_preempt_enable();
}

#endif
