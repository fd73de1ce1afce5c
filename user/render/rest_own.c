/* SPDX-License-Identifier: Apache-2.0 */
/* rest_own - of the records that the tracer tells about itself. */
#include <errno.h>
#include <string.h>

#include "render/common.h"
#include "render/rest.h"

#define TYPE(type) (1u << (type))
#define WITH_COUNTERS (TYPE(REC_STATS) | TYPE(REC_LOST) | TYPE(REC_STOP))

/* What is cut, and the records that have it. Without a name: the format's. */
static const struct {
	const char *name;
	unsigned int types;
	const char *in_lost; /* its name there, if it has another one */
} cuts[REST_CUT_CNT] = {
	[REST_CUT_NOTES] = { "notes", TYPE(REC_START) },
	[REST_CUT_UNSEEN] = { "unseen", TYPE(REC_START) },
	[REST_CUT_FILTERS] = { "filters", TYPE(REC_START) },
	[REST_CUT_ABI_NOTES] = { "abis.note", TYPE(REC_START) },
	[REST_CUT_COUNTER_NAMES] = { "counter_names", TYPE(REC_START) },
	[REST_CUT_LIMITS] = { "limits", TYPE(REC_START) },
	[REST_CUT_WITNESSES] = { "witnesses", TYPE(REC_START) },
	[REST_CUT_HOST] = { NULL, ~0u },
	[REST_CUT_ZEROES] = { "counters.*", WITH_COUNTERS, "by.*" },
	[REST_CUT_COUNTERS] = { "counters", WITH_COUNTERS, "by" },
	[REST_CUT_MESSAGE] = { NULL, TYPE(REC_ERROR) },
	[REST_CUT_ABIS] = { "abis", TYPE(REC_START) },
	[REST_CUT_KERNEL] = { "kernel_version", TYPE(REC_START) },
	[REST_CUT_MORE] = { NULL, ~0u },
};

const char *rest__type(enum record_type type)
{
	switch (type) {
	case REC_START:
		return "start";
	case REC_STATS:
		return "stats";
	case REC_LOST:
		return "lost";
	case REC_REOPEN:
		return "reopen";
	case REC_ERROR:
		return "error";
	case REC_STOP:
		return "stop";
	default:
		return "other";
	}
}

static void put_text(struct json *j, const char *key, const char *text)
{
	if (text && *text)
		json__bytes(j, key, text, strlen(text));
}

static void put_abis(struct json *j, const struct start_info *s, const struct rest_plan *plan)
{
	json__open_arr(j, "abis");
	for (size_t i = 0; i < s->abi_cnt; i++) {
		json__open_obj(j, NULL);
		json__str(j, "abi", s->abis[i].name);
		json__bool(j, "covered", s->abis[i].covered);
		json__bool(j, "proven", s->abis[i].proven);
		if (rest__shows(plan, REST_CUT_ABI_NOTES))
			put_text(j, "note", s->abis[i].note);
		json__close_obj(j);
	}
	json__close_arr(j);
}

static void put_start(struct json *j, const struct rest_plan *plan, const struct record *r)
{
	const struct start_info *s = &r->start;

	put_text(j, "instance", s->instance);
	json__str(j, "version", s->version);
	json__str(j, "libbpf", s->libbpf);
	put_text(j, "kernel", r->host->kernel);
	if (rest__shows(plan, REST_CUT_KERNEL))
		put_text(j, "kernel_version", r->host->kernel_version);
	put_text(j, "arch", r->host->arch);
	json__str(j, "attach", s->attach);
	json__str(j, "resolve", s->resolve);
	common__confirms(j, &s->confirms, false);
	if (rest__shows(plan, REST_CUT_WITNESSES))
		common__witnesses(j, &s->witnesses, false);
	json__bool(j, "audit", s->audit);
	if (rest__shows(plan, REST_CUT_ABIS))
		put_abis(j, s, plan);
	if (rest__shows(plan, REST_CUT_UNSEEN))
		common__texts(j, "unseen", s->unseen, s->unseen_cnt);
	if (rest__shows(plan, REST_CUT_NOTES))
		common__texts(j, "notes", s->notes, s->note_cnt);
	if (s->options && rest__shows(plan, REST_CUT_FILTERS))
		common__filters(j, s->options, false);
	if (s->options && rest__shows(plan, REST_CUT_LIMITS))
		common__limits(j, s->options, false);
	if (rest__shows(plan, REST_CUT_COUNTER_NAMES)) {
		json__open_arr(j, "counter_names");
		for (size_t i = 0; i < s->counter_cnt; i++)
			json__str(j, NULL, s->counters[i].name);
		json__close_arr(j);
	}
	json__u64(j, "pid", s->pid);
	put_text(j, "user", s->user);
	common__pad(j, plan->pad);
}

static void put_counters(struct json *j, const struct rest_plan *plan, const char *key,
			 const struct counter *counters, size_t cnt)
{
	if (!rest__shows(plan, REST_CUT_COUNTERS))
		return;
	json__open_obj(j, key);
	for (size_t i = 0; i < cnt; i++) {
		if (counters[i].value || rest__shows(plan, REST_CUT_ZEROES))
			json__u64(j, counters[i].name, counters[i].value);
	}
	json__close_obj(j);
}

static void put_stats(struct json *j, const struct rest_plan *plan, const struct stats_info *s)
{
	put_counters(j, plan, "counters", s->counters, s->counter_cnt);
	json__u64(j, "in_flight", s->in_flight);
}

static void put_name(struct json *j, const char *prefix, const char *name)
{
	size_t prefix_len = strlen(prefix), len = strlen(name);
	char *p = json__begin(j, NULL, prefix_len + len + 2);

	if (!p)
		return;
	*p++ = '"';
	memcpy(p, prefix, prefix_len);
	memcpy(p + prefix_len, name, len);
	p += prefix_len + len;
	*p++ = '"';
	json__end(j, p, true);
}

static void put_truncated(struct json *j, const struct rest_plan *plan, enum record_type type,
			  const struct rest_names *names)
{
	json__open_arr(j, "truncated");
	for (unsigned int cut = 0; cut < plan->cuts; cut++) {
		if (!(cuts[cut].types & TYPE(type)))
			continue;
		if (type == REC_LOST && cuts[cut].in_lost)
			put_name(j, names->prefix, cuts[cut].in_lost);
		else if (cuts[cut].name)
			put_name(j, names->prefix, cuts[cut].name);
		else if (cut != REST_CUT_MORE)
			put_name(j, "", cut == REST_CUT_HOST ? names->host : names->message);
		else if (names->more)
			put_name(j, "", names->more);
	}
	json__close_arr(j);
}

void rest__own(struct json *j, const struct rest_plan *plan, const struct record *r,
	       const struct rest_names *names)
{
	switch (r->type) {
	case REC_START:
		put_start(j, plan, r);
		break;
	case REC_REOPEN:
		put_text(j, "instance", r->reopen.instance);
		put_text(j, "reason", r->reopen.reason);
		common__pad(j, plan->pad);
		break;
	case REC_STATS:
		put_stats(j, plan, &r->stats);
		break;
	case REC_LOST:
		json__u64(j, "count", r->lost.count);
		put_counters(j, plan, "by", r->lost.by, r->lost.by_cnt);
		common__time(j, plan->cache, "since", r->lost.since_ns);
		common__time(j, plan->cache, "until", r->lost.until_ns);
		break;
	case REC_ERROR:
		if (r->error.since_ns)
			common__time(j, plan->cache, "since", r->error.since_ns);
		if (r->error.until_ns)
			common__time(j, plan->cache, "until", r->error.until_ns);
		break;
	case REC_STOP:
		json__str(j, "reason", r->stop.reason);
		put_text(j, "signal", r->stop.signal);
		put_stats(j, plan, &r->stop.stats);
		json__bool(j, "balanced", r->stop.balanced);
		json__bool(j, "complete", r->stop.complete);
		common__texts(j, "incomplete", r->stop.incomplete, r->stop.incomplete_cnt);
		break;
	default:
		break;
	}
	put_truncated(j, plan, r->type, names);
}

int rest__own_line(struct json *j, struct render_cache *cache, const struct record *r,
		   const struct render_opts *o,
		   void (*put)(struct json *j, const struct rest_plan *plan,
			       const struct record *r))
{
	bool first = r->type == REC_START || r->type == REC_REOPEN;
	struct rest_plan plan = { .cache = cache };

	for (;;) {
		json__reset(j);
		put(j, &plan, r);
		json__end_line(j);
		if (j->failed)
			return -ENOMEM;
		if (j->len <= o->max_line || plan.cuts == REST_CUT_CNT)
			break;
		do
			plan.cuts++;
		while (plan.cuts < REST_CUT_CNT && !(cuts[plan.cuts - 1].types & TYPE(r->type)));
	}
	if (!first || j->len >= FIRST_LINE_MIN)
		return 0;
	plan.pad = FIRST_LINE_MIN - j->len;
	json__reset(j);
	put(j, &plan, r);
	json__end_line(j);
	return j->failed ? -ENOMEM : 0;
}
