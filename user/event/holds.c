/* SPDX-License-Identifier: Apache-2.0 */
#include "event/holds.h"

enum tristate holds__both(enum tristate a, enum tristate b)
{
	if (a == NO || b == NO)
		return NO;
	return a == YES && b == YES ? YES : UNKNOWN;
}

static enum tristate either(enum tristate a, enum tristate b)
{
	if (a == YES || b == YES)
		return YES;
	return a == NO && b == NO ? NO : UNKNOWN;
}

enum tristate holds__list(const struct filter_list *list, holds_hit_fn hit, const void *of)
{
	enum tristate wanted = NO, excluded = NO;
	bool wants = false;

	for (size_t i = 0; i < list->cnt; i++) {
		const struct filter_value *value = &list->values[i];
		enum tristate *is = value->exclude ? &excluded : &wanted;

		wants |= !value->exclude;
		*is = either(*is, hit(value, of));
	}
	if (excluded == YES)
		return NO;
	return holds__both(wants ? wanted : YES, excluded == NO ? YES : UNKNOWN);
}

enum tristate holds__joined(const struct rule *r, enum tristate a, enum tristate b)
{
	return r->action == RULE_DROP ? holds__both(a, b) : either(a, b);
}

bool holds__rule(const struct rule *r, enum tristate is)
{
	return r->action == RULE_DROP ? is == YES : is != NO;
}
