/* SPDX-License-Identifier: Apache-2.0 */
/* filter - seccomp: makes a filter of the system calls that a run needs, by libseccomp. */
#ifndef PVM_SANDBOX_FILTER_H
#define PVM_SANDBOX_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Returns whether this kernel has such filters: 1, 0, or -errno where it may not be asked. */
int filter__is_there(void);
/* From now on a call that these needs (enum sandbox_need) do not ask for ends the process, for good. It has no new privileges
 * from then on either. Returns 0 or -errno. */
int filter__load(uint32_t needs);

#endif
