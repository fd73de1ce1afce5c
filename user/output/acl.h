/* SPDX-License-Identifier: Apache-2.0 */
/* acl - POSIX access control lists of files, as the attribute system.posix_acl_access holds them (acl(5), and the kernel's
 * include/uapi/linux/posix_acl_xattr.h). A directory can have a default one, which each new file in it gets. */
#ifndef PVM_ACL_H
#define PVM_ACL_H

#include <stdbool.h>
#include <stddef.h>

#include "output/owner.h"

/* Returns whether what fd (O_PATH will do) stands for has a list: then the group's bits of its mode are the most that any
 * entry of it may do. */
bool acl__has(int fd);
/* Takes it from fd, which is not O_PATH: then the mode says all. Returns 0, also where there is none; or -errno. */
int acl__remove(int fd);
/* Returns whether its list lets another than root, ourselves and the owner read or write: "user 1000 read" and so on in who. */
bool acl__lets_others(const struct owner *owner, int fd, char *who, size_t size);

#endif
