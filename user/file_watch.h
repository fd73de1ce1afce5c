/* SPDX-License-Identifier: Apache-2.0 */
/* file_watch - what others do to a file that we keep open: its name, its length, the mounts above it. */
#ifndef PVM_FILE_WATCH_H
#define PVM_FILE_WATCH_H

#include <limits.h>
#include <sys/types.h>

enum file_change {
	FILE_SAME,
	FILE_EMPTIED, /* shorter than what we wrote */
	FILE_MOVED,   /* it has another name now, and nothing has its own */
	FILE_REPLACED, /* its name stands for another file: one put there, or one of a mount over its directory */
	FILE_REMOVED, /* no name is left */
};

struct file_watch {
	char path[PATH_MAX]; /* absolute, as far as that could be had; "": only the file itself is watched */
	char link[PATH_MAX]; /* what the kernel called it when it was opened; "": not known */
};

/* path (NULL: none) is where fd was opened. */
void file_watch__begin(struct file_watch *w, const char *path, int fd);
/* size: how long the file is at least, if nobody made it shorter. Where the way to the name is closed to us, the
 * kernel's own name of the file and its list of mounts tell. */
enum file_change file_watch__look(const struct file_watch *w, int fd, off_t size);
/* "emptied" and so on, as the key `reason` has it. */
const char *file_change__name(enum file_change change);

#endif
