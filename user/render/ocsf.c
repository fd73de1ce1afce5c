/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsf - Open Cybersecurity Schema Framework: a call is a Memory Activity (class 1004), what
 * the tracer tells about itself a Base Event (class 0). The caller is `actor.process`, the target
 * `process`; what the schema has no attribute for is under `unmapped`. An attribute that is not
 * known is absent.
 *
 * The schema asks for a target. Where the call named none that exists, `process` has a `uid` that says
 * what was named, and no `pid`: the number counts in the caller's namespace only.
 */
#include <string.h>

#include "base/units.h"
#include "event/names.h"
#include "render/block.h"
#include "render/common.h"
#include "render/fit.h"
#include "render/formats.h"
#include "render/relatives.h"
#include "render/rest.h"
#include "version.h"

#define OCSF_VERSION "1.6.0"

#define MEMORY_ACTIVITY 1004 /* the class */
#define ACTIVITY_READ 7
#define ACTIVITY_WRITE 8

enum severity {
	INFORMATIONAL = 1,
	MEDIUM = 3,
	HIGH = 4,
};

enum status {
	STATUS_UNKNOWN = 0,
	STATUS_SUCCESS = 1,
	STATUS_FAILURE = 2,
};

static const struct fit_format format = { .id = FIT_OCSF };

static void put_comm(struct json *j, const char *key, const char *comm)
{
	size_t len = strnlen(comm, PVM_COMM_SZ);

	if (len)
		json__bytes(j, key, comm, len);
}

/* The classes' two attributes of each are numbers and their captions. */
static void put_status(struct json *j, enum status status)
{
	static const char *const captions[] = { "Unknown", "Success", "Failure" };

	json__u64(j, "status_id", status);
	json__str(j, "status", captions[status]);
}

static void put_severity(struct json *j, enum severity severity)
{
	json__u64(j, "severity_id", severity);
}

/* This says whose room it is that a line's head has to do with: a call's, or (fit NULL) that of another record. */
struct head_room {
	struct fit_plan *fit;
	const struct own_plan *own;
};

/* Stands around what very short lines go without. */
static bool more_begin(const struct json *j, const struct head_room *room)
{
	if (room->fit)
		return fit__begin(j, room->fit, FIT_TOP);
	return room->own && own__shows(room->own, OWN_MORE);
}

static void more_end(const struct json *j, const struct head_room *room)
{
	if (room->fit)
		fit__end(j, room->fit);
}

static void put_product(struct json *j, const struct head_room *room)
{
	json__open_obj(j, "product");
	json__word(j, "name", "pvmtrace");
	if (more_begin(j, room)) {
		json__word(j, "vendor_name", "pvmtrace");
		json__word(j, "version", PVMTRACE_VERSION);
		more_end(j, room);
	}
	json__close_obj(j);
}

static void put_metadata(struct json *j, const struct record *r, const struct head_room *room,
			 const char *event_code)
{
	json__open_obj(j, "metadata");
	json__word(j, "version", OCSF_VERSION);
	put_product(j, room);
	if (more_begin(j, room)) {
		common__time(j, room->fit ? room->fit->cache : room->own->cache, "original_time",
			     r->real_ns);
		more_end(j, room);
	}
	json__u64(j, "logged_time", r->told_ns / NS_PER_MS);
	json__u64(j, "sequence", r->seq);
	common__id(j, "uid", r);
	if (more_begin(j, room)) {
		json__str(j, "event_code", event_code);
		json__open_arr(j, "profiles");
		if (room->fit)
			json__word(j, NULL, "container");
		json__word(j, NULL, "host");
		json__close_arr(j);
		more_end(j, room);
	}
	json__close_obj(j);
}

/* Puts the first member of `unmapped`. The record's own id begins with it, so it can be done without. */
static void put_run(struct json *j, const struct record *r, const struct head_room *room)
{
	if (!more_begin(j, room))
		return;
	common__run(j, r);
	more_end(j, room);
}

static void put_os(struct json *j, const struct host *host, bool with_kernel)
{
	json__open_obj(j, "os");
	json__word(j, "name", "Linux");
	json__u64(j, "type_id", 200);
	if (with_kernel && host->kernel[0])
		json__bytes(j, "kernel_release", host->kernel, strlen(host->kernel));
	json__close_obj(j);
}

/* Puts what names the host at least, for the schema asks for that: itself, or else this boot of it. */
static void put_device_uid(struct json *j, const struct host *host)
{
	json__u64(j, "type_id", 0);
	if (host->machine_id[0])
		json__bytes(j, "uid", host->machine_id, strlen(host->machine_id));
	else if (host->boot_id[0])
		json__bytes(j, "instance_uid", host->boot_id, strlen(host->boot_id));
}

static void put_device(struct json *j, const struct host *host, bool with_kernel)
{
	if (host->name[0])
		json__bytes(j, "hostname", host->name, strlen(host->name));
	if (host->boot_id[0])
		json__bytes(j, "boot_uid", host->boot_id, strlen(host->boot_id));
	put_os(j, host, with_kernel);
}

/* The name of a file is what follows its last slash. */
static void put_file(struct json *j, struct fit_plan *plan, const struct task_info *t,
		     unsigned int target)
{
	const char *exe, *slash;
	size_t from, name, len = t->exe_len;

	if (!t->exe || !t->exe_len || !fit__begin(j, plan, FIT_EXE + target))
		return;
	exe = fit__text(plan, FIT_EXE + target, t->exe, &len);
	/* The name is whole all the same of a path that is cut right before it. */
	slash = memrchr(t->exe, '/', t->exe_len);
	name = slash ? t->exe_len - (size_t)(slash - t->exe) - 1 : 0;
	slash = memrchr(exe, '/', len);
	from = slash ? (size_t)(slash - exe) + 1 : len > name ? len - name : 0;
	if (from == len || (!slash && memcmp(exe + from, t->exe + t->exe_len - name, name)))
		from = 0;
	json__open_obj(j, "file");
	json__bytes(j, "name", exe + from, len - from);
	json__bytes(j, "path", exe, len);
	json__u64(j, "type_id", 1);
	if (t->task->flags & PVM_TASK_EXE)
		json__bool(j, "is_deleted", t->task->flags & PVM_TASK_EXE_DELETED);
	json__close_obj(j);
	fit__end(j, plan);
}

/* Puts the arguments with a space between them; one by one they stand elsewhere. */
static void put_cmd_line(struct json *j, const struct fit_plan *plan, const struct task_info *t)
{
	const char *at = t->args, *arg;
	size_t left = t->args_len, len;

	if (!at || fit__omits(plan, FIT_ARGS))
		return;
	json__open_str(j, "cmd_line");
	for (uint32_t i = 0; i < plan->args && (arg = fit__next_arg(&at, &left, &len)); i++) {
		if (i)
			json__part(j, " ", 1);
		json__part(j, arg, len);
	}
	json__close_str(j);
}

/* Wherever a `user` stands it is the real one, `uid` of the json format: what the kernel's permission check of
 * these calls goes by. The effective one is in `unmapped`. */
static void put_user(struct json *j, const struct pvm_task *task)
{
	if (!(task->flags & PVM_TASK_CREDS))
		return;
	json__open_obj(j, "user");
	json__u64_text(j, "uid", task->uid);
	json__close_obj(j);
}

static void put_parent(struct json *j, struct fit_plan *plan, const struct pvm_task *task,
		       const struct relative_info *parent, unsigned int target)
{
	const char *exe, *slash;
	size_t len, from;

	json__open_obj(j, "parent_process");
	json__u64(j, "pid", task->ppid);
	put_comm(j, "name", task->pcomm);
	if (parent && parent->pid == task->ppid && fit__begin(j, plan, FIT_ANCESTORS + target)) {
		json__str(j, "uid", parent->entity_id);
		json__u64(j, "created_time", parent->real_start_ns / NS_PER_MS);
		exe = relative__exe(plan->cache, parent, &len);
		if (exe) {
			slash = memrchr(exe, '/', len);
			from = slash && slash + 1 < exe + len ? (size_t)(slash - exe) + 1 : 0;
			json__open_obj(j, "file");
			json__bytes(j, "name", exe + from, len - from);
			json__bytes(j, "path", exe, len);
			json__u64(j, "type_id", 1);
			json__close_obj(j);
		}
		fit__end(j, plan);
	}
	json__close_obj(j);
}

/* Puts all but who it is, first what is of bounded length. */
static void put_more(struct json *j, struct fit_plan *plan, const struct call_info *c,
		     unsigned int target)
{
	const struct task_info *t = target ? &c->target : &c->caller;
	const struct pvm_task *task = t->task;

	json__u64(j, "ptid", task->tid);
	if (task->pid_ns)
		json__u64(j, "namespace_pid", task->pid_ns);
	if (!t->bare)
		json__u64(j, "created_time", t->real_start_ns / NS_PER_MS);
	put_user(j, task);
	if (task->sessionid != PVM_NO_ID) {
		json__open_obj(j, "session");
		json__u64_text(j, "uid", task->sessionid);
		json__close_obj(j);
	}
	if (t->container_cnt) {
		json__open_obj(j, "container");
		json__bytes(j, "uid", task_container(t), task_container_len(t));
		json__close_obj(j);
	}
	put_file(j, plan, t, target);
	if (task_is_read(t))
		put_parent(j, plan, task, relatives__parent(c, (enum pvm_who)target), target);
	put_cmd_line(j, plan, t);
}

/* Puts a process. target: 1 for the target, 0 for the caller. */
static void put_process(struct json *j, struct fit_plan *plan, const struct call_info *c,
			unsigned int target)
{
	const struct task_info *t = target ? &c->target : &c->caller;
	unsigned int name = target ? FIT_TARGET : FIT_NAME;

	json__open_obj(j, "process");
	json__u64(j, "pid", t->task->pid);
	if (!target && !t->bare)
		json__str(j, "uid", t->entity_id);
	if (fit__begin(j, plan, name)) {
		if (target)
			json__str(j, "uid", t->entity_id);
		put_comm(j, "name", t->task->comm);
		fit__end(j, plan);
	}
	if (fit__begin(j, plan, FIT_CALLER + target)) {
		put_more(j, plan, c, target);
		fit__end(j, plan);
	}
	json__close_obj(j);
}

static void put_actor(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	size_t from;

	fit__names(j, plan);
	if (!block__begin(j, plan, PVM_CALLER, BLOCK_PROCESS, &from))
		return;
	json__open_obj(j, "actor");
	if (fit__begin(j, plan, FIT_CALLER)) {
		put_user(j, c->caller.task);
		fit__end(j, plan);
	}
	put_process(j, plan, c, 0);
	json__close_obj(j);
	block__end(j, plan, PVM_CALLER, BLOCK_PROCESS, from);
}

static void put_target(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	size_t from;

	if (!block__begin(j, plan, PVM_TARGET, BLOCK_PROCESS, &from))
		return;
	put_process(j, plan, c, 1);
	block__end(j, plan, PVM_TARGET, BLOCK_PROCESS, from);
}

/* Puts "unresolved:pid:991". */
static void put_unresolved(struct json *j, const struct call_info *c)
{
	const char *kind = kind_name(c->raw->kind);
	const int64_t arg = c->target_arg;

	json__open_obj(j, "process");
	json__open_str(j, "uid");
	json__part(j, "unresolved:", strlen("unresolved:"));
	json__part(j, kind, strlen(kind));
	json__part(j, ":-", arg < 0 ? 2 : 1);
	json__part_u64(j, (uint64_t)(arg < 0 ? -arg : arg));
	json__close_str(j);
	json__close_obj(j);
}

/* Puts the first range that has bytes in it, and what was asked for altogether. */
static void put_memory(struct json *j, const struct call_info *c)
{
	const struct list_info *a = &c->remote;

	for (uint32_t i = 0; i < a->captured; i++) {
		if (!a->iov[i].len)
			continue;
		json__hex(j, "base_address", a->iov[i].base);
		break;
	}
	if (c->requested_known)
		json__u64(j, "size", c->requested);
}

static void put_class(struct json *j, const struct record *r)
{
	const struct call_info *c = &r->call;
	const unsigned int activity = c->raw->op == PVM_READ ? ACTIVITY_READ : ACTIVITY_WRITE;

	json__open_obj(j, NULL);
	json__u64(j, "time", r->real_ns / NS_PER_MS);
	json__u64(j, "category_uid", 1);
	json__u64(j, "class_uid", MEMORY_ACTIVITY);
	json__u64(j, "activity_id", activity);
	json__u64(j, "type_uid", MEMORY_ACTIVITY * 100 + activity);
	put_severity(j, INFORMATIONAL);
	if (c->outcome == PVM_SUCCEEDED)
		put_status(j, STATUS_SUCCESS);
	else
		put_status(j, c->outcome == PVM_FAILED ? STATUS_FAILURE : STATUS_UNKNOWN);
	if (c->error)
		json__str(j, "status_code", c->error);
	else if (c->outcome == PVM_SUCCEEDED)
		json__word(j, "status_code", "0");
}

static void put_context(struct json *j, struct fit_plan *plan, const struct record *r)
{
	const struct call_info *c = &r->call;

	put_metadata(j, r, &(struct head_room){ .fit = plan }, syscall_name(c->raw->op));
	json__open_obj(j, "device");
	put_device_uid(j, r->host);
	if (fit__begin(j, plan, FIT_HOST)) {
		put_device(j, r->host, false);
		fit__end(j, plan);
	}
	json__close_obj(j);
	if (c->target.task)
		put_target(j, plan, c);
	else
		put_unresolved(j, c);
	put_actor(j, plan, c);
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
	put_class(j, r);
	put_context(j, plan, r);
	put_memory(j, &r->call);
	json__open_obj(j, "unmapped");
	put_run(j, r, &(struct head_room){ .fit = plan });
	put_host_rest(j, plan, r->host);
	rest__call(j, plan, &r->call,
		   REST_IDS | REST_ARGS | REST_DURATION | REST_SESSION | REST_RULE);
	json__close_obj(j);
	json__close_obj(j);
}

static void put_summary(struct json *j, struct fit_plan *plan, const struct record *r)
{
	const struct summary_info *s = &r->summary;

	put_class(j, r);
	json__u64(j, "count", s->calls);
	json__u64(j, "start_time", s->first_ns / NS_PER_MS);
	json__u64(j, "end_time", s->last_ns / NS_PER_MS);
	put_context(j, plan, r);
	json__open_obj(j, "unmapped");
	put_run(j, r, &(struct head_room){ .fit = plan });
	put_host_rest(j, plan, r->host);
	rest__summary(j, plan, s, REST_IDS | REST_ARGS | REST_SESSION | REST_RULE);
	json__close_obj(j);
	json__close_obj(j);
}

static void put_own_status(struct json *j, const struct own_plan *plan, const struct record *r)
{
	bool failed = r->type == REC_LOST || r->type == REC_ERROR ||
		      (r->type == REC_TAMPER && r->tamper.error) ||
		      (r->type == REC_STOP && !r->stop.complete);

	if (r->type == REC_ERROR || r->type == REC_TAMPER)
		put_severity(j, HIGH);
	else
		put_severity(j, failed ? MEDIUM : INFORMATIONAL);
	put_status(j, failed ? STATUS_FAILURE : STATUS_SUCCESS);
	if (r->type == REC_TAMPER && r->tamper.error)
		json__str(j, "status_code", r->tamper.error);
	if (r->type != REC_ERROR)
		return;
	json__str(j, "status_code", error_word(&r->error));
	if (r->error.message && own__shows(plan, OWN_MESSAGE))
		json__bytes(j, "message", r->error.message, strlen(r->error.message));
}

static void put_own(struct json *j, const struct own_plan *plan, const struct record *r)
{
	static const struct own_names names = { "unmapped.",
						"device.*",
						"message",
						"unmapped.caller.exe",
						{ "unmapped.run", "metadata.*" },
						true,
						false };
	const struct head_room room = { .own = plan };

	json__open_obj(j, NULL);
	json__u64(j, "time", r->real_ns / NS_PER_MS);
	json__u64(j, "category_uid", 0);
	json__u64(j, "class_uid", 0);
	json__u64(j, "activity_id", 99);
	json__word(j, "activity_name", record_name(r->type));
	json__u64(j, "type_uid", 99);
	put_own_status(j, plan, r);
	put_metadata(j, r, &room, record_name(r->type));
	json__open_obj(j, "device");
	put_device_uid(j, r->host);
	if (own__shows(plan, OWN_HOST))
		put_device(j, r->host, r->type == REC_START);
	json__close_obj(j);
	json__open_obj(j, "unmapped");
	put_run(j, r, &room);
	if (own__shows(plan, OWN_HOST))
		rest__host(j, r->host);
	rest__own(j, plan, r, &names);
	json__close_obj(j);
	json__close_obj(j);
}

int render_ocsf(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		struct json *out)
{
	if (r->type == REC_CALL)
		return fit__call(out, cache, r, o, &format, put_call);
	if (r->type == REC_SUMMARY)
		return fit__call(out, cache, r, o, &format, put_summary);
	return own__line(out, cache, r, o, put_own);
}
