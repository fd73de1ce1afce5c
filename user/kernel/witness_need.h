/* SPDX-License-Identifier: Apache-2.0 */
/* witness_need - whether hooks can be preempted here, so that they pass over calls: asked of the kernel, and tried. */
#ifndef PVM_WITNESS_NEED_H
#define PVM_WITNESS_NEED_H

#include <stdbool.h>

struct witness_need {
	bool preemptible; /* the kernel can preempt hooks, and then passes over calls */
	bool regs;	  /* programs see whether another thread is inside of a call */
};

/* Finds out by running a program (without fentry: on a tracepoint). It needs CAP_BPF and CAP_PERFMON. */
struct witness_need witness_need__of_hooks(bool fentry);

#endif
