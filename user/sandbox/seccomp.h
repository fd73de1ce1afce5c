/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp - makes a filter of the system calls that a run needs, by libseccomp. */
#ifndef PVM_SANDBOX_SECCOMP_H
#define PVM_SANDBOX_SECCOMP_H

#include <stdbool.h>
#include <stdint.h>

/* Returns whether this kernel has such filters: 1, 0, or -errno where it may not be asked. */
int seccomp__is_there(void);
/* From now on a call that these needs (enum sandbox_need) do not ask for ends the process, for good. It has no new privileges
 * from then on either. Returns 0 or -errno. */
int seccomp__load(uint32_t needs);

#endif
