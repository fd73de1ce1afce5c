/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * iovec.h - looks at the arrays: short ones into the call's own data, long ones into records of the ring
 * of arrays. bpf_probe_read_user never faults a page in, so an array on an untouched page is
 * unreadable at entry and readable at exit; that is why every look says which pages it got.
 */
#ifndef PVM_IOVEC_H
#define PVM_IOVEC_H

#include "arch.h"
#include "base.h"
#include "maps.h"
#include "read.h"
#include "reader.h"
#include "region_room.h"
#include "settings.h"
#include "state.h"

PVM_ASSERT(PVM_IS_POWER_OF_2(PVM_INLINE_SZ));

/* All sizes that there are pass: also the largest, for which half of it would do. */
#define ELEMENTS_MASK (2 * PVM_IOV_MAX * PVM_ELEMENT_MAX - 1)
PVM_ASSERT(PVM_IS_POWER_OF_2(ELEMENTS_MASK + 1));

/* Returns the bytes of cnt elements of so many bytes, cnt being PVM_IOV_MAX at most. The mask is for verifiers before 6.10,
 * which know nothing of a product of two variables; the barrier keeps it, because the compiler knows better. */
static __always_inline u32 elements_sz(u32 size, u64 cnt)
{
	u32 len = (u32)cnt * size;

	barrier_var(len);
	return len & ELEMENTS_MASK;
}

static __always_inline u32 array_sz(u32 abi, u64 cnt)
{
	return elements_sz(pvm_element_sz(abi), cnt);
}

static __always_inline u32 page_rest(u64 addr)
{
	return PVM_PAGE_SZ - (addr & (PVM_PAGE_SZ - 1));
}

/* Reads a short array that could not be read in one go: page by page, of which there are at most two. */
static __noinline int short_read_split(u8 *to, u64 addr, u32 len)
{
	u32 first = page_rest(addr), rest;
	int ok = 0;

	if (first >= len || len > PVM_INLINE_SZ)
		return 0;
	rest = len - first;
	/* It is less by now. The barrier and the mask are for the verifier, and so that no compiler knows that (clang 23
	 * does) or asks the address. */
	barrier_var(first);
	if (first > PVM_INLINE_SZ)
		return 0;
	barrier_var(rest);
	rest &= PVM_INLINE_SZ - 1; /* it is less; for the verifier */
	if (!bpf_probe_read_user(to, first, (void *)addr))
		ok |= 1;
	if (!bpf_probe_read_user(to + first, rest, (void *)(addr + first)))
		ok |= 2;
	return ok;
}

/* Reads len bytes (up to PVM_INLINE_SZ) to data + off and returns the mask of pages read. */
static __always_inline u8 short_read(struct pvm_state *s, u32 off, u64 addr, u32 len)
{
	u8 *to;

	/* A compiler may compare copies of them, from which 5.10's verifier learns nothing of the rest. */
	barrier_var(off);
	barrier_var(len);
	if (off > (DATA_LISTS - 1) * PVM_INLINE_SZ || len > PVM_INLINE_SZ)
		return 0;
	to = s->data + off;
	if (!bpf_probe_read_user(to, len, (void *)addr))
		return pvm_page_mask(addr, len);
	return short_read_split(to, addr, len);
}

/* This says which snapshot of which call it is: the caller is the current thread. */
struct snapshot_id {
	u64 entry_ns;
	u32 hook; /* enum pvm_hook */
	u8 of;	  /* enum pvm_array_of */
	bool at_exit;
	u32 wide; /* boolean: its elements are of PVM_ELEMENT_MAX bytes */
};

static __always_inline struct pvm_array *array_reserve(const struct snapshot_id *id, const u32 room,
						       u32 len)
{
	struct pvm_array *array = bpf_ringbuf_reserve(&pvm_arrays, sizeof(*array) + room, 0);

	if (!array)
		return NULL;
	array->hdr.size = sizeof(*array) + room;
	array->hdr.type = PVM_ARRAY;
	array->hdr.version = PVM_WIRE_VERSION;
	array->entry_ns = id->entry_ns;
	array->tid = (u32)bpf_get_current_pid_tgid();
	array->of = id->of;
	array->at_exit = id->at_exit;
	array->pad = 0;
	array->off = 0;
	array->len = len;
	return array;
}

/*
 * Returns the digest of a long list, of which no copy stays here. The caller chooses the list, and wants two with one digest:
 * so the words are added to multiples of keys that it does not know before they are multiplied with each other (a multilinear
 * hash).
 */
static __always_inline u64 list_digest(const u8 *data, u32 len, const u32 room)
{
	u64 key[2] = { cfg_digest_key[0], cfg_digest_key[1] }, sum = 0, end = len;

	/* Without this the verifier takes each end of the loop for another way through what follows. */
	asm volatile("%0 |= 0" : "+r"(end));
	for (u32 i = 0; i < room; i += 16) {
		u64 second = 0;

		if (i >= end)
			break;
		if (i + 8 < end)
			second = *(u64 *)(data + i + 8);
		sum += (*(u64 *)(data + i) + key[0]) * (second + key[1]);
		key[0] += cfg_digest_key[1];
		key[1] += cfg_digest_key[0];
	}
	return sum;
}

/* --aggregate has to know whether a long list changed. Other users leave that to user space, which keeps both looks. */
static __always_inline void looks_compare(const struct snapshot_id *id, u64 digest)
{
	struct pvm_state *s = state_at(SLOT_OWN);

	if (!s)
		return;
	if (!id->at_exit) {
		s->looks[id->of & 1] = LOOKS_FIRST;
		s->digest[id->of & 1] = digest;
	} else if (s->looks[id->of & 1] == LOOKS_FIRST) {
		s->looks[id->of & 1] = digest == s->digest[id->of & 1] ? LOOKS_EQUAL : LOOKS_DIFFER;
	}
}

/* Reads a long list into a record. Returns -1 without room, 0 if it is not readable in one go, else the mask of
 * pages. */
static __always_inline int long_read(const struct snapshot_id *id, u64 addr, u32 len,
				     const u32 room)
{
	struct pvm_array *array = array_reserve(id, room, len);
	u8 ok;

	if (!array)
		return -1;
	if (!read_bounded(array->data, len, room, addr)) {
		bpf_ringbuf_discard(array, BPF_RB_NO_WAKEUP);
		return 0;
	}
	ok = pvm_page_mask(addr, len);
	array->ok = ok;
	if (cfg_aggregate)
		looks_compare(id, list_digest(array->data, len, room));
	if (cfg_regions && id->of == PVM_ARRAY_REMOTE)
		elements_keep(id->hook, id->entry_ns, array->data, len, id->wide, room);
	bpf_ringbuf_submit(array, BPF_RB_NO_WAKEUP);
	return ok;
}

/* Reads it page by page, each to its own page of the record, so that offsets are the verifier's constants. */
static __always_inline int long_read_split(const struct snapshot_id *id, u64 addr, u32 len)
{
	struct pvm_array *array = array_reserve(id, PVM_ARRAY_PAGES * PVM_PAGE_SZ, len);
	u32 off = addr & (PVM_PAGE_SZ - 1), first = page_rest(addr), ok = 0;
	u64 at = addr - off;

	if (!array)
		return -1;
	if (first > len)
		first = len;
	if (read_bounded(array->data + off, first, PVM_PAGE_SZ, addr))
		ok |= 1;
#pragma unroll
	for (u32 i = 1; i < PVM_ARRAY_PAGES; i++) {
		u32 done = i * PVM_PAGE_SZ - off, part = PVM_PAGE_SZ;

		if (done >= len)
			break;
		if (len - done < part)
			part = len - done;
		if (read_bounded(array->data + i * PVM_PAGE_SZ, part, PVM_PAGE_SZ,
				 at + i * PVM_PAGE_SZ))
			ok |= 1u << i;
	}
	if (!ok) {
		bpf_ringbuf_discard(array, BPF_RB_NO_WAKEUP);
		return 0;
	}
	array->off = off;
	array->ok = ok;
	bpf_ringbuf_submit(array, BPF_RB_NO_WAKEUP);
	return ok;
}

/* The reader drains the ring of arrays as calls end; for calls that do not, it must be told. */
static __always_inline void arrays_watch(void)
{
	if (bpf_ringbuf_query(&pvm_arrays, BPF_RB_AVAIL_DATA) < cfg_array_ring_sz / 2)
		return;
	pvm_bell.arrays_high = 1;
	wake();
}

enum snapshot_flag {
	SNAPSHOT_REMOTE = 1,
	SNAPSHOT_AT_EXIT = 2,
};

/* In the same word: enum pvm_abi. */
#define SNAPSHOT_ABI(abi) ((u32)(abi) << 8)

/* Sends a snapshot of a long array. flags: enum snapshot_flag, SNAPSHOT_ABI; hook: enum pvm_hook. -1: no room; else the mask of the pages
 * that were read. */
__noinline int array_send(u64 entry_ns, u64 addr, u32 len, u32 flags, u32 hook)
{
	const struct snapshot_id id = {
		.entry_ns = entry_ns,
		.hook = hook,
		.of = flags & SNAPSHOT_REMOTE ? PVM_ARRAY_REMOTE : PVM_ARRAY_LOCAL,
		.at_exit = !!(flags & SNAPSHOT_AT_EXIT),
		.wide = pvm_element_sz(flags >> 8) == PVM_ELEMENT_MAX,
	};
	int ok;

	if (len <= 64 * PVM_ELEMENT_MAX)
		ok = long_read(&id, addr, len, 64 * PVM_ELEMENT_MAX);
	else if (len <= 256 * PVM_ELEMENT_MAX)
		ok = long_read(&id, addr, len, 256 * PVM_ELEMENT_MAX);
	else
		ok = long_read(&id, addr, len, PVM_IOV_MAX * PVM_ELEMENT_MAX);
	if (!ok)
		ok = long_read_split(&id, addr, len);
	if (ok < 0)
		count(PVM_C_ARRAY_LOST);
	arrays_watch();
	return ok;
}

/* The call was filtered at its exit: user space need not keep its arrays. */
static __always_inline void arrays_drop(const struct pvm_state *s)
{
	const struct snapshot_id id = { .entry_ns = s->call.entry_ns, .at_exit = true };
	struct pvm_array *array;

	if (!((s->call.local.flags | s->call.remote.flags) & PVM_SIDE_RING) &&
	    !(s->call.flags & PVM_CALL_DATA) && !(s->call.look & (PVM_LOOK_RING | PVM_LOOK_AGAIN)))
		return;
	array = array_reserve(&id, 0, 0);
	if (!array)
		return; /* they go when they are the oldest */
	array->hdr.type = PVM_ARRAY_DROP;
	array->ok = 0;
	bpf_ringbuf_submit(array, BPF_RB_NO_WAKEUP);
}

/* Takes the first look; that at the local side comes first (pvm_data_at). */
static __always_inline void side_entry(struct pvm_state *s, struct pvm_side *side, bool remote)
{
	u64 cnt = pvm_used_count(side, remote), addr = arch_user_address(side->addr);
	u32 len;
	int ok;

	if (!cnt || cnt > PVM_IOV_MAX)
		return;
	len = array_sz(s->call.abi, cnt);
	side->flags = PVM_SIDE_ENTRY;
	if (cnt <= PVM_INLINE_CNT) {
		side->entry_ok = short_read(s, pvm_data_at(&s->call, remote, false), addr, len);
		side->entry_len = len;
		return;
	}
	side->flags |= PVM_SIDE_RING;
	ok = array_send(s->call.entry_ns, addr, len,
			SNAPSHOT_ABI(s->call.abi) | (remote ? SNAPSHOT_REMOTE : 0), s->hook);
	if (ok < 0)
		side->flags |= PVM_SIDE_ENTRY_LOST;
	else
		side->entry_ok = ok;
}

PVM_ASSERT(PVM_IS_POWER_OF_2(DATA_LISTS *PVM_INLINE_SZ) && PVM_INLINE_SZ % 8 == 0);

/* Returns whether they are equal. They are compared in words: elements are two of them, of 4 or 8 bytes, so 8
 * bytes always fit. */
static __always_inline bool data_equal(struct pvm_state *s, u32 a, u32 b, u32 len)
{
	/* They are no larger than that; the compiler would make a comparison with copies of them, from which 5.10's verifier
	 * learns nothing. */
	barrier_var(a);
	barrier_var(b);
	a &= DATA_LISTS * PVM_INLINE_SZ - 1;
	b &= DATA_LISTS * PVM_INLINE_SZ - 1;
	for (u32 i = 0; i < PVM_INLINE_SZ; i += 8) {
		if (i >= len)
			break;
		if (*(u64 *)(s->data + a + i) != *(u64 *)(s->data + b + i))
			return false;
	}
	return true;
}

/* Takes the second look; that at the local side comes first. The copy is kept only if it differs or repairs the first. */
static __always_inline void side_exit(struct pvm_state *s, struct pvm_side *side, bool remote)
{
	u64 cnt = pvm_used_count(side, remote), addr = arch_user_address(side->addr);
	u32 off = pvm_data_at(&s->call, remote, true), len;
	int ok;

	if (!cnt || cnt > PVM_IOV_MAX) {
		s->looks[remote] = LOOKS_EQUAL;
		return;
	}
	len = array_sz(s->call.abi, cnt);
	side->flags |= PVM_SIDE_EXIT;
	if (cnt > PVM_INLINE_CNT) {
		side->flags |= PVM_SIDE_RING;
		ok = array_send(s->call.entry_ns, addr, len,
				SNAPSHOT_ABI(s->call.abi) | (remote ? SNAPSHOT_REMOTE : 0) |
					SNAPSHOT_AT_EXIT,
				s->hook);
		if (ok < 0)
			side->flags |= PVM_SIDE_EXIT_LOST;
		else
			side->exit_ok = ok;
		return;
	}
	side->exit_ok = short_read(s, off, addr, len);
	if (side->entry_ok == side->exit_ok && side->entry_ok == pvm_page_mask(side->addr, len)) {
		s->looks[remote] = LOOKS_DIFFER;
		if (data_equal(s, pvm_data_at(&s->call, remote, false), off, len)) {
			s->looks[remote] = LOOKS_EQUAL;
			side->flags |= PVM_SIDE_SAME;
			return;
		}
	}
	if (side->exit_ok)
		side->exit_len = len;
}

#endif
