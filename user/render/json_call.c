/* SPDX-License-Identifier: Apache-2.0 */
/* json_call - process_vm_access: one attempted call. */
#include "event/decode.h"
#include "render/common.h"
#include "render/json.h"

void json_tristate(struct json *j, const char *key, enum tristate value)
{
	if (value == UNKNOWN)
		json__null(j, key);
	else
		json__bool(j, key, value == YES);
}

static void put_known(struct json *j, const char *key, bool known, uint64_t value)
{
	if (known)
		json__u64(j, key, value);
	else
		json__null(j, key);
}

static void put_outcome(struct json *j, const struct call_info *c)
{
	switch (c->outcome) {
	case OUTCOME_SUCCEEDED:
		JSON_RAW(j, "\"outcome\":\"success\"");
		break;
	case OUTCOME_FAILED:
		JSON_RAW(j, "\"outcome\":\"failure\"");
		break;
	default:
		JSON_RAW(j, "\"outcome\":\"unknown\"");
		break;
	}
	if (c->ret_known)
		json__s64(j, "ret", c->ret);
	else
		json__null(j, "ret");
	json__str(j, "error", c->error);
}

static void put_call(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	bool is_read = c->raw->op == PVM_READ;

	json__str(j, "phase", phase_name(c->raw->phase));
	if (is_read)
		JSON_RAW(j, "\"op\":\"read\"");
	else
		JSON_RAW(j, "\"op\":\"write\"");
	if (fit__begin(j, plan, FIT_TOP)) {
		if (is_read)
			JSON_RAW(j, "\"syscall\":\"process_vm_readv\"");
		else
			JSON_RAW(j, "\"syscall\":\"process_vm_writev\"");
		json__str(j, "abi", abi_name(c->raw->abi));
		json__bool(j, "audit", c->raw->flags & PVM_CALL_AUDIT);
		fit__end(j, plan);
	}
	put_outcome(j, c);
	if (!fit__begin(j, plan, FIT_TOP))
		return;
	put_known(j, "duration_ns", c->duration_known, c->duration_ns);
	put_known(j, "bytes_requested", c->requested_known, c->requested);
	put_known(j, "bytes_transferred", c->transferred_known, c->transferred);
	json_tristate(j, "partial", c->partial);
	common__flags(j, c->flags);
	fit__end(j, plan);
}

void json_caller(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	json__open_obj(j, "caller");
	json_task(j, plan, &c->caller, false);
	json__close_obj(j);
}

static void put_target_how(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	if (!c->target.task)
		JSON_RAW(j, "\"resolved_at\":null,\"moved\":null,\"confirmed\":null,"
			    "\"memory_of\":null");
	else if (c->raw->resolved == PVM_RESOLVED_EXIT)
		JSON_RAW(j, "\"resolved_at\":\"exit\"");
	else
		JSON_RAW(j, "\"resolved_at\":\"entry\"");
	if (!c->target.task)
		return;
	json_tristate(j, "moved", common__moved(c->raw));
	json_tristate(j, "confirmed", c->raw->flags & PVM_CALL_TARGET_CONFIRMED ? YES : UNKNOWN);
	json_owner(j, plan, &c->owner);
}

static void put_no_task(struct json *j)
{
	JSON_RAW(j, "\"pid\":null,\"tid\":null,\"ppid\":null,\"pid_ns\":null,"
		    "\"comm\":null,\"pcomm\":null,\"exe\":null,\"exe_dev\":null,"
		    "\"exe_ino\":null,\"exe_deleted\":null,\"exe_subvol\":null,"
		    "\"exe_gen\":null,\"exe_size\":null,\"exe_ctime\":null,\"args\":null,"
		    "\"args_cut\":null,\"uid\":null,\"gid\":null,\"euid\":null,"
		    "\"egid\":null,\"suid\":null,\"sgid\":null,"
		    "\"loginuid\":null,\"sessionid\":null,\"caps_effective\":null,"
		    "\"start\":null,\"entity_id\":null,\"cgroup\":null,"
		    "\"cgroup_id\":null,\"container_id\":null,\"containers\":null,\"ns\":null");
}

void json_target(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	bool resolved = c->target.task;

	json__open_obj(j, "target");
	json__s64(j, "arg", c->target_arg);
	if (c->raw->kind == PVM_KIND_PIDFD)
		JSON_RAW(j, "\"kind\":\"pidfd\"");
	else
		JSON_RAW(j, "\"kind\":\"pid\"");
	json__bool(j, "resolved", resolved);
	if (fit__begin(j, plan, FIT_TARGET)) {
		put_target_how(j, plan, c);
		if (!resolved)
			put_no_task(j);
		fit__end(j, plan);
	}
	if (resolved)
		json_task(j, plan, &c->target, true);
	json__close_obj(j);
}

void json_relation(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	if (!fit__begin(j, plan, FIT_RELATION)) {
		json__null(j, "relation");
		return;
	}
	json__open_obj(j, "relation");
	json__str(j, "kinship", c->target.task ? common__kinship(c->raw->kinship) : NULL);
	json_tristate(j, "same_uid", c->same_uid);
	json_tristate(j, "same_user", c->same_user);
	json_tristate(j, "same_container", c->same_container);
	json_tristate(j, "same_pid_ns", c->same_pid_ns);
	json_tristate(j, "same_mnt_ns", c->same_mnt_ns);
	json_tristate(j, "same_memory", c->same_memory);
	json__close_obj(j);
	fit__end(j, plan);
}

static void put_gaps(struct json *j, const struct array_info *a)
{
	if (!a->gap_cnt) {
		JSON_RAW(j, "\"unread\":[]");
		return;
	}
	json__open_arr(j, "unread");
	for (uint32_t i = 0; i < a->gap_cnt; i++) {
		json__open_arr(j, NULL);
		json__u64(j, NULL, a->gaps[i].first);
		json__u64(j, NULL, a->gaps[i].cnt);
		json__close_arr(j);
	}
	json__close_arr(j);
}

static void put_origin(struct json *j, const struct array_info *a)
{
	if (a->user)
		JSON_RAW(j, "\"origin\":\"user\",\"toctou\":true");
	else
		JSON_RAW(j, "\"origin\":null,\"toctou\":null");
	json_tristate(j, "changed", a->changed);
}

/* Around keys that a remote array can do without. The local one is a part as a whole. */
static bool side_begin(const struct json *j, struct fit_plan *plan, bool remote)
{
	return !remote || fit__begin(j, plan, FIT_REMOTE);
}

static void side_end(const struct json *j, struct fit_plan *plan, bool remote)
{
	if (remote)
		fit__end(j, plan);
}

static void put_side(struct json *j, struct fit_plan *plan, const struct array_info *a, bool remote)
{
	if (side_begin(j, plan, remote)) {
		json__hex(j, "addr", a->addr);
		side_end(j, plan, remote);
	}
	json__u64(j, "count", a->count);
	json__u64(j, "captured", a->captured);
	if (side_begin(j, plan, remote)) {
		put_gaps(j, a);
		side_end(j, plan, remote);
	}
	json__str(j, "status", common__status(a->status));
	if (side_begin(j, plan, remote)) {
		put_origin(j, a);
		side_end(j, plan, remote);
	}
	json__u64(j, "total_len", a->total_len);
	fit__put_elements(j, "iov", a->iov, plan->iov[remote]);
	if (!side_begin(j, plan, remote))
		return;
	if (a->iov_exit)
		fit__put_elements(j, "iov_exit", a->iov_exit, plan->exit[remote]);
	else
		json__null(j, "iov_exit");
	side_end(j, plan, remote);
}

/* What the kernel's own work says of the remote array. */
static void put_confirmed(struct json *j, const struct call_info *c)
{
	json__str(j, "confirmed", c->confirmed == YES ? "pages" : NULL);
	if (c->pins && c->pins->pages)
		common__pinned(j, c->pins);
	else
		json__null(j, "pinned");
}

static void put_sides(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	if (fit__begin(j, plan, FIT_LOCAL)) {
		json__open_obj(j, "local");
		put_side(j, plan, &c->local, false);
		json__close_obj(j);
		fit__end(j, plan);
	} else {
		json__null(j, "local");
	}
	json__open_obj(j, "remote");
	put_side(j, plan, &c->remote, true);
	if (fit__begin(j, plan, FIT_REMOTE)) {
		put_confirmed(j, c);
		fit__end(j, plan);
	}
	json__close_obj(j);
}

void json_calls_end(struct json *j, struct fit_plan *plan, const struct record *r)
{
	fit__put_truncated(j, plan);
	if (fit__begin(j, plan, FIT_HOST)) {
		json_host(j, r->host);
		fit__end(j, plan);
	} else {
		json__null(j, "host");
	}
	json__close_obj(j);
}

static void put_line(struct json *j, struct fit_plan *plan, const struct record *r)
{
	const struct call_info *c = &r->call;

	json_head(j, r, "process_vm_access");
	put_call(j, plan, c);
	json_caller(j, plan, c);
	json_target(j, plan, c);
	json_relation(j, plan, c);
	put_sides(j, plan, c);
	json_calls_end(j, plan, r);
}

int json_call(const struct record *r, const struct render_opts *o, struct json *j)
{
	return fit__call(j, r, o, &json_format, put_line);
}
