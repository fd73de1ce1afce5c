/* SPDX-License-Identifier: Apache-2.0 */
/* samples - perf's own probes (kprobe events without BPF) at the begin of the functions that calls end up in, one of
 * each for each CPU, and their rings. */
#ifndef PVM_AUDIT_PROBE_H
#define PVM_AUDIT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/match.h"

struct audit_probes;

/* It takes what the rings hold. */
struct audit_reader {
	void *ctx;
	void (*sample)(void *ctx,
		       const struct audit_call
			       *call); /* its ns are CLOCK_MONOTONIC of the kernel itself */
	void (*lost)(void *ctx, uint64_t samples); /* that found no room */
};

/* Returns whether the probes can be had: 0, or -errno and in words why not. Nothing stays. */
int audit_probe__try(char *why, size_t size);
/* Opens the probes. It needs CAP_PERFMON, nothing later does. Returns 0 or -errno; *out, if set, is to be closed in either
 * case. */
int audit_probe__open(struct audit_probes **out);
void audit_probe__close(struct audit_probes *p); /* takes NULL */
/* Returns a descriptor for poll(2): it becomes readable when a ring is a quarter full. */
int audit_probe__fd(const struct audit_probes *p);
/* Returns whether other CPUs are online than those that have probes: one that is taken out loses them. */
bool audit_probe__lacks_cpu(const struct audit_probes *p);
void audit_probe__take(const struct audit_probes *p, const struct audit_reader *reader);

#endif
