/* SPDX-License-Identifier: Apache-2.0 */
#include "to_recording.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "collector.h"
#include "outputs.h"
#include "run_facts.h"
#include "to_lines.h"
#include "version.h"

static bool room(void *ctx)
{
	struct to_recording *r = ctx;

	return to_lines__room(r->collector->lines) && recorder__room(r->recorder);
}

static int flush(void *ctx)
{
	struct to_recording *r = ctx;
	int err = recorder__flush(r->recorder);
	int sink_err = to_lines__flush(r->collector->lines);

	return sink_err ? sink_err : err;
}

static int keep(void *ctx, enum frame_kind kind, const void *data, size_t size)
{
	struct to_recording *r = ctx;

	return recorder__put(r->recorder, kind, data, size, 0);
}

/* Here only the paths of cgroups are of use, to filter by. But what a replay will have forgotten is forgotten here, too, so that
 * the kernel half sends it again. */
static int identity(void *ctx, const struct raw_record *raw)
{
	struct to_recording *r = ctx;
	int err = recorder__put(r->recorder, FRAME_CALL, raw->data, raw->size, 0);

	return err ? err : collector__learn(r->collector, raw);
}

/* Of what a call refers to, a replay knows what was used last. */
static void touch(struct collector *c, const struct pvm_call *call)
{
	collector__touch_ancestry(c, call->ancestry[PVM_CALLER]);
	collector__touch_ancestry(c, call->ancestry[PVM_TARGET]);
	collector__touch_texts(c, call);
}

/* Returns whether the kernel half did not judge all of a call: what a cgroup tells, what lies where, and which of several rules
 * holds, is known here. */
static bool is_left_to_us(const struct options *o, const struct pvm_call *call)
{
	return (call->caller.flags | call->target.flags | call->owner.flags) &
		       PVM_TASK_CGROUP_WAIT ||
	       call->flags & PVM_CALL_RELATION_WAIT || o->rules[0].name || o->rules[0].region.cnt;
}

/* What the kernel half left to us is judged before it is recorded: a filter is also a promise of what is not kept. */
static enum verdict judge(void *ctx, const struct raw_record *raw, struct record *rec)
{
	struct collector *c = ((struct to_recording *)ctx)->collector;
	const struct pvm_call *call = raw->data;

	if (raw->size < sizeof(*call))
		return VERDICT_PASSES;
	touch(c, call);
	collector__look_at_pages_of(c, call);
	if (!is_left_to_us(c->options, call))
		return VERDICT_PASSES;
	if (collector__decode(c, raw, &rec->call))
		return VERDICT_PASSES;
	return collector__judge(c, &rec->call);
}

/* The recorder writes all that it holds, or none of it. */
static void hold(struct to_recording *r, const struct record *rec, uint64_t calls)
{
	struct rule_counts *held;

	if (recorder__pending(r->recorder) == calls)
		memset(r->held, 0, sizeof(r->held));
	if (!calls || !rec->call.rule)
		return;
	held = &r->held[rec->call.rule - r->collector->options->rules];
	*(rec->type == REC_SUMMARY ? &held->summarised : &held->told) += calls;
}

/* To record a call is to tell it. Its arrays are in the file before it. */
static int put(void *ctx, const struct raw_record *raw, struct record *rec, uint64_t calls)
{
	struct to_recording *r = ctx;
	struct source *from = &r->collector->from;
	uint64_t told_ns = from->ops->told_ns(from->ctx);
	int err = recorder__put(r->recorder, FRAME_TOLD, &told_ns, sizeof(told_ns), 0);

	if (!err)
		err = recorder__put(r->recorder, FRAME_CALL, raw->data, raw->size, calls);
	if (!err)
		hold(r, rec, calls);
	return err;
}

static int tell(void *ctx, struct record *rec, const struct frame_books *books)
{
	struct to_recording *r = ctx;
	int err = to_lines__put(r->collector->lines, rec, 0);

	/* Where there is no room the recording goes without it, as it would if it were cut here. */
	if (!err && books && !keep(r, FRAME_TOLD, &rec->told_ns, sizeof(rec->told_ns)))
		(void)keep(r, FRAME_BOOKS, books, sizeof(*books));
	return err;
}

/* Its file then fails again when it is closed, which gives the exit status. */
static uint64_t unwritten(void *ctx, struct rule_counts rules[RULES_MAX])
{
	struct to_recording *r = ctx;

	if (!recorder__flush(r->recorder) || !recorder__pending(r->recorder))
		return 0;
	memcpy(rules, r->held, sizeof(r->held));
	return recorder__pending(r->recorder);
}

/* A reader who begins here knows of no step of the clock. */
static void put_clock(const struct to_recording *r)
{
	struct collector *c = r->collector;

	c->clock_recorded = c->clock.total - c->clock.cnt;
	collector__record_clock(c);
}

static void look(void *ctx, struct outputs *o, uint64_t now_ns)
{
	struct to_recording *r = ctx;
	const struct host *host = &r->collector->host;

	if (!outputs__look_at_recording(o, r->recorder, now_ns) ||
	    recorder__begin_anew(r->recorder))
		return;
	put_clock(r);
	(void)keep(r, FRAME_HOST, host->name, sizeof(host->name));
}

static void bytes(void *ctx, uint64_t *held, uint64_t *written)
{
	const struct to_recording *r = ctx;

	to_lines__bytes(r->collector->lines, held, written);
	*held += recorder__held(r->recorder);
	*written += recorder__written(r->recorder);
}

static int close_it(void *ctx)
{
	struct to_recording *r = ctx;

	return recorder__close(r->recorder);
}

static const struct destination_ops to_recording = {
	.room = room,
	.flush = flush,
	.keep = keep,
	.identity = identity,
	.judge = judge,
	.put = put,
	.tell = tell,
	.unwritten = unwritten,
	.look = look,
	.bytes = bytes,
	.close = close_it,
};

int to_recording__open(struct to_recording *r, struct collector *c, const struct owner *owner,
		       const struct pin_key *key)
{
	struct recording_header header = { .real_ns = clock__real_now(), .host = c->host };
	struct run_facts facts;

	c->from.ops->facts(c->from.ctx, &facts);
	run_facts__put(&facts, &header);
	snprintf(header.run_id, sizeof(header.run_id), "%s", c->run_id);
	snprintf(header.program, sizeof(header.program), "%s", PVMTRACE_VERSION);
	snprintf(header.command, sizeof(header.command), "%s", c->options->command);
	*r = (struct to_recording){ .collector = c };
	if (recorder__create(&r->recorder, c->options->record, &header, owner))
		return EX_CANTCREAT;
	c->to = (struct destination){ &to_recording, r };
	put_clock(r);
	if (key->page_shift)
		(void)keep(r, FRAME_KEY, key, sizeof(*key));
	recorder__keep_head(r->recorder);
	return 0;
}
