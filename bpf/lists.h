/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * lists.h - looks at both lists of a call: at once, if they are short and lie side by side, as two variables of a function mostly
 * do; else at one and then the other (iovec.h). To read from user memory takes longer than all else that is done with a short list.
 * What is read at once is taken only if all of it is readable: then two readings would have given the same.
 */
#ifndef PVM_LISTS_H
#define PVM_LISTS_H

#include "arch.h"
#include "base.h"
#include "iovec.h"
#include "state.h"

/* Returns how many bytes a list that goes into the call's own data has; 0: this one does not. */
static __always_inline u32 short_sz(const struct pvm_call *call, bool remote)
{
	u64 cnt = pvm_used_count(remote ? &call->remote : &call->local, remote);

	return cnt <= PVM_INLINE_CNT ? array_sz(call->abi, cnt) : 0;
}

/* Gives both lists of one element a side, which were read the remote one first, the order of the call's data. */
static __always_inline void pair_turn(u64 *words)
{
	u64 base = words[0], len = words[1];

	words[0] = words[2];
	words[1] = words[3];
	words[2] = base;
	words[3] = len;
}

/* Reads both, len bytes together, into s->data at off. */
static __always_inline bool pair_read(struct pvm_state *s, u32 off, u64 addr, u32 len)
{
	/* As in short_read. */
	barrier_var(off);
	barrier_var(len);
	if (off > (DATA_LISTS - 2) * PVM_INLINE_SZ || len > 2 * PVM_INLINE_SZ)
		return false;
	return !bpf_probe_read_user(s->data + off, len, (void *)addr);
}

/* Takes the first look at both lists, if they lie side by side: of one element each in either order, of more the local one first. */
static __always_inline bool pair_entry(struct pvm_state *s)
{
	struct pvm_side *local = &s->call.local, *remote = &s->call.remote;
	u64 at = arch_user_address(local->addr), remote_at = arch_user_address(remote->addr);
	u32 len = short_sz(&s->call, false), remote_len = short_sz(&s->call, true);

	s->pair = PAIR_NONE;
	if (!len || !remote_len)
		return false;
	if (at + len == remote_at) {
		if (!pair_read(s, 0, at, len + remote_len))
			return false;
		s->pair = PAIR_LOCAL_FIRST;
	} else if (remote_at + PVM_ELEMENT_MAX == at && len == PVM_ELEMENT_MAX &&
		   remote_len == PVM_ELEMENT_MAX) {
		if (!pair_read(s, 0, remote_at, 2 * PVM_ELEMENT_MAX))
			return false;
		pair_turn((u64 *)s->data);
		s->pair = PAIR_REMOTE_FIRST;
	} else {
		return false;
	}
	local->flags = remote->flags = PVM_SIDE_ENTRY;
	local->entry_ok = pvm_page_mask(at, len);
	local->entry_len = len;
	remote->entry_ok = pvm_page_mask(remote_at, remote_len);
	remote->entry_len = remote_len;
	return true;
}

static __always_inline void lists_entry(struct pvm_state *s)
{
	if (pair_entry(s))
		return;
	side_entry(s, &s->call.local, false);
	side_entry(s, &s->call.remote, true);
}

/* Notes of one list of a pair, of which the second look got all, whether it is as at entry. Its copy is kept only if not. */
static __always_inline bool pair_differs(struct pvm_state *s, struct pvm_side *side, bool remote,
					 u32 off)
{
	side->flags |= PVM_SIDE_EXIT;
	side->exit_ok = side->entry_ok;
	if (data_equal(s, pvm_data_at(&s->call, remote, false), off, side->entry_len)) {
		s->looks[remote] = LOOKS_EQUAL;
		side->flags |= PVM_SIDE_SAME;
		return false;
	}
	s->looks[remote] = LOOKS_DIFFER;
	side->exit_len = side->entry_len;
	return true;
}

/* The remote list alone has changed: its copy goes to where that of the local one is, which is not kept. */
static __always_inline void pair_close_up(struct pvm_state *s, u32 off, u32 len)
{
	barrier_var(off);
	barrier_var(len);
	if (off > (DATA_LISTS - 2) * PVM_INLINE_SZ || len > PVM_INLINE_SZ)
		return;
	bpf_probe_read_kernel(s->data + off, PVM_INLINE_SZ, s->data + off + len);
}

/* Takes the second look at a pair. */
static __always_inline bool pair_exit(struct pvm_state *s)
{
	struct pvm_side *local = &s->call.local, *remote = &s->call.remote;
	const bool turned = s->pair == PAIR_REMOTE_FIRST;
	u32 len = local->entry_len, off = pvm_data_at(&s->call, false, true);
	bool local_differs;

	if (s->pair == PAIR_NONE)
		return false;
	if (turned)
		off = 2 * PVM_ELEMENT_MAX; /* it is, as both have one element; for the verifier */
	/* Behind what both had at entry, as many bytes. */
	if (!pair_read(s, off, arch_user_address(turned ? remote->addr : local->addr), off))
		return false;
	if (turned)
		pair_turn((u64 *)(s->data + 2 * PVM_ELEMENT_MAX));
	local_differs = pair_differs(s, local, false, off);
	if (pair_differs(s, remote, true, off + len) && !local_differs)
		pair_close_up(s, off, len);
	return true;
}

static __always_inline void lists_exit(struct pvm_state *s)
{
	if (pair_exit(s))
		return;
	side_exit(s, &s->call.local, false);
	side_exit(s, &s->call.remote, true);
}

#endif
