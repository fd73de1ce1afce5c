/* SPDX-License-Identifier: Apache-2.0 */
/* landlock - Landlock by its own system calls, for which the C library has no functions (Documentation/userspace-api/landlock.rst
 * of the kernel). */
#ifndef PVM_SANDBOX_LANDLOCK_H
#define PVM_SANDBOX_LANDLOCK_H

#include <stddef.h>

/* What may be done with the file, or below the directory. */
enum place_right {
	PLACE_READ = 1,
	PLACE_WRITE = 2,  /* also make regular files, remove and rename them */
	PLACE_LIST = 4,	  /* read directories */
	PLACE_DEVICE = 8, /* ask terminals what they are */
};

struct landlock_place {
	int fd; /* of the file or directory, O_PATH will do; -1: none */
	unsigned int rights;
};

/* Returns the version of its interface that this kernel has, from 1 on; 0: it has none, or it is switched off there; or -errno
 * where it may not be asked. */
int landlock__abi(void);
/* From now on this process may do with files nothing but what places say (and with what is open already), for good: no
 * connections by TCP, and no signals and abstract sockets to processes outside either, where this version has it. It takes that
 * no new privileges can be had. Returns 0 or -errno. */
int landlock__enforce(int abi, const struct landlock_place *places, size_t cnt);

#endif
