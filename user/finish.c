/* SPDX-License-Identifier: Apache-2.0 */
/* finish - the end of a run: from the mark on which entries are ignored to the `stop` record. */
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "base/log.h"
#include "base/units.h"
#include "bpf/control.h"
#include "event/names.h"
#include "to_lines.h"

/* It is what the end takes at most of the five seconds that are promised. */
#define FINISH_NS (4400 * NS_PER_MS)
#define GRACE_NS (100 * NS_PER_MS) /* for calls that are inside to return */
#define STEP_NS (2 * NS_PER_MS)

#define EX_LOSS 75 /* --fail-on-loss */

static void nap(uint64_t ns)
{
	const struct timespec t = { .tv_nsec = (long)ns };

	nanosleep(&t, NULL);
}

static bool reader_gone(const struct loop *l)
{
	return l->reason == END_READER_GONE;
}

/* Empties the rings into the sink, and that into the output as often as it is full. Returns false if the output does not
 * take it before the deadline. */
static bool drain_rings(struct loop *l, uint64_t deadline_ns)
{
	struct collector *c = l->collector;
	bool got = true;

	for (;;) {
		uint64_t now = clock__mono_now();
		int left_ms = now < deadline_ns ? (int)((deadline_ns - now) / NS_PER_MS) : 0;

		if (!sink__reserve(c->sink)) {
			(void)sink__drain(c->sink, left_ms);
			if (!sink__reserve(c->sink))
				return false;
		}
		if (!from_kernel__drain(l->source, &got) && !got)
			return true;
	}
}

/* Does the same for the summaries, those of the window that is open too. What a recording does not take is lost. */
static bool drain_summaries(struct loop *l, uint64_t deadline_ns)
{
	const struct kernel *k = &l->source->kernel;
	struct collector *c = l->collector;

	while (k->ops->summaries_left(k->tracer)) {
		int err = k->ops->take_summaries(k->tracer, collector__on_summary, c);
		uint64_t now = clock__mono_now();

		if (now >= deadline_ns)
			return false;
		if (err && sink__reserve(c->sink)) {
			books__book(&c->books, FATE_LOST_OUTPUT, k->ops->summaries_left(k->tracer));
			break;
		}
		if (err)
			(void)sink__drain(c->sink, (int)((deadline_ns - now) / NS_PER_MS));
	}
	return true;
}

/* Does the same for the calls that nobody saw. */
static bool drain_audit(struct loop *l, uint64_t deadline_ns)
{
	struct collector *c = l->collector;
	uint64_t now;

	audit__look(l->audit);
	audit__look(l->audit);
	for (;;) {
		audit__tell(l->audit, true);
		if (!l->audit || collector__room(c))
			return true;
		now = clock__mono_now();
		if (now >= deadline_ns)
			return false;
		(void)sink__drain(c->sink, (int)((deadline_ns - now) / NS_PER_MS));
	}
}

static uint64_t in_flight(const struct kernel *k)
{
	struct pvm_counts n;

	k->ops->counts(k->tracer, &n);
	return books__in_flight(&n);
}

/* Counts as lost what the rings still hold. */
static void abandon(struct loop *l)
{
	const struct kernel *k = &l->source->kernel;
	struct collector *c = l->collector;
	struct rule_counts rules[RULES_MAX];
	struct pvm_counts n;
	uint64_t calls;

	k->ops->counts(k->tracer, &n);
	books__book(&c->books, FATE_LOST_OUTPUT, books__unbooked(&n, &c->books));
	calls = to_lines__pending(c->lines, rules);
	collector__take_back(c, calls, rules);
}

/* Takes no entry from the mark on; calls inside get a moment to return; the rest is told as unfinished. */
static bool end_calls(struct loop *l, uint64_t deadline_ns)
{
	const struct kernel *k = &l->source->kernel;
	uint64_t grace_ns = clock__mono_now() + GRACE_NS;
	bool ok = true;

	audit__end(l->audit);
	k->ops->stop(k->tracer, PVM_NO_ENTRIES);
	k->ops->await_hooks(k->tracer);
	while (ok && in_flight(k) && clock__mono_now() < grace_ns) {
		ok = drain_rings(l, deadline_ns);
		nap(STEP_NS);
	}
	/* This is before the mark, not behind it: a thread that ends between the mark and the sweep takes its call along,
	 * and a slow reader can make this last for seconds. */
	ok = ok && drain_rings(l, deadline_ns);
	k->ops->stop(k->tracer, PVM_NO_EXITS);
	k->ops->await_hooks(k->tracer);
	if (in_flight(k))
		k->ops->sweep(k->tracer, PVM_UNFINISHED, 0);
	/* What hooks and the sweep came upon since the last tick can make more of the calls doubtful. */
	k->ops->tick(k->tracer);
	watch__skips(&l->watch);
	watch__tampering(&l->watch);
	k->ops->detach(k->tracer);
	books__book(&l->collector->books, FATE_LOST_UNSWEPT, in_flight(k));
	return ok && drain_rings(l, deadline_ns) && drain_audit(l, deadline_ns) &&
	       drain_summaries(l, deadline_ns);
}

/* `lost` records are only spoken of if the output has one. */
static void say_losses(const struct loop *l, const struct books *b, bool written)
{
	char causes[BOOKS_CAUSES * 40] = "";
	size_t len = 0;

	if (!b->lost)
		return;
	for (size_t i = 0; i < b->cause_cnt; i++)
		if (b->causes[i].value && len < sizeof(causes))
			len += (size_t)snprintf(causes + len, sizeof(causes) - len, "%s %s %llu",
						len ? "," : "", b->causes[i].name,
						(unsigned long long)b->causes[i].value);
	log__error("%llu calls were lost (%llu seen):%s%s", (unsigned long long)b->lost,
		   (unsigned long long)b->seen, causes,
		   written && l->report->lost_records ? "; see the `lost` records" : "");
}

/* Says why calls may be missing that no counter counts. */
static void say_doubts(const struct doubts *d)
{
	for (size_t i = 0; i < d->cnt; i++)
		log__error("calls may be missing: %s", doubt_name(&d->all[i]));
}

static int exit_status(struct loop *l, bool written)
{
	struct books b;

	if (!written)
		abandon(l);
	report__books(l->report, &b);
	say_losses(l, &b, written);
	say_doubts(&l->report->doubts);
	if (!written)
		return EX_IOERR;
	return b.lost && l->collector->options->fail_on_loss ? EX_LOSS : 0;
}

int finish__run(struct loop *l)
{
	const struct kernel *k = &l->source->kernel;
	struct collector *c = l->collector;
	uint64_t now = clock__mono_now(), deadline_ns = now + FINISH_NS, calls;
	struct rule_counts rules[RULES_MAX] = { { 0 } };
	bool ok;

	if (reader_gone(l)) {
		log__error("the reader of the output has gone");
		k->ops->detach(k->tracer);
		return exit_status(l, false);
	}
	watch__tick(&l->watch);
	ok = end_calls(l, deadline_ns);
	/* Calls that a recording does not take are lost, not told. */
	calls = c->to.ops->unwritten(c->to.ctx, rules);
	collector__take_back(c, calls, rules);
	if (ok && !sink__reserve(c->sink))
		(void)sink__drain(c->sink, 100);
	if (ok) {
		report__lost(l->report);
		ok = !report__stop(l->report, l->reason, l->signal);
	}
	now = clock__mono_now();
	if (sink__drain(c->sink, now < deadline_ns ? (int)((deadline_ns - now) / NS_PER_MS) : 0))
		ok = false;
	if (!ok)
		log__error("the output did not take the last records");
	return exit_status(l, ok);
}
