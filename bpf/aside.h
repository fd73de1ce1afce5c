/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * aside.h - what the hooks on the kernel's own work for a call (confirm.h) keep aside until its end: that the security modules
 * let it pass, and the first chunk of pages. They come right behind mm_access, where the call's state was found: to find it
 * anew, for what nearly all calls come to, takes longer than all else that these hooks do.
 *
 * Each CPU has one place. Its first taker has it until the end of its call; whoever else comes by there meanwhile has the state
 * looked up, as have those who were moved to another CPU, and all where CPUs share places (cfg_own_rows). Whoever looks it up
 * first puts there what was kept aside, so that chunks stay in their order.
 */
#ifndef PVM_ASIDE_H
#define PVM_ASIDE_H

#include "atomic.h"
#include "base.h"
#include "settings.h"
#include "state.h"

#define ASIDE_PASSED 1 /* bit of an address: the modules let the call pass */

struct pvm_aside {
	u64 by;	   /* address of the calling thread's task_struct, with ASIDE_PASSED; 0: nobody's */
	u64 whom;  /* that of the task that it may reach into, */
	u64 cred;  /* and of its credentials, as they were read */
	u64 start; /* of the chunk that is held */
	s64 cnt;   /* its pages */
	u64 freed_pages;
	u32 freed_chunks;
	u32 exec_id;   /* of the program that it ran then */
	u16 has_chunk; /* boolean */
} __attribute__((aligned(64)));

static struct pvm_aside pvm_aside[PVM_CPU_ROWS];

static __always_inline struct pvm_aside *aside_at(u32 row)
{
	return &pvm_aside[row & (PVM_CPU_ROWS - 1)];
}

/* Returns whose place it is, and in *passed, if the caller wants it, whether the modules let that one's call pass: in one word,
 * as others may take and free the place meanwhile. */
static __always_inline u64 aside_of(const volatile struct pvm_aside *a, bool *passed)
{
	u64 by = a->by, task = by & ~(u64)ASIDE_PASSED;

	barrier_var(task); /* as in here_leave */
	if (passed)
		*passed = by & ASIDE_PASSED;
	return task;
}

/* Returns this CPU's place if it is the current thread's, or NULL. */
static __always_inline struct pvm_aside *aside_own(u64 by)
{
	struct pvm_aside *a = aside_at(bpf_get_smp_processor_id());

	return cfg_own_rows && aside_of(a, NULL) == by ? a : NULL;
}

/* Takes a place for the call of the current thread, which is about to reach into that task. */
static __always_inline void aside_begin(struct pvm_state *s, u64 by, u64 whom)
{
	u32 row = bpf_get_smp_processor_id() & (PVM_CPU_ROWS - 1);
	struct pvm_aside *a = aside_at(row);

	if (!cfg_own_rows || s->aside || (a->by && aside_of(a, NULL) != by))
		return;
	a->by = by;
	a->whom = whom;
	a->cred = s->cred;
	a->exec_id = s->call.target.exec_id;
	a->freed_pages = 0;
	a->freed_chunks = 0;
	a->has_chunk = 0;
	s->aside = row + 1;
}

/* Pages that follow each other are one run, however many chunks they came in. */
static __always_inline void pins_take(struct pvm_held *h, u64 start, s64 cnt)
{
	u64 page = 1ULL << cfg_page_shift;

	if (cnt <= 0)
		return;
	h->chunks++;
	if (!h->pins.pages)
		h->pins.first = start;
	if (h->run_cnt && start != h->pins.last + page) {
		h->pins.sum = pvm_pins_add(h->pins.sum, h->run_first, h->run_cnt, cfg_pin_key[0],
					   cfg_pin_key[1]);
		h->run_cnt = 0;
	}
	if (!h->run_cnt)
		h->run_first = start;
	h->run_cnt += cnt;
	h->pins.pages += cnt;
	h->pins.last = start + (cnt - 1) * page;
}

/* Returns what is kept aside, at a place or at none, of the access of that thread's call: a flag, or 0. Who wants it beside a copy of
 * the state asks here first: it is in the state before it goes here. It is verified by itself, not behind each way to it. */
__noinline int aside_access(u32 place, u64 by)
{
	bool passed;

	return place && aside_of(aside_at(place - 1), &passed) == by && passed ? PVM_ACCESS_ASKED
									       : 0;
}

/*
 * Puts what is kept aside of the current thread's call into its state, and frees the place. Of a thread that was moved that is
 * another CPU's, whose next call takes it at once: so it is freed by what was read of it, and behind that (nothing_of).
 */
static __always_inline void aside_take(struct pvm_state *s, u64 by)
{
	volatile struct pvm_aside *a = aside_at(s->aside - 1);
	u64 read, pages, start, cnt, has_chunk;
	bool passed;

	if (!s->aside)
		return;
	if (aside_of(a, &passed) != by) {
		s->held.missed = 1;
		s->aside = 0;
		return;
	}
	if (passed)
		s->call.access.flags |= PVM_ACCESS_ASKED;
	read = a->freed_chunks;
	s->held.freed_chunks += read;
	pages = a->freed_pages;
	s->held.freed_pages += pages;
	start = a->start;
	cnt = a->cnt;
	has_chunk = a->has_chunk;
	read ^= pages ^ start ^ cnt ^ has_chunk;
	if (has_chunk)
		pins_take(&s->held, start, (s64)cnt);
	a->by = nothing_of(read);
	barrier(); /* it is asked for in the state from here on: see aside_access */
	s->aside = 0;
}

#endif
