/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/membarrier.h>

#include "kernel/commands.h"
#include "kernel/hooks.h"
#include "kernel/map.h"
#include "kernel/types.h"
#include "base/log.h"
#include "kernel/module_types.h"
#include "kernel/privileges.h"
#include "kernel/support.h"
#include "pvmtrace.skel.h"
#include "kernel/self_test.h"
#include "kernel/summaries.h"
#include "kernel/sysctl.h"
#include "kernel/tracer_filter.h"

#define HOOKS_END_NS 10000000L
/* --audit: word of 58,000 calls, between two looks of the reader. */
#define SEEN_RING_SZ (4u << 20)

struct tracer {
	struct pvmtrace_bpf *skel;
	const struct options *options;
	struct hooks hooks;
	struct ring_buffer *calls, *arrays;
	struct summaries summaries;
	struct commands commands;
	const struct pvm_memory *memories; /* of the kernel half, mapped */
	uint64_t digest_key[2]; /* random: no caller may know how long lists are compared */
	size_t rows;		/* of counters that can be in use */
	struct module_types_missing missing;
	bool in_pid_ns, single_cpu, detached;
	struct self_test test;
	struct pid_watch watch[2]; /* by enum pvm_who */
};

static void configure(struct tracer *t)
{
	const struct options *o = t->options;
	struct pvmtrace_bpf *skel = t->skel;

	skel->rodata->cfg_use_kfunc = strcmp(o->resolve, "walk") != 0 &&
				      support__has_vpid_kfunc(o->btf);
	skel->rodata->cfg_ops = o->ops;
	skel->rodata->cfg_no_self = o->no_self;
	skel->rodata->cfg_outcome = o->outcome == OUTCOME_SUCCESS   ? 1
				    : o->outcome == OUTCOME_FAILURE ? 2
								    : 0;
	skel->rodata->cfg_min_bytes = o->min_bytes;
	skel->rodata->cfg_array_ring_sz = o->array_ring_bytes;
	skel->rodata->cfg_aggregate = o->aggregate_s > 0;
	skel->rodata->cfg_audit = o->audit;
	skel->rodata->cfg_parked_ns = o->in_flight_after_ms * 1000000ULL;
	for (int who = 0; who < 2; who++) {
		const struct filter_list *list = o->filter[who];

		skel->rodata->cfg_has_pid[who] = filter_mask(&list[FILTER_PID]);
		skel->rodata->cfg_has_uid[who] = filter_mask(&list[FILTER_UID]);
		skel->rodata->cfg_has_comm[who] = filter_mask(&list[FILTER_COMM]);
		skel->rodata->cfg_has_cgroup[who] = filter_mask(&list[FILTER_CGROUP]) |
						    filter_mask(&list[FILTER_CONTAINER]);
	}
	skel->rodata->cfg_digest_key[0] = t->digest_key[0];
	skel->rodata->cfg_digest_key[1] = t->digest_key[1];
	bpf_map__set_max_entries(skel->maps.pvm_calls, (uint32_t)o->ring_bytes);
	bpf_map__set_max_entries(skel->maps.pvm_arrays, (uint32_t)o->array_ring_bytes);
	bpf_map__set_max_entries(skel->maps.pvm_seen,
				 o->audit ? SEEN_RING_SZ : (uint32_t)sysconf(_SC_PAGESIZE));
	if (!o->aggregate_s)
		bpf_map__set_max_entries(skel->maps.pvm_known, 1);
	skel->rodata->cfg_memories = filter_includes(&o->filter[PVM_TARGET][FILTER_PID]);
	bpf_program__set_autoload(skel->progs.pvm_exec, skel->rodata->cfg_memories);
	if (skel->rodata->cfg_memories)
		bpf_map__set_max_entries(skel->maps.pvm_memories, skel->rodata->cfg_memories);
	bpf_map__set_max_entries(skel->maps.pvm_filter_pid, filter_room(o, FILTER_PID));
	bpf_map__set_max_entries(skel->maps.pvm_filter_uid, filter_room(o, FILTER_UID));
	bpf_map__set_max_entries(skel->maps.pvm_filter_comm, filter_room(o, FILTER_COMM));
}

uint64_t tracer__map_bytes(const struct tracer *t)
{
	return kernel_map__bytes(t->skel->obj);
}

int tracer__open(struct tracer **out, const struct options *o)
{
	const struct bpf_object_open_opts opts = { .sz = sizeof(opts), .btf_custom_path = o->btf };
	struct tracer *t = calloc(1, sizeof(*t));
	long cpus = libbpf_num_possible_cpus();

	if (!t) {
		log__error("out of memory");
		return EX_SOFTWARE;
	}
	t->options = o;
	t->rows = cpus > 0 && cpus < PVM_CPU_ROWS ? (size_t)cpus : PVM_CPU_ROWS;
	t->single_cpu = sysconf(_SC_NPROCESSORS_ONLN) < 2;
	t->in_pid_ns = support__in_pid_ns();
	if (t->in_pid_ns &&
	    (o->filter[PVM_CALLER][FILTER_PID].cnt || o->filter[PVM_TARGET][FILTER_PID].cnt)) {
		log__error("--target-pid and --caller-pid take pids of the host, which cannot be "
			   "told inside a pid namespace: run pvmtrace on the host for them");
		free(t);
		return EX_USAGE;
	}
	if (getrandom(t->digest_key, sizeof(t->digest_key), 0) != sizeof(t->digest_key)) {
		log__error("the kernel gives no random numbers: %s", strerror(errno));
		free(t);
		return EX_UNAVAILABLE;
	}
	t->skel = pvmtrace_bpf__open_opts(&opts);
	if (!t->skel) {
		int err = errno;

		free(t);
		return support__explain("opening the BPF programs", err);
	}
	if (!strcmp(o->resolve, "kfunc") && !support__has_vpid_kfunc(o->btf)) {
		log__error("--resolve kfunc: %s",
			   sysctl__jit_is_off()
				   ? SYSCTL_JIT " is 0: programs can call no kernel function"
				   : "this kernel has no bpf_task_from_vpid (Linux 6.13)");
		tracer__close(t);
		return EX_UNAVAILABLE;
	}
	configure(t);
	*out = t;
	return 0;
}

/*
 * A kernel function that the kernel itself does not have may be a module's, so libbpf asks for the types of all
 * modules, which needs CAP_SYS_ADMIN; refused, it gives up (before 1.4), although that function is weak. It
 * asks once for an object: when it looks for any other name, it has done so before the loading.
 */
static void ask_for_modules(struct tracer *t)
{
	(void)bpf_program__set_attach_target(t->skel->progs.pvm_enter, 0, "pvm_no_such_hook");
}

static int load_skel(struct tracer *t, enum hooks_extent extent)
{
	int err = hooks__choose(&t->hooks, t->skel, t->options->btf, tracer__fentry(t), extent);

	if (err)
		return err;
	if (!t->skel->rodata->cfg_use_kfunc)
		ask_for_modules(t);
	return pvmtrace_bpf__load(t->skel);
}

/* Once more from the beginning, but with less: a verifier that does not like a hook that only confirms must not keep us
 * from tracing, nor take the witnesses with it. */
static int load_less(struct tracer *t, enum hooks_extent extent)
{
	const struct bpf_object_open_opts opts = {
		.sz = sizeof(opts),
		.btf_custom_path = t->options->btf,
	};

	log__debug("loading the BPF programs anew, without some that can be missed");
	if (extent == HOOKS_LEAST)
		log__warn(
			"this kernel does not load the witnesses: calls can be missing where it preempts "
			"hooks, of which it says how many at most");
	pvmtrace_bpf__destroy(t->skel);
	t->skel = pvmtrace_bpf__open_opts(&opts);
	if (!t->skel)
		return -errno;
	configure(t);
	return load_skel(t, extent);
}

static int load(void *ctx)
{
	struct tracer *t = ctx;
	int err = load_skel(t, HOOKS_CONFIRMED);

	if (err < 0 && (t->hooks.access || t->hooks.pins))
		err = load_less(t, HOOKS_WITNESSED);
	if (err < 0 && witness__any(&t->hooks.witness))
		err = load_less(t, HOOKS_LEAST);
	if (err >= 0)
		return err;
	if (t->options->btf)
		log__error(
			"--btf: with '%s' the programs cannot be loaded: it is another kernel's, or "
			"this kernel was built without BTF and has no such hooks",
			t->options->btf);
	return support__explain("loading the BPF programs", -err);
}

/* What the user half reads and writes of the kernel half's maps while it runs. */
static int map_elements(struct tracer *t)
{
	t->commands.queue = kernel_map__elements(t->skel->maps.pvm_commands);
	t->memories = kernel_map__elements(t->skel->maps.pvm_memories);
	if (!t->commands.queue || !t->memories)
		return support__explain("mapping the kernel half's memory", errno);
	return 0;
}

int tracer__load(struct tracer *t)
{
	int err = kernel_types__lend(t->options->btf, load, t);

	if (err)
		return err;
	t->missing = (struct module_types_missing){ .btrfs = true, .overlay = true };
	module_types__learn(t->options->btf, &t->skel->bss->pvm_module_types, &t->missing);
	err = filter_fill(t->options, bpf_map__fd(t->skel->maps.pvm_filter_uid),
			  bpf_map__fd(t->skel->maps.pvm_filter_comm));
	if (err)
		return support__explain("filling the filters", -err);
	return map_elements(t);
}

static int look(struct tracer *t, unsigned int slot)
{
	t->skel->bss->pvm_shared.self_slot = slot;
	return kernel_map__run(t->skel->links.pvm_look);
}

static int look_pid(void *ctx, uint32_t pid, uint32_t place, uint32_t *tgid, uint64_t *start_ns)
{
	struct tracer *t = ctx;
	struct pvm_shared *shared = &t->skel->bss->pvm_shared;
	int err;

	shared->look_pid = pid;
	t->skel->bss->memory_place = place;
	err = look(t, 0);
	*tgid = shared->look_tgid;
	*start_ns = shared->look_start_ns;
	return err;
}

int tracer__look(struct tracer *t)
{
	int err;

	t->skel->links.pvm_look = bpf_program__attach_iter(t->skel->progs.pvm_look, NULL);
	if (!t->skel->links.pvm_look)
		return support__explain("attaching the task iterator", errno);
	err = look(t, 0);
	if (err)
		return support__explain("running the task iterator", -err);
	err = filter_bind_pids(t->options, bpf_map__fd(t->skel->maps.pvm_filter_pid), look_pid, t,
			       t->watch);
	return err < 0 ? support__explain("binding the pid filters", -err) : err;
}

static int attach_iterators(struct tracer *t)
{
	struct pvmtrace_bpf *skel = t->skel;

	skel->links.pvm_sweep = bpf_program__attach_iter(skel->progs.pvm_sweep, NULL);
	if (!skel->links.pvm_sweep)
		return support__explain("attaching the task iterator", errno);
	skel->links.pvm_apply =
		kernel_map__iterator(skel->progs.pvm_apply, skel->maps.pvm_commands);
	skel->links.pvm_take = kernel_map__iterator(skel->progs.pvm_take, skel->maps.pvm_summaries);
	if (!skel->links.pvm_apply || !skel->links.pvm_take)
		return support__explain("attaching the iterators over maps", errno);
	if (bpf_program__autoload(skel->progs.pvm_sweep_dead)) {
		skel->links.pvm_sweep_dead =
			kernel_map__iterator(skel->progs.pvm_sweep_dead, skel->maps.pvm_state);
		if (!skel->links.pvm_sweep_dead)
			return support__explain("attaching the iterator over calls", errno);
	}
	t->commands.iterator = skel->links.pvm_apply;
	t->commands.shared = &skel->bss->pvm_shared;
	t->summaries.iterator = skel->links.pvm_take;
	return 0;
}

int tracer__attach(struct tracer *t)
{
	struct pvmtrace_bpf *skel = t->skel;
	int err;

	skel->bss->pvm_shared.stopping = PVM_NO_EXITS;
	err = attach_iterators(t);
	if (err)
		return err;
	err = hooks__attach(&t->hooks);
	return err ? support__explain("attaching the hooks", -err) : 0;
}

void tracer__go(struct tracer *t)
{
	__atomic_store_n(&t->skel->bss->pvm_shared.stopping, PVM_RUNNING, __ATOMIC_SEQ_CST);
}

void tracer__close(struct tracer *t)
{
	if (!t)
		return;
	ring_buffer__free(t->calls);
	ring_buffer__free(t->arrays);
	hooks__detach(&t->hooks);
	summaries__close(&t->summaries);
	for (int who = 0; who < 2; who++)
		pid_watch__close(&t->watch[who]);
	pvmtrace_bpf__destroy(t->skel);
	free(t);
}

bool tracer__fentry(const struct tracer *t)
{
	return !strcmp(t->options->attach, "fentry");
}

const char *tracer__resolve(const struct tracer *t)
{
	return t->skel->rodata->cfg_use_kfunc ? "kfunc" : "walk";
}

bool tracer__in_pid_ns(const struct tracer *t)
{
	return t->in_pid_ns;
}

struct confirm_info tracer__confirms(const struct tracer *t)
{
	return hooks__confirms(&t->hooks);
}

uint8_t tracer__witness(const struct tracer *t, const char **note)
{
	if (note)
		*note = t->hooks.witness.noted ? t->hooks.witness.note : NULL;
	return witness__bits(&t->hooks.witness);
}

void tracer__ftrace_was_off(struct tracer *t)
{
	t->hooks.lacks = true;
	t->hooks.witness.ftrace_was_off = true;
}

void tracer__kprobes_were_off(struct tracer *t)
{
	t->hooks.witness.kprobes_were_off = true;
}

struct pin_key tracer__pin_key(const struct tracer *t)
{
	return hooks__key(&t->hooks);
}

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

uint32_t tracer__host_pid(const struct tracer *t)
{
	return t->skel->bss->pvm_shared.self_pid[0];
}

struct pvm_shared *tracer__shared(struct tracer *t)
{
	return &t->skel->bss->pvm_shared;
}

/* What the running collector needs of bpf(2): iterators, and looks at programs. */
static int try_without(struct tracer *t, const struct privileges *p)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (privileges__drop(p))
		return -1;
	if (kernel_map__run(t->skel->links.pvm_sweep))
		return 1;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(t->skel->progs.pvm_death), &info, &len))
		return 1;
	return 0;
}

bool tracer__needs_cap_bpf(struct tracer *t, const struct privileges *p)
{
	struct privileges without = *p;
	int status = 0;
	pid_t child;

	without.keep_cap_bpf = false;
	child = fork();
	if (child == 0)
		_exit(try_without(t, &without) ? 1 : 0);
	if (child < 0)
		return true;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

void tracer__counts(struct tracer *t, struct pvm_counts *out)
{
	const struct pvm_shared *shared = &t->skel->bss->pvm_shared;

	memset(out, 0, sizeof(*out));
	for (size_t row = 0; row < t->rows; row++)
		for (size_t i = 0; i < PVM_C_CNT; i++)
			out->n[i] += __atomic_load_n(&shared->rows[row].n[i], __ATOMIC_RELAXED);
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
	struct pvm_shared *shared = &t->skel->bss->pvm_shared;
	int err;

	shared->sweep_phase = phase;
	shared->sweep_older_ns = older_ns;
	err = kernel_map__run(t->skel->links.pvm_sweep);
	if (!err && t->skel->links.pvm_sweep_dead)
		err = kernel_map__run(t->skel->links.pvm_sweep_dead);
	return err;
}

void tracer__detach(struct tracer *t)
{
	hooks__detach(&t->hooks);
	t->detached = true;
}

/* Runs in the child of the self-test: from now on the kernel half takes it for us. */
static int be_self(void *ctx)
{
	return look(ctx, 1);
}

int tracer__self_test(struct tracer *t, int (*consume)(void *ctx), void *ctx, struct abi_info *abis,
		      size_t *cnt)
{
	struct pvm_shared *shared = &t->skel->bss->pvm_shared;
	const struct self_test_env env = {
		.consume = consume,
		.consume_ctx = ctx,
		.be_self = be_self,
		.be_self_ctx = t,
		.announce = &shared->self_announce,
		.fentry = tracer__fentry(t),
	};
	int err = self_test__run(&t->test, &env, abis, cnt);

	shared->self_pid[1] = 0;
	return err;
}

void tracer__self_test_seen(struct tracer *t, const void *data, size_t size)
{
	self_test__seen(&t->test, data, size);
}

int tracer__open_rings(struct tracer *t, tracer_sample_fn call, tracer_sample_fn array, void *ctx)
{
	t->calls = ring_buffer__new(bpf_map__fd(t->skel->maps.pvm_calls), call, ctx, NULL);
	if (!t->calls)
		return support__explain("mapping the ring of calls", errno);
	t->arrays = ring_buffer__new(bpf_map__fd(t->skel->maps.pvm_arrays), array, ctx, NULL);
	if (!t->arrays)
		return support__explain("mapping the ring of arrays", errno);
	return 0;
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
	return ring_buffer__consume(t->calls);
}

int tracer__consume_arrays(struct tracer *t)
{
	return ring_buffer__consume(t->arrays);
}

void tracer__tick(struct tracer *t)
{
	if (witness__wants_sweep(&t->hooks.witness))
		tracer__sweep(t, PVM_IN_FLIGHT, UINT64_MAX);
	hooks__tick(&t->hooks);
	module_types__tick(t->options->btf, &t->skel->bss->pvm_module_types, &t->missing);
}

/* Hooks run inside of RCU's read side, and this system call waits for that (membarrier(2)). Where it is not
 * to be had (nohz_full), or waits for nothing (kernel/sched/membarrier.c: a single CPU, whose hooks may have been
 * preempted all the same), time has to do: hooks take microseconds. */
void tracer__await_hooks(const struct tracer *t)
{
	const struct timespec time = { .tv_nsec = HOOKS_END_NS };

	if (t->single_cpu || syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
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
	struct pvm_shared *shared = &t->skel->bss->pvm_shared;

	if (!t->summaries.taking) {
		if (!tracer__summaries_left(t))
			return 0;
		__atomic_add_fetch(&shared->window, 1, __ATOMIC_SEQ_CST);
		tracer__await_hooks(t);
	}
	return summaries__take(&t->summaries, take, ctx);
}

void tracer__forget_proc(struct tracer *t, uint32_t pid)
{
	const struct pvm_command command = { .kind = PVM_FORGET_PROC, .pid = pid };

	commands__put(&t->commands, &command);
}

void tracer__forget_cgroup(struct tracer *t, const struct pvm_cgroup_key *key)
{
	const struct pvm_command command = { .kind = PVM_FORGET_CGROUP, .cgroup = *key };

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
