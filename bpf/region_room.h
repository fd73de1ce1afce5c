/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* region_room.h - what a look at regions (region.h) needs room for besides the call's state. */
#ifndef PVM_REGION_ROOM_H
#define PVM_REGION_ROOM_H

#include "base.h"
#include "hooks.h"
#include "settings.h"

#define LABEL_SZ 80 /* ANON_VMA_NAME_MAX_LEN (include/linux/mm.h), with the NUL */

struct pvm_region_room {
	/* Of a long list that was read whole: the first elements and the last two words, as its ABI lays them out. */
	u64 entry_ns; /* of the call that they are of, with */
	u64 task;     /* the address of its thread */
	u8 first[PVM_REGIONS_MAX * PVM_ELEMENT_MAX];
	u8 last[PVM_ELEMENT_MAX];
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

/* Keeps what will be looked at of a long list, before its record goes to user space. len: bytes of it. The array has
 * room for all that is read. */
static __always_inline void elements_keep(u32 hook, u64 entry_ns, const u8 *data, u32 len)
{
	struct pvm_region_room *room = region_room(hook);
	u32 size = cfg_regions * PVM_ELEMENT_MAX;

	if (!room || size > sizeof(room->first))
		return;
	bpf_probe_read_kernel(room->first, size, data);
	bpf_probe_read_kernel(room->last, sizeof(room->last), data + len - sizeof(room->last));
	room->entry_ns = entry_ns;
	room->task = bpf_get_current_task();
}

#endif
