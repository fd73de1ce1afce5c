/* SPDX-License-Identifier: Apache-2.0 */
/* judge - the filters that user space applies. Those by cgroup and container look at strings, so it judges each
 * cgroup once and the kernel half remembers the verdict; the rest only when a recording is replayed. Pure. */
#ifndef PVM_JUDGE_H
#define PVM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "bpf/event.h"
#include "options.h"
#include "record.h"

/*
 * Whether a process in the cgroup of this path passes the cgroup and container filters of one side. A
 * cgroup value is a shell pattern ('*' matches '/' too) that has to match the path or one of its
 * ancestors; a container value is the beginning of a container id, or "none" for processes outside of containers.
 * path NULL (not known): passes, because what is not known is not hidden.
 */
bool judge__cgroup(const struct options *o, enum pvm_who who, const char *path, size_t len);
/* Whether a whole call passes all filters, those included that the kernel half applies while tracing: for
 * recordings. A pid there means a number, for there is no process any more to bind it to. */
bool judge__call(const struct options *o, const struct call_info *call);
/* Whether there are such filters for a side. */
bool judge__needed(const struct options *o, enum pvm_who who);

#endif
