/* SPDX-License-Identifier: Apache-2.0 */
/* decode_list - entry is the claim, exit repairs what was unreadable then and shows what
 * changed. */
#include "event/decode_list.h"

#include <stddef.h>
#include <string.h>

#include "bpf/rules.h"

/* arm64 takes addresses that carry a tag there. */
#define ARM64_TAG (0xffULL << 56)

/* These are both looks at a list, reduced to what can be used. */
struct looks {
	const struct list_shape *s;
	const uint8_t *entry, *exit;
	unsigned int entry_ok, exit_ok; /* pages */
	unsigned int full;		/* all pages of the list */
	uint32_t off;			/* of the list in its first page */
};

static uint32_t list_bytes(const struct list_shape *s)
{
	return s->cnt * s->elem;
}

static struct looks looks__of(const struct list_shape *s, const struct list_look *entry,
			      const struct list_look *exit)
{
	uint32_t off = (uint32_t)(s->addr & (PVM_PAGE_SZ - 1));
	unsigned int full = pvm_page_mask(s->addr, list_bytes(s));

	return (struct looks){
		.s = s,
		.entry = entry->bytes,
		.exit = exit->bytes,
		.entry_ok = entry->bytes ? entry->ok & full : 0,
		.exit_ok = exit->bytes ? exit->ok & full : 0,
		.full = full,
		.off = off,
	};
}

_Static_assert(sizeof(struct iov_elem) == sizeof(struct pvm_element) &&
		       offsetof(struct iov_elem, len) == offsetof(struct pvm_element, len),
	       "the elements of 64-bit callers are copied as they are");

static void widen(const uint8_t *bytes, uint32_t cnt, uint32_t elem, struct iov_elem *to)
{
	struct pvm_element32 narrow;

	if (elem == sizeof(*to)) {
		memcpy(to, bytes, cnt * sizeof(*to));
		return;
	}
	for (uint32_t i = 0; i < cnt; i++) {
		memcpy(&narrow, bytes + i * sizeof(narrow), sizeof(narrow));
		to[i] = (struct iov_elem){ .base = narrow.base, .len = narrow.len };
	}
}

/* Returns the pages that element e lies on, and in *split how many of its bytes lie on the first. */
static unsigned int elem_pages(const struct looks *l, uint32_t e, uint32_t *split)
{
	uint32_t begin = l->off + e * l->s->elem, end = begin + l->s->elem - 1;
	uint32_t first = begin >> PVM_PAGE_SHIFT, last = end >> PVM_PAGE_SHIFT;

	*split = first == last ? l->s->elem : (last << PVM_PAGE_SHIFT) - begin;
	return 1u << first | 1u << last;
}

/* Takes element e by the look that has all of it, the entry's first; if only both together have it, each gives
 * its part. Returns false if neither does. */
static bool capture_one(const struct looks *l, uint32_t e, struct iov_elem *to)
{
	uint32_t at = e * l->s->elem, split;
	unsigned int pages = elem_pages(l, e, &split);
	uint8_t mixed[sizeof(struct iov_elem)];
	const uint8_t *from;

	if ((l->entry_ok & pages) == pages) {
		from = l->entry + at;
	} else if ((l->exit_ok & pages) == pages) {
		from = l->exit + at;
	} else if (((l->entry_ok | l->exit_ok) & pages) == pages) {
		bool entry_first = l->entry_ok & (pages & -pages);

		memcpy(mixed, (entry_first ? l->entry : l->exit) + at, split);
		memcpy(mixed + split, (entry_first ? l->exit : l->entry) + at + split,
		       l->s->elem - split);
		from = mixed;
	} else {
		return false;
	}
	widen(from, 1, l->s->elem, to);
	return true;
}

static void note_gap(struct list_info *out, uint32_t e)
{
	struct iov_gap *last = out->gap_cnt ? &out->gaps[out->gap_cnt - 1] : NULL;

	if (last && last->first + last->cnt == e)
		last->cnt++;
	else if (out->gap_cnt < LIST_GAPS_MAX)
		out->gaps[out->gap_cnt++] = (struct iov_gap){ .first = e, .cnt = 1 };
}

static void capture(struct list_info *out, const struct looks *l, struct iov_elem *to)
{
	uint32_t cnt = l->s->cnt, got = 0;

	out->gap_cnt = 0;
	if (l->entry_ok == l->full) {
		widen(l->entry, cnt, l->s->elem, to);
		got = cnt;
	} else {
		for (uint32_t e = 0; e < cnt; e++) {
			if (capture_one(l, e, &to[got]))
				got++;
			else
				note_gap(out, e);
		}
	}
	out->captured = got;
	out->iov = to;
}

/* Takes what the exit saw, of elements that it saw whole. */
static void capture_exit(struct list_info *out, const struct looks *l, struct iov_elem *to)
{
	uint32_t got = 0, split;

	for (uint32_t e = 0; e < l->s->cnt; e++) {
		unsigned int pages = elem_pages(l, e, &split);

		if ((l->exit_ok & pages) != pages)
			continue;
		widen(l->exit + e * l->s->elem, 1, l->s->elem, &to[got]);
		got++;
	}
	out->exit_cnt = got;
	out->iov_exit = to;
}

/* A difference on one page is enough to say that the list changed; that it did not is said only if all that was
 * captured was seen twice. */
static enum tristate compare(const struct looks *l)
{
	unsigned int both = l->entry_ok & l->exit_ok;
	uint32_t len = list_bytes(l->s);

	if (!both)
		return UNKNOWN;
	if (l->entry == l->exit)
		return NO;
	if (both == l->full)
		return memcmp(l->entry, l->exit, len) ? YES : NO;
	for (uint32_t page = 0; page < PVM_ARRAY_PAGES; page++) {
		uint32_t from = page << PVM_PAGE_SHIFT, to = from + PVM_PAGE_SZ;

		if (!(both & 1u << page))
			continue;
		from = from > l->off ? from - l->off : 0;
		to = to - l->off < len ? to - l->off : len;
		if (memcmp(l->entry + from, l->exit + from, to - from))
			return YES;
	}
	return l->entry_ok == l->exit_ok ? NO : UNKNOWN;
}

static uint64_t total_of(const struct iov_elem *iov, uint32_t cnt)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		if (__builtin_add_overflow(total, iov[i].len, &total))
			return UINT64_MAX;
	}
	return total;
}

void list__merge(struct list_info *out, const struct list_shape *s, const struct list_look *entry,
		 const struct list_look *exit, struct iov_elem *iov, struct iov_elem *iov_exit)
{
	struct looks l = looks__of(s, entry, exit);

	capture(out, &l, iov);
	out->user = out->captured > 0;
	out->total_len = total_of(iov, out->captured);
	if (l.entry_ok == l.full)
		out->status = LIST_OK;
	else if (out->captured == s->cnt)
		out->status = LIST_LATE;
	else if (out->captured)
		out->status = LIST_PARTIAL;
	else
		out->status = entry->lost || exit->lost ? LIST_LOST : LIST_FAULT;

	out->iov_exit = NULL;
	out->exit_cnt = 0;
	out->changed = compare(&l);
	if (out->changed == YES)
		capture_exit(out, &l, iov_exit);
}

bool list__is_whole(const struct list_info *list)
{
	return list->status == LIST_OK || list->status == LIST_LATE || list->status == LIST_NONE;
}

bool list__is_certain(const struct list_info *list)
{
	return list__is_whole(list) && list->status != LIST_LATE && list->changed == NO;
}

uint64_t list__address(uint64_t addr, int abi)
{
	return abi == PVM_ABI_ARM64 ? addr & ~ARM64_TAG : addr;
}
