/* SPDX-License-Identifier: Apache-2.0 */
/* json_call - process_vm_access: one attempted call. */
#include "event/decode.h"
#include "render/common.h"
#include "render/json.h"

static void put_known(struct json *j, const char *key, bool known, uint64_t value)
{
	if (known)
		json__u64(j, key, value);
	else
		json__null(j, key);
}

static void put_outcome(struct json *j, const struct call_info *c)
{
	json__word(j, "outcome", outcome_name(c->outcome));
	if (c->ret_known)
		json__s64(j, "ret", c->ret);
	else
		json__null(j, "ret");
	json__str(j, "error", c->error);
}

static void put_call(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	json__word(j, "phase", phase_name(c->raw->phase));
	json__word(j, "op", op_name(c->raw->op));
	if (fit__begin(j, plan, FIT_TOP)) {
		json__word(j, "syscall", syscall_name(c->raw->op));
		json__word(j, "abi", abi_name(c->raw->abi));
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

static void put_gaps(struct json *j, const struct list_info *a)
{
	if (!a->gap_cnt) {
		json__empty_arr(j, "unread");
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

static void put_origin(struct json *j, const struct list_info *a)
{
	if (a->user) {
		json__word(j, "origin", "user");
		json__bool(j, "toctou", true);
	} else {
		json__null(j, "origin");
		json__null(j, "toctou");
	}
	json_tristate(j, "changed", a->changed);
}

/* Stands around keys that a remote list can do without. The local one is a part as a whole. */
static bool side_begin(const struct json *j, struct fit_plan *plan, bool remote)
{
	return !remote || fit__begin(j, plan, FIT_REMOTE);
}

static void side_end(const struct json *j, struct fit_plan *plan, bool remote)
{
	if (remote)
		fit__end(j, plan);
}

/* Puts a side. remote: a constant. */
static inline __attribute__((always_inline)) void put_side(struct json *j, struct fit_plan *plan,
							   const struct list_info *a, bool remote)
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
	json__word(j, "status", common__status(a->status));
	if (side_begin(j, plan, remote)) {
		put_origin(j, a);
		side_end(j, plan, remote);
	}
	json__u64(j, "total_len", a->total_len);
	fit__put_elements(j, "iov", a->iov,
			  fit__shown(plan, remote ? FIT_REMOTE_IOV : FIT_LOCAL_IOV));
	if (!side_begin(j, plan, remote))
		return;
	if (a->iov_exit && !fit__omits(plan, remote ? FIT_REMOTE_EXIT : FIT_LOCAL_EXIT))
		fit__put_elements(j, "iov_exit", a->iov_exit,
				  fit__shown(plan, remote ? FIT_REMOTE_EXIT : FIT_LOCAL_EXIT));
	else
		json__null(j, "iov_exit");
	side_end(j, plan, remote);
}

/* Puts what the kernel's own work says of the remote list. */
static void put_confirmed(struct json *j, const struct call_info *c)
{
	json__str(j, "confirmed", c->confirmed == YES ? "pages" : NULL);
	if (c->pins && c->pins->pages)
		common__pinned(j, c->pins);
	else
		json__null(j, "pinned");
}

static void put_regions(struct json *j, const struct fit_plan *plan, const struct call_info *c)
{
	fit__put_regions(j, plan, c);
	json__str(j, "regions_confirmed", c->regions_confirmed == YES ? "pages" : NULL);
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
		put_regions(j, plan, c);
		fit__end(j, plan);
	}
	json__close_obj(j);
}

static void put_data(struct json *j, struct fit_plan *plan, const struct call_info *c)
{
	if (!plan->data)
		return;
	if (!c->data || !fit__begin(j, plan, FIT_DATA)) {
		json__null(j, "data");
		return;
	}
	common__data(j, plan, c);
	fit__end(j, plan);
}

static void put_line(struct json *j, struct fit_plan *plan, const struct record *r)
{
	const struct call_info *c = &r->call;

	json_head(j, plan->cache, r);
	put_call(j, plan, c);
	json_target(j, plan, c);
	json_caller(j, plan, c);
	json_verdict(j, plan, c);
	json_rule(j, plan, c);
	put_sides(j, plan, c);
	put_data(j, plan, c);
	json_calls_end(j, plan, r);
}

int json_call(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	      struct json *j)
{
	return fit__call(j, cache, r, o, &json_format, put_line);
}
