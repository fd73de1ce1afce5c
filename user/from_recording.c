/* SPDX-License-Identifier: Apache-2.0 */
#include "from_recording.h"

#include <string.h>

#include "bpf/control.h"
#include "bpf/keys.h"
#include "collector.h"
#include "event/judge.h"
#include "run_facts.h"

void from_recording__begin(struct from_recording *f, const struct recording_header *header)
{
	*f = (struct from_recording){
		.header = header,
		.last.real_ns = header->real_ns,
		.told_ns = header->real_ns,
	};
}

static int open_it(void *ctx, struct collector *c)
{
	struct from_recording *f = ctx;

	f->collector = c;
	c->host = f->header->host;
	memcpy(c->run_id, f->header->run_id, sizeof(c->run_id) - 1);
	return 0;
}

static void facts(void *ctx, struct run_facts *out)
{
	const struct from_recording *f = ctx;

	run_facts__of(out, f->header);
	out->sandbox = f->sandbox;
}

static struct moment now(void *ctx)
{
	const struct from_recording *f = ctx;

	return (struct moment){ f->last.real_ns, f->last.real_ns };
}

/* Returns what the recording says, so every replay gives the same lines. */
static uint64_t told_ns(void *ctx)
{
	const struct from_recording *f = ctx;

	return f->told_ns;
}

/* The recording has all of its steps. */
static void settle_clock(void *ctx, uint64_t boot_ns)
{
	(void)ctx;
	(void)boot_ns;
}

/* There is no kernel half: all filters are ours. */
static const struct rule *judge(void *ctx, const struct call_info *call)
{
	const struct from_recording *f = ctx;

	return judge__call(f->collector->options, call);
}

static bool pin_key(void *ctx, struct pin_key *out)
{
	(void)ctx;
	(void)out;
	return false;
}

/* They stand before their call, or nowhere. */
static bool take_arrays(void *ctx, uint64_t exit_ns)
{
	(void)ctx;
	(void)exit_ns;
	return false;
}

static void forget_proc(void *ctx, uint32_t pid)
{
	(void)ctx;
	(void)pid;
}

static void forget_ancestry(void *ctx, uint64_t id)
{
	(void)ctx;
	(void)id;
}

static void forget_cgroup(void *ctx, const struct pvm_cgroup_key *key)
{
	(void)ctx;
	(void)key;
}

static void forget_text(void *ctx, uint64_t id)
{
	(void)ctx;
	(void)id;
}

static void judge_cgroup(void *ctx, const struct pvm_cgroup_key *key,
			 const struct pvm_cgroup_val *val)
{
	(void)ctx;
	(void)key;
	(void)val;
}

static void self_test(void *ctx, const void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
}

/* Gives the recording's counters; of its calls, what became of them in this run and what had before. */
static void counts(void *ctx, struct pvm_counts *kernel, struct books_user *user)
{
	const struct from_recording *f = ctx;
	const struct books_user *then = &f->last.user;

	*kernel = f->last.kernel;
	user->filtered += then->filtered;
	user->lost_output += then->lost_output;
	user->lost_decode += then->lost_decode;
	user->lost_unswept += then->lost_unswept;
	user->skipped_runs = then->skipped_runs;
}

/* All that are dropped here, the user half saw. */
static void add_drops(void *ctx, struct rule_counts rules[RULES_MAX])
{
	(void)ctx;
	(void)rules;
}

const struct source_ops from_recording = {
	.open = open_it,
	.facts = facts,
	.now = now,
	.told_ns = told_ns,
	.settle_clock = settle_clock,
	.judge = judge,
	.pin_key = pin_key,
	.take_arrays = take_arrays,
	.forget_proc = forget_proc,
	.forget_ancestry = forget_ancestry,
	.forget_cgroup = forget_cgroup,
	.forget_text = forget_text,
	.judge_cgroup = judge_cgroup,
	.self_test = self_test,
	.counts = counts,
	.add_drops = add_drops,
};
