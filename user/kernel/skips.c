/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/skips.h"

#include "event/witness_info.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The hooks at a begin that look at no call that others took say nothing of those that go by them so. */
static uint64_t bound_of_witnesses(const struct skips *s)
{
	uint64_t cnt = UINT64_MAX;

	if (!s->counted)
		return cnt;
	if (s->bounding & (WITNESS_MULTI | WITNESS_KPROBE) && (!s->quick || s->exact))
		cnt = least(cnt, s->begins);
	if (s->bounding & WITNESS_RETURNS && !s->stackless)
		cnt = least(cnt, s->returns);
	if (s->bounding & WITNESS_END)
		cnt = least(cnt, s->ends);
	return cnt;
}

uint64_t skips__bound(const struct skips *s)
{
	uint64_t cnt = bound_of_witnesses(s);

	/* An exit without an entry is not told then. */
	if (s->fentry && !s->beside)
		return s->entries;
	return least(cnt, least(s->entries, s->exits));
}

uint64_t skips__bound_since(const struct skips *at, const struct skips *now)
{
	struct skips until = *at, rest = *now;

	until.bounding &= WITNESS_END;
	rest.entries -= at->entries;
	rest.exits -= at->exits;
	rest.ends -= at->ends;
	return skips__bound(&until) + skips__bound(&rest);
}
