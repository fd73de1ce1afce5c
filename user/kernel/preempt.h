/* SPDX-License-Identifier: Apache-2.0 */
/* preempt - whether the kernel can preempt hooks, by what it tells. What is not certain is taken to be so: then witnesses are
 * loaded that may not be needed. */
#ifndef PVM_PREEMPT_H
#define PVM_PREEMPT_H

#include <stdbool.h>

/*
 * Returns whether tasks can be preempted inside the kernel. version: of uname(2). modes: text of the kernel's sched/preempt in
 * debugfs, "none (voluntary) full", or "" where it cannot be read. preempt= on the kernel's command line is no answer: it goes
 * past the name of a mode that it does not have (kernel/sched/core.c, setup_preempt_mode). Root may choose another mode later;
 * runs of hooks that are skipped then are counted.
 */
bool preempt__in_kernel(const char *version, const char *modes);

/* This is what a program saw of itself (bpf/preempt.bpf.c). */
struct preempt_look {
	bool fentry; /* where it ran; false: tp_btf */
	bool ran;
	bool guarded; /* the kernel skips a program that is still running on the CPU */
	bool told;    /* the kernel has the field that the next one is of */
	bool pinned; /* it ran with migration forbidden, which a program that cannot be preempted has no need of */
};

/* Returns whether a hook there can be preempted, so that it passes over others' calls meanwhile. */
bool preempt__of_hook(const struct preempt_look *look);

#endif
