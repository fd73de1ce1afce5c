/* SPDX-License-Identifier: Apache-2.0 */
#include "render/fit.h"

#include <string.h>

#include "event/path.h"
#include "render/regions.h"

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

void fit__told_measured(const struct json *j, struct fit_plan *plan)
{
	if (plan->told)
		return;
	account(j, plan);
	plan->told = j->len;
	memcpy(plan->front, plan->bytes, sizeof(plan->front));
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
		const char *name = fit__form(plan, part)->names;

		for (; plan->cut & FIT_BIT(part) && *name; name += strlen(name) + 1) {
			json__str(j, NULL, name);
			/* Of what is shown all the same, only the first was shortened. */
			if (plan->given & FIT_BIT(part))
				break;
		}
	}
	json__close_arr(j);
}

void fit__put_regions(struct json *j, const struct fit_plan *plan, const struct call_info *c)
{
	for (enum fit_part part = FIT_REGIONS; part <= FIT_REGIONS_EXIT; part++) {
		const struct regions_info *regions = fit__regions(c, part);

		regions__put(j, part == FIT_REGIONS ? "regions" : "regions_exit",
			     regions->known && !fit__omits(plan, part) ? regions : NULL,
			     plan->regions[part - FIT_REGIONS], plan->region_text,
			     plan->format->nulls);
	}
}
