/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include <fnmatch.h>
#include <string.h>

#include "identity.h"

bool judge__needed(const struct options *o, enum pvm_who who)
{
	return o->filter[who][FILTER_CGROUP].cnt || o->filter[who][FILTER_CONTAINER].cnt;
}

/* The path itself or an ancestor. fnmatch lets '*' match '/', so "/a*" holds for all below anyway. */
static bool cgroup_matches(const char *pattern, const char *path, size_t len)
{
	char part[PVM_PATH_MAX + 8];

	if (len >= sizeof(part))
		len = sizeof(part) - 1;
	memcpy(part, path, len);
	part[len] = '\0';
	for (;;) {
		char *slash;

		if (!fnmatch(pattern, part, 0))
			return true;
		slash = strrchr(part, '/');
		if (!slash || slash == part)
			return false;
		*slash = '\0';
	}
}

static bool container_matches(const char *value, const char *id, size_t len)
{
	size_t want = strlen(value);

	if (!id)
		return !strcmp(value, "none");
	return want <= len && !memcmp(value, id, want);
}

/* Values are alternatives, an exclusion wins. */
static bool list_passes(const struct filter_list *list, bool container, const char *path,
			size_t len)
{
	bool included = false, has_include = false;
	size_t id_len = 0;
	const char *id;

	if (!list->cnt)
		return true;
	id = container ? container_id(path, len, &id_len) : NULL;

	for (size_t i = 0; i < list->cnt; i++) {
		const struct filter_value *value = &list->values[i];
		bool hit = container ? container_matches(value->text, id, id_len)
				     : cgroup_matches(value->text, path, len);

		if (value->exclude && hit)
			return false;
		has_include |= !value->exclude;
		included |= !value->exclude && hit;
	}
	return !has_include || included;
}

bool judge__cgroup(const struct options *o, enum pvm_who who, const char *path, size_t len)
{
	if (!path)
		return true;
	return list_passes(&o->filter[who][FILTER_CGROUP], false, path, len) &&
	       list_passes(&o->filter[who][FILTER_CONTAINER], true, path, len);
}

/* Of one filter: whether value number i of the list means this task. */
typedef bool (*match_fn)(const struct filter_value *value, const struct task_info *task);

static bool match_pid(const struct filter_value *value, const struct task_info *task)
{
	return value->number == task->task->pid;
}

static bool match_uid(const struct filter_value *value, const struct task_info *task)
{
	return value->number == task->task->uid;
}

static bool match_comm(const struct filter_value *value, const struct task_info *task)
{
	return !strncmp(value->text, task->task->comm, sizeof(task->task->comm));
}

static bool values_pass(const struct filter_list *list, const struct task_info *task,
			match_fn match)
{
	bool included = false, has_include = false;

	for (size_t i = 0; i < list->cnt; i++) {
		bool hit = task->task && match(&list->values[i], task);

		if (list->values[i].exclude && hit)
			return false;
		has_include |= !list->values[i].exclude;
		included |= !list->values[i].exclude && hit;
	}
	return !has_include || included;
}

/* A record has the name of the target's named thread only, where the hooks know those of all: what another one may have is undecided, and
 * passes. An exclusion of targets is by the main thread's name. */
static bool comm_passes(const struct filter_list *list, enum pvm_who who,
			const struct task_info *task)
{
	bool other = who == PVM_TARGET && task->task && task->task->tid != task->task->pid;
	bool included = other, has_include = false;

	for (size_t i = 0; i < list->cnt; i++) {
		bool hit = task->task && match_comm(&list->values[i], task);

		if (list->values[i].exclude && hit && !other)
			return false;
		has_include |= !list->values[i].exclude;
		included |= !list->values[i].exclude && hit;
	}
	return !has_include || included;
}

static bool task_passes(const struct options *o, enum pvm_who who, const struct task_info *task)
{
	return values_pass(&o->filter[who][FILTER_PID], task, match_pid) &&
	       values_pass(&o->filter[who][FILTER_UID], task, match_uid) &&
	       comm_passes(&o->filter[who][FILTER_COMM], who, task) &&
	       judge__cgroup(o, who, task->cgroup, task->cgroup_len);
}

/* Never hides a result that is not known. */
static bool result_passes(const struct options *o, const struct call_info *call)
{
	if (call->outcome == OUTCOME_UNKNOWN)
		return true;
	if (o->outcome == OUTCOME_SUCCESS && call->outcome != OUTCOME_SUCCEEDED)
		return false;
	if (o->outcome == OUTCOME_FAILURE && call->outcome != OUTCOME_FAILED)
		return false;
	return !o->min_bytes || (call->transferred_known && call->transferred >= o->min_bytes);
}

bool judge__call(const struct options *o, const struct call_info *call)
{
	if (o->ops && !(o->ops & (1u << call->raw->op)))
		return false;
	if (o->no_self && call->raw->kinship == PVM_KIN_SELF)
		return false;
	return task_passes(o, PVM_CALLER, &call->caller) &&
	       task_passes(o, PVM_TARGET, &call->target) && result_passes(o, call);
}
