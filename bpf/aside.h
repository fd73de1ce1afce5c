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

#include "base.h"
#include "settings.h"
#include "state.h"

struct pvm_aside {
	u64 by;	   /* address of the calling thread's struct task_struct; 0: nobody's */
	u64 whom;  /* that of the task that it may reach into */
	u64 start; /* of the chunk that is held */
	s64 cnt;   /* its pages */
	u64 freed_pages;
	u32 freed_chunks;
	u16 has_chunk; /* boolean */
	u16 passed;    /* boolean: the modules let it */
} __attribute__((aligned(64)));

static struct pvm_aside pvm_aside[PVM_CPU_ROWS];

static __always_inline struct pvm_aside *aside_at(u32 row)
{
	return &pvm_aside[row & (PVM_CPU_ROWS - 1)];
}

/* Returns this CPU's place if it is the current thread's, or NULL. */
static __always_inline struct pvm_aside *aside_own(u64 by)
{
	struct pvm_aside *a = aside_at(bpf_get_smp_processor_id());

	return cfg_own_rows && a->by == by ? a : NULL;
}

/* Takes a place for the call of the current thread, which is about to reach into that task. */
static __always_inline void aside_begin(struct pvm_state *s, u64 by, u64 whom)
{
	u32 row = bpf_get_smp_processor_id() & (PVM_CPU_ROWS - 1);
	struct pvm_aside *a = aside_at(row);

	if (!cfg_own_rows || s->aside || (a->by && a->by != by))
		return;
	a->by = by;
	a->whom = whom;
	a->freed_pages = 0;
	a->freed_chunks = 0;
	a->has_chunk = 0;
	a->passed = 0;
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

/* Returns what is kept aside of the access of that thread's call: a flag, or 0. */
static __always_inline u16 aside_access(const struct pvm_state *s, u64 by)
{
	struct pvm_aside *a = aside_at(s->aside - 1);

	return s->aside && a->by == by && a->passed ? PVM_ACCESS_ASKED : 0;
}

/* Puts what is kept aside of the current thread's call into its state, and frees the place. */
static __always_inline void aside_take(struct pvm_state *s, u64 by)
{
	struct pvm_aside *a = aside_at(s->aside - 1);

	if (!s->aside)
		return;
	s->aside = 0;
	if (a->by != by) {
		s->held.missed = 1;
		return;
	}
	if (a->passed)
		s->call.access.flags |= PVM_ACCESS_ASKED;
	if (a->has_chunk)
		pins_take(&s->held, a->start, a->cnt);
	s->held.freed_chunks += a->freed_chunks;
	s->held.freed_pages += a->freed_pages;
	a->by = 0;
}

#endif
