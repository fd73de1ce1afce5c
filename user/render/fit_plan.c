/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/digits.h"
#include "bpf/keys.h"
#include "event/path.h"
#include "render/fit.h"
#include "render/regions.h"

#define ELEM_MIN (sizeof("{\"base\":\"0x0\",\"len\":0},") - 1)
#define NO_PARENT FIT_CNT
#define CUT_LEAST 16 /* bytes of a path: fewer say nothing */

/* This is what is left: in the line, and in front of what names the target. */
struct room {
	int64_t line, front;
};

static uint32_t elem_sz(const struct iov_elem *e)
{
	uint64_t len = e->len < JSON_MAX_INT ? e->len : JSON_MAX_INT;

	return sizeof("{\"base\":\"0x\",\"len\":}") - 1 + hex_digits(e->base) + dec_digits(len);
}

/* This is a string as a process chose it, up to its first NUL. */
struct bytes {
	const char *at;
	size_t len;
};

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
	plan->omit = o->omit;
	plan->data = o->data;
	plan->cut = 0;
	plan->given = 0;
	plan->told = 0;
	plan->args = plan->ancestors = plan->regions[0] = plan->regions[1] = plan->region_text =
		UINT32_MAX;
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
		.ancestors = UINT32_MAX,
		.region_text = FIT_TEXT,
	};
	*shown_of(plan, FIT_REMOTE_IOV) = elements_of(c, FIT_REMOTE_IOV, o).want > 0;
}

static int64_t name_sz(const struct fit_plan *plan, unsigned int part)
{
	return fit__form(plan, part)->names_sz;
}

/* Returns what a part takes when it is cut. */
static int64_t cut_sz(const struct fit_plan *plan, unsigned int part)
{
	return fit__form(plan, part)->instead + name_sz(plan, part);
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

/* Returns how much of that stands in front of the target. */
static int64_t children_front(const struct fit_plan *plan, unsigned int parent)
{
	int64_t cost = 0;

	for (unsigned int part = 0; part < FIT_CNT; part++) {
		if (fit_rows[part].parent == parent && plan->front[part])
			cost += fit__form(plan, part)->instead;
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

/* Gives regions, up to max of them and as many as there is room for. j: a line that will be written anew, and is used up to
 * find out how long each of them is. */
static void fit_regions(struct fit_plan *plan, unsigned int part, const struct call_info *c,
			uint32_t max, struct json *j, int64_t *room)
{
	const struct regions_info *regions = fit__regions(c, part);
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

/* Takes of both rooms, if there is enough of them. */
static bool take(struct room *room, int64_t line, int64_t front)
{
	if (line > room->line || (front > 0 && front > room->front))
		return false;
	room->line -= line;
	room->front -= front;
	return true;
}

/* Gives all of a part that is written whole or not at all. */
static void fit_whole(struct fit_plan *plan, unsigned int part, struct room *room)
{
	int64_t line = plan->bytes[part] + children_cost(plan, part) - cut_sz(plan, part);
	int64_t front = 0;

	if (plan->front[part])
		front = plan->front[part] + children_front(plan, part) -
			fit__form(plan, part)->instead;
	if (!take(room, line, front))
		return;
	plan->given |= FIT_BIT(part);
	plan->done |= FIT_BIT(part);
}

/* Gives what goes with the caller's ancestors, but none of them. */
static void begin_ancestors(struct fit_plan *plan, const struct ancestry_info *a, struct room *room)
{
	int64_t instead = fit__form(plan, FIT_ANCESTORS)->instead, all = 0, line, front;

	for (size_t i = 0; i < a->cnt; i++)
		all += plan->ancestor_sz[i];
	line = plan->bytes[FIT_ANCESTORS] - all - instead;
	front = plan->front[FIT_ANCESTORS] - instead - (plan->format->lineage_first ? all : 0);
	if (a->cnt == 0)
		line -= name_sz(plan, FIT_ANCESTORS);
	if (!take(room, line, plan->front[FIT_ANCESTORS] ? front : 0))
		return;
	plan->given |= FIT_BIT(FIT_ANCESTORS);
	if (a->cnt == 0)
		plan->done |= FIT_BIT(FIT_ANCESTORS);
}

/* Gives ancestors, up to max of them and as many as there is room for. */
static void fit_ancestors(struct fit_plan *plan, const struct ancestry_info *a, uint32_t max,
			  struct room *room)
{
	if (!(plan->given & FIT_BIT(FIT_ANCESTORS)))
		begin_ancestors(plan, a, room);
	while (plan->given & ~plan->done & FIT_BIT(FIT_ANCESTORS) && plan->ancestors < max) {
		bool last = plan->ancestors + 1 == a->cnt;
		int64_t sz = plan->ancestor_sz[plan->ancestors];

		if (!take(room, sz - (last ? name_sz(plan, FIT_ANCESTORS) : 0),
			  plan->format->lineage_first ? sz : 0))
			return;
		plan->ancestors++;
		if (last)
			plan->done |= FIT_BIT(FIT_ANCESTORS);
	}
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
	left = (*room + fit__form(plan, part)->instead < limit
			? *room + fit__form(plan, part)->instead
			: limit) -
	       fit__form(plan, part)->text_extra;
	left = left / fit__form(plan, part)->text_copies - (int64_t)PATH_CUT_LEN;
	if (left >= CUT_LEAST) {
		left = cut_text(cut, part, c, left) + (int64_t)PATH_CUT_LEN;
		cut->spent = left * fit__form(plan, part)->text_copies +
			     fit__form(plan, part)->text_extra - fit__form(plan, part)->instead;
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

/* Gives a part of what can be shown in part: its minimum, or as much as there is room for. */
static void fit_some(struct fit_plan *plan, unsigned int part, const struct call_info *c,
		     const struct render_opts *o, bool minimum, struct json *j, int64_t *room)
{
	int64_t limit = minimum ? FIT_TEXT : INT64_MAX;
	struct elements e;

	switch (fit_rows[part].kind) {
	case KIND_LIST:
		e = elements_of(c, part, o);
		fit_elements(plan, part, &e, minimum ? FIT_ELEMENTS : UINT32_MAX, room);
		break;
	case KIND_ARGS:
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
	default:
		break;
	}
}

/* The arguments stand in front of the target in each format, and none of them in a bare line. */
static bool is_in_front(const struct fit_plan *plan, unsigned int part)
{
	return plan->front[part] || part == FIT_ARGS;
}

/* Gives the same within both rooms. The place of a name, which what is whole frees, is at the end of a line. */
static void fit_within(struct fit_plan *plan, unsigned int part, const struct call_info *c,
		       const struct render_opts *o, bool minimum, struct json *j, struct room *room)
{
	int64_t name = name_sz(plan, part), had = room->line, left;
	bool front = is_in_front(plan, part);

	if (front && room->front - name < had)
		had = room->front - name;
	left = had;
	fit_some(plan, part, c, o, minimum, j, &left);
	room->line -= had - left;
	if (front)
		room->front -= had - left + (plan->done & FIT_BIT(part) ? name : 0);
}

/* Gives a part of what it wants: its minimum, or as much as there is room for. */
static void fit_part(struct fit_plan *plan, unsigned int part, const struct call_info *c,
		     const struct render_opts *o, bool minimum, struct json *j, struct room *room)
{
	switch (fit_rows[part].kind) {
	case KIND_BULK:
		if (!minimum || plan->bytes[part] <= FIT_TEXT)
			fit_whole(plan, part, room);
		break;
	case KIND_WHOLE:
		fit_whole(plan, part, room);
		break;
	case KIND_RELATIVES:
		fit_ancestors(plan, c->ancestry[PVM_CALLER], minimum ? 1 : UINT32_MAX, room);
		break;
	default:
		fit_within(plan, part, c, o, minimum, j, room);
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
		      bool minimum, struct json *j, struct room *room)
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
	struct room room = { (int64_t)o->max_line - (int64_t)j->len, INT64_MAX };

	for (unsigned int part = FIT_FIRST_LIST; part <= FIT_LAST_LIST; part++) {
		if (elements_of(c, part, o).cnt > *shown_of(plan, part))
			plan->present |= FIT_BIT(part);
	}
	for (unsigned int part = FIT_REGIONS; part <= FIT_REGIONS_EXIT; part++) {
		if (fit__regions(c, part)->cnt && !fit__omits(plan, part))
			plan->present |= FIT_BIT(part);
	}
	if (c->caller.args && c->caller.args_len && !fit__omits(plan, FIT_ARGS))
		plan->present |= FIT_BIT(FIT_ARGS);
	for (unsigned int part = 0; part < FIT_CNT; part++)
		room.line += plan->bytes[part];
	room.line -= children_cost(plan, NO_PARENT);
	if (o->front && plan->told)
		room.front =
			(int64_t)o->front - plan->front[FIT_CNT] - children_front(plan, NO_PARENT);

	plan->given = 0;
	plan->ancestors = 0;
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

int fit__call(struct json *j, struct render_cache *cache, const struct record *r,
	      const struct render_opts *o, const struct fit_format *format,
	      void (*put)(struct json *j, struct fit_plan *plan, const struct record *r))
{
	struct fit_plan plan;

	plan_whole(&plan, format, cache, &r->call, o);
	if (may_fit(&plan, o)) {
		put_line(j, &plan, r, put);
		if (j->len <= o->max_line && (!o->front || plan.told <= o->front) && !j->failed)
			return 0;
	}
	plan_bare(&plan, &r->call, o);
	put_line(j, &plan, r, put);
	plan_fit(&plan, &r->call, o, j);
	put_line(j, &plan, r, put);
	return j->failed ? -ENOMEM : 0;
}
