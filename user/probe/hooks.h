/* SPDX-License-Identifier: Apache-2.0 */
/* hooks - which kinds of hooks this kernel lets us attach: each is attached, and detached at once. */
#ifndef PVM_PROBE_HOOKS_H
#define PVM_PROBE_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

#define PROBE_HOOKS_MAX 16

struct hook_result {
	char name[64];	 /* "tp_btf/sys_enter" */
	bool used;	 /* tracing needs it, with the attach method that was asked for */
	uint8_t witness; /* enum witness_bit: what witnesses of its kind are; 0: there are none */
	bool attaches;
	char error[128]; /* why not; "" if it attaches */
};

/* Fills out (room for PROBE_HOOKS_MAX). It needs CAP_BPF and CAP_PERFMON and a kernel with BTF. Returns how many. */
size_t probe_hooks__try(struct hook_result *out, enum attach_method attach);

#endif
