/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * summary.h - calls told together: those that find no room in the ring, so that a flood hides nothing, and
 * all but the first of each kind where the user wants it so.
 *
 * The reader moves pvm_control.window, waits until no hook runs that has read the old one, and then takes that
 * one's entries: so no call is added to an entry that is already told.
 */
#ifndef PVM_SUMMARY_H
#define PVM_SUMMARY_H

#include "arch.h"
#include "atomic.h"
#include "base.h"
#include "filter.h"
#include "hash.h"
#include "iovec.h"
#include "maps.h"
#include "read.h"
#include "reader.h"
#include "state.h"

/* Returns a hash of what a process may do and where it is at home: of one that gained or gave up any of it, a sum must not
 * say what it had before. */
static __always_inline u32 rights_hash(const struct pvm_task *id)
{
	u64 hash = hash_add(0, (u64)id->uid << 32 | id->gid);

	hash = hash_add(hash, (u64)id->euid << 32 | id->egid);
	hash = hash_add(hash, (u64)id->suid << 32 | id->sgid);
	hash = hash_add(hash, id->caps_effective);
	hash = hash_add(hash, (u64)id->ns_mnt << 32 | id->ns_user);
	hash = hash_add(hash, id->cgroup_id << 8 | id->hier);
	return hash >> 32;
}

static __always_inline void summary_key(struct pvm_summary_key *key, const struct pvm_call *call)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->caller_start = call->caller.start_ns;
	key->target_start = call->target.start_ns;
	key->caller = call->caller.pid;
	key->target = call->target.pid;
	key->caller_exec = call->caller.exec_id;
	key->target_exec = call->target.exec_id;
	key->caller_rights = rights_hash(&call->caller);
	if (call->flags & PVM_CALL_TRACED)
		key->caller_rights = ~key->caller_rights;
	key->target_rights = rights_hash(&call->target);
	key->op = call->op;
	key->rules = rules_left_of(call);
	key->outcome = pvm_outcome_of(call->phase, call->ret);
	if (key->outcome == PVM_FAILED && pvm_usual_of(-call->ret) == PVM_USUAL_CNT)
		key->error = -call->ret;
}

/* Takes some bytes into what was named so far; none, or such as no address space has, are no bytes. */
static __always_inline void range_add(struct pvm_tally *tally, u64 base, u64 len)
{
	u64 last = base + len - 1;

	if (!len)
		return;
	if (last < base)
		last = ~0ULL;
	if (base < tally->low)
		tally->low = base;
	if (last > tally->high)
		tally->high = last;
}

#define RANGE_CHUNK PVM_INLINE_CNT /* elements: as many as there is room for */
PVM_ASSERT(PVM_IOV_MAX % RANGE_CHUNK == 0);

/* Takes up to RANGE_CHUNK elements that stand at s->data + off into the call's tally. slot: enum pvm_slot, as in all that
 * follows. */
__noinline int range_add_elements(u32 slot, u32 off, u32 cnt)
{
	struct pvm_state *s = state_at(slot);
	u32 size;

	if (!s || off > DATA_LISTS * PVM_INLINE_SZ)
		return 0;
	size = pvm_element_sz(s->call.abi);
	for (u32 i = 0; i < RANGE_CHUNK; i++) {
		if (i >= cnt)
			break;
		if (size == sizeof(struct pvm_element)) {
			const struct pvm_element *e = (void *)(s->data + off);

			range_add(&s->tally, e[i].base, e[i].len);
		} else {
			const struct pvm_element32 *e = (void *)(s->data + off);

			range_add(&s->tally, e[i].base, e[i].len);
		}
	}
	return 0;
}

/* Takes the elements from number first on of a long remote list, as it is now. Returns whether they were read. It is a
 * function of its own, which the verifier follows once and not for each of them. */
__noinline int range_add_chunk(u32 slot, u32 first)
{
	struct pvm_state *s = state_at(slot);
	u64 addr, n;
	u32 size;

	if (!s)
		return 0;
	addr = arch_user_address(s->call.remote.addr);
	size = pvm_element_sz(s->call.abi);
	n = s->call.remote.count - first;
	if (n > RANGE_CHUNK)
		n = RANGE_CHUNK;
	if (!read_bounded(s->data + DATA_LISTS * PVM_INLINE_SZ, elements_sz(size, n), PVM_INLINE_SZ,
			  addr + first * size))
		return 0;
	range_add_elements(slot, DATA_LISTS * PVM_INLINE_SZ, n);
	return 1;
}

/* Takes all of them in the same way, cnt. */
static __always_inline bool range_add_long(u32 slot, u64 cnt)
{
	for (u32 i = 0; i < PVM_IOV_MAX; i += RANGE_CHUNK) {
		if (i >= cnt)
			break;
		if (!range_add_chunk(slot, i))
			return false;
	}
	return true;
}

/* Takes any remote list in the same way. */
__noinline int range_add_list(u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct pvm_side *side;
	u32 cnt;
	u8 whole;

	if (!s)
		return 0;
	side = &s->call.remote;
	if (!side->count || side->count > PVM_IOV_MAX)
		return 1;
	if (side->count > PVM_INLINE_CNT)
		return range_add_long(slot, side->count);
	cnt = side->count;
	whole = pvm_page_mask(arch_user_address(side->addr), array_sz(s->call.abi, cnt));
	if (side->entry_len)
		range_add_elements(slot, pvm_data_at(&s->call, true, false), cnt);
	if (side->exit_len)
		range_add_elements(slot, pvm_data_at(&s->call, true, true), cnt);
	return side->entry_ok == whole || side->exit_ok == whole;
}

/* Makes the sums of this call alone. */
static __always_inline void tally_begin(struct pvm_state *s, const struct pvm_summary_key *key,
					u32 slot)
{
	const struct pvm_call *call = &s->call;
	struct pvm_tally *tally = &s->tally;
	u32 abi = call->abi, usual;

	__builtin_memset(tally, 0, sizeof(*tally));
	tally->calls = 1;
	tally->bytes = key->outcome == PVM_SUCCEEDED ? call->ret : 0;
	tally->duration_ns = call->exit_ns - call->entry_ns;
	tally->first_ns = call->entry_ns;
	tally->last_ns = call->entry_ns;
	tally->outcome = key->outcome;
	tally->reason = key->reason;
	tally->low = ~0ULL;
	usual = key->outcome == PVM_FAILED ? pvm_usual_of(-call->ret) : PVM_USUAL_CNT;
	if (usual < PVM_USUAL_CNT)
		tally->errors[usual] = 1;
	if (abi < PVM_ABI_CNT)
		tally->abis[abi] = 1;
	if (s->looks[0] == LOOKS_DIFFER || s->looks[1] == LOOKS_DIFFER)
		tally->changed = 1;
	else if (s->looks[0] != LOOKS_EQUAL || s->looks[1] != LOOKS_EQUAL)
		tally->uncompared = 1;
	/* Nobody else's memory can be looked at. */
	tally->unranged = slot == SLOT_SWEPT || !range_add_list(slot);
}

/* The first and last times and addresses may be off by the calls that two CPUs end at the same moment; the sums are
 * exact. */
static __always_inline void tally_add(struct pvm_tally *to, const struct pvm_tally *one)
{
	atomic_add(&to->calls, 1);
	atomic_add(&to->bytes, one->bytes);
	atomic_add(&to->duration_ns, one->duration_ns);
	for (u32 i = 0; i < PVM_USUAL_CNT; i++)
		if (one->errors[i])
			atomic_add(&to->errors[i], 1);
	for (u32 i = 0; i < PVM_ABI_CNT; i++)
		if (one->abis[i])
			atomic_add(&to->abis[i], 1);
	if (one->changed)
		atomic_add(&to->changed, 1);
	if (one->uncompared)
		atomic_add(&to->uncompared, 1);
	if (one->unranged)
		atomic_add(&to->unranged, 1);
	if (one->first_ns < to->first_ns)
		to->first_ns = one->first_ns;
	if (one->last_ns > to->last_ns)
		to->last_ns = one->last_ns;
	if (one->low < to->low)
		to->low = one->low;
	if (one->high > to->high)
		to->high = one->high;
}

/* Puts the call into a summary. reason: enum pvm_reason. Returns 1 if it is in one, and counted, and 0 if there
 * is no room for it there either. */
__noinline int summary_add(u32 slot, u32 reason)
{
	struct pvm_summary_key key;
	struct pvm_summary *sum;
	struct pvm_state *s = state_at(slot);

	if (!s)
		return 0;
	summary_key(&key, &s->call);
	key.window = pvm_control.window;
	key.reason = reason;
	tally_begin(s, &key, slot);
	sum = bpf_map_lookup_elem(&pvm_summaries, &key);
	if (!sum) {
		if (!bpf_map_update_elem(&pvm_summaries, &key, &s->sum_hdr, BPF_NOEXIST)) {
			count(PVM_C_SUMMARISED);
			return 1;
		}
		sum = bpf_map_lookup_elem(&pvm_summaries, &key);
		if (!sum)
			return 0;
	}
	tally_add(&sum->tally, &s->tally);
	count(PVM_C_SUMMARISED);
	return 1;
}

/* Returns, for --aggregate, whether a call of these two, with this outcome, was told one by one already. */
__noinline int pair_is_known(u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct pvm_summary_key key;

	if (!s)
		return 0;
	summary_key(&key, &s->call);
	return bpf_map_lookup_elem(&pvm_known, &key) ? 1 : 0;
}

__noinline int pair_remember(u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct pvm_summary_key key;
	u32 one = 1;

	if (!s)
		return 0;
	summary_key(&key, &s->call);
	return bpf_map_update_elem(&pvm_known, &key, &one, BPF_ANY);
}

#endif
