/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container - the containers that a cgroup's path names, by the names that engines give. It is pure.
 *
 * A name is a claim of whoever made the cgroup: of nested ones the outermost was made by the host, those below it by
 * anyone who owns what is above them; below user@UID.service all are that user's.
 */
#ifndef PVM_CONTAINER_H
#define PVM_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#define CONTAINERS_MAX 8	 /* nested deeper are left out */
#define CONTAINERS_TEXT_MAX 1024 /* bytes of all ids, likewise */
/* This stands in a path where names are missing. No path of the kernel has two slashes in a row. */
#define CGROUP_GAP "//[...]//"

struct container {
	const char *id;
	size_t len;
};

struct containers {
	struct container list[CONTAINERS_MAX]; /* outermost first */
	size_t cnt;
	size_t end;   /* the path up to here is that of the innermost of them */
	bool cut;     /* names are missing in the path: only what lies before them was looked at */
	bool more;    /* there was no room for what else there may be */
	bool claimed; /* the outermost lies below what is a user's own */
	bool service; /* the path is that of a service of the system, or below it */
	size_t text_len;
	char text[CONTAINERS_TEXT_MAX]; /* what list points into */
};

/* Returns how much of a cgroup's path, from its root on, is as it is. cut: the path lacks names, at CGROUP_GAP or even at
 * its beginning. */
size_t cgroup_known_len(const char *path, size_t len, bool cut);

void containers__find(const char *path, size_t path_len, bool cut, struct containers *out);

/* Returns whether this can stand in an id: it is one of letters, digits and a few signs. */
bool container_char(char c);

#endif
