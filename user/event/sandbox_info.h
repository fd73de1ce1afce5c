/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox_info - which layers of the cage are in force (sandbox/), as bits and in the words of `start`. */
#ifndef PVM_SANDBOX_INFO_H
#define PVM_SANDBOX_INFO_H

#include <stddef.h>
#include <stdint.h>

enum sandbox_bit {
	SANDBOX_NO_NEW_PRIVS = 1,
	SANDBOX_NOT_DUMPABLE = 2,
	SANDBOX_DESCRIPTORS =
		4, /* none is open that others opened, but for stdin, stdout and stderr */
	SANDBOX_NO_CORE = 8,
	SANDBOX_NO_PROCESSES = 16,
	SANDBOX_LANDLOCK = 32,
	SANDBOX_SECCOMP = 64,
};

#define SANDBOX_LAYERS 7

/* Puts the names of the layers that bits say. Returns how many these are. The texts are constants. */
size_t sandbox_info__list(uint8_t bits, const char *names[SANDBOX_LAYERS]);

#endif
