/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ecs - Elastic Common Schema 9. The caller is `process`, the target `Target.process` (a custom name, and the one that
 * Elastic's own rules use); what the schema has no field for is under `pvmtrace`. A field that is not known is absent.
 *
 * Of the credentials, `user` is the effective one in this schema and `real_user` the real one, which is what the kernel's
 * permission check of these calls goes by of the caller; of the target it goes by the saved ones as well. It is likewise with
 * groups.
 */
#include <string.h>

#include "base/clock.h"
#include "event/names.h"
#include "render/block.h"
#include "render/common.h"
#include "render/fit.h"
#include "render/formats.h"
#include "render/opened.h"
#include "render/relatives.h"
#include "render/rest.h"

#define ECS_VERSION "9.4.0"

static const struct fit_format format = { .id = FIT_ECS, .arg_extra = sizeof("\"\"") - 1 };

static void put_text(struct json *j, const char *key, const char *text)
{
	if (*text)
		json__bytes(j, key, text, strlen(text));
}

static void put_comm(struct json *j, const char *key, const char *comm)
{
	size_t len = strnlen(comm, PVM_COMM_SZ);

	if (len)
		json__bytes(j, key, comm, len);
}

static void put_host(struct json *j, const struct host *host, bool with_kernel)
{
	json__open_obj(j, "host");
	put_text(j, "name", host->name);
	put_text(j, "id", host->machine_id);
	if (host->boot_id[0]) {
		json__open_obj(j, "boot");
		put_text(j, "id", host->boot_id);
		json__close_obj(j);
	}
	if (with_kernel)
		put_text(j, "architecture", host->arch);
	json__open_obj(j, "os");
	json__word(j, "type", "linux");
	if (with_kernel)
		put_text(j, "kernel", host->kernel);
	json__close_obj(j);
	json__close_obj(j);
}

/* Puts "key":{"id":"1000"}. */
static void put_owner(struct json *j, const char *key, uint32_t id)
{
	json__open_obj(j, key);
	json__u64_text(j, "id", id);
	json__close_obj(j);
}

static void put_args(struct json *j, const struct fit_plan *plan, const struct task_info *t)
{
	const char *at = t->args, *arg;
	size_t left = t->args_len, len;
	uint32_t cnt = 0;

	if (!at || fit__omits(plan, FIT_ARGS))
		return;
	json__open_arr(j, "args");
	for (; (arg = fit__next_arg(&at, &left, &len)); cnt++) {
		if (cnt < plan->args)
			json__bytes(j, NULL, arg, len);
	}
	json__close_arr(j);
	if (!t->args_cut)
		json__u64(j, "args_count", cnt);
}

static void put_parent(struct json *j, struct fit_plan *plan, const struct task_info *t,
		       const struct relative_info *parent, unsigned int target)
{
	const char *exe;
	size_t len;

	json__open_obj(j, "parent");
	json__u64(j, "pid", t->task->ppid);
	put_comm(j, "name", t->task->pcomm);
	if (parent && parent->pid == t->task->ppid && fit__begin(j, plan, FIT_ANCESTORS + target)) {
		json__str(j, "entity_id", parent->entity_id);
		exe = relative__exe(plan->cache, parent, &len);
		if (exe)
			json__bytes(j, "executable", exe, len);
		common__time(j, plan->cache, "start", parent->real_start_ns);
		fit__end(j, plan);
	}
	json__close_obj(j);
}

/* Of a caller: who leads its session, and the terminal. */
static void put_session(struct json *j, const struct ancestry_info *a)
{
	if (a && a->session) {
		json__open_obj(j, "session_leader");
		json__u64(j, "pid", a->session->pid);
		if (!a->session->gone) {
			put_comm(j, "name", a->session->comm);
			json__str(j, "entity_id", a->session->entity_id);
		}
		json__close_obj(j);
	}
	if (!a || !a->tty_dev)
		return;
	json__open_obj(j, "tty");
	json__open_obj(j, "char_device");
	json__u64(j, "major", a->tty_dev >> 20);
	json__u64(j, "minor", a->tty_dev & 0xfffff);
	json__close_obj(j);
	json__close_obj(j);
}

static void put_users(struct json *j, const struct pvm_task *task)
{
	if (!(task->flags & PVM_TASK_CREDS))
		return;
	put_owner(j, "user", task->euid);
	put_owner(j, "real_user", task->uid);
	put_owner(j, "saved_user", task->suid);
	put_owner(j, "group", task->egid);
	put_owner(j, "real_group", task->gid);
	put_owner(j, "saved_group", task->sgid);
}

/* Puts a process, first what is of bounded length. target: 1 for the target, 0 for the caller. */
static void put_process(struct json *j, struct fit_plan *plan, const struct call_info *c,
			unsigned int target)
{
	const struct task_info *t = target ? &c->target : &c->caller;
	const struct pvm_task *task = t->task;
	unsigned int name = target ? FIT_TARGET : FIT_NAME;

	json__open_obj(j, "process");
	json__u64(j, "pid", task->pid);
	if (fit__begin(j, plan, name)) {
		put_comm(j, "name", task->comm);
		fit__end(j, plan);
	}
	if (!target && !t->bare)
		json__str(j, "entity_id", t->entity_id);
	if (fit__begin(j, plan, FIT_CALLER + target)) {
		if (target)
			json__str(j, "entity_id", t->entity_id);
		json__open_obj(j, "thread");
		json__u64(j, "id", task->tid);
		json__close_obj(j);
		if (task->pid_ns)
			json__u64(j, "vpid", task->pid_ns);
		if (!t->bare)
			common__time(j, plan->cache, "start", t->real_start_ns);
		put_users(j, task);
		rest__text(j, plan, FIT_EXE + target, "executable", t->exe, t->exe_len);
		if (task_is_read(t))
			put_parent(j, plan, t, relatives__parent(c, (enum pvm_who)target), target);
		if (!target)
			put_session(j, c->ancestry[PVM_CALLER]);
		put_args(j, plan, t);
		fit__end(j, plan);
	}
	json__close_obj(j);
}

/* Puts the line up to where the members of `event` differ. */
static void put_head(struct json *j, struct render_cache *cache, const struct record *r)
{
	json__open_obj(j, NULL);
	common__time(j, cache, "@timestamp", r->real_ns);
	json__open_obj(j, "ecs");
	json__word(j, "version", ECS_VERSION);
	json__close_obj(j);
	json__open_obj(j, "event");
	json__u64(j, "sequence", r->seq);
	common__time(j, cache, "created", r->told_ns);
	common__id(j, "id", r);
	json__word(j, "module", "pvmtrace");
}

/* Puts what can be several words, and is one here. */
static void put_one(struct json *j, const char *key, const char *word)
{
	json__open_arr(j, key);
	json__str(j, NULL, word);
	json__close_arr(j);
}

static void put_what(struct json *j, const struct call_info *c)
{
	json__word(j, "dataset", "pvmtrace.calls");
	json__word(j, "kind", "event");
	put_one(j, "category", "process");
	put_one(j, "type", c->raw->op == PVM_READ ? "access" : "change");
	json__word(j, "action", syscall_name(c->raw->op));
	json__word(j, "outcome", outcome_name(c->outcome));
}

static void put_call_event(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	put_what(j, c);
	if (fit__begin(j, plan, FIT_TOP)) {
		if (c->duration_known)
			json__u64(j, "duration", c->duration_ns);
		json__word(j, "provider", "pvmtrace");
		fit__end(j, plan);
	}
	json__close_obj(j);
}

static void put_error(struct json *j, const char *code, const char *message)
{
	json__open_obj(j, "error");
	json__str(j, "code", code);
	if (message)
		json__bytes(j, "message", message, strlen(message));
	json__close_obj(j);
}

static void put_caller(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	size_t from;

	fit__names(j, plan);
	if (!block__begin(j, plan, PVM_CALLER, BLOCK_PROCESS, &from))
		return;
	put_process(j, plan, c, 0);
	if (c->caller.container_cnt && fit__begin(j, plan, FIT_CALLER)) {
		json__open_obj(j, "container");
		json__bytes(j, "id", task_container(&c->caller), task_container_len(&c->caller));
		json__close_obj(j);
		fit__end(j, plan);
	}
	block__end(j, plan, PVM_CALLER, BLOCK_PROCESS, from);
}

static void put_target(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	size_t from;

	if (!c->target.task || !block__begin(j, plan, PVM_TARGET, BLOCK_PROCESS, &from))
		return;
	json__open_obj(j, "Target");
	put_process(j, plan, c, 1);
	json__close_obj(j);
	block__end(j, plan, PVM_TARGET, BLOCK_PROCESS, from);
}

/* Puts who, whom, and where. */
static void put_context(struct json *j, struct fit_plan *plan, const struct record *r)
{
	const struct call_info *c = &r->call;

	put_target(j, plan, c);
	put_caller(j, plan, c);
	if (c->error)
		put_error(j, c->error, NULL);
	if (call_rule(c) && fit__begin(j, plan, FIT_RULE)) {
		json__open_obj(j, "rule");
		json__str(j, "name", call_rule(c));
		json__close_obj(j);
		fit__end(j, plan);
	}
	if (fit__begin(j, plan, FIT_HOST)) {
		put_host(j, r->host, false);
		fit__end(j, plan);
	}
}

/* It is cut with what else is said of the call. */
static void put_host_rest(struct json *j, struct fit_plan *plan, const struct host *host)
{
	if (!fit__begin(j, plan, FIT_TOP))
		return;
	rest__host(j, host);
	fit__end(j, plan);
}

static void put_call(struct json *j, struct fit_plan *plan, const struct record *r)
{
	put_head(j, plan->cache, r);
	put_call_event(j, plan, &r->call);
	put_context(j, plan, r);
	json__open_obj(j, "pvmtrace");
	common__run(j, r);
	put_host_rest(j, plan, r->host);
	if (!r->call.target.task)
		fit__names(j, plan);
	rest__call(j, plan, &r->call, REST_CONTAINER);
	json__close_obj(j);
	json__close_obj(j);
}

/* `event` has no field for a number of events told as one. */
static void put_summary(struct json *j, struct fit_plan *plan, const struct record *r)
{
	const struct summary_info *s = &r->summary;

	put_head(j, plan->cache, r);
	put_what(j, &s->call);
	common__time(j, plan->cache, "start", s->first_ns);
	common__time(j, plan->cache, "end", s->last_ns);
	if (fit__begin(j, plan, FIT_TOP)) {
		json__word(j, "provider", "pvmtrace");
		fit__end(j, plan);
	}
	json__close_obj(j);
	put_context(j, plan, r);
	json__open_obj(j, "pvmtrace");
	common__run(j, r);
	put_host_rest(j, plan, r->host);
	if (!r->call.target.task)
		fit__names(j, plan);
	rest__summary(j, plan, s, REST_CONTAINER);
	json__close_obj(j);
	json__close_obj(j);
}

/* What the tracer tells about itself is about this host: not a process event, or rules that look for new
 * processes would find a `start`. */
static void put_own_event(struct json *j, const struct own_plan *plan, const struct record *r)
{
	json__word(j, "dataset", "pvmtrace.tracer");
	json__str(j, "kind", r->type == REC_STATS ? "metric" : "event");
	put_one(j, "category", "host");
	put_one(j, "type", "info");
	json__word(j, "action", record_name(r->type));
	switch (r->type) {
	case REC_LOST:
		json__word(j, "outcome", outcome_name(PVM_FAILED));
		common__time(j, plan->cache, "start", r->lost.since_ns);
		common__time(j, plan->cache, "end", r->lost.until_ns);
		break;
	case REC_ERROR:
		json__word(j, "outcome", outcome_name(PVM_FAILED));
		if (r->error.since_ns)
			common__time(j, plan->cache, "start", r->error.since_ns);
		if (r->error.until_ns)
			common__time(j, plan->cache, "end", r->error.until_ns);
		break;
	case REC_TAMPER:
		json__word(j, "outcome",
			   outcome_name(r->tamper.error ? PVM_FAILED : PVM_SUCCEEDED));
		break;
	case REC_STOP:
		json__word(j, "outcome",
			   outcome_name(r->stop.complete ? PVM_SUCCEEDED : PVM_FAILED));
		json__str(j, "reason", end_word(&r->stop));
		break;
	default:
		break;
	}
	json__word(j, "provider", "pvmtrace");
	json__close_obj(j);
}

/* Puts who opened an object, and what went wrong. */
static void put_opener(struct json *j, const struct own_plan *plan, const struct tamper_info *t)
{
	const struct pvm_task *task = t->by.task;

	json__open_obj(j, "process");
	json__u64(j, "pid", task->pid);
	put_comm(j, "name", task->comm);
	json__str(j, "entity_id", t->by.entity_id);
	json__open_obj(j, "thread");
	json__u64(j, "id", task->tid);
	json__close_obj(j);
	opened__exe(j, plan, "executable", t, false);
	put_users(j, task);
	json__close_obj(j);
	if (t->error)
		put_error(j, t->error, NULL);
}

static void put_own(struct json *j, const struct own_plan *plan, const struct record *r)
{
	static const struct own_names names = {
		"pvmtrace.", "host", "error.message", "process.executable", { NULL }, false, false
	};

	put_head(j, plan->cache, r);
	put_own_event(j, plan, r);
	if (r->type == REC_ERROR)
		put_error(j, error_word(&r->error),
			  own__shows(plan, OWN_MESSAGE) ? r->error.message : NULL);
	if (r->type == REC_TAMPER)
		put_opener(j, plan, &r->tamper);
	if (own__shows(plan, OWN_HOST))
		put_host(j, r->host, r->type == REC_START);
	json__open_obj(j, "pvmtrace");
	common__run(j, r);
	if (own__shows(plan, OWN_HOST))
		rest__host(j, r->host);
	rest__own(j, plan, r, &names);
	json__close_obj(j);
	json__close_obj(j);
}

int render_ecs(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	       struct json *out)
{
	if (r->type == REC_CALL)
		return fit__call(out, cache, r, o, &format, put_call);
	if (r->type == REC_SUMMARY)
		return fit__call(out, cache, r, o, &format, put_summary);
	return own__line(out, cache, r, o, put_own);
}
