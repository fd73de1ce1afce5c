/* SPDX-License-Identifier: Apache-2.0 */
/* file - opens what is to be written, and refuses what others put there or may write to. It is without races:
 * what is open is judged, never a name. */
#ifndef PVM_OUTPUT_FILE_H
#define PVM_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "output/place.h"

#define OUTPUT_FILE_MODE 0640 /* at most, whatever the umask is */
#define WHY_SZ 256

struct output_file {
	int fd; /* write only, O_APPEND, O_NONBLOCK, O_CLOEXEC */
	bool created;
	bool given; /* the name stands for what was open already: /dev/stdout, /proc/self/fd/N */
};

enum output_allow {
	OUTPUT_FIFOS = 1, /* named pipes that others may have made, or may write to */
	OUTPUT_LINKS = 2, /* a symbolic link that nobody but root or ourselves can have made */
};

/* Opens path. A regular file is created if there is none, without an access control list, and given to owner unless it was
 * root's and owner is made up. allow: of enum output_allow. Returns 0; or -errno, with the reason in why (-EMLINK, -EPERM:
 * others have their hand in it). */
int output_file__open(struct output_file *out, const char *path, const struct owner *owner,
		      unsigned int allow, char why[WHY_SZ]);

#endif
