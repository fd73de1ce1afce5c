/* SPDX-License-Identifier: Apache-2.0 */
/* render_json_start - start and reopen: the first record of a file, which shippers know it by. It
 * is unique, and at least FIRST_MIN bytes long, because Filebeat takes no file that is shorter. */
#include <errno.h>
#include <string.h>

#include "options.h"
#include "render_json.h"

#define FIRST_MIN 1024

/* What is left out of a line that is too long, in this order. What remains then fits into FIRST_MIN
 * bytes. */
enum cut {
	CUT_NOTES,
	CUT_UNSEEN,
	CUT_FILTERS,
	CUT_ABI_NOTES,
	CUT_COUNTERS,
	CUT_LIMITS,
	CUT_HOST,
	CUT_ABIS,
	CUT_KERNEL,
	CUT_CNT,
};

static const char *const cut_names[CUT_CNT] = {
	[CUT_NOTES] = "notes",	       [CUT_UNSEEN] = "unseen",	    [CUT_FILTERS] = "filters",
	[CUT_ABI_NOTES] = "abis.note", [CUT_COUNTERS] = "counters", [CUT_LIMITS] = "limits",
	[CUT_HOST] = "host",	       [CUT_ABIS] = "abis",	    [CUT_KERNEL] = "kernel_version",
};

static void put_texts(struct json *j, const char *key, const char *const *texts, size_t cnt)
{
	json__open_arr(j, key);
	for (size_t i = 0; i < cnt; i++)
		json__bytes(j, NULL, texts[i], strlen(texts[i]));
	json__close_arr(j);
}

static void put_abis(struct json *j, const struct start_info *s, unsigned int cuts)
{
	json__open_arr(j, "abis");
	for (size_t i = 0; i < s->abi_cnt && cuts <= CUT_ABIS; i++) {
		json__open_obj(j, NULL);
		json__str(j, "abi", s->abis[i].name);
		json__bool(j, "covered", s->abis[i].covered);
		json__bool(j, "proven", s->abis[i].proven);
		json__str(j, "note", cuts <= CUT_ABI_NOTES ? s->abis[i].note : NULL);
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

static void put_filter(struct json *j, const char *key, const struct filter_list *list)
{
	json__open_arr(j, key);
	for (size_t i = 0; i < list->cnt; i++)
		put_value(j, &list->values[i]);
	json__close_arr(j);
}

static void put_side_filters(struct json *j, const char *key, const struct filter_list *lists)
{
	static const char *const fields[FILTER_FIELD_CNT] = {
		[FILTER_PID] = "pid",	    [FILTER_COMM] = "comm",	      [FILTER_UID] = "uid",
		[FILTER_CGROUP] = "cgroup", [FILTER_CONTAINER] = "container",
	};

	json__open_obj(j, key);
	for (unsigned int i = 0; i < FILTER_FIELD_CNT; i++)
		put_filter(j, fields[i], &lists[i]);
	json__close_obj(j);
}

static void put_filters(struct json *j, const struct options *o)
{
	static const char *const outcomes[] = {
		[OUTCOME_ANY] = NULL,
		[OUTCOME_SUCCESS] = "success",
		[OUTCOME_FAILURE] = "failure",
	};

	json__open_obj(j, "filters");
	put_side_filters(j, "caller", o->filter[PVM_CALLER]);
	put_side_filters(j, "target", o->filter[PVM_TARGET]);
	json__open_arr(j, "op");
	if (o->ops & 1u << PVM_READ)
		json__str(j, NULL, "read");
	if (o->ops & 1u << PVM_WRITE)
		json__str(j, NULL, "write");
	json__close_arr(j);
	json__str(j, "outcome", outcomes[o->outcome]);
	json__u64(j, "min_bytes", o->min_bytes);
	json__bool(j, "no_self", o->no_self);
	json__close_obj(j);
}

static void put_limit(struct json *j, const char *key, uint64_t value)
{
	if (value)
		json__u64(j, key, value);
	else
		json__null(j, key);
}

static void put_limits(struct json *j, const struct options *o)
{
	json__open_obj(j, "limits");
	json__u64(j, "iov_limit", o->iov_limit < PVM_IOV_MAX ? o->iov_limit : PVM_IOV_MAX);
	json__u64(j, "max_line", o->max_line);
	json__u64(j, "stats_interval_s", o->stats_interval_s);
	json__u64(j, "in_flight_after_ms", o->in_flight_after_ms);
	put_limit(j, "aggregate_s", o->aggregate_s);
	put_limit(j, "duration_s", o->duration_s);
	put_limit(j, "count", o->count);
	json__u64(j, "ring_bytes", o->ring_bytes);
	json__u64(j, "array_ring_bytes", o->array_ring_bytes);
	json__close_obj(j);
}

static void put_counter_names(struct json *j, const struct start_info *s)
{
	json__open_arr(j, "counters");
	for (size_t i = 0; i < s->counter_cnt; i++)
		json__str(j, NULL, s->counters[i].name);
	json__close_arr(j);
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

static void put_text_or_null(struct json *j, const char *key, const char *text)
{
	json__bytes(j, key, text, text ? strlen(text) : 0);
}

/* cuts: how many of enum cut are made. */
static void put_start(struct json *j, const struct record *r, unsigned int cuts, size_t pad)
{
	const struct start_info *s = &r->start;
	bool whole = cuts <= CUT_KERNEL;

	json_head(j, r, "start");
	put_text_or_null(j, "instance", s->instance);
	json__str(j, "version", s->version);
	json__str(j, "libbpf", s->libbpf);
	put_text_or_null(j, "kernel", r->host->kernel);
	put_text_or_null(j, "kernel_version", whole ? r->host->kernel_version : NULL);
	put_text_or_null(j, "arch", r->host->arch);
	json__str(j, "attach", s->attach);
	json__str(j, "resolve", s->resolve);
	put_abis(j, s, cuts);
	put_texts(j, "unseen", s->unseen, cuts > CUT_UNSEEN ? 0 : s->unseen_cnt);
	put_texts(j, "notes", s->notes, cuts > CUT_NOTES ? 0 : s->note_cnt);
	if (s->options && cuts <= CUT_FILTERS)
		put_filters(j, s->options);
	else
		json__null(j, "filters");
	if (s->options && cuts <= CUT_LIMITS)
		put_limits(j, s->options);
	else
		json__null(j, "limits");
	if (cuts <= CUT_COUNTERS)
		put_counter_names(j, s);
	else
		JSON_RAW(j, "\"counters\":[]");
	json__u64(j, "pid", s->pid);
	put_text_or_null(j, "user", s->user);
	put_pad(j, pad);
	json__open_arr(j, "truncated");
	for (unsigned int i = 0; i < cuts; i++)
		json__str(j, NULL, cut_names[i]);
	json__close_arr(j);
	if (cuts <= CUT_HOST)
		json_host(j, r->host);
	else
		json__null(j, "host");
	json__close_obj(j);
	json__end_line(j);
}

static void put_reopen(struct json *j, const struct record *r, unsigned int cuts, size_t pad)
{
	json_head(j, r, "reopen");
	put_text_or_null(j, "instance", r->instance);
	put_pad(j, pad);
	json__open_arr(j, "truncated");
	if (cuts)
		json__str(j, NULL, "host");
	json__close_arr(j);
	if (!cuts)
		json_host(j, r->host);
	else
		json__null(j, "host");
	json__close_obj(j);
	json__end_line(j);
}

/* Cuts until it fits, then pads until it is long enough. */
static int
put_first(struct json *j, const struct record *r, const struct render_opts *o, unsigned int cut_cnt,
	  void (*put)(struct json *j, const struct record *r, unsigned int cuts, size_t pad))
{
	size_t pad;

	for (unsigned int cuts = 0; cuts <= cut_cnt; cuts++) {
		json__reset(j);
		put(j, r, cuts, 0);
		if (j->failed)
			return -ENOMEM;
		if (j->len > o->max_line)
			continue;
		if (j->len >= FIRST_MIN)
			return 0;
		pad = FIRST_MIN - j->len;
		json__reset(j);
		put(j, r, cuts, pad);
		break;
	}
	return j->failed ? -ENOMEM : 0;
}

int json_start(const struct record *r, const struct render_opts *o, struct json *j)
{
	return put_first(j, r, o, CUT_CNT, put_start);
}

int json_reopen(const struct record *r, const struct render_opts *o, struct json *j)
{
	return put_first(j, r, o, 1, put_reopen);
}
