/* SPDX-License-Identifier: Apache-2.0 */
#include "event/relation.h"

#include <string.h>

#include "bpf/rules.h"
#include "event/container.h"

void relation__none(struct call_info *out)
{
	out->same_uid = out->same_user = out->same_container = UNKNOWN;
	out->same_pid_ns = out->same_mnt_ns = out->same_memory = UNKNOWN;
}

static bool same_id(const struct container *a, const struct container *b)
{
	return a->len == b->len && !memcmp(a->id, b->id, a->len);
}

static bool same_ids(const struct task_info *a, const struct task_info *b)
{
	if (a->container_cnt != b->container_cnt)
		return false;
	for (size_t i = 0; i < a->container_cnt; i++) {
		if (!same_id(&a->containers[i], &b->containers[i]))
			return false;
	}
	return true;
}

/* Two cgroups of one container's name in different places: one of them may be an impostor's. */
static bool same_place(const struct task_info *a, const struct task_info *b)
{
	return a->task->hier == b->task->hier && a->container_end == b->container_end &&
	       !memcmp(a->cgroup, b->cgroup, a->container_end);
}

static enum tristate same_container(const struct task_info *a, const struct task_info *b)
{
	const struct pvm_task *x = a->task, *y = b->task;

	if (!a->cgroup || !b->cgroup || a->cgroup_cut || b->cgroup_cut)
		return UNKNOWN;
	if (!same_ids(a, b))
		return NO;
	if (a->container_cnt)
		return same_place(a, b) ? YES : UNKNOWN;
	/* There may be one whose engine gives its cgroups no name that is known here. */
	return x->ns_pid && x->ns_mnt && x->ns_pid == y->ns_pid && x->ns_mnt == y->ns_mnt ? YES
											  : UNKNOWN;
}

enum tristate relation__other_container(const struct call_info *call)
{
	const struct task_info *a = &call->caller, *b = &call->target;

	if (call->same_container != NO)
		return call->same_container == YES ? NO : UNKNOWN;
	if (!a->cgroup || !b->cgroup || a->container_claimed || b->container_claimed)
		return UNKNOWN;
	/* The host puts nobody into a container and takes nobody out of it but by itself. */
	if (!a->container_cnt || !b->container_cnt)
		return a->container_cnt || b->container_cnt ? YES : UNKNOWN;
	return same_id(&a->containers[0], &b->containers[0]) ? UNKNOWN : YES;
}

/* What is not known of two things is not equal either. */
static enum tristate same_if(bool known, bool equal)
{
	return !known ? UNKNOWN : equal ? YES : NO;
}

void relation__fill(const struct pvm_call *call, struct call_info *out)
{
	const struct pvm_task *caller = &call->caller, *target = &call->target;
	bool creds = caller->flags & target->flags & PVM_TASK_CREDS;

	out->same_uid = same_if(creds, caller->uid == target->uid);
	out->same_user = same_if(creds, pvm_is_user_of(caller, target));
	out->same_pid_ns =
		same_if(caller->ns_pid && target->ns_pid, caller->ns_pid == target->ns_pid);
	out->same_mnt_ns =
		same_if(caller->ns_mnt && target->ns_mnt, caller->ns_mnt == target->ns_mnt);
	out->same_memory =
		same_if(call->flags & PVM_CALL_MEMORY_KNOWN, call->flags & PVM_CALL_SAME_MEMORY);
	out->same_container = same_container(&out->caller, &out->target);
}
