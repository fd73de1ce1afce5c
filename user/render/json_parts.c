/* SPDX-License-Identifier: Apache-2.0 */
/* json_parts - what records of several types have in common. */
#include <stddef.h>
#include <string.h>

#include <linux/types.h>

#include "bpf/rules.h"
#include "event/names.h"
#include "render/block.h"
#include "render/common.h"
#include "render/json.h"
#include "render/relatives.h"

/*
 * Below the parts' minimums a very short line (--max-line near 1,024) loses, in this order: host,
 * target.ns, caller.ns, local, remote.* (the remote array but count, captured, status, total_len and
 * its first element), access, relation, target.* and caller.* (all but who it is), and * (keys at top level
 * that are not the result). What is one key becomes null, paths if not even their end fits; keys that
 * stand for a ".*", and the _hex keys, are left out.
 */
const struct fit_format json_format = {
	.id = FIT_JSON,
	.arg_extra = sizeof("\"\"") - 1,
	.nulls = true,
	.counts_first = true,
};

void json_head(struct json *j, struct render_cache *cache, const struct record *r)
{
	json__open_obj(j, NULL);
	common__time(j, cache, "time", r->real_ns);
	json__word(j, "schema", "pvmtrace/1");
	json__word(j, "type", record_name(r->type));
	json__u64(j, "seq", r->seq);
	common__time(j, cache, "told", r->told_ns);
	common__run(j, r);
	common__id(j, "id", r);
}

static void put_host_text(struct json *j, const char *key, const char *text)
{
	if (*text)
		json__bytes(j, key, text, strlen(text));
	else
		json__null(j, key);
}

static void put_host(struct json *j, const struct host *host)
{
	json__open_obj(j, "host");
	put_host_text(j, "name", host->name);
	if (json__needs_hex(host->name, strlen(host->name)))
		json__bytes_hex(j, "name_hex", host->name, strlen(host->name));
	put_host_text(j, "machine_id", host->machine_id);
	put_host_text(j, "boot_id", host->boot_id);
	json__close_obj(j);
}

/* These are the texts of a host that stand in each line: name, machine_id and boot_id, which come first. */
#define HOST_RENDERED_SZ offsetof(struct host, kernel)

/* A run has one host, and every line tells it: it is rendered once. What that saves: docs/design.md, Output. */
static void json_host(struct json *j, struct render_cache *cache, const struct host *host)
{
	struct cached_host *last = &cache->host;
	size_t from = j->len + j->comma;

	/* What stands behind the end of a text may differ: then it is rendered once more. */
	if (last->len && !memcmp(&last->host, host, HOST_RENDERED_SZ)) {
		json__raw(j, NULL, last->text, last->len);
		return;
	}
	put_host(j, host);
	if (j->failed || j->len - from > sizeof(last->text))
		return;
	last->host = *host;
	last->len = j->len - from;
	memcpy(last->text, j->buf + from, last->len);
}

/* Who is behind the caller. */
static void put_behind(struct json *j, struct fit_plan *plan, const struct ancestry_info *a)
{
	relatives__session(j, a ? a->session : NULL, true);
	relatives__tty(j, a, true);
	if (!a || !fit__begin(j, plan, FIT_ANCESTORS)) {
		json__null(j, "ancestors");
		json__null(j, "ancestors_cut");
		json__null(j, "traced_by");
		return;
	}
	relatives__put(j, plan->cache, a, true);
	relative__put(j, plan->cache, "traced_by", a->tracer, true);
	fit__end(j, plan);
}

void json_caller(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	size_t from;

	fit__names(j, plan);
	if (!block__begin(j, plan, PVM_CALLER, BLOCK_PROCESS, &from))
		return;
	json__open_obj(j, "caller");
	json_task(j, plan, &c->caller, false);
	if (fit__begin(j, plan, FIT_CALLER)) {
		put_behind(j, plan, c->ancestry[PVM_CALLER]);
		json_args(j, plan, &c->caller);
		fit__end(j, plan);
	}
	json__close_obj(j);
	block__end(j, plan, PVM_CALLER, BLOCK_PROCESS, from);
}

static void put_target_how(struct json *j, const struct call_info *c)
{
	const bool known = c->target.task, confirmed = c->raw->flags & PVM_CALL_TARGET_CONFIRMED;

	json__word(j, "resolved_at", known ? resolved_name(c->raw->resolved) : NULL);
	json_tristate(j, "moved", known ? common__moved(c->raw) : UNKNOWN);
	json_tristate(j, "confirmed", known && confirmed ? YES : UNKNOWN);
}

/* By what leave to reach into its memory is judged, besides its ids. */
static void put_target_judged(struct json *j, const struct call_info *c)
{
	const struct pvm_access *a = &c->raw->access;
	const bool known = c->target.task && a->flags & PVM_ACCESS_KNOWN;

	if (known && a->flags & PVM_ACCESS_DUMPABLE)
		json__bool(j, "dumpable", pvm_is_dumpable(a));
	else
		json__null(j, "dumpable");
	if (known)
		json__u64(j, "user_ns_owner", a->user_ns_owner);
	else
		json__null(j, "user_ns_owner");
}

/* Of a target no arguments are known. */
static void put_parent(struct json *j, struct fit_plan *plan, const struct task_info *t,
		       const struct relative_info *parent)
{
	size_t from;

	if (!block__begin(j, plan, PVM_TARGET, BLOCK_PARENT, &from))
		return;
	if (parent && fit__begin(j, plan, FIT_TARGET_PARENT)) {
		relative__put(j, plan->cache, "parent", parent, true);
		fit__end(j, plan);
	} else {
		json__null(j, "parent");
	}
	json_args(j, plan, t);
	block__end(j, plan, PVM_TARGET, BLOCK_PARENT, from);
}

static void put_target_task(struct json *j, struct fit_plan *plan, const struct task_info *t)
{
	size_t from;

	if (!block__begin(j, plan, PVM_TARGET, BLOCK_PROCESS, &from))
		return;
	json_task(j, plan, t, true);
	block__end(j, plan, PVM_TARGET, BLOCK_PROCESS, from);
}

/* Of a target that is not resolved, nothing is told but what the call named. */
void json_target(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	bool resolved = c->target.task;

	json__open_obj(j, "target");
	json__s64(j, "arg", c->target_arg);
	json__word(j, "kind", kind_name(c->raw->kind));
	json__bool(j, "resolved", resolved);
	if (fit__begin(j, plan, FIT_TARGET)) {
		put_target_how(j, c);
		put_target_judged(j, c);
		if (!resolved)
			json_no_task(j, plan);
		fit__end(j, plan);
	}
	if (resolved)
		put_target_task(j, plan, &c->target);
	if (fit__begin(j, plan, FIT_TARGET)) {
		json_owner(j, plan, &c->owner);
		put_parent(j, plan, &c->target, relatives__parent(c, PVM_TARGET));
		fit__end(j, plan);
	}
	json__close_obj(j);
}

void json_relation(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	if (!fit__begin(j, plan, FIT_RELATION)) {
		json__null(j, "relation");
		return;
	}
	json__open_obj(j, "relation");
	json__word(j, "kinship", c->target.task ? kinship_name(c->raw->kinship) : NULL);
	json_tristate(j, "same_uid", c->same_uid);
	json_tristate(j, "same_user", c->same_user);
	json_tristate(j, "same_container", c->same_container);
	json_tristate(j, "same_pid_ns", c->same_pid_ns);
	json_tristate(j, "same_mnt_ns", c->same_mnt_ns);
	json_tristate(j, "same_memory", c->same_memory);
	json__close_obj(j);
	fit__end(j, plan);
}

static void put_access(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	const struct access_info *a = &c->access;

	if (!fit__begin(j, plan, FIT_ACCESS)) {
		json__null(j, "access");
		return;
	}
	json__open_obj(j, "access");
	json__str(j, "by", access_name(a->by));
	json__str(j, "denied_by", denied_name(a->denied_by));
	json_tristate(j, "inferred", a->inferred);
	json_tristate(j, "cap_sys_ptrace", a->cap_sys_ptrace);
	json_tristate(j, "caps_covered", a->caps_covered);
	json_tristate(j, "traces_target", a->traces_target);
	if (a->yama)
		json__u64(j, "yama_scope", a->yama - PVM_YAMA_DISABLED);
	else
		json__null(j, "yama_scope");
	json__close_obj(j);
	fit__end(j, plan);
}

void json_verdict(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	size_t from;

	if (!block__verdict(j, plan, c, &from))
		return;
	json_relation(j, plan, c);
	put_access(j, plan, c);
	block__verdict_end(j, plan, from);
}

void json_rule(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	if (!call_rule(c) || !fit__begin(j, plan, FIT_RULE)) {
		json__null(j, "rule");
		return;
	}
	json__str(j, "rule", call_rule(c));
	fit__end(j, plan);
}

void json_calls_end(struct json *j, struct fit_plan *plan, const struct record *r)
{
	fit__put_truncated(j, plan);
	if (fit__begin(j, plan, FIT_HOST)) {
		json_host(j, plan->cache, r->host);
		fit__end(j, plan);
	} else {
		json__null(j, "host");
	}
	json__close_obj(j);
}

void json_own_end(struct json *j, const struct own_plan *plan, const struct record *r)
{
	static const struct own_names names = { "",	  "host", "message", "caller.exe",
						{ NULL }, true,	  true };

	own__put_truncated(j, plan, r->type, &names);
	if (own__shows(plan, OWN_HOST))
		json_host(j, plan->cache, r->host);
	else
		json__null(j, "host");
	json__close_obj(j);
}
