/* SPDX-License-Identifier: Apache-2.0 */
#include "render/own.h"

#include <errno.h>
#include <string.h>

#include "render/common.h"

#define ROW(cut, of_types, its_name, name_in_lost) \
	[OWN_##cut] = { .types = (of_types), .name = (its_name), .in_lost = (name_in_lost) },

static const struct {
	unsigned int types;
	const char *name, *in_lost;
} rows[OWN_CUT_CNT] = { OWN_CUTS(ROW) };

static void put_name(struct json *j, const char *prefix, const char *name)
{
	json__open_str(j, NULL);
	json__part(j, prefix, strlen(prefix));
	json__part(j, name, strlen(name));
	json__close_str(j);
}

/* Without one, nothing is told. */
static const char *name_of(enum own_cut cut, enum record_type type, const struct own_names *names)
{
	if (cut == OWN_HOST)
		return names->host;
	if (cut == OWN_MESSAGE)
		return names->message;
	if (cut == OWN_EXE)
		return names->exe;
	if (names->coarse && cut == OWN_ZEROES)
		cut = OWN_COUNTERS;
	else if (names->coarse && cut == OWN_COUNTERS)
		return NULL;
	return type == REC_LOST ? rows[cut].in_lost : rows[cut].name;
}

void own__put_truncated(struct json *j, const struct own_plan *plan, enum record_type type,
			const struct own_names *names)
{
	json__open_arr(j, "truncated");
	for (unsigned int cut = 0; cut < plan->cuts; cut++) {
		const char *name = name_of((enum own_cut)cut, type, names);

		/* Where there are none at all, neither are their notes. */
		if (cut == OWN_ABI_NOTES && plan->cuts > OWN_ABIS)
			continue;
		if (name && (rows[cut].types & TYPE(type)))
			put_name(j, rows[cut].name ? names->prefix : "", name);
		for (const char *const *more = names->more; cut == OWN_MORE && *more; more++)
			put_name(j, "", *more);
	}
	json__close_arr(j);
}

int own__line(struct json *j, struct render_cache *cache, const struct record *r,
	      const struct render_opts *o,
	      void (*put)(struct json *j, const struct own_plan *plan, const struct record *r))
{
	bool first = r->type == REC_START || r->type == REC_REOPEN;
	struct own_plan plan = { .cache = cache };

	for (;;) {
		json__reset(j);
		put(j, &plan, r);
		json__end_line(j);
		if (j->failed)
			return -ENOMEM;
		if (j->len <= o->max_line || plan.cuts == OWN_CUT_CNT)
			break;
		do
			plan.cuts++;
		while (plan.cuts < OWN_CUT_CNT && !(rows[plan.cuts - 1].types & TYPE(r->type)));
	}
	if (!first || j->len >= FIRST_LINE_MIN)
		return 0;
	plan.pad = FIRST_LINE_MIN - j->len;
	json__reset(j);
	put(j, &plan, r);
	json__end_line(j);
	return j->failed ? -ENOMEM : 0;
}
