/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bpf/control.h"
#include "bpf/keys.h"
#include "fake_kernel.h"

void fake_kernel__reset(struct tracer *t)
{
	memset(t, 0, sizeof(*t));
	t->firing = FIRING;
	t->resolve = RESOLVE_WALK;
	t->witness = WITNESS_KNOWN;
	t->host_pid = 1;
}

void fake_kernel__add(struct tracer *t, void *data, size_t size)
{
	t->calls[t->call_cnt++] = (struct fake_record){ data, size };
	t->counts.n[PVM_C_SEEN]++;
	t->counts.n[PVM_C_SUBMITTED]++;
}

static void note_order(struct tracer *t, char what)
{
	size_t len = strlen(t->order);

	if (len < FAKE_ORDER)
		t->order[len] = what;
}

static bool fentry(const struct tracer *t)
{
	return t->fentry;
}

static enum resolve_method resolve(const struct tracer *t)
{
	return t->resolve;
}

static enum openings_by openings(const struct tracer *t)
{
	return t->openings;
}

static struct confirm_info confirms(const struct tracer *t)
{
	return t->confirms;
}

static uint8_t witness(const struct tracer *t, const char **note)
{
	if (note)
		*note = NULL;
	return t->witness;
}

static struct pin_key pin_key(const struct tracer *t)
{
	return t->pin_key;
}

static uint32_t host_pid(const struct tracer *t)
{
	return t->host_pid;
}

static bool in_pid_ns(const struct tracer *t)
{
	return t->in_pid_ns;
}

static void counts(struct tracer *t, struct pvm_counts *out)
{
	*out = t->counts;
}

static void add_drops(const struct tracer *t, struct rule_counts rules[RULES_MAX])
{
	(void)t;
	(void)rules;
}

static uint64_t skipped_runs(const struct tracer *t)
{
	return t->skipped;
}

static enum tracer_firing firing(struct tracer *t)
{
	return t->firing;
}

static size_t alive(struct tracer *t, enum pvm_who who)
{
	return t->alive[who];
}

static bool memory_left(struct tracer *t)
{
	return t->memory_left;
}

static size_t files(struct tracer *t, const struct bound_info **out)
{
	*out = t->files;
	return t->file_cnt;
}

static const char *files_changed(struct tracer *t, enum error_code *code)
{
	const char *message = t->changed;

	*code = t->changed_code;
	t->changed = NULL;
	return message;
}

static const char *tampered(struct tracer *t)
{
	const char *found = t->tampered;

	t->tampered = NULL;
	return found;
}

static struct pvm_bell *bell(struct tracer *t)
{
	return &t->bell;
}

static void stop(struct tracer *t, enum pvm_stopping how_far)
{
	t->stopping = how_far;
}

static void count(struct tracer *t, enum pvm_count what, uint64_t n)
{
	t->counts.n[what] += n;
}

static int no_fd(struct tracer *t)
{
	(void)t;
	return -1;
}

static int seen_fd(const struct tracer *t)
{
	(void)t;
	return -1;
}

/* Returns how many were consumed, or what a callback ended it with: as libbpf does. */
static int consume(struct tracer *t, const struct fake_record *records, size_t cnt, size_t *at,
		   tracer_sample_fn on_record)
{
	int err = 0, n = 0;

	for (; !err && *at < cnt; n++) {
		const struct fake_record *r = &records[(*at)++];

		err = on_record(t->ctx, r->data, r->size);
	}
	return err ? err : n;
}

static int consume_calls(struct tracer *t)
{
	note_order(t, 'c');
	if (t->on_consume)
		t->on_consume(t);
	return consume(t, t->calls, t->call_cnt, &t->call_at, t->on_call);
}

static int consume_arrays(struct tracer *t)
{
	note_order(t, 'a');
	t->array_reads++;
	return consume(t, t->arrays, t->array_cnt, &t->array_at, t->on_array);
}

static int take_summaries(struct tracer *t, tracer_sample_fn take, void *ctx)
{
	int err = 0;

	while (t->summary_at < t->summary_cnt && !err) {
		const struct fake_record *r = &t->summaries[t->summary_at];

		err = take(ctx, r->data, r->size);
		t->summary_at += !err;
	}
	return err;
}

static uint64_t summaries_left(struct tracer *t)
{
	uint64_t calls = 0;

	for (size_t i = t->summary_at; i < t->summary_cnt; i++)
		calls += ((const struct pvm_summary *)t->summaries[i].data)->tally.calls;
	return calls;
}

static void go(struct tracer *t)
{
	t->going = true;
	if (t->on_go)
		t->on_go(t);
}

static void tick(struct tracer *t)
{
	t->ticks++;
	t->ticked_detached |= t->detached;
	if (t->skipped_at_tick)
		t->skipped = t->skipped_at_tick;
}

static int sweep(struct tracer *t, enum pvm_phase phase, uint64_t older_ns)
{
	(void)older_ns;
	if (t->on_sweep)
		t->on_sweep(t, phase);
	if (t->sweep_cnt == FAKE_SWEEPS)
		return 0;
	t->stopping_at[t->sweep_cnt] = t->stopping;
	t->swept[t->sweep_cnt++] = phase;
	return 0;
}

static void await_hooks(const struct tracer *t)
{
	(void)t;
}

static void detach(struct tracer *t)
{
	t->detached = true;
}

static void ftrace_was_off(struct tracer *t)
{
	t->ftrace_was_off = true;
}

static void kprobes_were_off(struct tracer *t)
{
	t->kprobes_were_off = true;
}

static void forget_proc(struct tracer *t, uint32_t pid)
{
	t->forgotten_procs++;
	t->forgotten_proc = pid;
}

static void forget_ancestry(struct tracer *t, uint64_t id)
{
	t->forgotten_ancestries++;
	t->forgotten_ancestry = id;
}

static void forget_cgroup(struct tracer *t, const struct pvm_cgroup_key *key)
{
	t->forgotten_cgroups++;
	t->forgotten_cgroup = *key;
}

static void forget_text(struct tracer *t, uint64_t id)
{
	t->forgotten_texts++;
	t->forgotten_text = id;
}

static void judge_cgroup(struct tracer *t, const struct pvm_cgroup_key *key,
			 const struct pvm_cgroup_val *val)
{
	t->judged_cgroups++;
	t->judged_cgroup = *key;
	t->verdict = *val;
}

static void apply(struct tracer *t)
{
	note_order(t, '!');
}

static void self_test_seen(struct tracer *t, const void *data, size_t size)
{
	(void)data;
	t->self_test_seen = size;
}

const struct kernel_ops fake_kernel_ops = {
	.fentry = fentry,
	.resolve = resolve,
	.confirms = confirms,
	.openings = openings,
	.witness = witness,
	.pin_key = pin_key,
	.host_pid = host_pid,
	.in_pid_ns = in_pid_ns,
	.counts = counts,
	.add_drops = add_drops,
	.skipped_runs = skipped_runs,
	.firing = firing,
	.alive = alive,
	.memory_left = memory_left,
	.tampered = tampered,
	.files = files,
	.files_changed = files_changed,
	.bell = bell,
	.stop = stop,
	.count = count,
	.seen_fd = seen_fd,
	.poll_fd = no_fd,
	.consume_calls = consume_calls,
	.consume_arrays = consume_arrays,
	.take_summaries = take_summaries,
	.summaries_left = summaries_left,
	.go = go,
	.tick = tick,
	.sweep = sweep,
	.await_hooks = await_hooks,
	.detach = detach,
	.ftrace_was_off = ftrace_was_off,
	.kprobes_were_off = kprobes_were_off,
	.forget_proc = forget_proc,
	.forget_ancestry = forget_ancestry,
	.forget_cgroup = forget_cgroup,
	.forget_text = forget_text,
	.judge_cgroup = judge_cgroup,
	.apply = apply,
	.self_test_seen = self_test_seen,
};
