/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* region_room.h - what a look at regions (region.h) needs room for besides the call's state. */
#ifndef PVM_REGION_ROOM_H
#define PVM_REGION_ROOM_H

#include "arch.h"
#include "base.h"
#include "hooks.h"
#include "settings.h"

#define LABEL_SZ 80  /* ANON_VMA_NAME_MAX_LEN (include/linux/mm.h), with the NUL */
#define PIECE_SZ 256 /* of a list, at which it is looked at once */
PVM_ASSERT(PIECE_SZ >= PVM_INLINE_SZ);

/* An element that is looked at. */
struct pvm_picked {
	u64 addr;
	u32 index; /* its number in the list */
	u32 apart; /* boolean: between it and the one before are some that are not looked at */
};

struct pvm_region_room {
	/* Of a list that was read whole: its first elements that have a byte, and the last one. */
	u64 entry_ns; /* of the call that they are of, with */
	u64 task;     /* the address of its thread */
	struct pvm_picked picked[PVM_REGIONS_MAX + 1];
	u32 picked_cnt;
	u32 next; /* number of the first element that was not asked whether it has a byte */
	u8 piece[PIECE_SZ];
	u64 label[LABEL_SZ / 8];
	struct pvm_region kept; /* of the first look, during the second */
	u32 found;		/* regions so far */
	u32 pad;
	/* The record of more than one. */
	struct pvm_array head;
	struct pvm_region regions[PVM_REGIONS_MAX + 1];
};

PVM_ASSERT(__builtin_offsetof(struct pvm_region_room, regions) ==
	   __builtin_offsetof(struct pvm_region_room, head) + sizeof(struct pvm_array));

/* Filled and used up within one run of a hook, like pvm_names. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_CNT);
	__type(key, u32); /* enum pvm_hook */
	__type(value, struct pvm_region_room);
} pvm_region_rooms SEC(".maps");

/* NULL: the hook has none. */
static __always_inline struct pvm_region_room *region_room(u32 hook)
{
	return bpf_map_lookup_elem(&pvm_region_rooms, &hook);
}

static __always_inline void elements_forget(struct pvm_region_room *room)
{
	room->picked_cnt = 0;
	room->next = 0;
}

/* One element; *len: of how many bytes. wide: 1 or 0. There is one way through this for both, of which loops are made. */
static __always_inline u64 element_take(const u8 *at, u64 wide, u64 *len)
{
	u64 rest = (1 - wide) * 32;

	*len = *(const u64 *)(at + PVM_ELEMENT_MAX / 4 * (1 + wide)) << rest >> rest;
	return arch_user_address(*(const u64 *)at << rest >> rest);
}

/* One more that is looked at, if it has a byte: behind cnt others. at: where it stands in the piece. For the verifier, which follows
 * each way, there is one only. */
static __always_inline void element_pick(struct pvm_region_room *room, u32 cnt, u32 at, u32 wide,
					 u32 index)
{
	struct pvm_picked *to = &room->picked[cnt];
	u64 len, rest;

	to->addr = element_take(room->piece + at, wide, &len);
	to->index = index;
	to->apart = 0;
	/* An empty one touches nothing. */
	rest = -len;
	barrier_var(rest);
	room->picked_cnt = cnt + (u32)((len | rest) >> 63);
}

/* Picks, out of the piece in the room, which stands at this offset in a list of len bytes, as many elements as are still wanted.
 * Verified once. wide: 1 or 0. Returns whether none is wanted any more, or there. */
__noinline int elements_pick(u32 hook, u32 off, u32 len, u32 wide)
{
	struct pvm_region_room *room = region_room(hook);
	u32 index, cnt;

	if (off >= len)
		return 1;
	wide &= 1;
	index = off >> (3 + wide); /* as pvm_element_sz */
	cnt = (len - off) >> (3 + wide);
	for (u32 i = 0; room && i < PIECE_SZ / (PVM_ELEMENT_MAX / 2); i++) {
		u32 at = i * (PVM_ELEMENT_MAX / 2) << wide, picked = room->picked_cnt;

		/* As in read_bounded. */
		barrier_var(at);
		barrier_var(picked);
		if (i >= cnt || at >= PIECE_SZ)
			return 0;
		if (picked >= cfg_regions || picked >= PVM_REGIONS_MAX)
			return 1;
		element_pick(room, picked, at, wide, index + i);
		room->next = index + i + 1;
	}
	return 0;
}

/* Picks the last one, of cnt, if it was not asked yet. at: where it stands in the piece. Verified once. */
__noinline int element_pick_last(u32 hook, u32 at, u32 cnt, u32 wide)
{
	struct pvm_region_room *room = region_room(hook);
	u32 picked;

	if (!room || room->next >= cnt)
		return 0;
	picked = room->picked_cnt;
	barrier_var(at);
	barrier_var(picked);
	if (at >= PIECE_SZ || picked > PVM_REGIONS_MAX)
		return 0;
	element_pick(room, picked, at, wide & 1, cnt - 1);
	room->picked[picked].apart = room->next < cnt - 1;
	return 0;
}

/* Picks what will be looked at of a long list, before its record goes to user space. len: bytes of it; room_sz: of the record, in
 * which all that is read has a place. */
static __always_inline void elements_keep(u32 hook, u64 entry_ns, const u8 *data, u32 len, u32 wide,
					  const u32 room_sz)
{
	struct pvm_region_room *room = region_room(hook);
	u32 shift = 3 + wide;

	if (!room)
		return;
	elements_forget(room);
	for (u32 off = 0; off < room_sz; off += PIECE_SZ) {
		bpf_probe_read_kernel(room->piece, PIECE_SZ, data + off);
		if (elements_pick(hook, off, len, wide))
			break;
	}
	bpf_probe_read_kernel(room->piece, PVM_ELEMENT_MAX, data + len - PVM_ELEMENT_MAX);
	element_pick_last(hook, PVM_ELEMENT_MAX - (1 << shift), len >> shift, wide);
	room->entry_ns = entry_ns;
	room->task = bpf_get_current_task();
}

#endif
