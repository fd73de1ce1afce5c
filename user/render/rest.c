/* SPDX-License-Identifier: Apache-2.0 */
/* rest - of a call. */
#include "render/rest.h"

#include <string.h>

#include <linux/types.h>

#include "bpf/rules.h"
#include "event/decode.h"
#include "event/names.h"
#include "render/block.h"
#include "render/common.h"
#include "render/relatives.h"

void rest__host(struct json *j, const struct host *host)
{
	size_t len = strlen(host->name);

	if (!json__needs_hex(host->name, len))
		return;
	json__open_obj(j, "host");
	json__bytes_hex(j, "name_hex", host->name, len);
	json__close_obj(j);
}

void rest__text(struct json *j, struct fit_plan *plan, enum fit_part part, const char *key,
		const char *bytes, size_t len)
{
	if (!bytes || !fit__begin(j, plan, part))
		return;
	bytes = fit__text(plan, part, bytes, &len);
	json__bytes(j, key, bytes, len);
	fit__end(j, plan);
}

static void put_hex_of(struct json *j, struct fit_plan *plan, enum fit_part part, const char *key,
		       const char *bytes, size_t len)
{
	if (!json__needs_hex(bytes, len) || !fit__begin(j, plan, part))
		return;
	json__bytes_hex(j, key, bytes, len);
	fit__end(j, plan);
}

/* Puts the bytes of what is shown of a path. */
static void put_text_hex(struct json *j, struct fit_plan *plan, enum fit_part part, const char *key,
			 const char *bytes, size_t len)
{
	if (!bytes)
		return;
	bytes = fit__text(plan, part, bytes, &len);
	put_hex_of(j, plan, part - FIT_EXE + FIT_EXE_HEX, key, bytes, len);
}

static void put_tristate(struct json *j, const char *key, enum tristate value)
{
	if (value != UNKNOWN)
		json__bool(j, key, value == YES);
}

static void put_top(struct json *j, struct fit_plan *plan, const struct call_info *c,
		    unsigned int lacks)
{
	json__word(j, "phase", phase_name(c->raw->phase));
	if (!fit__begin(j, plan, FIT_TOP))
		return;
	json__word(j, "abi", abi_name(c->raw->abi));
	json__bool(j, "audit", c->raw->flags & PVM_CALL_AUDIT);
	if (c->ret_known)
		json__s64(j, "ret", c->ret);
	if (c->duration_known && (lacks & REST_DURATION))
		json__u64(j, "duration_ns", c->duration_ns);
	if (c->requested_known)
		json__u64(j, "bytes_requested", c->requested);
	if (c->transferred_known)
		json__u64(j, "bytes_transferred", c->transferred);
	put_tristate(j, "partial", c->partial);
	common__flags(j, c->flags);
	fit__end(j, plan);
}

/* A number that no reader keeps exactly is not made another one. */
static void put_id(struct json *j, const char *key, uint64_t id)
{
	if (id <= JSON_MAX_INT)
		json__u64(j, key, id);
}

static void put_args(struct json *j, struct fit_plan *plan, const struct task_info *t,
		     unsigned int lacks)
{
	const char *at = t->args, *arg;
	size_t left = t->args_len, len;

	if (!at || fit__omits(plan, FIT_ARGS))
		return;
	if (lacks & REST_ARGS && fit__begin(j, plan, FIT_ARGS_COPY)) {
		json__open_arr(j, "args");
		while ((arg = fit__next_arg(&at, &left, &len)))
			json__bytes(j, NULL, arg, len);
		json__close_arr(j);
		fit__end(j, plan);
	}
	common__args_hex(j, plan, t);
	json__bool(j, "args_cut", t->args_cut);
}

static void put_exe(struct json *j, struct fit_plan *plan, const struct task_info *t,
		    unsigned int target)
{
	const struct pvm_task *task = t->task;
	const struct pvm_file_id *file = t->file;

	put_hex_of(j, plan, FIT_COMM_HEX + target, "comm_hex", task->comm,
		   strnlen(task->comm, PVM_COMM_SZ));
	put_hex_of(j, plan, FIT_PCOMM_HEX + target, "pcomm_hex", task->pcomm,
		   strnlen(task->pcomm, PVM_COMM_SZ));
	put_text_hex(j, plan, FIT_EXE + target, "exe_hex", t->exe, t->exe_len);
	if (!(task->flags & PVM_TASK_EXE))
		return;
	if (!t->file_vague)
		json__dev(j, "exe_dev", file ? file->dev : task->exe_dev);
	put_id(j, "exe_ino", file ? file->ino : task->exe_ino);
	json__bool(j, "exe_deleted", task->flags & PVM_TASK_EXE_DELETED);
	if (!file)
		return;
	if (file->subvol)
		put_id(j, "exe_subvol", file->subvol);
	json__u64(j, "exe_gen", file->gen);
	put_id(j, "exe_size", file->size);
	common__time(j, plan->cache, "exe_ctime", file->ctime_ns);
}

static void put_creds(struct json *j, const struct fit_plan *plan, const struct task_info *t,
		      unsigned int target, unsigned int lacks)
{
	const struct pvm_task *task = t->task;
	bool known = task->flags & PVM_TASK_CREDS;

	if (known && lacks & REST_IDS) {
		json__u64(j, "gid", task->gid);
		json__u64(j, "euid", task->euid);
		json__u64(j, "egid", task->egid);
		json__u64(j, "suid", task->suid);
		json__u64(j, "sgid", task->sgid);
	}
	if (task->loginuid != PVM_NO_ID)
		json__u64(j, "loginuid", task->loginuid);
	if (task->sessionid != PVM_NO_ID)
		json__u64(j, "sessionid", task->sessionid);
	if (known)
		json__hex(j, "caps_effective", task->caps_effective);
	if (!target)
		put_tristate(j, "cap_sys_ptrace", task_may_ptrace(t));
	if (lacks & REST_IDS && !t->bare)
		common__time(j, plan->cache, "start", t->real_start_ns);
}

static void put_ns(struct json *j, const struct pvm_task *task)
{
	if (!(task->ns_pid | task->ns_mnt | task->ns_user))
		return;
	json__open_obj(j, "ns");
	if (task->ns_pid)
		json__u64(j, "pid", task->ns_pid);
	if (task->ns_mnt)
		json__u64(j, "mnt", task->ns_mnt);
	if (task->ns_user)
		json__u64(j, "user", task->ns_user);
	json__close_obj(j);
}

/* Puts where the process lives. */
static void put_home(struct json *j, struct fit_plan *plan, const struct task_info *t,
		     unsigned int target)
{
	const struct pvm_task *task = t->task;

	if (!(task->ns_pid | task->ns_mnt | task->ns_user) && !t->container_cnt)
		return;
	if (!fit__begin(j, plan, FIT_NS + target))
		return;
	if (t->container_cnt)
		common__containers(j, t, true);
	put_ns(j, task);
	fit__end(j, plan);
}

/* Puts a process. target: 1 for the target, 0 for the caller. */
static void put_task(struct json *j, struct fit_plan *plan, const struct task_info *t,
		     unsigned int target, unsigned int lacks)
{
	put_exe(j, plan, t, target);
	put_args(j, plan, t, lacks);
	put_creds(j, plan, t, target, lacks);
	rest__text(j, plan, FIT_CGROUP + target, "cgroup", t->cgroup, t->cgroup_len);
	put_text_hex(j, plan, FIT_CGROUP + target, "cgroup_hex", t->cgroup, t->cgroup_len);
	if (t->task->hier)
		put_id(j, "cgroup_id", t->task->cgroup_id);
	if (t->container_cnt && target && lacks & REST_CONTAINER)
		json__bytes(j, "container_id", task_container(t), task_container_len(t));
	put_home(j, plan, t, target);
}

/* Who is behind the caller. */
static void put_behind(struct json *j, struct fit_plan *plan, const struct ancestry_info *a,
		       unsigned int lacks)
{
	if (!a)
		return;
	if (lacks & REST_SESSION)
		relatives__session(j, a->session, false);
	relatives__tty(j, a, false);
	if (!fit__begin(j, plan, FIT_ANCESTORS))
		return;
	relatives__put(j, plan->cache, a, false);
	relative__put(j, plan->cache, "traced_by", a->tracer, false);
	fit__end(j, plan);
}

/* What a format lacks of a side is the same in all of its lines. */
static void put_caller(struct json *j, struct fit_plan *plan, const struct call_info *c,
		       unsigned int lacks)
{
	size_t from;

	if (!fit__begin(j, plan, FIT_CALLER))
		return;
	if (block__begin(j, plan, PVM_CALLER, BLOCK_REST, &from)) {
		json__open_obj(j, "caller");
		put_task(j, plan, &c->caller, 0, lacks);
		put_behind(j, plan, c->ancestry[PVM_CALLER], lacks);
		json__close_obj(j);
		block__end(j, plan, PVM_CALLER, BLOCK_REST, from);
	}
	fit__end(j, plan);
}

/* Puts whose memory the target works in. */
static void put_owner(struct json *j, struct fit_plan *plan, const struct task_info *t)
{
	const struct pvm_task *task = t->task;
	size_t len;

	if (!task)
		return;
	len = strnlen(task->comm, PVM_COMM_SZ);
	json__open_obj(j, "memory_of");
	json__u64(j, "pid", task->pid);
	if (len)
		json__bytes(j, "comm", task->comm, len);
	put_hex_of(j, plan, FIT_OWNER_COMM_HEX, "comm_hex", task->comm, len);
	rest__text(j, plan, FIT_OWNER_EXE, "exe", t->exe, t->exe_len);
	put_text_hex(j, plan, FIT_OWNER_EXE, "exe_hex", t->exe, t->exe_len);
	json__str(j, "entity_id", t->entity_id);
	json__close_obj(j);
}

/* By what leave to reach into its memory is judged, besides its ids. */
static void put_judged(struct json *j, const struct pvm_access *a)
{
	if (a->flags & PVM_ACCESS_DUMPABLE)
		json__bool(j, "dumpable", pvm_is_dumpable(a));
	if (a->flags & PVM_ACCESS_KNOWN)
		json__u64(j, "user_ns_owner", a->user_ns_owner);
}

static void put_target(struct json *j, struct fit_plan *plan, const struct call_info *c,
		       unsigned int lacks)
{
	size_t from;

	json__open_obj(j, "target");
	if (fit__begin(j, plan, FIT_ASKED)) {
		json__s64(j, "arg", c->target_arg);
		json__word(j, "kind", kind_name(c->raw->kind));
		fit__end(j, plan);
	}
	json__bool(j, "resolved", c->target.task);
	if (c->target.task && fit__begin(j, plan, FIT_TARGET)) {
		json__word(j, "resolved_at", resolved_name(c->raw->resolved));
		put_tristate(j, "moved", common__moved(c->raw));
		if (c->raw->flags & PVM_CALL_TARGET_CONFIRMED)
			json__bool(j, "confirmed", true);
		put_owner(j, plan, &c->owner);
		put_judged(j, &c->raw->access);
		if (block__begin(j, plan, PVM_TARGET, BLOCK_REST, &from)) {
			put_task(j, plan, &c->target, 1, lacks);
			block__end(j, plan, PVM_TARGET, BLOCK_REST, from);
		}
		fit__end(j, plan);
	}
	json__close_obj(j);
}

static void put_relation(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	if (!c->target.task || !fit__begin(j, plan, FIT_RELATION))
		return;
	json__open_obj(j, "relation");
	json__word(j, "kinship", kinship_name(c->raw->kinship));
	put_tristate(j, "same_uid", c->same_uid);
	put_tristate(j, "same_user", c->same_user);
	put_tristate(j, "same_container", c->same_container);
	put_tristate(j, "same_pid_ns", c->same_pid_ns);
	put_tristate(j, "same_mnt_ns", c->same_mnt_ns);
	put_tristate(j, "same_memory", c->same_memory);
	json__close_obj(j);
	fit__end(j, plan);
}

static void put_access(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	const struct access_info *a = &c->access;

	if (!c->target.task || !fit__begin(j, plan, FIT_ACCESS))
		return;
	json__open_obj(j, "access");
	if (a->by)
		json__str(j, "by", access_name(a->by));
	if (a->denied_by)
		json__str(j, "denied_by", denied_name(a->denied_by));
	put_tristate(j, "inferred", a->inferred);
	put_tristate(j, "cap_sys_ptrace", a->cap_sys_ptrace);
	put_tristate(j, "caps_covered", a->caps_covered);
	put_tristate(j, "traces_target", a->traces_target);
	if (a->yama)
		json__u64(j, "yama_scope", a->yama - PVM_YAMA_DISABLED);
	json__close_obj(j);
	fit__end(j, plan);
}

static void put_verdict(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	size_t from;

	if (!block__verdict(j, plan, c, &from))
		return;
	put_relation(j, plan, c);
	put_access(j, plan, c);
	block__verdict_end(j, plan, from);
}

static void put_rule(struct json *j, struct fit_plan *plan, const struct call_info *c,
		     unsigned int lacks)
{
	if (!(lacks & REST_RULE) || !call_rule(c) || fit__omits(plan, FIT_RULE) ||
	    !fit__begin(j, plan, FIT_TOP))
		return;
	json__str(j, "rule", call_rule(c));
	fit__end(j, plan);
}

static void put_gaps(struct json *j, const struct list_info *a)
{
	json__open_arr(j, "unread");
	for (uint32_t i = 0; i < a->gap_cnt; i++) {
		json__open_obj(j, NULL);
		json__u64(j, "first", a->gaps[i].first);
		json__u64(j, "count", a->gaps[i].cnt);
		json__close_obj(j);
	}
	json__close_arr(j);
}

/* Puts what was seen of a list but for its elements. */
static void put_look(struct json *j, const struct list_info *a)
{
	json__hex(j, "addr", a->addr);
	json__u64(j, "count", a->count);
	json__u64(j, "captured", a->captured);
	put_gaps(j, a);
	if (a->user) {
		json__word(j, "origin", "user");
		json__bool(j, "toctou", true);
	}
	put_tristate(j, "changed", a->changed);
	json__u64(j, "total_len", a->total_len);
}

static void put_list(struct json *j, const struct fit_plan *plan, enum fit_part part,
		     const char *key, const struct iov_elem *iov)
{
	if (!fit__omits(plan, part))
		fit__put_elements(j, key, iov, fit__shown(plan, part));
}

static void put_confirmed(struct json *j, const struct call_info *c)
{
	if (c->confirmed == YES)
		json__str(j, "confirmed", "pages");
	if (c->pins && c->pins->pages)
		common__pinned(j, c->pins);
}

static void put_regions(struct json *j, const struct fit_plan *plan, const struct call_info *c)
{
	fit__put_regions(j, plan, c);
	if (c->regions_confirmed == YES)
		json__str(j, "regions_confirmed", "pages");
}

static void put_sides(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	const struct list_info *local = &c->local, *remote = &c->remote;

	if (fit__begin(j, plan, FIT_LOCAL)) {
		json__open_obj(j, "local");
		json__word(j, "status", common__status(local->status));
		put_look(j, local);
		put_list(j, plan, FIT_LOCAL_IOV, "iov", local->iov);
		if (local->iov_exit)
			put_list(j, plan, FIT_LOCAL_EXIT, "iov_exit", local->iov_exit);
		json__close_obj(j);
		fit__end(j, plan);
	}
	json__open_obj(j, "remote");
	json__word(j, "status", common__status(remote->status));
	if (fit__begin(j, plan, FIT_REMOTE)) {
		put_look(j, remote);
		if (remote->iov_exit)
			put_list(j, plan, FIT_REMOTE_EXIT, "iov_exit", remote->iov_exit);
		put_confirmed(j, c);
		put_regions(j, plan, c);
		fit__end(j, plan);
	}
	put_list(j, plan, FIT_REMOTE_IOV, "iov", remote->iov);
	json__close_obj(j);
}

void rest__call(struct json *j, struct fit_plan *plan, const struct call_info *c,
		unsigned int lacks)
{
	put_top(j, plan, c, lacks);
	put_target(j, plan, c, lacks);
	put_caller(j, plan, c, lacks);
	put_verdict(j, plan, c);
	put_rule(j, plan, c, lacks);
	put_sides(j, plan, c);
	if (plan->data && c->data && fit__begin(j, plan, FIT_DATA)) {
		common__data(j, plan, c);
		fit__end(j, plan);
	}
	fit__put_truncated(j, plan);
}

static void put_kinds(struct json *j, struct fit_plan *plan, const struct summary_info *s)
{
	if (!fit__begin(j, plan, FIT_TOP))
		return;
	if (s->error_cnt)
		common__errors(j, s);
	common__abis(j, s);
	put_tristate(j, "changed", s->changed);
	common__range(j, s, false);
	fit__end(j, plan);
}

void rest__summary(struct json *j, struct fit_plan *plan, const struct summary_info *s,
		   unsigned int lacks)
{
	json__word(j, "reason", reason_name(s->reason));
	json__u64(j, "calls", s->calls);
	if (s->sums_known) {
		json__u64(j, "bytes_transferred", s->bytes);
		json__u64(j, "duration_ns", s->duration_ns);
	}
	common__time(j, plan->cache, "first", s->first_ns);
	common__time(j, plan->cache, "last", s->last_ns);
	put_target(j, plan, &s->call, lacks);
	put_caller(j, plan, &s->call, lacks);
	put_relation(j, plan, &s->call);
	put_rule(j, plan, &s->call, lacks);
	put_kinds(j, plan, s);
	fit__put_truncated(j, plan);
}
