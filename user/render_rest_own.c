/* SPDX-License-Identifier: Apache-2.0 */
/* render_rest_own - of the records that the tracer tells about itself. */
#include <errno.h>
#include <string.h>

#include "options.h"
#include "render_rest.h"

/* Shippers know a file by its first record, and Filebeat takes no file that is shorter. */
#define FIRST_MIN 1024

#define TYPE(type) (1u << (type))
#define WITH_COUNTERS (TYPE(REC_STATS) | TYPE(REC_LOST) | TYPE(REC_STOP))

/* What is cut, and the records that have it. Without a name: the format's. */
static const struct {
	const char *name;
	unsigned int types;
} cuts[REST_CUT_CNT] = {
	[REST_CUT_NOTES] = { "notes", TYPE(REC_START) },
	[REST_CUT_UNSEEN] = { "unseen", TYPE(REC_START) },
	[REST_CUT_FILTERS] = { "filters", TYPE(REC_START) },
	[REST_CUT_ABI_NOTES] = { "abis.note", TYPE(REC_START) },
	[REST_CUT_COUNTER_NAMES] = { "counter_names", TYPE(REC_START) },
	[REST_CUT_LIMITS] = { "limits", TYPE(REC_START) },
	[REST_CUT_HOST] = { NULL, ~0u },
	[REST_CUT_ZEROES] = { "counters.*", WITH_COUNTERS },
	[REST_CUT_COUNTERS] = { "counters", WITH_COUNTERS },
	[REST_CUT_MESSAGE] = { NULL, TYPE(REC_ERROR) },
	[REST_CUT_ABIS] = { "abis", TYPE(REC_START) },
	[REST_CUT_KERNEL] = { "kernel_version", TYPE(REC_START) },
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

static void put_texts(struct json *j, const char *key, const char *const *texts, size_t cnt)
{
	json__open_arr(j, key);
	for (size_t i = 0; i < cnt; i++)
		json__bytes(j, NULL, texts[i], strlen(texts[i]));
	json__close_arr(j);
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

/* As it was given: an excluding value with its mark. */
static void put_value(struct json *j, const struct filter_value *v)
{
	size_t len = strlen(v->text);
	bool replaced = false;
	char *p = json__begin(j, NULL, 6 * len + sizeof("\"!\""));

	if (!p)
		return;
	*p++ = '"';
	if (v->exclude)
		*p++ = '!';
	p = json__put_bytes(p, v->text, len, &replaced);
	*p++ = '"';
	json__end(j, p, true);
}

static void put_side_filters(struct json *j, const char *key, const struct filter_list *lists)
{
	static const char *const fields[FILTER_FIELD_CNT] = {
		[FILTER_PID] = "pid",	    [FILTER_COMM] = "comm",	      [FILTER_UID] = "uid",
		[FILTER_CGROUP] = "cgroup", [FILTER_CONTAINER] = "container",
	};

	json__open_obj(j, key);
	for (unsigned int i = 0; i < FILTER_FIELD_CNT; i++) {
		json__open_arr(j, fields[i]);
		for (size_t n = 0; n < lists[i].cnt; n++)
			put_value(j, &lists[i].values[n]);
		json__close_arr(j);
	}
	json__close_obj(j);
}

static void put_filters(struct json *j, const struct options *o)
{
	json__open_obj(j, "filters");
	put_side_filters(j, "caller", o->filter[PVM_CALLER]);
	put_side_filters(j, "target", o->filter[PVM_TARGET]);
	json__open_arr(j, "op");
	if (o->ops & 1u << PVM_READ)
		json__str(j, NULL, "read");
	if (o->ops & 1u << PVM_WRITE)
		json__str(j, NULL, "write");
	json__close_arr(j);
	if (o->outcome != OUTCOME_ANY)
		json__str(j, "outcome", o->outcome == OUTCOME_SUCCESS ? "success" : "failure");
	json__u64(j, "min_bytes", o->min_bytes);
	json__bool(j, "no_self", o->no_self);
	json__close_obj(j);
}

static void put_limits(struct json *j, const struct options *o)
{
	json__open_obj(j, "limits");
	json__u64(j, "iov_limit", o->iov_limit < PVM_IOV_MAX ? o->iov_limit : PVM_IOV_MAX);
	json__u64(j, "max_line", o->max_line);
	json__u64(j, "stats_interval_s", o->stats_interval_s);
	json__u64(j, "in_flight_after_ms", o->in_flight_after_ms);
	if (o->aggregate_s)
		json__u64(j, "aggregate_s", o->aggregate_s);
	if (o->duration_s)
		json__u64(j, "duration_s", o->duration_s);
	if (o->count)
		json__u64(j, "count", o->count);
	json__u64(j, "ring_bytes", o->ring_bytes);
	json__u64(j, "array_ring_bytes", o->array_ring_bytes);
	json__close_obj(j);
}

static void put_pad(struct json *j, size_t pad)
{
	char *p = json__begin(j, "pad", pad + 2);

	if (!p)
		return;
	*p = '"';
	memset(p + 1, ' ', pad);
	p[pad + 1] = '"';
	json__end(j, p + pad + 2, true);
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
	if (rest__shows(plan, REST_CUT_ABIS))
		put_abis(j, s, plan);
	if (rest__shows(plan, REST_CUT_UNSEEN))
		put_texts(j, "unseen", s->unseen, s->unseen_cnt);
	if (rest__shows(plan, REST_CUT_NOTES))
		put_texts(j, "notes", s->notes, s->note_cnt);
	if (s->options && rest__shows(plan, REST_CUT_FILTERS))
		put_filters(j, s->options);
	if (s->options && rest__shows(plan, REST_CUT_LIMITS))
		put_limits(j, s->options);
	if (rest__shows(plan, REST_CUT_COUNTER_NAMES)) {
		json__open_arr(j, "counter_names");
		for (size_t i = 0; i < s->counter_cnt; i++)
			json__str(j, NULL, s->counters[i].name);
		json__close_arr(j);
	}
	json__u64(j, "pid", s->pid);
	put_text(j, "user", s->user);
	put_pad(j, plan->pad);
}

static void put_counters(struct json *j, const struct rest_plan *plan,
			 const struct counter *counters, size_t cnt)
{
	if (!rest__shows(plan, REST_CUT_COUNTERS))
		return;
	json__open_obj(j, "counters");
	for (size_t i = 0; i < cnt; i++) {
		if (counters[i].value || rest__shows(plan, REST_CUT_ZEROES))
			json__u64(j, counters[i].name, counters[i].value);
	}
	json__close_obj(j);
}

static void put_stats(struct json *j, const struct rest_plan *plan, const struct stats_info *s)
{
	put_counters(j, plan, s->counters, s->counter_cnt);
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
		if (cuts[cut].name)
			put_name(j, names->prefix, cuts[cut].name);
		else
			put_name(j, "", cut == REST_CUT_HOST ? names->host : names->message);
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
		put_text(j, "instance", r->instance);
		put_pad(j, plan->pad);
		break;
	case REC_STATS:
		put_stats(j, plan, &r->stats);
		break;
	case REC_LOST:
		json__u64(j, "count", r->lost.count);
		put_counters(j, plan, r->lost.by, r->lost.by_cnt);
		rest__time(j, "since", r->lost.since_ns);
		rest__time(j, "until", r->lost.until_ns);
		break;
	case REC_ERROR:
		if (r->error.since_ns)
			rest__time(j, "since", r->error.since_ns);
		break;
	case REC_STOP:
		json__str(j, "reason", r->stop.reason);
		put_text(j, "signal", r->stop.signal);
		put_stats(j, plan, &r->stop.stats);
		json__bool(j, "balanced", r->stop.balanced);
		json__bool(j, "complete", r->stop.complete);
		break;
	default:
		break;
	}
	put_truncated(j, plan, r->type, names);
}

int rest__own_line(struct json *j, const struct record *r, const struct render_opts *o,
		   void (*put)(struct json *j, const struct rest_plan *plan,
			       const struct record *r))
{
	bool first = r->type == REC_START || r->type == REC_REOPEN;
	struct rest_plan plan = {};

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
	if (!first || j->len >= FIRST_MIN)
		return 0;
	plan.pad = FIRST_MIN - j->len;
	json__reset(j);
	put(j, &plan, r);
	json__end_line(j);
	return j->failed ? -ENOMEM : 0;
}
