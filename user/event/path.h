/* SPDX-License-Identifier: Apache-2.0 */
/* path - makes a path of the names that the kernel half sends: the last one first, some of them missing. */
#ifndef PVM_PATH_H
#define PVM_PATH_H

#include <stddef.h>

#include "bpf/event.h"

/* Stands for the names that a path lacks at its beginning: no whole path begins so, but with a slash. */
#define PATH_CUT "[...]"
#define PATH_CUT_LEN (sizeof(PATH_CUT) - 1)

/* Returns the path that rec, which was checked, stands for: *len bytes without a NUL, the caller's to free. NULL: no memory. */
char *path__join(const struct pvm_path *rec, size_t *len);

#endif
