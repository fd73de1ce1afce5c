/* SPDX-License-Identifier: Apache-2.0 */
/* path - makes a path of the names that the kernel half sends: the last one first, some of them missing. */
#ifndef PVM_PATH_H
#define PVM_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/event.h"

/* Stands for the names that a path lacks at its beginning: no whole path begins so, but with a slash. */
#define PATH_CUT "[...]"
#define PATH_CUT_LEN (sizeof(PATH_CUT) - 1)

/* Begins what is not below the root of a process's mount namespace, as in the kernel's own paths. */
#define PATH_UNREACHABLE "(unreachable)"
#define PATH_UNREACHABLE_LEN (sizeof(PATH_UNREACHABLE) - 1)
/* Begins the name of a file of memfd_create(2), in which slashes part nothing. */
#define PATH_MEMFD "/memfd:"
#define PATH_MEMFD_LEN (sizeof(PATH_MEMFD) - 1)

/* Returns whether a path of len bytes begins so. */
bool path__begins(const char *path, size_t len, const char *with);
/* Returns the path that rec, which was checked, stands for: *len bytes without a NUL, the caller's to free. NULL: no memory. */
char *path__join(const struct pvm_path *rec, size_t *len);

#endif
