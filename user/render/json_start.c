/* SPDX-License-Identifier: Apache-2.0 */
/* json_start - start and reopen: the first record of a file. It is unique, and at least
 * FIRST_LINE_MIN bytes long. */
#include <errno.h>
#include <string.h>

#include "render/common.h"
#include "render/json.h"

/* What is left out of a line that is too long, in this order. What remains then fits into 1,024
 * bytes. */
enum cut {
	CUT_NOTES,
	CUT_UNSEEN,
	CUT_FILTERS,
	CUT_ABI_NOTES,
	CUT_COUNTERS,
	CUT_LIMITS,
	CUT_WITNESSES,
	CUT_HOST,
	CUT_ABIS,
	CUT_KERNEL,
	CUT_CNT,
};

static const char *const cut_names[CUT_CNT] = {
	[CUT_NOTES] = "notes",
	[CUT_UNSEEN] = "unseen",
	[CUT_FILTERS] = "filters",
	[CUT_ABI_NOTES] = "abis.note",
	[CUT_COUNTERS] = "counter_names",
	[CUT_LIMITS] = "limits",
	[CUT_WITNESSES] = "witnesses",
	[CUT_HOST] = "host",
	[CUT_ABIS] = "abis",
	[CUT_KERNEL] = "kernel_version",
};

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

static void put_counter_names(struct json *j, const struct start_info *s)
{
	json__open_arr(j, "counter_names");
	for (size_t i = 0; i < s->counter_cnt; i++)
		json__str(j, NULL, s->counters[i].name);
	json__close_arr(j);
}

static void put_text_or_null(struct json *j, const char *key, const char *text)
{
	json__bytes(j, key, text, text ? strlen(text) : 0);
}

/* cuts: how many of enum cut are made. */
static void put_start(struct json *j, struct render_cache *cache, const struct record *r,
		      unsigned int cuts, size_t pad)
{
	const struct start_info *s = &r->start;
	bool whole = cuts <= CUT_KERNEL;

	json_head(j, cache, r, "start");
	put_text_or_null(j, "instance", s->instance);
	json__str(j, "version", s->version);
	json__str(j, "libbpf", s->libbpf);
	put_text_or_null(j, "kernel", r->host->kernel);
	put_text_or_null(j, "kernel_version", whole ? r->host->kernel_version : NULL);
	put_text_or_null(j, "arch", r->host->arch);
	json__str(j, "attach", s->attach);
	json__str(j, "resolve", s->resolve);
	common__confirms(j, &s->confirms, true);
	if (cuts <= CUT_WITNESSES)
		common__witnesses(j, &s->witnesses, true);
	else
		json__null(j, "witnesses");
	json__bool(j, "audit", s->audit);
	put_abis(j, s, cuts);
	common__texts(j, "unseen", s->unseen, cuts > CUT_UNSEEN ? 0 : s->unseen_cnt);
	common__texts(j, "notes", s->notes, cuts > CUT_NOTES ? 0 : s->note_cnt);
	if (s->options && cuts <= CUT_FILTERS)
		common__filters(j, s->options, true);
	else
		json__null(j, "filters");
	if (s->options && cuts <= CUT_LIMITS)
		common__limits(j, s->options, true);
	else
		json__null(j, "limits");
	if (cuts <= CUT_COUNTERS)
		put_counter_names(j, s);
	else
		JSON_RAW(j, "\"counter_names\":[]");
	json__u64(j, "pid", s->pid);
	put_text_or_null(j, "user", s->user);
	common__pad(j, pad);
	json__open_arr(j, "truncated");
	for (unsigned int i = 0; i < cuts; i++)
		json__str(j, NULL, cut_names[i]);
	json__close_arr(j);
	if (cuts <= CUT_HOST)
		json_host(j, cache, r->host);
	else
		json__null(j, "host");
	json__close_obj(j);
	json__end_line(j);
}

static void put_reopen(struct json *j, struct render_cache *cache, const struct record *r,
		       unsigned int cuts, size_t pad)
{
	json_head(j, cache, r, "reopen");
	put_text_or_null(j, "instance", r->reopen.instance);
	json__str(j, "reason", r->reopen.reason);
	common__pad(j, pad);
	json__open_arr(j, "truncated");
	if (cuts)
		json__str(j, NULL, "host");
	json__close_arr(j);
	if (!cuts)
		json_host(j, cache, r->host);
	else
		json__null(j, "host");
	json__close_obj(j);
	json__end_line(j);
}

/* Cuts until it fits, then pads until it is long enough. */
static int put_first(struct json *j, struct render_cache *cache, const struct record *r,
		     const struct render_opts *o, unsigned int cut_cnt,
		     void (*put)(struct json *j, struct render_cache *cache, const struct record *r,
				 unsigned int cuts, size_t pad))
{
	size_t pad;

	for (unsigned int cuts = 0; cuts <= cut_cnt; cuts++) {
		json__reset(j);
		put(j, cache, r, cuts, 0);
		if (j->failed)
			return -ENOMEM;
		if (j->len > o->max_line)
			continue;
		if (j->len >= FIRST_LINE_MIN)
			return 0;
		pad = FIRST_LINE_MIN - j->len;
		json__reset(j);
		put(j, cache, r, cuts, pad);
		break;
	}
	return j->failed ? -ENOMEM : 0;
}

int json_start(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	       struct json *j)
{
	return put_first(j, cache, r, o, CUT_CNT, put_start);
}

int json_reopen(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		struct json *j)
{
	return put_first(j, cache, r, o, 1, put_reopen);
}
