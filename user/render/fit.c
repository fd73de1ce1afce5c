/* SPDX-License-Identifier: Apache-2.0 */
#include "render/fit.h"

#include <errno.h>
#include <string.h>

#include "base/digits.h"
#include "event/path.h"
#include "render/regions.h"

#define ELEM_MIN (sizeof("{\"base\":\"0x0\",\"len\":0},") - 1)
#define NO_PARENT FIT_CNT
#define CUT_LEAST 16 /* bytes of a path: fewer say nothing */

/* Gives what was written since the last call to the innermost part. */
static void account(const struct json *j, struct fit_plan *plan)
{
	unsigned int part = plan->depth ? plan->open[plan->depth - 1] : FIT_CNT;

	plan->bytes[part] += (uint32_t)(j->len - plan->mark);
	plan->mark = j->len;
}

bool fit__begin_measured(const struct json *j, struct fit_plan *plan, enum fit_part part)
{
	if (!(plan->given & FIT_BIT(part)))
		return false;
	plan->present |= FIT_BIT(part);
	account(j, plan);
	plan->open[plan->depth++] = (uint8_t)part;
	return true;
}

void fit__end_measured(const struct json *j, struct fit_plan *plan)
{
	account(j, plan);
	plan->depth--;
}

static uint32_t elem_sz(const struct iov_elem *e)
{
	uint64_t len = e->len < JSON_MAX_INT ? e->len : JSON_MAX_INT;

	return sizeof("{\"base\":\"0x\",\"len\":}") - 1 + hex_digits(e->base) + dec_digits(len);
}

const char *fit__next_arg(const char **args, size_t *len, size_t *arg_len)
{
	const char *arg = *args, *end;

	if (!*len)
		return NULL;
	end = memchr(arg, '\0', *len);
	*arg_len = end ? (size_t)(end - arg) : *len;
	*args += *arg_len + (end != NULL);
	*len -= *arg_len + (end != NULL);
	return arg;
}

/* This is a string as a process chose it, up to its first NUL. */
struct bytes {
	const char *at;
	size_t len;
};

static const struct fit_form *form_of(const struct fit_plan *plan, unsigned int part)
{
	return &fit_rows[part].in[plan->format->id];
}

static struct bytes text_of(const struct call_info *c, unsigned int part)
{
	const struct fit_source *source = &fit_rows[part].source;
	const char *at;
	size_t len;

	memcpy(&at, (const char *)c + source->at, sizeof(at));
	memcpy(&len, (const char *)c + source->len_at, sizeof(len));
	return (struct bytes){ at, at ? strnlen(at, len) : 0 };
}

/* Returns how long that is which json__bytes makes of it, without the quotes. */
static size_t escaped_sz(const char *bytes, size_t len)
{
	size_t total = 0, escaped;

	for (len = strnlen(bytes, len); len;) {
		size_t n = json__char(bytes, len, &escaped);

		total += escaped;
		bytes += n;
		len -= n;
	}
	return total;
}

/* Takes as much from the beginning of a text, and from its end, as head and tail bytes have room for when it is
 * escaped; no character is torn. It is too long for both. Returns what it takes. */
static int64_t cut_at(struct fit_cut *cut, struct bytes text, size_t head, size_t tail)
{
	size_t at = 0, used = 0, behind = escaped_sz(text.at, text.len), escaped;

	for (; at < text.len; used += escaped) {
		size_t n = json__char(text.at + at, text.len - at, &escaped);

		if (used + escaped > head)
			break;
		at += n;
		behind -= escaped;
	}
	cut->head = (uint32_t)at;
	for (; at < text.len && behind > tail; behind -= escaped)
		at += json__char(text.at + at, text.len - at, &escaped);
	cut->tail = (uint32_t)(text.len - at);
	return (int64_t)(used + behind);
}

/* Takes as much of both ends of a text as there is room for. */
static int64_t cut_text(struct fit_cut *cut, unsigned int part, const struct call_info *c,
			int64_t room)
{
	size_t head = (size_t)room * fit_rows[part].source.head / 3;

	return cut_at(cut, text_of(c, part), head, (size_t)room - head);
}

const char *fit__text(const struct fit_plan *plan, enum fit_part part, const char *bytes,
		      size_t *len)
{
	char *text = plan->cache->path;
	const struct fit_cut *cut = &plan->texts[part - FIT_FIRST_TEXT];
	size_t whole;

	if (plan->whole || !(plan->shortened & FIT_BIT(part)))
		return bytes;
	whole = strnlen(bytes, *len);
	*len = cut->head + PATH_CUT_LEN + cut->tail;
	if (*len > sizeof(plan->cache->path) || cut->head + cut->tail > whole) {
		*len = whole;
		return bytes;
	}
	memcpy(text, bytes, cut->head);
	memcpy(text + cut->head, PATH_CUT, PATH_CUT_LEN);
	memcpy(text + cut->head + PATH_CUT_LEN, bytes + whole - cut->tail, cut->tail);
	return text;
}

void fit__put_truncated(struct json *j, const struct fit_plan *plan)
{
	if (plan->omit)
		json__bool(j, "omitted", true);
	if (!plan->cut) {
		json__empty_arr(j, "truncated");
		return;
	}
	json__open_arr(j, "truncated");
	for (unsigned int part = FIT_CNT; part-- > 0;) {
		const char *name = form_of(plan, part)->names;

		for (; plan->cut & FIT_BIT(part) && *name; name += strlen(name) + 1)
			json__str(j, NULL, name);
	}
	json__close_arr(j);
}

/* These are the elements of a list: those that there are, and those that the limit lets through; none of one that no line
 * has. */
struct elements {
	const struct iov_elem *iov;
	uint32_t cnt;
	uint32_t want;
};

static struct elements elements_of(const struct call_info *c, unsigned int part,
				   const struct render_opts *o)
{
	const struct fit_source *source = &fit_rows[part].source;
	const void *iov = (const char *)c + source->at, *cnt = (const char *)c + source->len_at;
	struct elements e = { 0 };

	if (o->omit & FIT_BIT(part))
		return e;
	e.iov = *(const struct iov_elem *const *)iov;
	e.cnt = e.iov ? *(const uint32_t *)cnt : 0;
	e.want = e.cnt < o->iov_limit ? e.cnt : o->iov_limit;
	return e;
}

static uint32_t *shown_of(struct fit_plan *plan, unsigned int part)
{
	return &plan->shown[part - FIT_FIRST_LIST];
}

/* Plans what a whole line needs, and no more: it is written for each call. */
static void plan_whole(struct fit_plan *plan, const struct fit_format *format,
		       struct render_cache *cache, const struct call_info *c,
		       const struct render_opts *o)
{
	plan->format = format;
	plan->cache = cache;
	plan->whole = true;
	plan->call = c;
	plan->looked = 0;
	plan->named = 0;
	plan->verdict = NULL;
	plan->omit = o->omit;
	plan->data = o->data;
	plan->cut = 0;
	plan->args = plan->regions[0] = plan->regions[1] = plan->region_text = UINT32_MAX;
	for (unsigned int part = FIT_FIRST_LIST; part <= FIT_LAST_LIST; part++) {
		struct elements e = elements_of(c, part, o);

		*shown_of(plan, part) = e.want;
		if (e.want < e.cnt)
			plan->cut |= FIT_BIT(part);
	}
}

/* The first remote element is never cut. */
static void plan_bare(struct fit_plan *plan, const struct call_info *c, const struct render_opts *o)
{
	*plan = (struct fit_plan){
		.format = plan->format,
		.cache = plan->cache,
		.omit = o->omit,
		.data = o->data,
		.given = (FIT_BIT(FIT_CNT) - 1) & ~o->omit,
		.region_text = FIT_TEXT,
	};
	*shown_of(plan, FIT_REMOTE_IOV) = elements_of(c, FIT_REMOTE_IOV, o).want > 0;
}

static int64_t name_sz(const struct fit_plan *plan, unsigned int part)
{
	return form_of(plan, part)->names_sz;
}

/* Returns what a part takes when it is cut. */
static int64_t cut_sz(const struct fit_plan *plan, unsigned int part)
{
	return form_of(plan, part)->instead + name_sz(plan, part);
}

/* Returns the same of all children together. */
static int64_t children_cost(const struct fit_plan *plan, unsigned int parent)
{
	int64_t cost = 0;

	for (unsigned int part = 0; part < FIT_CNT; part++) {
		if (fit_rows[part].parent == parent && (plan->present & FIT_BIT(part)))
			cost += cut_sz(plan, part);
	}
	return cost;
}

/* Gives a list elements, up to max of them and as many as there is room for; to show all of it frees its name's
 * place. */
static void fit_elements(struct fit_plan *plan, unsigned int part, const struct elements *e,
			 uint32_t max, int64_t *room)
{
	uint32_t *shown = shown_of(plan, part), cnt = *shown;
	bool all = e->want == e->cnt && e->want <= max;
	int64_t name = all ? name_sz(plan, part) : 0, used = 0, kept = 0;

	for (; cnt < e->want && cnt < max; cnt++) {
		used += elem_sz(&e->iov[cnt]) + (cnt > 0);
		if (used > *room + name)
			break;
		if (used <= *room) {
			*shown = cnt + 1;
			kept = used;
		}
	}
	if (all && cnt == e->want) {
		*shown = cnt;
		plan->done |= FIT_BIT(part);
		kept = used - name;
	}
	*room -= kept;
}

/* Gives arguments, as many whole ones as limit and the room allow. */
static void fit_args(struct fit_plan *plan, const struct task_info *t, int64_t limit, int64_t *room)
{
	int64_t name = name_sz(plan, FIT_ARGS), used = 0, kept = 0;
	size_t left = t->args_len, len;
	const char *at = t->args, *arg;
	uint32_t cnt = 0;

	*room += plan->args_spent;
	if (limit > *room)
		limit = *room;
	plan->args = 0;
	while ((arg = fit__next_arg(&at, &left, &len))) {
		used += (int64_t)escaped_sz(arg, len) + plan->format->arg_extra + (cnt > 0);
		if (used > limit + name)
			break;
		cnt++;
		if (used <= limit) {
			plan->args = cnt;
			kept = used;
		}
	}
	if (!arg) {
		plan->args = cnt;
		plan->done |= FIT_BIT(FIT_ARGS);
		kept = used - name;
	}
	plan->args_spent = kept;
	*room -= kept;
}

/* Returns whether a line is so long that common readers do not look at all of it, and the arguments take more of it than they
 * may: each of their bytes can take six, and they stand in front of what was done to whom. */
static bool pushes_args(const struct fit_plan *plan, const struct call_info *c,
			const struct render_opts *o, size_t line_len)
{
	size_t left = c->caller.args_len, total = 0, len;
	const char *at = c->caller.args, *arg;

	if (line_len <= FIT_LINE || !o->args_room || !at || fit__omits(plan, FIT_ARGS))
		return false;
	while ((arg = fit__next_arg(&at, &left, &len)))
		total += escaped_sz(arg, len) + plan->format->arg_extra;
	return total > o->args_room;
}

/* Returns whether such readers may miss who it was, or whom it was done to: what stands ahead of that can be made long. */
static bool pushes_names(const struct fit_plan *plan, const struct render_opts *o)
{
	return o->names_within && plan->named + FIT_NAMES > o->names_within;
}

static const struct regions_info *regions_of(const struct call_info *c, unsigned int part)
{
	return part == FIT_REGIONS ? &c->regions : &c->regions_exit;
}

void fit__put_regions(struct json *j, const struct fit_plan *plan, const struct call_info *c)
{
	for (enum fit_part part = FIT_REGIONS; part <= FIT_REGIONS_EXIT; part++) {
		const struct regions_info *regions = regions_of(c, part);

		regions__put(j, plan->whole ? plan->cache : NULL,
			     part == FIT_REGIONS ? "regions" : "regions_exit",
			     regions->known && !fit__omits(plan, part) ? regions : NULL,
			     plan->regions[part - FIT_REGIONS], plan->region_text,
			     plan->format->nulls);
	}
}

/* Gives regions, up to max of them and as many as there is room for. j: a line that will be written anew, and is used up to
 * find out how long each of them is. */
static void fit_regions(struct fit_plan *plan, unsigned int part, const struct call_info *c,
			uint32_t max, struct json *j, int64_t *room)
{
	const struct regions_info *regions = regions_of(c, part);
	uint32_t *shown = &plan->regions[part - FIT_REGIONS];

	while (*shown < regions->cnt && *shown < max) {
		bool last = *shown + 1 == regions->cnt && !regions__cut(regions, plan->region_text);
		int64_t cost, name = last ? name_sz(plan, part) : 0;

		json__reset(j);
		regions__put_one(j, &regions->at[*shown], plan->region_text, plan->format->nulls);
		cost = (int64_t)j->len + (*shown > 0) - name;
		if (j->failed || cost > *room)
			return;
		*room -= cost;
		++*shown;
		if (last)
			plan->done |= FIT_BIT(part);
	}
}

/* Gives all of a part that is written whole or not at all. */
static void fit_whole(struct fit_plan *plan, unsigned int part, int64_t *room)
{
	int64_t cost = plan->bytes[part] + children_cost(plan, part) - cut_sz(plan, part);

	if (cost > *room)
		return;
	*room -= cost;
	plan->given |= FIT_BIT(part);
	plan->done |= FIT_BIT(part);
}

/* Gives a path, or as much of it as limit and the room allow. */
static void fit_text(struct fit_plan *plan, unsigned int part, const struct call_info *c,
		     int64_t limit, int64_t *room)
{
	struct fit_cut *cut = &plan->texts[part - FIT_FIRST_TEXT];
	int64_t cost = plan->bytes[part] - cut_sz(plan, part), left;

	*room += cut->spent;
	if (plan->bytes[part] <= limit && cost <= *room) {
		plan->given |= FIT_BIT(part);
		plan->done |= FIT_BIT(part);
		plan->shortened &= ~FIT_BIT(part);
		*room -= cost;
		return;
	}
	left = (*room + form_of(plan, part)->instead < limit ? *room + form_of(plan, part)->instead
							     : limit) -
	       form_of(plan, part)->text_extra;
	left = left / form_of(plan, part)->text_copies - (int64_t)PATH_CUT_LEN;
	if (left >= CUT_LEAST) {
		left = cut_text(cut, part, c, left) + (int64_t)PATH_CUT_LEN;
		cut->spent = left * form_of(plan, part)->text_copies +
			     form_of(plan, part)->text_extra - form_of(plan, part)->instead;
		plan->given |= FIT_BIT(part);
		plan->shortened |= FIT_BIT(part);
	}
	*room -= cut->spent;
}

/* The hex sibling of a path is of what is shown of it, so it waits for that. */
static void fit_hex(struct fit_plan *plan, unsigned int part, const struct call_info *c,
		    int64_t limit, int64_t *room)
{
	unsigned int of = part >= FIT_FIRST_TEXT_HEX ? part - FIT_FIRST_TEXT_HEX + FIT_FIRST_TEXT
						     : FIT_CNT;
	struct bytes whole;
	const char *shown;
	int64_t cost;
	size_t len;

	if (of >= FIT_CNT || !(plan->given & FIT_BIT(of)))
		return;
	whole = text_of(c, of);
	len = whole.len;
	if (limit < INT64_MAX && (plan->shortened & FIT_BIT(of)))
		return;
	shown = fit__text(plan, (enum fit_part)of, whole.at, &len);
	if (!json__needs_hex(shown, len))
		return;
	cost = plan->bytes[part] - 2 * (int64_t)whole.len + 2 * (int64_t)len;
	if (cost > limit || cost - cut_sz(plan, part) > *room)
		return;
	*room -= cost - cut_sz(plan, part);
	plan->given |= FIT_BIT(part);
	plan->done |= FIT_BIT(part);
}

/* Gives a part of what it wants: its minimum, or as much as there is room for. */
static void fit_part(struct fit_plan *plan, unsigned int part, const struct call_info *c,
		     const struct render_opts *o, bool minimum, struct json *j, int64_t *room)
{
	int64_t limit = minimum || plan->brief ? FIT_TEXT : INT64_MAX;

	struct elements e;

	switch (fit_rows[part].kind) {
	case KIND_LIST:
		e = elements_of(c, part, o);
		fit_elements(plan, part, &e, minimum ? FIT_ELEMENTS : UINT32_MAX, room);
		break;
	case KIND_ARGS:
		if (o->args_room && limit > o->args_room)
			limit = o->args_room;
		fit_args(plan, &c->caller, limit, room);
		break;
	case KIND_REGIONS:
		fit_regions(plan, part, c, minimum ? 1 : UINT32_MAX, j, room);
		break;
	case KIND_TEXT:
		fit_text(plan, part, c, limit, room);
		break;
	case KIND_TEXT_HEX:
		fit_hex(plan, part, c, limit, room);
		break;
	case KIND_BULK:
		if (!minimum || plan->bytes[part] <= FIT_TEXT)
			fit_whole(plan, part, room);
		break;
	default:
		fit_whole(plan, part, room);
		break;
	}
}

static bool has_parent(const struct fit_plan *plan, unsigned int part)
{
	return fit_rows[part].parent == NO_PARENT || (plan->given & FIT_BIT(fit_rows[part].parent));
}

static bool has_room(const struct fit_plan *plan, unsigned int part)
{
	const uint64_t counts = FIT_BIT(FIT_LOCAL) | FIT_BIT(FIT_REMOTE);

	if (plan->format->counts_first && fit_rows[part].kind == KIND_LIST &&
	    (plan->present & ~plan->done & counts))
		return false;
	return has_parent(plan, part);
}

/* Serves all that have something to write and are not done. */
static void fit_parts(struct fit_plan *plan, const struct call_info *c, const struct render_opts *o,
		      bool minimum, struct json *j, int64_t *room)
{
	for (unsigned int turn = 0; turn < TURN_CNT; turn++) {
		for (unsigned int part = 0; part < FIT_CNT; part++) {
			const struct fit_row *row = &fit_rows[part];

			if ((minimum ? row->minimum : row->want) != turn ||
			    !(plan->present & ~plan->done & FIT_BIT(part)) || !has_room(plan, part))
				continue;
			fit_part(plan, part, c, o, minimum, j, room);
		}
	}
}

/* Makes of a bare plan, whose line is in j, one that fits. The line is lost. */
static void plan_fit(struct fit_plan *plan, const struct call_info *c, const struct render_opts *o,
		     struct json *j)
{
	int64_t room = (int64_t)o->max_line - (int64_t)j->len;

	for (unsigned int part = FIT_FIRST_LIST; part <= FIT_LAST_LIST; part++) {
		if (elements_of(c, part, o).cnt > *shown_of(plan, part))
			plan->present |= FIT_BIT(part);
	}
	for (unsigned int part = FIT_REGIONS; part <= FIT_REGIONS_EXIT; part++) {
		if (regions_of(c, part)->cnt && !fit__omits(plan, part))
			plan->present |= FIT_BIT(part);
	}
	if (c->caller.args && c->caller.args_len && !fit__omits(plan, FIT_ARGS))
		plan->present |= FIT_BIT(FIT_ARGS);
	for (unsigned int part = 0; part < FIT_CNT; part++)
		room += plan->bytes[part];
	room -= children_cost(plan, NO_PARENT);

	plan->given = 0;
	fit_parts(plan, c, o, true, j, &room);
	fit_parts(plan, c, o, false, j, &room);
	plan->cut = 0;
	for (unsigned int part = 0; part < FIT_CNT; part++) {
		if ((plan->present & ~plan->done & FIT_BIT(part)) && has_parent(plan, part))
			plan->cut |= FIT_BIT(part);
	}
}

/* Returns false if the elements alone are too many, which is cheaper to know than to try. */
static bool may_fit(const struct fit_plan *plan, const struct render_opts *o)
{
	uint64_t cnt = 0;

	for (unsigned int i = 0; i < FIT_LIST_CNT; i++)
		cnt += plan->shown[i];
	return cnt * ELEM_MIN < o->max_line;
}

static void put_line(struct json *j, struct fit_plan *plan, const struct record *r,
		     void (*put)(struct json *j, struct fit_plan *plan, const struct record *r))
{
	json__reset(j);
	plan->mark = 0;
	put(j, plan, r);
	json__end_line(j);
}

/* Writes a line again, so that it fits. */
static void put_cut(struct json *j, struct fit_plan *plan, const struct record *r,
		    const struct render_opts *o, bool brief,
		    void (*put)(struct json *j, struct fit_plan *plan, const struct record *r))
{
	plan_bare(plan, &r->call, o);
	plan->brief = brief;
	put_line(j, plan, r, put);
	plan_fit(plan, &r->call, o, j);
	put_line(j, plan, r, put);
}

int fit__call(struct json *j, struct render_cache *cache, const struct record *r,
	      const struct render_opts *o, const struct fit_format *format,
	      void (*put)(struct json *j, struct fit_plan *plan, const struct record *r))
{
	struct fit_plan plan;

	plan_whole(&plan, format, cache, &r->call, o);
	if (may_fit(&plan, o)) {
		put_line(j, &plan, r, put);
		if (j->len <= o->max_line && !j->failed && !pushes_names(&plan, o) &&
		    !pushes_args(&plan, &r->call, o, j->len))
			return 0;
	}
	put_cut(j, &plan, r, o, false, put);
	if (pushes_names(&plan, o))
		put_cut(j, &plan, r, o, true, put);
	return j->failed ? -ENOMEM : 0;
}
