/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* tell.h - the last record of a call, or its place in a summary. */
#ifndef PVM_TELL_H
#define PVM_TELL_H

#include "arch.h"
#include "base.h"
#include "iovec.h"
#include "maps.h"
#include "reader.h"
#include "settings.h"
#include "state.h"
#include "summary.h"

/* Puts what is known for certain of the pages that the kernel held behind the call's data. Returns its size. */
static __always_inline u32 pins_put(struct pvm_state *s, u32 off)
{
	struct pvm_held *h = &s->held;

	if (!pins_on || s->call.phase != PVM_COMPLETE || h->missed || h->open ||
	    h->chunks != h->freed_chunks || h->pins.pages != h->freed_pages)
		return 0;
	/* This is as in read_bounded. */
	barrier_var(off);
	if (off > DATA_LISTS * PVM_INLINE_SZ)
		return 0;
	if (h->run_cnt)
		h->pins.sum = pvm_pins_add(h->pins.sum, h->run_first, h->run_cnt, cfg_pin_key[0],
					   cfg_pin_key[1]);
	*(struct pvm_pins *)(s->data + off) = h->pins;
	s->call.flags |= PVM_CALL_PINS;
	return sizeof(h->pins);
}

/* Puts the record into the ring. Returns other than 0 if there is no room. Where the record lies, PVM_CALL_MAX bytes are. */
static __always_inline long call_output(const struct pvm_call *call, u32 size)
{
	/* This is as in read_bounded. */
	barrier_var(size);
	if (size > PVM_CALL_MAX)
		return -1;
	return bpf_ringbuf_output(&pvm_calls, (void *)call, size, BPF_RB_NO_WAKEUP);
}

/* Tells the last record of a call that ended, or that is told without its end: it is submitted, summarised or lost, never two of
 * them. s is what state_at(slot) gives. A sweep runs for the reader, who needs no waking, and in another task than the call. */
static __always_inline void call_submit(struct pvm_state *s, u32 slot)
{
	u32 data = pvm_data_len(&s->call);
	u32 size = sizeof(s->call) + data + pins_put(s, data);

	s->call.hdr.size = size;
	if (!call_output(&s->call, size)) {
		count(PVM_C_SUBMITTED);
		if (cfg_aggregate && slot != SLOT_SWEPT)
			pair_remember(slot);
	} else if (!summary_add(slot, PVM_OVERFLOW)) {
		count(PVM_C_RING_FULL);
	} else if (slot != SLOT_SWEPT) {
		arrays_drop(s);
	}
	if (slot != SLOT_SWEPT)
		wake();
}

/* These flags say of a target that it may have been another: it moved, or that cannot be excluded, or it works in another
 * process's memory. */
#define TARGET_ODD (PVM_TARGET_DOUBT | PVM_CALL_OWNER)

/*
 * Returns whether a sum must not swallow the call: lists that changed or were not seen whole twice, a target that may have been
 * another, or that was not there at entry and yet had bytes to move, a caller that somebody traces and so may steer, the other
 * ABI, flags, a long stay inside, a refusal by seccomp (an orphan), and results that honest calls do not have.
 */
static __always_inline bool call_stands_out(const struct pvm_state *s)
{
	const struct pvm_call *call = &s->call;

	if (call->phase != PVM_COMPLETE || call->abi != ARCH_ABI_NATIVE ||
	    call->args[PVM_ARG_FLAGS] || call->flags & (TARGET_ODD | PVM_CALL_TRACED) ||
	    (call->ret > 0 && call->resolved != PVM_RESOLVED_ENTRY) ||
	    s->told_ns == call->entry_ns || call->exit_ns - call->entry_ns >= cfg_parked_ns)
		return true;
	if (s->looks[0] != LOOKS_EQUAL || s->looks[1] != LOOKS_EQUAL)
		return true;
	return call->ret < 0 && pvm_usual_of(-call->ret) == PVM_USUAL_CNT;
}

/* Returns whether, with --aggregate, the call went into a summary: once a call of its kind was told, the others
 * do. */
static __always_inline bool call_aggregate(const struct pvm_state *s, u32 slot)
{
	if (call_stands_out(s) || !pair_is_known(slot) || !summary_add(slot, PVM_AGGREGATE))
		return false;
	arrays_drop(s);
	return true;
}

#endif
