/* SPDX-License-Identifier: Apache-2.0 */
/* probe - asks the kernel whether tracing can work, and says in one sentence what is missing. */
#ifndef PVM_PROBE_H
#define PVM_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* BTF, ring buffer, bpf(2) itself, lockdown. 0, or EX_UNAVAILABLE after a message. */
int probe__kernel(void);
/* Whether the kernel's BTF can be read. */
bool probe__has_btf(void);
/* The mode of lockdown, "" where it cannot be read. */
void probe__lockdown(char *out, size_t size);
/* Says why loading or attaching failed with err (a positive errno), in words that help. Returns the
 * exit status for it. what: "load" or "attach". */
int probe__explain(const char *what, int err);
/* Whether the kernel has the kfunc that looks up a pid in the caller's namespace (6.13). */
bool probe__has_vpid_kfunc(void);
/* Whether this process is outside the initial pid namespace. */
bool probe__in_pid_ns(void);

#endif
