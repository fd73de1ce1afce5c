/* SPDX-License-Identifier: Apache-2.0 */
/* file_watch - what others do to a file that we keep open: its name, its length, the mounts above it. */
#ifndef PVM_FILE_WATCH_H
#define PVM_FILE_WATCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum file_change {
	FILE_SAME,
	FILE_EMPTIED, /* shorter than what we wrote */
	FILE_MOVED,   /* it has another name now, and nothing has its own */
	FILE_REPLACED, /* its name stands for another file: one put there, or one of a mount over its directory */
	FILE_REMOVED, /* no name is left */
};

/* This says who may read and write a file. */
struct file_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool acl;
};

struct file_watch {
	char path[PATH_MAX]; /* absolute, as far as that could be had; "": only the file itself is watched */
	char link[PATH_MAX];	   /* what the kernel called it when it was opened; "": not known */
	struct file_access access; /* at the begin, or when a change was noticed last */
};

/* Begins to watch. path (NULL: none) is where fd was opened. */
void file_watch__begin(struct file_watch *w, const char *path, int fd);
/* Returns what others did. size: how long the file is at least, if nobody made it shorter. Where the way to the name is
 * closed to us, the kernel's own name of the file and its list of mounts tell. */
enum file_change file_watch__look(const struct file_watch *w, int fd, off_t size);
/* Returns whether mode, owner, group or access control list are others than at the begin or at the last change that was
 * noticed. It looks only at a regular file with a path. Then now says how they are: "mode 0666, uid 0, gid 0". */
bool file_watch__access_changed(struct file_watch *w, int fd, char *now, size_t size);

#endif
