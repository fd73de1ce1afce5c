/* SPDX-License-Identifier: Apache-2.0 */
/* path - makes a path of the names that the kernel half sends: the last one first, some of them missing. */
#ifndef PVM_PATH_H
#define PVM_PATH_H

#include <stddef.h>

#include "bpf/event.h"

/* Returns the path that rec, which was checked, stands for: *len bytes without a NUL, the caller's to free. NULL: no memory. */
char *path__join(const struct pvm_path *rec, size_t *len);

#endif
