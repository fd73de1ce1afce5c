/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp - makes a filter of the system calls that a run needs, by libseccomp. */
#ifndef PVM_SANDBOX_SECCOMP_H
#define PVM_SANDBOX_SECCOMP_H

#include <stdbool.h>
#include <stdint.h>

/* Returns whether this kernel has such filters: 1, 0, or -errno where it may not be asked. */
int seccomp__is_there(void);
/* This is what the kernel runs at each system call. */
struct seccomp_filter {
	void *code;
	unsigned short cnt;
};

/* Makes the filter for these needs (enum sandbox_need), in a child, so before RLIMIT_NPROC. Returns 0 or -errno; -ENOMEM also
 * where the library did not come to an end of it. seccomp__free releases it. */
int seccomp__make(struct seccomp_filter *filter, uint32_t needs);
/* From now on a call that the filter does not allow ends the process, for good. no_new_privs is to be set. Returns 0 or -errno. */
int seccomp__enforce(const struct seccomp_filter *filter);
/* Of one that was never made, too (all zero). */
void seccomp__free(struct seccomp_filter *filter);

#endif
