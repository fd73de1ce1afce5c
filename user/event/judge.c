/* SPDX-License-Identifier: Apache-2.0 */
#include "event/judge.h"

#include <fnmatch.h>
#include <string.h>

#include "bpf/keys.h"
#include "bpf/rules.h"
#include "event/container.h"
#include "event/unit.h"

bool judge__needed(const struct options *o, enum pvm_who who)
{
	return o->filter[who][FILTER_CGROUP].cnt || o->filter[who][FILTER_CONTAINER].cnt ||
	       o->filter[who][FILTER_UNIT].cnt;
}

/* Returns whether the pattern matches the path itself or an ancestor. fnmatch lets '*' match '/', so "/a*" holds
 * for all below anyway. */
static bool path_matches(const char *pattern, const char *path, size_t len)
{
	char part[PVM_PATH_MAX + sizeof(CGROUP_GAP)];

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

/* Returns whether no path that begins with these len bytes, a slash the last of them, can match: up to its first special
 * character a pattern stands for itself. */
static bool cannot_match(const char *pattern, const char *path, size_t len)
{
	size_t same = strcspn(pattern, "*?[\\");

	if (!pattern[same] && same < len)
		return true; /* it names what would have to come before the gap */
	return memcmp(pattern, path, same < len ? same : len);
}

static enum tristate hit_cgroup(const struct filter_value *value, const void *of)
{
	const struct judge_place *p = of;
	size_t len = cgroup_known_len(p->path, p->len, p->cut);

	if (len && path_matches(value->text, p->path, len))
		return YES;
	if (!p->cut)
		return NO;
	return len && cannot_match(value->text, p->path, len + 1) ? NO : UNKNOWN;
}

/* Returns whether a process is in the host's own namespaces, and in no container. */
static enum tristate none_hit(const struct containers *c, enum pvm_home home)
{
	/* A user may call his cgroups what he likes, but he is where he is. */
	if (c->cnt)
		return c->claimed && (home == PVM_HOME_HOST || home == PVM_HOME_UNKNOWN) ? UNKNOWN
											 : NO;
	if (home == PVM_HOME_OTHER)
		return NO;
	if (c->cut || home == PVM_HOME_UNKNOWN)
		return UNKNOWN;
	return home == PVM_HOME_HOST || c->service ? YES : NO;
}

static bool id_matches(const char *value, const struct container *id)
{
	size_t want = strlen(value);

	return want <= id->len && !strncasecmp(value, id->id, want);
}

static enum tristate hit_unit(const struct filter_value *value, const void *of)
{
	const struct judge_place *place = of;

	return unit__hit(value->text, place->path, place->len, place->cut);
}

struct container_place {
	struct containers found;
	enum pvm_home home;
};

static enum tristate hit_container(const struct filter_value *value, const void *of)
{
	const struct container_place *where = of;
	const struct containers *c = &where->found;

	if (value->none)
		return none_hit(c, where->home);
	if (value->exclude && c->cnt)
		return !id_matches(value->text, &c->list[0]) ? NO : c->claimed ? UNKNOWN : YES;
	for (size_t i = 0; i < c->cnt; i++) {
		if (id_matches(value->text, &c->list[i]))
			return YES;
	}
	return c->cut || c->more ? UNKNOWN : NO;
}

bool judge__list(const struct filter_list *list, judge_hit_fn hit, const void *of)
{
	uint32_t has = 0, verdict = 0;

	for (size_t i = 0; i < list->cnt; i++) {
		const struct filter_value *value = &list->values[i];
		enum tristate is = hit(value, of);

		has |= 1u << (value->exclude ? PVM_EXCLUDE : PVM_INCLUDE);
		if (value->exclude && is == YES)
			verdict = PVM_EXCLUDE;
		else if (!value->exclude && is != NO && !verdict)
			verdict = PVM_INCLUDE;
	}
	return pvm_verdict_passes(has, verdict);
}

bool judge__cgroup(const struct options *o, enum pvm_who who, const struct judge_place *place)
{
	const struct filter_list *lists = o->filter[who];
	struct container_place where = { .home = place->home };

	if (!place->path)
		return true;
	if (!judge__list(&lists[FILTER_CGROUP], hit_cgroup, place) ||
	    !judge__list(&lists[FILTER_UNIT], hit_unit, place))
		return false;
	if (!lists[FILTER_CONTAINER].cnt)
		return true;
	containers__find(place->path, place->len, place->cut, &where.found);
	return judge__list(&lists[FILTER_CONTAINER], hit_container, &where);
}

/* Judges a process in the same way; task->task is not NULL. */
static bool judge_task(const struct options *o, enum pvm_who who, const struct task_info *task)
{
	const struct judge_place place = {
		.path = task->cgroup,
		.len = task->cgroup_len,
		.cut = task->cgroup_cut,
		.home = pvm_home(task->task),
	};

	return judge__cgroup(o, who, &place);
}

/* The hits that follow are of a struct pvm_task, or of nobody: NULL. */
static enum tristate hit_pid(const struct filter_value *value, const void *of)
{
	const struct pvm_task *task = of;

	return task && value->number == task->pid ? YES : NO;
}

/* It shares its memory with another one, which the filter names. */
static enum tristate hit_lender(const struct filter_value *value, const void *of)
{
	return hit_pid(value, of) == YES ? YES : UNKNOWN;
}

static enum tristate hit_uid(const struct filter_value *value, const void *of)
{
	const struct pvm_task *task = of;

	return task && value->number == task->uid ? YES : NO;
}

static enum tristate hit_process_uid(const struct filter_value *value, const void *of)
{
	const struct pvm_task *task = of;

	return task && value->number == task->process_uid ? YES : NO;
}

static enum tristate hit_comm(const struct filter_value *value, const void *of)
{
	const struct pvm_task *task = of;

	return task && !strncmp(value->text, task->comm, sizeof(task->comm)) ? YES : NO;
}

/* A record has the name of the target's named thread only, where the hooks know those of all: what another one may
 * have is undecided. An exclusion of targets is by the main thread's name. */
static enum tristate hit_target_comm(const struct filter_value *value, const void *of)
{
	const struct pvm_task *task = of;

	return task && task->tid != task->pid ? UNKNOWN : hit_comm(value, task);
}

static bool uid_passes(const struct options *o, enum pvm_who who, const struct pvm_task *task)
{
	const struct filter_list *list = &o->filter[who][FILTER_UID];

	return judge__list(list, hit_uid, task) || judge__list(list, hit_process_uid, task);
}

static bool comm_passes(const struct options *o, enum pvm_who who, const struct pvm_task *task)
{
	return judge__list(&o->filter[who][FILTER_COMM],
			   who == PVM_TARGET ? hit_target_comm : hit_comm, task);
}

static bool exe_matches(const struct filter_value *value, const char *exe, size_t exe_len)
{
	char path[PVM_PATH_MAX + sizeof(CGROUP_GAP)];
	size_t len = exe_len < sizeof(path) - 1 ? exe_len : sizeof(path) - 1;

	memcpy(path, exe, len);
	path[len] = '\0';
	return !fnmatch(value->text, path, FNM_PATHNAME | FNM_PERIOD);
}

/* Compares the path that was read, since there is no file any more to compare: that of a process of the host's mount
 * namespace. One that is not known is not hidden. */
static enum tristate hit_exe(const struct filter_value *value, const void *of)
{
	const struct task_info *task = of;

	if (!task->exe)
		return task->task ? UNKNOWN : NO;
	if (task->task->flags & (PVM_TASK_MNT_OTHER | PVM_TASK_EXE_DELETED))
		return NO;
	return exe_matches(value, task->exe, task->exe_len) ? YES : NO;
}

/* A process, and who is behind it. */
struct descendant {
	const struct task_info *task;
	const struct ancestry_info *behind; /* NULL: not known */
};

/* Compares in the same way the paths of its ancestors, which are of its own mount namespace as a rule. There can be more of
 * them than were told. */
static enum tristate hit_ancestor_exe(const struct filter_value *value, const void *of)
{
	const struct descendant *d = of;
	bool whole = false;

	if (!d->task->task || d->task->task->flags & PVM_TASK_MNT_OTHER)
		return NO;
	for (size_t i = 0; d->behind && i < d->behind->cnt; i++) {
		const struct relative_info *r = &d->behind->ancestors[i];

		if (r->exe && exe_matches(value, r->exe, r->exe_len))
			return YES;
		whole = r->pid == 1;
	}
	return whole ? NO : UNKNOWN;
}

/* Returns whether a process filter names this one. */
static bool is_included(const struct filter_list *list, const struct task_info *task)
{
	for (size_t i = 0; i < list->cnt; i++) {
		if (!list->values[i].exclude && hit_pid(&list->values[i], task->task) == YES)
			return true;
	}
	return false;
}

/* Returns whether a process passes. included: by the process filter, since that names another one that shares
 * its memory. */
static bool task_passes(const struct options *o, enum pvm_who who, const struct task_info *task,
			const struct ancestry_info *behind, bool included)
{
	const struct descendant descendant = { task, behind };

	return judge__list(&o->filter[who][FILTER_PID], included ? hit_lender : hit_pid,
			   task->task) &&
	       uid_passes(o, who, task->task) && comm_passes(o, who, task->task) &&
	       judge__list(&o->filter[who][FILTER_EXE], hit_exe, task) &&
	       judge__list(&o->filter[who][FILTER_ANCESTOR_EXE], hit_ancestor_exe, &descendant) &&
	       (!task->task || judge_task(o, who, task));
}

/* It holds for the named process or for the owner of the memory that it works in: neither hides the other. */
static bool target_passes(const struct options *o, const struct call_info *call)
{
	const struct filter_list *pids = &o->filter[PVM_TARGET][FILTER_PID];
	const struct pvm_owner *owner = &call->raw->owner;

	if (!(o->no_self && call->raw->kinship == PVM_KIN_SELF) &&
	    task_passes(o, PVM_TARGET, &call->target, call->ancestry[PVM_TARGET],
			is_included(pids, &call->owner)))
		return true;
	return call->owner.task && !(o->no_self && owner->pid == call->raw->caller.pid) &&
	       task_passes(o, PVM_TARGET, &call->owner, NULL, is_included(pids, &call->target));
}

/* Asks all of it again, with the containers that only user space knows. */
static bool relation_passes(const struct options *o, const struct call_info *call)
{
	const struct relation_filter *r = &o->relation;
	uint32_t is, open;

	if (!(r->wanted | r->excluded) || call->owner.task)
		return true;
	if (!call->target.task)
		return !r->wanted;
	is = pvm_relation_of(call->raw, &open);
	if (call->same_container == NO)
		is |= 1u << PVM_OTHER_CONTAINER;
	if (call->same_container != UNKNOWN)
		open &= ~(1u << PVM_OTHER_CONTAINER);
	return pvm_relation_passes(r->wanted, r->excluded, is, open);
}

/* Returns whether the call passes what the kernel half let pass, and what it left open. */
static bool left_open_passes(const struct options *o, enum pvm_who who,
			     const struct task_info *task)
{
	if (!task->task || !(task->task->flags & (PVM_TASK_CGROUP_WAIT | PVM_TASK_REJECTED)))
		return true;
	return !(task->task->flags & PVM_TASK_REJECTED) && judge_task(o, who, task);
}

bool judge__left_open(const struct options *o, const struct call_info *call)
{
	bool target = left_open_passes(o, PVM_TARGET, &call->target) ||
		      (call->owner.task && left_open_passes(o, PVM_TARGET, &call->owner));

	return target && left_open_passes(o, PVM_CALLER, &call->caller) &&
	       (!(call->raw->flags & PVM_CALL_RELATION_WAIT) || relation_passes(o, call));
}

/* Only what is known can hide a call that no hook saw: its caller's pid, and perhaps its uid and name. */
static bool audited_passes(const struct options *o, const struct task_info *caller)
{
	const struct pvm_task *task = caller->task;

	return judge__list(&o->filter[PVM_CALLER][FILTER_PID], hit_pid, task) &&
	       (!(task->flags & PVM_TASK_CREDS) ||
		(uid_passes(o, PVM_CALLER, task) && comm_passes(o, PVM_CALLER, task)));
}

bool judge__call(const struct options *o, const struct call_info *call)
{
	if (o->ops && !(o->ops & (1u << call->raw->op)))
		return false;
	if (call->raw->flags & PVM_CALL_AUDIT)
		return audited_passes(o, &call->caller);
	return task_passes(o, PVM_CALLER, &call->caller, call->ancestry[PVM_CALLER], false) &&
	       target_passes(o, call) && relation_passes(o, call) &&
	       pvm_result_passes(o->outcome, o->min_bytes, (uint8_t)call->outcome,
				 call->transferred);
}
