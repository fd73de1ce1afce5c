/* SPDX-License-Identifier: Apache-2.0 */
#include "from_kernel.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "bpf/control.h"
#include "bpf/keys.h"
#include "collector.h"
#include "event/judge.h"

/* A snapshot is sent before its call, but its ring may be held up behind a writer that was interrupted. It is waited
 * for until the call ended this long ago: what is older is not coming (it was evicted), and a flood of such calls must
 * not stop the reader. */
#define ARRAY_AGE_NS (5 * 1000000ULL)

static void make_run_id(char *out, size_t size)
{
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		id = clock__real_now();
	snprintf(out, size, "%016llx", (unsigned long long)id);
}

static int open_it(void *ctx, struct collector *c)
{
	struct from_kernel *f = ctx;
	int err = host__read(&c->host, c->options->host_name, c->options->machine_id);

	f->collector = c;
	if (!err)
		err = clock__open(&c->clock);
	make_run_id(c->run_id, sizeof(c->run_id));
	return err;
}

static void facts(void *ctx, struct run_facts *out)
{
	const struct from_kernel *f = ctx;
	const struct kernel *k = &f->kernel;

	*out = f->known;
	out->attach = k->ops->fentry(k->tracer) ? ATTACH_FENTRY : ATTACH_TRACEPOINT;
	out->resolve = k->ops->resolve(k->tracer);
	out->confirms = k->ops->confirms(k->tracer);
	out->openings = k->ops->openings(k->tracer);
	out->witnesses = k->ops->witness(k->tracer, NULL);
	out->file_cnt = k->ops->files(k->tracer, &out->files);
	out->pid = k->ops->host_pid(k->tracer);
}

/* Dates a moment as calls are, by an offset that only a step changes: so two records have the same date for the same moment. */
static struct moment now(void *ctx)
{
	struct clock_base *clock = &((struct from_kernel *)ctx)->collector->clock;
	uint64_t boot_ns = clock__boot_now(clock);

	clock__check(clock);
	return (struct moment){ clock__real_of(clock, boot_ns), boot_ns };
}

static uint64_t told_ns(void *ctx)
{
	(void)ctx;
	return clock__real_now();
}

static void settle_clock(void *ctx, uint64_t boot_ns)
{
	struct collector *c = ((struct from_kernel *)ctx)->collector;

	if (boot_ns > c->clock.checked_ns)
		clock__check(&c->clock);
	collector__record_clock(c);
}

/* Asks the part of the filters that the kernel half left to us. */
static const struct rule *judge(void *ctx, const struct call_info *call)
{
	const struct from_kernel *f = ctx;

	return judge__left_open(f->collector->options, call);
}

static bool pin_key(void *ctx, struct pin_key *out)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	*out = k->ops->pin_key(k->tracer);
	return true;
}

static bool take_arrays(void *ctx, uint64_t exit_ns)
{
	struct from_kernel *f = ctx;

	f->collector->array_bytes = 0;
	f->kernel.ops->consume_arrays(f->kernel.tracer);
	return clock__boot_now(&f->collector->clock) <= exit_ns + ARRAY_AGE_NS;
}

static void forget_proc(void *ctx, uint32_t pid)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->forget_proc(k->tracer, pid);
}

static void forget_ancestry(void *ctx, uint64_t id)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->forget_ancestry(k->tracer, id);
}

static void forget_cgroup(void *ctx, const struct pvm_cgroup_key *key)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->forget_cgroup(k->tracer, key);
}

static void forget_text(void *ctx, uint64_t id)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->forget_text(k->tracer, id);
}

static void judge_cgroup(void *ctx, const struct pvm_cgroup_key *key,
			 const struct pvm_cgroup_val *val)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->judge_cgroup(k->tracer, key, val);
}

static void self_test(void *ctx, const void *data, size_t size)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->self_test_seen(k->tracer, data, size);
}

static void counts(void *ctx, struct pvm_counts *kernel, struct books_user *user)
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->counts(k->tracer, kernel);
	user->skipped_runs = k->ops->skipped_runs(k->tracer);
}

static void add_drops(void *ctx, struct rule_counts rules[RULES_MAX])
{
	const struct kernel *k = &((struct from_kernel *)ctx)->kernel;

	k->ops->add_drops(k->tracer, rules);
}

const struct source_ops from_kernel = {
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

int from_kernel__drain(struct from_kernel *f, bool *got)
{
	const struct kernel *k = &f->kernel;
	struct pvm_bell *bell = k->ops->bell(k->tracer);
	int n;

	if (bell->arrays_high) {
		bell->arrays_high = 0;
		(void)take_arrays(f, 0);
	}
	f->collector->batch = 0;
	n = k->ops->consume_calls(k->tracer);
	k->ops->apply(k->tracer);
	*got = f->collector->batch > 0;
	return n < 0 ? n : 0;
}
