/* SPDX-License-Identifier: Apache-2.0 */
/* memory_need - how much memory a run takes at most: what a service's limit must leave it. */
#ifndef PVM_MEMORY_NEED_H
#define PVM_MEMORY_NEED_H

#include "base/options.h"

/* Writes it to stdout as a comment of a configuration file, in MiB; nothing where it cannot be computed. The kernel's part
 * (rings and maps, which count for the memory cgroup from Linux 5.11 on) is in it, full as they can get. It needs no rights.
 * Returns 0, or EX_IOERR. */
int memory_need__print(const struct options *o);

#endif
