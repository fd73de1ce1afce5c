/* SPDX-License-Identifier: Apache-2.0 */
#include "event/judge.h"

#include <fnmatch.h>
#include <string.h>

#include "bpf/keys.h"
#include "bpf/rules.h"
#include "event/container.h"
#include "event/holds.h"
#include "event/region_filter.h"
#include "event/relation.h"
#include "event/unit.h"

bool judge__needed(const struct options *o, enum pvm_who who)
{
	for (size_t i = 0; i < o->rule_cnt; i++) {
		const struct filter_list *lists = o->rules[i].filter[who];

		if (lists[FILTER_CGROUP].cnt || lists[FILTER_CONTAINER].cnt ||
		    lists[FILTER_UNIT].cnt)
			return true;
	}
	return false;
}

static bool drops(const struct rule *r)
{
	return r->action == RULE_DROP;
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
	bool outermost; /* only that one counts: other ids are chosen by whoever is in there */
};

static enum tristate hit_container(const struct filter_value *value, const void *of)
{
	const struct container_place *where = of;
	const struct containers *c = &where->found;

	if (value->none)
		return none_hit(c, where->home);
	if ((value->exclude || where->outermost) && c->cnt)
		return !id_matches(value->text, &c->list[0]) ? NO : c->claimed ? UNKNOWN : YES;
	for (size_t i = 0; i < c->cnt; i++) {
		if (id_matches(value->text, &c->list[i]))
			return YES;
	}
	return c->cut || c->more ? UNKNOWN : NO;
}

/* Returns what one rule's filters by cgroup, container and unit say of a process in this place. */
static enum tristate judge_place(const struct rule *r, enum pvm_who who,
				 const struct judge_place *place)
{
	const struct filter_list *lists = r->filter[who];
	struct container_place where = { .home = place->home, .outermost = drops(r) };
	enum tristate is;

	if (!lists[FILTER_CGROUP].cnt && !lists[FILTER_UNIT].cnt && !lists[FILTER_CONTAINER].cnt)
		return YES;
	if (!place->path)
		return UNKNOWN;
	is = holds__both(holds__list(&lists[FILTER_CGROUP], hit_cgroup, place),
			 holds__list(&lists[FILTER_UNIT], hit_unit, place));
	if (is == NO || !lists[FILTER_CONTAINER].cnt)
		return is;
	containers__find(place->path, place->len, place->cut, &where.found);
	return holds__both(is, holds__list(&lists[FILTER_CONTAINER], hit_container, &where));
}

uint16_t judge__cgroup(const struct options *o, enum pvm_who who, const struct judge_place *place)
{
	uint16_t left = 0;

	for (size_t i = 0; i < o->rule_cnt; i++) {
		if (holds__rule(&o->rules[i], judge_place(&o->rules[i], who, place)))
			left |= (uint16_t)(1u << i);
	}
	return left;
}

/* Judges a process in the same way; task->task is not NULL. */
static enum tristate judge_task(const struct rule *r, enum pvm_who who,
				const struct task_info *task)
{
	const struct judge_place place = {
		.path = task->cgroup,
		.len = task->cgroup_len,
		.cut = task->cgroup_cut,
		.home = pvm_home(task->task),
	};

	return judge_place(r, who, &place);
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

static enum tristate uid_holds(const struct rule *r, enum pvm_who who, const struct pvm_task *task)
{
	const struct filter_list *list = &r->filter[who][FILTER_UID];

	return holds__joined(r, holds__list(list, hit_uid, task),
			     holds__list(list, hit_process_uid, task));
}

static enum tristate comm_holds(const struct rule *r, enum pvm_who who, const struct pvm_task *task)
{
	return holds__list(&r->filter[who][FILTER_COMM],
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
 * namespace. One that is not known is not hidden. A file that was gone may be the one that stood there before; and in
 * another mount namespace the file that is excluded can have any path. */
static enum tristate hit_exe(const struct filter_value *value, const void *of)
{
	const struct task_info *task = of;

	if (!task->exe)
		return task->task ? UNKNOWN : NO;
	if (task->task->flags & PVM_TASK_MNT_OTHER)
		return value->exclude ? UNKNOWN : NO;
	if (!exe_matches(value, task->exe, task->exe_len))
		return NO;
	return task->task->flags & PVM_TASK_EXE_DELETED ? UNKNOWN : YES;
}

/* A process, and who is behind it. */
struct descendant {
	const struct task_info *task;
	const struct ancestry_info *behind; /* NULL: not known */
};

/* Compares in the same way the paths of its ancestors. Whose mount namespaces these are of is not known, so that any of them may
 * have been made to look like another one: no path proves that an ancestor is meant, nor does one that a process of another
 * mount namespace has that it is not. There can be more of them than were told. */
static enum tristate hit_ancestor_exe(const struct filter_value *value, const void *of)
{
	const struct descendant *d = of;
	bool whole = d->behind && d->behind->above == PVM_ABOVE_NONE;

	if (!d->task->task)
		return NO;
	if (d->task->task->flags & PVM_TASK_MNT_OTHER)
		return UNKNOWN;
	for (size_t i = 0; d->behind && i < d->behind->cnt; i++) {
		const struct relative_info *r = &d->behind->ancestors[i];

		if (r->exe ? exe_matches(value, r->exe, r->exe_len) : r->lacks_exe || r->gone)
			return UNKNOWN;
		whole = whole || r->pid == 1;
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

/* Returns what a rule's filters on one side say of a process. included: by the process filter, since that names another one that
 * shares its memory. */
static enum tristate task_holds(const struct rule *r, enum pvm_who who,
				const struct task_info *task, const struct ancestry_info *behind,
				bool included)
{
	const struct descendant descendant = { task, behind };
	const struct filter_list *lists = r->filter[who];
	enum tristate is =
		holds__list(&lists[FILTER_PID], included ? hit_lender : hit_pid, task->task);

	is = holds__both(is, uid_holds(r, who, task->task));
	is = holds__both(is, comm_holds(r, who, task->task));
	is = holds__both(is, holds__list(&lists[FILTER_EXE], hit_exe, task));
	is = holds__both(is,
			 holds__list(&lists[FILTER_ANCESTOR_EXE], hit_ancestor_exe, &descendant));
	return task->task ? holds__both(is, judge_task(r, who, task)) : is;
}

static bool asks_target(const struct rule *r)
{
	for (size_t i = 0; i < FILTER_FIELD_CNT; i++) {
		if (r->filter[PVM_TARGET][i].cnt)
			return true;
	}
	return r->no_self || r->relation.wanted | r->relation.excluded || r->region.cnt;
}

bool judge__asks(const struct rule *r)
{
	for (size_t i = 0; i < FILTER_FIELD_CNT; i++) {
		if (r->filter[PVM_CALLER][i].cnt)
			return true;
	}
	return r->ops || r->outcome || r->min_bytes || asks_target(r);
}

/* Nothing that a rule asks of a target is known of a call that moved bytes and names nobody; nor, for one of a file, of a target
 * that may have been another one (pvm_rules_left_of). */
static bool is_doubtful(const struct rule *r, const struct call_info *call)
{
	const bool nobody = !call->target.task && call->ret_known && call->ret > 0;
	const bool other = r->name && (drops(r) ? pvm_target_is_doubtful(call->raw)
						: pvm_target_may_differ(call->raw));

	return (nobody || other) && asks_target(r);
}

/* It holds for the named process or for the owner of the memory that it works in: neither hides the other. */
static enum tristate target_holds(const struct rule *r, const struct call_info *call)
{
	const struct filter_list *pids = &r->filter[PVM_TARGET][FILTER_PID];
	const struct pvm_owner *owner = &call->raw->owner;
	enum tristate named = NO, lender = NO;

	if (is_doubtful(r, call))
		return UNKNOWN;
	if (!(r->no_self && call->raw->kinship == PVM_KIN_SELF))
		named = task_holds(r, PVM_TARGET, &call->target, call->ancestry[PVM_TARGET],
				   is_included(pids, &call->owner));
	if (!call->owner.task)
		return named;
	if (!(r->no_self && owner->pid == call->raw->caller.pid))
		lender = task_holds(r, PVM_TARGET, &call->owner, NULL,
				    is_included(pids, &call->target));
	return holds__joined(r, named, lender);
}

/* Asks all of it again, with the containers that only user space knows. */
static enum tristate relation_holds(const struct rule *r, const struct call_info *call)
{
	const uint32_t wanted = r->relation.wanted, excluded = r->relation.excluded;
	enum tristate left = YES, other;
	uint32_t is, open;

	if (!(wanted | excluded))
		return YES;
	if (call->owner.task)
		return UNKNOWN; /* it is to that one, too */
	if (is_doubtful(r, call))
		return UNKNOWN;
	if (!call->target.task)
		return wanted ? NO : YES;
	is = pvm_relation_of(call->raw, &open);
	other = relation__other_container(call);
	if (other == YES)
		is |= 1u << PVM_OTHER_CONTAINER;
	if (other != UNKNOWN)
		open &= ~(1u << PVM_OTHER_CONTAINER);
	if (is & excluded)
		return NO;
	if (open & excluded)
		left = UNKNOWN;
	if (!wanted || is & wanted)
		return left;
	return open & wanted ? UNKNOWN : NO;
}

static enum tristate result_holds(const struct rule *r, const struct call_info *call)
{
	if (!r->outcome && !r->min_bytes)
		return YES;
	if (call->outcome == PVM_UNKNOWN)
		return UNKNOWN;
	/* Its bytes are those of all that it sums up. */
	if (call->summed && drops(r) && r->min_bytes)
		return UNKNOWN;
	return pvm_result_passes(r->outcome, r->min_bytes, (uint8_t)call->outcome,
				 call->transferred)
		       ? YES
		       : NO;
}

/* Returns what a rule says of a process whose cgroup the kernel half had no verdict on. */
static enum tristate left_open_holds(const struct rule *r, enum pvm_who who,
				     const struct task_info *task)
{
	if (!task->task || !(task->task->flags & PVM_TASK_CGROUP_WAIT))
		return YES;
	return judge_task(r, who, task);
}

/* The same of the target and the owner of its memory, of which the kernel half says which rules they leave. bit: the rule's. */
static enum tristate target_left_open(const struct rule *r, const struct call_info *call,
				      uint32_t bit)
{
	const struct pvm_call *raw = call->raw;
	enum tristate named = NO, lender = NO;

	if (is_doubtful(r, call))
		return UNKNOWN;
	if (raw->rules[PVM_TARGET] & bit)
		named = left_open_holds(r, PVM_TARGET, &call->target);
	if (!call->owner.task)
		return named;
	if (raw->owner.rules & bit)
		lender = left_open_holds(r, PVM_TARGET, &call->owner);
	return holds__joined(r, named, lender);
}

const struct rule *judge__left_open(const struct options *o, const struct call_info *call)
{
	for (size_t i = 0; i < o->rule_cnt; i++) {
		const struct rule *r = &o->rules[i];
		uint32_t bit = 1u << i;
		enum tristate is;

		if (!(call->raw->rules[PVM_CALLER] & bit))
			continue;
		is = holds__both(left_open_holds(r, PVM_CALLER, &call->caller),
				 target_left_open(r, call, bit));
		if (call->raw->flags & PVM_CALL_RELATION_WAIT)
			is = holds__both(is, relation_holds(r, call));
		is = holds__both(is,
				 holds__both(result_holds(r, call), region_filter__holds(r, call)));
		if (holds__rule(r, is))
			return r;
	}
	return NULL;
}

/* Only what is known can hide a call that no hook saw: its caller's pid, and perhaps its uid and name. */
static enum tristate audited_holds(const struct rule *r, const struct task_info *caller)
{
	const struct pvm_task *task = caller->task;
	enum tristate is = holds__list(&r->filter[PVM_CALLER][FILTER_PID], hit_pid, task);

	if (drops(r))
		return UNKNOWN;
	if (!(task->flags & PVM_TASK_CREDS))
		return is;
	return holds__both(is, holds__both(uid_holds(r, PVM_CALLER, task),
					   comm_holds(r, PVM_CALLER, task)));
}

static enum tristate call_holds(const struct rule *r, const struct call_info *call)
{
	enum tristate is;

	if (!(call->raw->flags & PVM_CALL_AUDIT) && !judge__asks(r))
		return YES;
	if (r->ops && !(r->ops & (1u << call->raw->op)))
		return NO;
	if (call->raw->flags & PVM_CALL_AUDIT)
		return audited_holds(r, &call->caller);
	is = task_holds(r, PVM_CALLER, &call->caller, call->ancestry[PVM_CALLER], false);
	is = holds__both(is, target_holds(r, call));
	is = holds__both(is, relation_holds(r, call));
	return holds__both(is, holds__both(result_holds(r, call), region_filter__holds(r, call)));
}

const struct rule *judge__call(const struct options *o, const struct call_info *call)
{
	for (size_t i = 0; i < o->rule_cnt; i++) {
		if (holds__rule(&o->rules[i], call_holds(&o->rules[i], call)))
			return &o->rules[i];
	}
	return NULL;
}
