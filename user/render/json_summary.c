/* SPDX-License-Identifier: Apache-2.0 */
/* json_summary - process_vm_summary: calls told together. Who and whom are as in a call, whose parts it shares; how
 * many and how much is never cut. */
#include "event/names.h"
#include "render/common.h"
#include "render/json.h"

static void put_sums(struct json *j, struct render_cache *cache, const struct summary_info *s)
{
	json__word(j, "op", op_name(s->call.raw->op));
	json__word(j, "outcome", outcome_name(s->call.outcome));
	json__u64(j, "calls", s->calls);
	if (s->sums_known)
		json__u64(j, "bytes_transferred", s->bytes);
	else
		json__null(j, "bytes_transferred");
	common__time(j, cache, "first", s->first_ns);
	common__time(j, cache, "last", s->last_ns);
	if (s->sums_known)
		json__u64(j, "duration_ns", s->duration_ns);
	else
		json__null(j, "duration_ns");
}

static void put_kinds(struct json *j, struct fit_plan *plan, const struct summary_info *s)
{
	if (!fit__begin(j, plan, FIT_TOP))
		return;
	common__errors(j, s);
	common__abis(j, s);
	json_tristate(j, "changed", s->changed);
	common__range(j, s, true);
	fit__end(j, plan);
}

static void put_line(struct json *j, struct fit_plan *plan, const struct record *r)
{
	const struct summary_info *s = &r->summary;

	json_head(j, plan->cache, r);
	json__word(j, "reason", reason_name(s->reason));
	json_target(j, plan, &s->call);
	json_caller(j, plan, &s->call);
	json_relation(j, plan, &s->call);
	json_rule(j, plan, &s->call);
	put_sums(j, plan->cache, s);
	put_kinds(j, plan, s);
	json_calls_end(j, plan, r);
}

int json_summary(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		 struct json *j)
{
	return fit__call(j, cache, r, o, &json_format, put_line);
}
