/* SPDX-License-Identifier: Apache-2.0 */
/* fd_path - where the kernel says that an open file is. */
#ifndef PVM_FD_PATH_H
#define PVM_FD_PATH_H

#include <limits.h>

/* Gives the kernel's name of what a descriptor is for: a path, which a removed file's " (deleted)" follows, or "pipe:[1]" and
 * the like; "" if it cannot be had. */
void fd_path__read(int fd, char out[PATH_MAX]);

#endif
