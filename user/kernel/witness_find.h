/* SPDX-License-Identifier: Apache-2.0 */
/* witness_find - which witnesses this kernel has: by its types, and by trying. */
#ifndef PVM_WITNESS_FIND_H
#define PVM_WITNESS_FIND_H

#include <stdbool.h>

#include "kernel/witness.h"

/* Finds, after witness__look, which witnesses can be had. types: of the kernel. */
void witness_find__kinds(struct witness *w, const struct pvmtrace_bpf *skel,
			 const struct btf *types, bool fentry);

#endif
