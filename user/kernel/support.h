/* SPDX-License-Identifier: Apache-2.0 */
/* support - asks the kernel whether tracing can work, and says in one sentence what is missing. */
#ifndef PVM_SUPPORT_H
#define PVM_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/types.h"

/* Checks BTF (a copy of it, or NULL; see kernel/types.h), ring buffer, bpf(2) itself, lockdown. Returns 0 and *types, or
 * EX_UNAVAILABLE or EX_USAGE after a message. */
int support__check(const char *btf, enum kernel_types *types);
/* Returns whether the kernel's BTF can be read. */
bool support__has_btf(void);
/* Gets the mode of lockdown, "" where it cannot be read. */
void support__lockdown(char *out, size_t size);
/* Says why loading or attaching failed with err (a positive errno), in words that help. Returns the
 * exit status for it. what: "load" or "attach". */
int support__explain(const char *what, int err);
/* Returns whether the kernel has the kfunc that looks up a pid in the caller's namespace (6.13), and programs can call it.
 * btf: as above. */
bool support__has_vpid_kfunc(const char *btf);
/* Returns whether this process is outside the initial pid namespace. */
bool support__in_pid_ns(void);
/* Returns our pid as the host knows it; 0: that cannot be told. */
uint32_t support__host_pid(void);

#endif
