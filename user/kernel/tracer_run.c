/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_run - what is asked of a tracer that is attached: counters, sweeps, rings, sums, and what the kernel half is to
 * forget. */
#include "kernel/tracer.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/aio_abi.h>
#include <linux/membarrier.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/control.h"
#include "bpf/keys.h"
#include "kernel/map.h"
#include "kernel/support.h"
#include "kernel/tracer_filter.h"
#include "kernel/tracer_impl.h"
#include "kernel/yama.h"
#include "pvmtrace.skel.h"

/* The least time between two looks at what others can change. Ticks, of which the timer can be late, are not to be missed by it. */
#define CHECK_NS 900000000ULL

#define HOOKS_END_NS 10000000L

size_t tracer__alive(struct tracer *t, enum pvm_who who)
{
	return pid_watch__alive(&t->watch[who]);
}

bool tracer__memory_left(struct tracer *t)
{
	uint32_t cnt = t->skel->rodata->cfg_memories;

	return filter_memory_left(t->memories, cnt) &&
	       (tracer__sweep(t, PVM_IN_FLIGHT, UINT64_MAX) ||
		filter_memory_left(t->memories, cnt));
}

size_t tracer__files(struct tracer *t, const struct bound_info **out)
{
	*out = t->files;
	return exe_bind__list(&t->exes, t->files, BOUND_TOLD);
}

bool tracer__names_elsewhere(const struct tracer *t)
{
	const uint32_t host = __atomic_load_n(&t->skel->bss->host_mnt, __ATOMIC_RELAXED);
	struct stat own;

	return exe_bind__is_asked_for(t->exes.options) && host &&
	       !stat("/proc/self/ns/mnt", &own) && own.st_ino != host;
}

void tracer__counts(struct tracer *t, struct pvm_counts *out)
{
	const struct pvm_shared *shared = &t->skel->bss->pvm_shared;

	*out = t->own;
	for (size_t row = 0; row < t->rows; row++)
		for (size_t i = 0; i < PVM_C_CNT; i++)
			out->n[i] += __atomic_load_n(&shared->rows[row].n[i], __ATOMIC_RELAXED);
}

void tracer__count(struct tracer *t, enum pvm_count what, uint64_t n)
{
	t->own.n[what] += n;
}

void tracer__add_drops(const struct tracer *t, struct rule_counts rules[RULES_MAX])
{
	const struct pvm_rule_drops *rows = t->skel->bss->rule_drops;

	for (size_t row = 0; row < t->rows; row++)
		for (size_t i = 0; i < RULES_MAX; i++)
			rules[i].dropped += __atomic_load_n(&rows[row].n[i], __ATOMIC_RELAXED);
}

uint64_t tracer__skipped_runs(const struct tracer *t)
{
	return hooks__skipped(&t->hooks);
}

uint64_t tracer__misses(const struct tracer *t)
{
	return hooks__misses(&t->hooks);
}

int tracer__sweep(struct tracer *t, enum pvm_phase phase, uint64_t older_ns)
{
	int err;

	t->steer.wanted.sweep_phase = phase;
	t->steer.wanted.sweep_older_ns = older_ns;
	err = steer__give_new(&t->steer);
	if (!err)
		err = kernel_map__run(t->iterators.sweep);
	if (!err && t->iterators.dead)
		err = kernel_map__run(t->iterators.dead);
	return err;
}

/* Returns 0 or -errno. */
static int open_ring(const struct bpf_map *map, struct ring_buffer **ring, struct ring_place *at,
		     tracer_sample_fn take, void *ctx)
{
	*ring = ring_buffer__new(bpf_map__fd(map), take, ctx, NULL);
	return *ring ? ring_place__map(at, bpf_map__fd(map)) : -errno;
}

int tracer__open_rings(struct tracer *t, tracer_sample_fn call, tracer_sample_fn array, void *ctx)
{
	int err = open_ring(t->skel->maps.pvm_calls, &t->calls, &t->calls_at, call, ctx);

	if (err)
		return support__explain("mapping the ring of calls", -err);
	err = open_ring(t->skel->maps.pvm_arrays, &t->arrays, &t->arrays_at, array, ctx);
	return err ? support__explain("mapping the ring of arrays", -err) : 0;
}

static int consume(struct tracer *t, const char *name, struct ring_buffer *ring,
		   struct ring_place *at)
{
	const unsigned long left_at = at->left_at;
	unsigned long moved_to;
	int n;

	if (ring_place__put_back(at, &moved_to))
		tamper__find(
			&t->tamper,
			"somebody moved the place at which %s is read from %lu to %lu, and what it held was passed over",
			name, left_at, moved_to);
	n = ring_buffer__consume(ring);
	ring_place__leave(at);
	return n;
}

int tracer__seen_fd(const struct tracer *t)
{
	return bpf_map__fd(t->skel->maps.pvm_seen);
}

int tracer__poll_fd(struct tracer *t)
{
	return ring_buffer__epoll_fd(t->calls);
}

int tracer__consume_calls(struct tracer *t)
{
	return consume(t, "pvm_calls", t->calls, &t->calls_at);
}

int tracer__consume_arrays(struct tracer *t)
{
	return consume(t, "pvm_arrays", t->arrays, &t->arrays_at);
}

/* What is not taken now is given again with what comes next. */
static void give(struct tracer *t)
{
	int err = steer__give_new(&t->steer);

	if (!err)
		return;
	log__debug("steering the kernel half: %s", strerror(-err));
	if (err == -EFAULT)
		tamper__find(&t->tamper, "the hooks do not take what they are to go by");
}

void tracer__stop(struct tracer *t, enum pvm_stopping how_far)
{
	t->steer.wanted.stopping = how_far;
	give(t);
}

struct pvm_bell *tracer__bell(struct tracer *t)
{
	return &t->skel->data->pvm_bell;
}

const char *tracer__tampered(struct tracer *t)
{
	return tamper__take(&t->tamper);
}

/* Calls that are taken for ours are told to nobody: so it has to be known how many there are. */
static void look_at_own_calls(struct tracer *t)
{
	struct pvm_counts counts;
	uint64_t n;

	tracer__counts(t, &counts);
	n = counts.n[PVM_C_SELF_TESTS];
	if (t->own_calls && n != t->own_calls)
		tamper__find(&t->tamper, "self_tests is %llu, and not %llu", (unsigned long long)n,
			     (unsigned long long)t->own_calls);
	t->own_calls = n;
}

void tracer__expect_own(struct tracer *t, uint64_t n)
{
	t->own_calls = n;
}

bool tracer__own_hooks_saw(struct tracer *t)
{
	own_hooks__saw(&t->own_hooks,
		       __atomic_load_n(&t->skel->bss->pvm_shared.self_saw, __ATOMIC_RELAXED));
	return own_hooks__all(&t->own_hooks);
}

void tracer__own_hooks_end(struct tracer *t)
{
	const bool off = t->hooks.witness.ftrace_was_off || t->hooks.witness.kprobes_were_off;

	own_hooks__end(&t->own_hooks, off, &t->tamper);
}

/* What others wrote to is emptied. Cgroups are sent and judged anew then, when their next calls come. */
static void look_at_maps(struct tracer *t)
{
	uint32_t others;

	commands__apply(&t->commands);
	others = map_check__look(&t->check, &t->tamper) &
		 (1u << PVM_CHECKED_EXE | 1u << PVM_CHECKED_CGROUP);
	if (!others)
		return;
	t->steer.wanted.renew = others;
	give(t);
	if (kernel_map__run(t->iterators.check))
		return;
	map_check__emptied(&t->check, others);
	t->steer.wanted.renew = 0;
	give(t);
	if (others & 1u << PVM_CHECKED_EXE)
		(void)exe_bind__put(&t->exes, &t->commands, &t->skel->bss->files_bound);
}

const char *tracer__files_changed(struct tracer *t, enum error_code *code)
{
	const char *message = exe_bind__look(&t->exes, &t->commands, code);

	/* What stands there now is taken for given: at once. */
	if (t->check.bound)
		look_at_maps(t);
	return message;
}

/* Looks at what runs where our hooks and iterators are attached. */
static void look_at_links(struct tracer *t)
{
	int fds[HOOKS_FDS + ITERATORS_MAX];
	size_t cnt = hooks__fds(&t->hooks, fds);

	cnt += iterators__fds(&t->iterators, t->skel, fds + cnt);
	link_check__look(&t->links, fds, cnt, &t->tamper);
}

/* Who did it is not known then. */
static void look_at_openings(struct tracer *t)
{
	const uint32_t lost =
		__atomic_load_n(&t->skel->bss->pvm_shared.openings_lost, __ATOMIC_RELAXED);

	if (lost != t->openings_lost)
		tamper__find(
			&t->tamper,
			"somebody opened objects of the tracer, and there was no room to say who");
	t->openings_lost = lost;
}

/* Ticks come more often than once a second where calls in flight are to be told sooner. */
static void look_at_objects(struct tracer *t)
{
	const uint64_t now_ns = clock__mono_now();

	if (t->checked_ns && now_ns - t->checked_ns < CHECK_NS)
		return;
	t->checked_ns = now_ns;
	look_at_maps(t);
	look_at_links(t);
}

void tracer__tick(struct tracer *t)
{
	steer__look(&t->steer);
	look_at_own_calls(t);
	look_at_objects(t);
	look_at_openings(t);
	if (witness__wants_sweep(&t->hooks.witness))
		tracer__sweep(t, PVM_IN_FLIGHT, UINT64_MAX);
	hooks__tick(&t->hooks);
	t->steer.wanted.yama_scope = yama__scope(t->yama);
	module_types__tick(t->options->btf, &t->steer.wanted.types, &t->missing);
	give(t);
}

/* io_destroy(2) waits until two callbacks of RCU have run, one after the other: what users of such a context are counted by is
 * brought together by the first (fs/aio.c: kill_ioctx, lib/percpu-refcount.c). 0: it has. */
static int await_by_aio(void)
{
	aio_context_t ctx = 0;

	return syscall(SYS_io_setup, 1, &ctx) || syscall(SYS_io_destroy, ctx);
}

/* Hooks run inside of RCU's read side, also when they are preempted, and membarrier(2) waits for that; but not with nohz_full,
 * nor on a single CPU (kernel/sched/membarrier.c). Without asynchronous input and output either, time has to do, which is enough
 * for hooks that nobody preempts. */
void tracer__await_hooks(const struct tracer *t)
{
	const struct timespec time = { .tv_nsec = HOOKS_END_NS };

	if ((t->single_cpu || syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)) &&
	    await_by_aio())
		nanosleep(&time, NULL);
}

uint64_t tracer__summaries_left(struct tracer *t)
{
	struct pvm_counts counts;

	tracer__counts(t, &counts);
	return counts.n[PVM_C_SUMMARISED] - t->summaries.calls;
}

int tracer__take_summaries(struct tracer *t, tracer_sample_fn take, void *ctx)
{
	int err;

	if (!t->summaries.taking) {
		if (!tracer__summaries_left(t))
			return 0;
		t->steer.wanted.window++;
		err = steer__give(&t->steer);
		if (err)
			return err;
		tracer__await_hooks(t);
	}
	return summaries__take(&t->summaries, take, ctx);
}

void tracer__forget_proc(struct tracer *t, uint32_t pid)
{
	const struct pvm_command command = { .kind = PVM_FORGET_PROC, .pid = pid };

	commands__put(&t->commands, &command);
}

void tracer__forget_ancestry(struct tracer *t, uint64_t id)
{
	const struct pvm_command command = { .kind = PVM_FORGET_ANCESTRY, .cgroup.id = id };

	commands__put(&t->commands, &command);
}

void tracer__forget_cgroup(struct tracer *t, const struct pvm_cgroup_key *key)
{
	const struct pvm_command command = { .kind = PVM_FORGET_CGROUP, .cgroup = *key };

	commands__put(&t->commands, &command);
}

void tracer__forget_text(struct tracer *t, uint64_t id)
{
	const struct pvm_command command = { .kind = PVM_FORGET_TEXT, .cgroup.id = id };

	commands__put(&t->commands, &command);
}

void tracer__judge_cgroup(struct tracer *t, const struct pvm_cgroup_key *key,
			  const struct pvm_cgroup_val *val)
{
	const struct pvm_command command = {
		.kind = PVM_JUDGE_CGROUP,
		.cgroup = *key,
		.verdict = *val,
	};

	commands__put(&t->commands, &command);
}

void tracer__apply(struct tracer *t)
{
	commands__apply(&t->commands);
}
