/* SPDX-License-Identifier: Apache-2.0 */
/* json_state - stats, lost, error and stop: what the tracer says about itself while it
 * runs. */
#include <errno.h>
#include <string.h>

#include "render/common.h"
#include "render/json.h"

/* How much is left out of a line that is too long, each step with those before it. The last always
 * fits into the shortest line there is. */
enum cut {
	CUT_NOTHING,
	CUT_HOST,     /* host: null */
	CUT_ZEROES,   /* counters that stand at 0 */
	CUT_COUNTERS, /* all of them, and an error's message */
	CUT_CNT,
};

static void put_counters(struct json *j, const char *key, const struct counter *counters,
			 size_t cnt, enum cut cut)
{
	json__open_obj(j, key);
	for (size_t i = 0; i < cnt && cut < CUT_COUNTERS; i++) {
		if (cut < CUT_ZEROES || counters[i].value)
			json__u64(j, counters[i].name, counters[i].value);
	}
	json__close_obj(j);
}

static void put_end(struct json *j, struct render_cache *cache, const struct record *r,
		    const char *cut_name, enum cut cut)
{
	json__open_arr(j, "truncated");
	if (cut >= CUT_HOST)
		json__str(j, NULL, "host");
	if (cut_name && cut >= (r->type == REC_ERROR ? CUT_COUNTERS : CUT_ZEROES))
		json__str(j, NULL, cut_name);
	json__close_arr(j);
	if (cut < CUT_HOST)
		json_host(j, cache, r->host);
	else
		json__null(j, "host");
	json__close_obj(j);
	json__end_line(j);
}

static void put_stats(struct json *j, struct render_cache *cache, const struct record *r,
		      enum cut cut)
{
	const struct stats_info *s = &r->stats;

	json_head(j, cache, r, "stats");
	put_counters(j, "counters", s->counters, s->counter_cnt, cut);
	json__u64(j, "in_flight", s->in_flight);
	put_end(j, cache, r, "counters", cut);
}

static void put_lost(struct json *j, struct render_cache *cache, const struct record *r,
		     enum cut cut)
{
	const struct lost_info *l = &r->lost;

	json_head(j, cache, r, "lost");
	json__u64(j, "count", l->count);
	put_counters(j, "by", l->by, l->by_cnt, cut);
	common__time(j, cache, "since", l->since_ns);
	common__time(j, cache, "until", l->until_ns);
	put_end(j, cache, r, "by", cut);
}

/* 0: null. */
static void put_moment(struct json *j, struct render_cache *cache, const char *key,
		       uint64_t real_ns)
{
	if (real_ns)
		common__time(j, cache, key, real_ns);
	else
		json__null(j, key);
}

static void put_error(struct json *j, struct render_cache *cache, const struct record *r,
		      enum cut cut)
{
	const struct error_info *e = &r->error;
	const char *message = cut < CUT_COUNTERS ? e->message : NULL;

	json_head(j, cache, r, "error");
	json__str(j, "code", e->code);
	json__bytes(j, "message", message, message ? strlen(message) : 0);
	put_moment(j, cache, "since", e->since_ns);
	put_moment(j, cache, "until", e->until_ns);
	put_end(j, cache, r, "message", cut);
}

static void put_stop(struct json *j, struct render_cache *cache, const struct record *r,
		     enum cut cut)
{
	const struct stop_info *s = &r->stop;

	json_head(j, cache, r, "stop");
	json__str(j, "reason", s->reason);
	json__str(j, "signal", s->signal);
	put_counters(j, "counters", s->stats.counters, s->stats.counter_cnt, cut);
	json__u64(j, "in_flight", s->stats.in_flight);
	json__bool(j, "balanced", s->balanced);
	json__bool(j, "complete", s->complete);
	common__texts(j, "incomplete", s->incomplete, s->incomplete_cnt);
	put_end(j, cache, r, "counters", cut);
}

int json_state(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	       struct json *j)
{
	for (enum cut cut = CUT_NOTHING; cut < CUT_CNT; cut++) {
		json__reset(j);
		switch (r->type) {
		case REC_STATS:
			put_stats(j, cache, r, cut);
			break;
		case REC_LOST:
			put_lost(j, cache, r, cut);
			break;
		case REC_ERROR:
			put_error(j, cache, r, cut);
			break;
		default:
			put_stop(j, cache, r, cut);
			break;
		}
		if (j->failed || j->len <= o->max_line)
			break;
	}
	return j->failed ? -ENOMEM : 0;
}
