/* SPDX-License-Identifier: Apache-2.0 */
/* memory_need - how much memory a run takes at most: what a service's limit must leave it. */
#ifndef PVM_MEMORY_NEED_H
#define PVM_MEMORY_NEED_H

#include <stdint.h>

#include "options/options.h"

/* In MiB, the kernel's part (rings and maps, which count for the memory cgroup from Linux 5.11 on) included, full as
 * they can get; 0: it cannot be computed here. Needs no rights. */
uint64_t memory_need__mib(const struct options *o);

#endif
