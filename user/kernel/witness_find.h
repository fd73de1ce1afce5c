/* SPDX-License-Identifier: Apache-2.0 */
/* witness_find - whether this kernel needs witnesses, and which of them it has: by its types, and by trying. */
#ifndef PVM_WITNESS_FIND_H
#define PVM_WITNESS_FIND_H

#include <stdbool.h>

#include "kernel/witness.h"

/* Finds out by running a program (without fentry: on a tracepoint) whether hooks can be preempted here. Needs CAP_BPF and
 * CAP_PERFMON. */
bool witness_find__preemptible(bool fentry);
/* After witness__look: which witnesses can be had. types: of the kernel. */
void witness_find__kinds(struct witness *w, const struct pvmtrace_bpf *skel,
			 const struct btf *types, bool fentry);

#endif
