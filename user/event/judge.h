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
 * Returns which rules' filters by cgroup, container and unit of one side let a process in this place pass: a bit each.
 *
 * A cgroup value is a shell pattern ('*' matches '/' too) that has to match the path or one of its ancestors. A container value
 * is the beginning of an id, in upper or lower case. It wants those in any of their containers that has such an id, but
 * excludes, or drops, only by the outermost, and not below user@UID.service: other ids are chosen by whoever is in there. "none"
 * means who is in no container and in the host's own pid and mount namespaces; a service of the host may have a mount namespace
 * of its own.
 *
 * What is not known is not hidden: neither a path that is not known, nor where the names that a path lacks might decide, nor
 * where names and namespaces contradict each other.
 */
uint16_t judge__cgroup(const struct options *o, enum pvm_who who, const struct judge_place *place);
/* Returns the first rule that holds for a whole call, by all filters, those included that the kernel half applies while tracing;
 * NULL: none does. This is for recordings. A pid there means a number, for there is no process any more to bind it to. */
const struct rule *judge__call(const struct options *o, const struct call_info *call);
/* Returns, while tracing, the first rule that holds of those that the kernel half left, by what it left open: cgroups that it had
 * no verdict on yet, containers, and what lies where. */
const struct rule *judge__left_open(const struct options *o, const struct call_info *call);
/* Returns whether a rule has any filter; one without holds for each call. */
bool judge__asks(const struct rule *r);
/* Returns whether a rule has such filters by cgroup on the caller, or on the target. */
bool judge__needed(const struct options *o, enum pvm_who who);

#endif
