/* SPDX-License-Identifier: Apache-2.0 */
/* render_json_summary - process_vm_summary: calls told together. Who and whom as in a call, whose parts it shares; the
 * sums are never cut. */
#include <errno.h>

#include "render_json.h"

static void put_sums(struct json *j, const struct summary_info *s)
{
	static const char *const outcomes[] = {
		[OUTCOME_SUCCEEDED] = "success",
		[OUTCOME_FAILED] = "failure",
		[OUTCOME_UNKNOWN] = "unknown",
	};

	json__str(j, "op", s->call.raw->op == PVM_READ ? "read" : "write");
	json__str(j, "outcome", outcomes[s->call.outcome]);
	json__u64(j, "calls", s->calls);
	if (s->sums_known)
		json__u64(j, "bytes_transferred", s->bytes);
	else
		json__null(j, "bytes_transferred");
	json_time(j, "first", s->first_ns);
	json_time(j, "last", s->last_ns);
	if (s->sums_known)
		json__u64(j, "duration_ns", s->duration_ns);
	else
		json__null(j, "duration_ns");
}

static void put_line(struct json *j, struct json_plan *plan, const struct record *r)
{
	const struct summary_info *s = &r->summary;

	json__reset(j);
	json_head(j, r, "process_vm_summary");
	json__str(j, "reason", s->reason);
	json_caller(j, plan, &s->call);
	json_target(j, plan, &s->call);
	put_sums(j, s);
	json__open_arr(j, "truncated");
	json_plan__names(plan, j);
	json__close_arr(j);
	if (json_part__begin(j, plan, JP_HOST)) {
		json_host(j, r->host);
		json_part__end(j, plan, JP_HOST);
	} else {
		json__null(j, "host");
	}
	json__close_obj(j);
	json__end_line(j);
}

int json_summary(const struct record *r, const struct render_opts *o, struct json *j)
{
	const struct call_info *c = &r->summary.call;
	struct json_plan plan;

	json_plan__whole(&plan, c, o);
	put_line(j, &plan, r);
	if (j->len > o->max_line && !j->failed) {
		json_plan__bare(&plan, c, o);
		put_line(j, &plan, r);
		json_plan__fit(&plan, c, o, j, j->len);
		put_line(j, &plan, r);
	}
	return j->failed ? -ENOMEM : 0;
}
