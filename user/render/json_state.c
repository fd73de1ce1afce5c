/* SPDX-License-Identifier: Apache-2.0 */
/* json_state - stats, lost, error, tamper and stop: what the tracer says about itself while it
 * runs. */
#include <string.h>

#include "event/names.h"
#include "render/common.h"
#include "render/filters.h"
#include "render/json.h"
#include "render/opened.h"

static void put_counters(struct json *j, const struct own_plan *plan, const char *key,
			 const struct counter *counters, size_t cnt)
{
	common__counters(j, key, counters, own__shows(plan, OWN_COUNTERS) ? cnt : 0,
			 own__shows(plan, OWN_ZEROES));
}

static void put_stats(struct json *j, const struct own_plan *plan, const struct stats_info *s)
{
	put_counters(j, plan, "counters", s->counters, s->counter_cnt);
	json__u64(j, "in_flight", s->in_flight);
	if (own__shows(plan, OWN_RULES))
		filters__fates(j, s, true);
	else
		json__empty_arr(j, "rules");
}

static void put_lost(struct json *j, const struct own_plan *plan, const struct lost_info *l)
{
	json__u64(j, "count", l->count);
	put_counters(j, plan, "by", l->by, l->by_cnt);
	common__time(j, plan->cache, "since", l->since_ns);
	common__time(j, plan->cache, "until", l->until_ns);
}

/* Puts a moment; 0 is null. */
static void put_moment(struct json *j, struct render_cache *cache, const char *key,
		       uint64_t real_ns)
{
	if (real_ns)
		common__time(j, cache, key, real_ns);
	else
		json__null(j, key);
}

static void put_error(struct json *j, const struct own_plan *plan, const struct error_info *e)
{
	const char *message = own__shows(plan, OWN_MESSAGE) ? e->message : NULL;

	json__str(j, "code", error_word(e));
	json__bytes(j, "message", message, message ? strlen(message) : 0);
	put_moment(j, plan->cache, "since", e->since_ns);
	put_moment(j, plan->cache, "until", e->until_ns);
}

static void put_stop(struct json *j, const struct own_plan *plan, const struct stop_info *s)
{
	json__str(j, "reason", end_word(s));
	json__str(j, "signal", s->signal);
	put_stats(j, plan, &s->stats);
	json__bool(j, "balanced", s->balanced);
	json__bool(j, "complete", s->complete);
	common__doubts(j, "incomplete", s->incomplete, s->incomplete_cnt);
}

static void put_line(struct json *j, const struct own_plan *plan, const struct record *r)
{
	json_head(j, plan->cache, r);
	switch (r->type) {
	case REC_STATS:
		put_stats(j, plan, &r->stats);
		break;
	case REC_LOST:
		put_lost(j, plan, &r->lost);
		break;
	case REC_ERROR:
		put_error(j, plan, &r->error);
		break;
	case REC_TAMPER:
		opened__put(j, plan, &r->tamper, true, true);
		break;
	default:
		put_stop(j, plan, &r->stop);
		break;
	}
	json_own_end(j, plan, r);
}

int json_state(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	       struct json *j)
{
	return own__line(j, cache, r, o, put_line);
}
