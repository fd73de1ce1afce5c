/* SPDX-License-Identifier: Apache-2.0 */
#include "event/regions.h"

#include <string.h>

#include "bpf/rules.h"
#include "event/decode_list.h"

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

int regions__take(const struct pvm_call *call, const struct arrays *arrays, bool again,
		  struct pvm_region to[PVM_REGIONS_MAX + 1])
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

bool regions__reach_out(const struct pvm_region *r, const struct iov_elem *e, int abi)
{
	uint64_t base = list__address(e->base, abi);

	return r->kind > PVM_REGION_NONE && (base >= r->end || e->len > r->end - base);
}

/* Of a mapping, whether one of the elements that begin there does. */
static enum tristate runs_on(const struct pvm_region *r, const struct list_info *remote, int abi)
{
	if (r->kind <= PVM_REGION_NONE || !list__is_whole(remote) ||
	    (uint32_t)r->first + r->cnt > remote->captured)
		return UNKNOWN;
	for (uint32_t i = r->first; i < (uint32_t)r->first + r->cnt; i++) {
		if (remote->iov[i].len && regions__reach_out(r, &remote->iov[i], abi))
			return YES;
	}
	return NO;
}

static void look(const struct pvm_call *call, const struct arrays *arrays, struct identity *id,
		 bool again, struct region_list *room, const struct list_info *remote,
		 struct regions_info *out)
{
	uint64_t elements = pvm_used_count(&call->remote, true), from = 0;
	int cnt = regions__take(call, arrays, again, room->raw);

	for (int i = 0; i < cnt; i++) {
		const struct pvm_region *r = &room->raw[i];

		if (elements > PVM_IOV_MAX || !region_valid(r, from, elements))
			return;
		from = (uint64_t)r->first + r->cnt;
		room->at[i] = (struct region_info){
			.raw = r,
			.runs_on = runs_on(r, remote, call->abi),
		};
		if (r->text)
			room->at[i].text = identity__text(id, r->text, &room->at[i].text_len);
	}
	out->known = cnt >= 0;
	out->cnt = cnt > 0 ? (uint32_t)cnt : 0;
	out->at = room->at;
}

/* A mapping that was written to has another id of the same path: only texts that are known to be others count. */
static bool is_same(const struct region_info *a, const struct region_info *b)
{
	struct pvm_region x = *a->raw, y = *b->raw;

	x.text = y.text = 0;
	if (memcmp(&x, &y, sizeof(x)))
		return false;
	return !a->text || !b->text ||
	       (a->text_len == b->text_len && !memcmp(a->text, b->text, a->text_len));
}

static bool are_same(const struct regions_info *a, const struct regions_info *b)
{
	if (a->cnt != b->cnt)
		return false;
	for (uint32_t i = 0; i < a->cnt; i++) {
		if (!is_same(&a->at[i], &b->at[i]))
			return false;
	}
	return true;
}

/* Whether the elements that were looked up are those that are told. Of a long list they are what stood there at that moment;
 * what is told is the entry's list, and the exit's as far as that was not there. */
static bool is_of_list(const struct pvm_call *call, const struct list_info *remote, bool at_exit)
{
	if (!(call->remote.flags & PVM_SIDE_RING) || call->phase == PVM_ORPHAN)
		return true;
	if (!at_exit)
		return remote->status != LIST_LATE;
	return remote->changed == NO || (remote->changed == UNKNOWN && remote->status == LIST_LATE);
}

/* Whether bytes of one of the elements [first, end) moved: from the first that is not empty on, or (last) of each of them. */
static bool has_moved(const struct call_info *c, uint32_t first, uint32_t end, bool last)
{
	const struct list_info *remote = &c->remote;
	uint64_t before = 0, at = UINT64_MAX;

	if (!list__is_whole(remote) || end > remote->captured)
		return false;
	for (uint32_t i = 0; i < end; i++) {
		uint64_t len = remote->iov[i].len;

		if (len && i >= first && (last || at == UINT64_MAX))
			at = before;
		if (__builtin_add_overflow(before, len, &before))
			return false;
	}
	return c->ret_known && c->ret > 0 && at < (uint64_t)c->ret;
}

/* What bytes moved of was mapped. */
static void doubt_none(struct region_list *room, const struct call_info *c)
{
	for (uint32_t i = 0; i < c->regions.cnt && c->remote.changed != YES; i++) {
		struct pvm_region *r = &room->raw[i];

		if (r->kind == PVM_REGION_NONE &&
		    has_moved(c, r->first, (uint32_t)r->first + r->cnt, false))
			r->kind = PVM_REGION_UNKNOWN;
	}
}

/* The pages that were held are of the elements whose bytes moved. */
static bool all_moved(const struct call_info *c)
{
	const struct regions_info *regions = &c->regions;
	const struct pvm_region *last;

	for (uint32_t i = 0; i < regions->cnt; i++) {
		if (regions->at[i].raw->kind <= PVM_REGION_NONE)
			return false;
	}
	if (!regions->cnt)
		return false;
	last = regions->at[regions->cnt - 1].raw;
	return has_moved(c, 0, (uint32_t)last->first + last->cnt, true);
}

/* Whether a later look would have been taken, or was. */
static bool is_looked_at_again(const struct pvm_call *call)
{
	return call->exit_ns - call->entry_ns >= PVM_LOOK_AGAIN_NS ||
	       call->look & (PVM_LOOK_AGAIN | PVM_LOOK_AGAIN_LOST);
}

/* That there is no region is known only where no element names a byte: none is looked at of those behind the first ones. */
static bool is_empty(const struct call_info *c)
{
	return list__is_whole(&c->remote) && !c->remote.total_len && !(c->ret_known && c->ret > 0);
}

void regions__decode(const struct pvm_call *call, const struct arrays *arrays, struct identity *id,
		     struct region_list room[2], struct call_info *out)
{
	bool at_exit = call->look & PVM_LOOK_AT_EXIT, again = is_looked_at_again(call);

	out->regions = out->regions_exit = (struct regions_info){ .known = false };
	out->regions_confirmed = UNKNOWN;
	if (!(call->look & PVM_LOOK_TAKEN) || call->resolved == PVM_UNRESOLVED ||
	    !is_of_list(call, &out->remote, at_exit))
		return;
	look(call, arrays, id, false, &room[0], &out->remote, &out->regions);
	if (!out->regions.cnt && !is_empty(out))
		out->regions.known = false;
	if (!out->regions.known)
		return;
	if (call->look & PVM_LOOK_AGAIN && is_of_list(call, &out->remote, true))
		look(call, arrays, id, true, &room[1], &out->remote, &out->regions_exit);
	if (out->regions_exit.known && are_same(&out->regions, &out->regions_exit)) {
		out->regions_exit = (struct regions_info){ .known = false };
		again = false;
	}
	doubt_none(&room[0], out);
	if (out->confirmed == YES && !again && !at_exit && all_moved(out))
		out->regions_confirmed = YES;
}
