/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * data.h - the first bytes that a call moves (--data), as they stand in the caller's own ranges: of a write at its entry,
 * of a read at its exit. What could not be read of a write's at entry, as nobody had touched the page, is looked at again at
 * its exit.
 */
#ifndef PVM_BPF_DATA_H
#define PVM_BPF_DATA_H

#include "arch.h"
#include "base.h"
#include "iovec.h"
#include "maps.h"
#include "read.h"
#include "reader.h"
#include "settings.h"
#include "state.h"

/* For verifiers, which know of an offset and of a length what each can be, but not their sum. */
#define DATA_ROOM (2 * PVM_DATA_MAX)
PVM_ASSERT(PVM_IS_POWER_OF_2(PVM_DATA_MAX));

/* In pvm_array.ok: what lies behind the bytes that were read could not be. */
#define DATA_ENDS 1

/* Returns the local ranges, as many as are in a short list: from the look at entry, or, of a long list or one that could not
 * be read then, from a new one. Behind the lists nothing is kept yet. NULL: they cannot be read. */
static __always_inline const u8 *data_ranges(struct pvm_state *s, u32 cnt)
{
	struct pvm_side *side = &s->call.local;
	u8 *behind = s->data + DATA_LISTS * PVM_INLINE_SZ;
	u32 len = array_sz(s->call.abi, cnt);

	if (side->entry_len && side->entry_ok == pvm_page_mask(side->addr, len))
		return s->data;
	if (!read_bounded(behind, len, PVM_INLINE_SZ, arch_user_address(side->addr)))
		return NULL;
	return behind;
}

/* Reads len bytes behind those that are there. How many there are stands in the record, of which the verifier takes all
 * numbers for one. Returns whether it could. */
static __always_inline bool data_part(struct pvm_array *array, u64 from, u32 len)
{
	u32 done = array->len;

	/* As in read_bounded. */
	barrier_var(done);
	barrier_var(len);
	if (done >= PVM_DATA_MAX || len > PVM_DATA_MAX ||
	    bpf_probe_read_user(array->data + done, len, (void *)arch_user_address(from)))
		return false;
	array->len = done + len;
	return true;
}

/* Reads up to want bytes of one range, page by page, as they may lie on two. Returns whether all of them were there. */
static __always_inline bool data_range(struct pvm_array *array, u64 from, u32 want)
{
	u32 first = page_rest(from);

	if (first >= want)
		return data_part(array, from, want);
	return data_part(array, from, first) && data_part(array, from + first, want - first);
}

/* Reads the first limit bytes of them, or as many as can be read. Whether some cannot stands in the record, which is
 * not followed by the verifier. */
static __always_inline void data_read(struct pvm_array *array, const u8 *ranges, u32 cnt, bool wide,
				      u32 limit)
{
	for (u32 i = 0; i < PVM_INLINE_CNT; i++) {
		u32 want = limit - array->len;
		u64 base, len;

		if (i >= cnt || !want || want > PVM_DATA_MAX)
			break;
		base = wide ? ((struct pvm_element *)ranges)[i].base
			    : ((struct pvm_element32 *)ranges)[i].base;
		len = wide ? ((struct pvm_element *)ranges)[i].len
			   : ((struct pvm_element32 *)ranges)[i].len;
		if (!data_range(array, base, len < want ? len : want)) {
			array->ok = DATA_ENDS;
			break;
		}
	}
}

/* Sends the first limit bytes of the current thread's call, or as many as can be read; once more, if there are more by now.
 * Returns whether it did. */
__noinline int data_send(u32 limit)
{
	struct pvm_state *s = state_at(SLOT_OWN);
	struct snapshot_id id = { .of = PVM_ARRAY_DATA };
	struct pvm_array *array;
	const u8 *ranges;
	u64 cnt;
	bool again;

	if (!s)
		return 0;
	again = s->call.flags & PVM_CALL_DATA;
	cnt = pvm_used_count(&s->call.local, false);
	if (!cnt || cnt > PVM_IOV_MAX)
		return 0;
	if (cnt > PVM_INLINE_CNT)
		cnt = PVM_INLINE_CNT;
	ranges = data_ranges(s, cnt);
	if (!ranges)
		return 0;
	id.entry_ns = s->call.entry_ns;
	id.at_exit = again;
	array = array_reserve(&id, DATA_ROOM, 0);
	if (!array) {
		count(PVM_C_ARRAY_LOST);
		return 0;
	}
	array->ok = 0;
	data_read(array, ranges, cnt, pvm_element_sz(s->call.abi) == PVM_ELEMENT_MAX, limit);
	if (array->len <= (again ? s->moved : 0)) {
		bpf_ringbuf_discard(array, BPF_RB_NO_WAKEUP);
		return 0;
	}
	s->moved = array->ok == DATA_ENDS ? array->len : limit;
	bpf_ringbuf_submit(array, BPF_RB_NO_WAKEUP);
	s->call.flags |= again ? PVM_CALL_DATA_MORE : PVM_CALL_DATA;
	arrays_watch();
	return 1;
}

/* Takes what will be moved. */
static __always_inline void data_entry(const struct pvm_state *s)
{
	if (cfg_data_bytes && s->call.op == PVM_WRITE)
		data_send(cfg_data_bytes);
}

/* Takes what was moved, of a call whose entry was seen. */
static __always_inline void data_exit(const struct pvm_state *s)
{
	s64 ret = s->call.ret;
	u32 limit;

	if (!cfg_data_bytes || s->call.phase != PVM_COMPLETE || ret <= 0)
		return;
	limit = ret < cfg_data_bytes ? ret : cfg_data_bytes;
	if (!(s->call.flags & PVM_CALL_DATA) || s->moved < limit)
		data_send(limit);
}

#endif
