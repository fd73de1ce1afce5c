/* SPDX-License-Identifier: Apache-2.0 */
/* judge - the filters that user space applies. Those by cgroup, container and unit look at strings, so it judges each
 * cgroup once and the kernel half remembers the verdict; the rest only when a recording is replayed. It is pure. */
#ifndef PVM_JUDGE_H
#define PVM_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "event/record.h"

/* This is where a process is, as far as it is known. */
struct judge_place {
	const char *path; /* of its cgroup; NULL: not known */
	size_t len;
	bool cut; /* the path lacks names */
	enum pvm_home home;
};

/*
 * Returns whether a process in this place passes the cgroup and container filters of one side.
 *
 * A cgroup value is a shell pattern ('*' matches '/' too) that has to match the path or one of its ancestors. A container value
 * is the beginning of an id, in upper or lower case. It wants those in any of their containers that has such an id, but
 * excludes only by the outermost, and not below user@UID.service: other ids are chosen by whoever is in there. "none" means who
 * is in no container and in the host's own pid and mount namespaces; a service of the host may have a mount namespace of its
 * own.
 *
 * What is not known is not hidden: neither a path that is not known, nor where the names that a path lacks might decide, nor
 * where names and namespaces contradict each other.
 */
bool judge__cgroup(const struct options *o, enum pvm_who who, const struct judge_place *place);
/* Says whether a value of a filter means what is looked at. */
typedef enum tristate (*judge_hit_fn)(const struct filter_value *value, const void *of);
/* Returns whether it passes one filter (pvm_verdict_passes). What is undecided is neither excluded nor left out. */
bool judge__list(const struct filter_list *list, judge_hit_fn hit, const void *of);
/* Returns whether a whole call passes all filters, those included that the kernel half applies while tracing: this is for
 * recordings. A pid there means a number, for there is no process any more to bind it to. */
bool judge__call(const struct options *o, const struct call_info *call);
/* Returns, while tracing, whether a call passes what the kernel half left open, since it had no verdict on a cgroup yet. A
 * filter on the target holds for the named process or for the owner of its memory. */
bool judge__left_open(const struct options *o, const struct call_info *call);
/* Returns whether there are such filters on the caller, or on the target. */
bool judge__needed(const struct options *o, enum pvm_who who);

#endif
