/* SPDX-License-Identifier: Apache-2.0 */
/* from_kernel - the source of a live run: the kernel half, the host and its clocks. */
#ifndef PVM_FROM_KERNEL_H
#define PVM_FROM_KERNEL_H

#include <stdbool.h>

#include "kernel/kernel.h"
#include "run_facts.h"
#include "source.h"

struct collector;

struct from_kernel {
	struct kernel kernel;
	struct collector *collector;
	/* These are of the facts what the kernel half does not know: user, audit, sandbox and abis. */
	struct run_facts known;
};

extern const struct source_ops from_kernel; /* ctx: struct from_kernel */

/* Drains the ring of calls into the collector until it is empty (0), or until -EAGAIN as collector__on_call gives it.
 * got: whether there was anything. */
int from_kernel__drain(struct from_kernel *f, bool *got);

#endif
