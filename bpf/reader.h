/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* reader.h - what hooks do for the reader besides records: count, and wake it. */
#ifndef PVM_READER_H
#define PVM_READER_H

#include "atomic.h"
#include "base.h"
#include "maps.h"

/* Rows are by CPU to keep cache lines apart; atomic, because CPUs beyond the last row share them. */
static __always_inline void count(enum pvm_count counter)
{
	u32 row = bpf_get_smp_processor_id() & (PVM_CPU_ROWS - 1);

	atomic_add(&pvm_shared.rows[row].n[counter], 1);
}

/*
 * A sleeping reader is woken by the first record; a busy one comes by itself (user/loop.c): waking it for every record would
 * cost more than the record. It is called after the record was submitted, which is a full barrier: either we see that the
 * reader is asleep, or it sees the record before it sleeps.
 */
static __always_inline void wake(void)
{
	void *kick;

	if (!pvm_bell.asleep)
		return;
	pvm_bell.asleep = 0;
	kick = bpf_ringbuf_reserve(&pvm_calls, 8, 0);
	if (kick)
		bpf_ringbuf_discard(kick, BPF_RB_FORCE_WAKEUP);
}

#endif
