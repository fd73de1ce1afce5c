/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_pattern - what a shell pattern for the paths of cgroups can match, as fnmatch(3) without flags takes it. It is
 * pure. */
#ifndef PVM_CGROUP_PATTERN_H
#define PVM_CGROUP_PATTERN_H

#include <stdbool.h>

/* Returns why no cgroup can have a path that this (not empty) pattern matches; NULL: one can. The kernel's paths begin with
 * '/', end with a name (but for the root's), and no name is empty, "." or ".." or has an LF (kernel/cgroup/cgroup.c:
 * cgroup_mkdir; fs/kernfs/dir.c: kernfs_path). */
const char *cgroup_pattern__fault(const char *pattern);
/* Returns whether what wanted matches, and all below it, surely is below or at what by matches. It is false where that is
 * not obvious. */
bool cgroup_pattern__covers(const char *by, const char *wanted);

#endif
