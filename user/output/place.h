/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place - finds the directory in which an output's name stands, step by step, so that nobody else can lead us
 * elsewhere: a symbolic link is followed only where nobody but root and ourselves could have put it.
 *
 * The kernel's own rule (fs.protected_symlinks) may be off, and holds for the last name of a path only
 * (fs/namei.c: may_follow_link).
 */
#ifndef PVM_PLACE_H
#define PVM_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "output/owner.h"

struct place {
	int dir_fd;   /* O_PATH; -1: none */
	bool shared;  /* others than root, ourselves and the owner may put files there */
	bool strange; /* the same, and the owner counts as another one unless we are he */
	bool proc;    /* it is in a proc: a link there stands for something that is open already */
	unsigned links; /* followed so far */
	struct owner owner;
	char name[NAME_MAX + 1]; /* in the directory; may not exist, may be a link itself */
};

/* Finds it. Returns 0, or -errno: -EISDIR where path has no last name, -ELOOP where others may have put a link. */
int place__find(struct place *p, const char *path, const struct owner *owner);
/* Goes where p->name, a symbolic link, leads. Returns 0 or -errno, -ELOOP as above; for the link of a proc -EXDEV: only the
 * kernel can follow it. */
int place__follow(struct place *p);
void place__leave(struct place *p);

/* Returns whether what fd stands for, with st, can be written to by any other. By its owner he can set that right at any
 * time, so he counts. */
bool place__others_write(const struct owner *owner, int fd, const struct stat *st);

#endif
