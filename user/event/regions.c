/* SPDX-License-Identifier: Apache-2.0 */
#include "event/regions.h"

#include <string.h>

#include "bpf/rules.h"

#define PERMS (PVM_REGION_READ | PVM_REGION_WRITE | PVM_REGION_EXEC | PVM_REGION_MAYSHARE)
#define FLAGS (PVM_REGION_DELETED | PVM_REGION_BACKED)

/* from: the number of the first element that it may be of; cnt: of all there are. */
static bool region_valid(const struct pvm_region *r, uint64_t from, uint64_t cnt)
{
	bool mapped = r->kind > PVM_REGION_NONE;

	if (r->kind >= PVM_REGION_KIND_CNT || r->perms & ~PERMS || r->flags & ~FLAGS)
		return false;
	if (!r->cnt || r->first < from || (uint64_t)r->first + r->cnt > cnt)
		return false;
	return mapped ? r->start < r->end : !(r->start | r->end | r->perms | r->flags | r->text);
}

/* The regions of one look, as they came. Returns how many, or -1: they are not known. */
static int take(const struct pvm_call *call, const struct arrays *arrays, bool again,
		struct pvm_region *to)
{
	bool ring = again || call->look & PVM_LOOK_RING;
	const struct pvm_array *array;

	if (!ring) {
		if (call->look & PVM_LOOK_LOST || call->region_cnt > 1)
			return -1;
		*to = call->region;
		return call->region_cnt;
	}
	array = arrays ? arrays__find(arrays, call->caller.tid, call->entry_ns, PVM_ARRAY_REGIONS,
				      again || call->look & PVM_LOOK_AT_EXIT)
		       : NULL;
	if (!array || array->len % sizeof(*to) ||
	    array->len > (PVM_REGIONS_MAX + 1) * sizeof(*to) ||
	    (!again && array->len != call->region_cnt * sizeof(*to)))
		return -1;
	memcpy(to, array->data + array->off, array->len);
	return (int)(array->len / sizeof(*to));
}

static void look(const struct pvm_call *call, const struct arrays *arrays, struct identity *id,
		 bool again, struct region_list *room, struct regions_info *out)
{
	uint64_t elements = pvm_used_count(&call->remote, true), from = 0;
	int cnt = take(call, arrays, again, room->raw);

	for (int i = 0; i < cnt; i++) {
		const struct pvm_region *r = &room->raw[i];

		if (elements > PVM_IOV_MAX || !region_valid(r, from, elements))
			return;
		from = (uint64_t)r->first + r->cnt;
		room->at[i] = (struct region_info){ .raw = r };
		if (r->text)
			room->at[i].text = identity__text(id, r->text, &room->at[i].text_len);
	}
	out->known = cnt >= 0;
	out->cnt = cnt > 0 ? (uint32_t)cnt : 0;
	out->at = room->at;
}

static bool are_same(const struct regions_info *a, const struct regions_info *b)
{
	if (a->cnt != b->cnt)
		return false;
	for (uint32_t i = 0; i < a->cnt; i++) {
		if (memcmp(a->at[i].raw, b->at[i].raw, sizeof(*a->at[i].raw)))
			return false;
	}
	return true;
}

void regions__decode(const struct pvm_call *call, const struct arrays *arrays, struct identity *id,
		     struct region_list room[2], struct call_info *out)
{
	out->regions = out->regions_exit = (struct regions_info){ .known = false };
	out->regions_confirmed = UNKNOWN;
	if (!(call->look & PVM_LOOK_TAKEN) || call->resolved == PVM_UNRESOLVED)
		return;
	look(call, arrays, id, false, &room[0], &out->regions);
	if (!out->regions.known)
		return;
	/* The second look at a long list is one at what stood there by then. */
	if (call->look & PVM_LOOK_AGAIN &&
	    !(call->remote.flags & PVM_SIDE_RING && out->remote.changed != NO))
		look(call, arrays, id, true, &room[1], &out->regions_exit);
	if (out->regions_exit.known && are_same(&out->regions, &out->regions_exit))
		out->regions_exit = (struct regions_info){ .known = false };
	if (out->confirmed == YES && out->regions.cnt && !out->regions_exit.known &&
	    !(call->look & PVM_LOOK_AT_EXIT))
		out->regions_confirmed = YES;
}
