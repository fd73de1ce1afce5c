/* SPDX-License-Identifier: Apache-2.0 */
/* tracer - from the opening of the skeleton to attached hooks, and the end; what is special of it is asked here, too. */
#include "kernel/tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/cpus.h"
#include "base/log.h"
#include "bpf/control.h"
#include "bpf/keys.h"
#include "kernel/configure.h"
#include "kernel/map.h"
#include "kernel/openings.h"
#include "kernel/privileges.h"
#include "kernel/support.h"
#include "kernel/sysctl.h"
#include "kernel/tracer_filter.h"
#include "kernel/tracer_impl.h"
#include "kernel/types.h"
#include "kernel/yama.h"
#include "pvmtrace.skel.h"

uint64_t tracer__map_bytes(const struct tracer *t)
{
	return kernel_map__bytes(t->skel->obj);
}

static void configure(struct tracer *t)
{
	configure__skeleton(t->skel, t->options, t->digest_key);
	t->skel->rodata->cfg_control = (uint64_t)(uintptr_t)&t->steer.wanted;
	t->skel->rodata->cfg_commands = (uint64_t)(uintptr_t)t->commands.queue;
	t->skel->rodata->cfg_reader = support__host_pid();
}

int tracer__open(struct tracer **out, const struct options *o)
{
	const struct bpf_object_open_opts opts = { .sz = sizeof(opts), .btf_custom_path = o->btf };
	struct tracer *t = calloc(1, sizeof(*t));
	int err;

	if (!t) {
		log__error("out of memory");
		return EX_SOFTWARE;
	}
	t->options = o;
	t->yama = -1;
	t->rows = cpus__rows_used(cpus__end(CPUS_POSSIBLE), PVM_CPU_ROWS);
	t->single_cpu = sysconf(_SC_NPROCESSORS_ONLN) < 2;
	t->in_pid_ns = support__in_pid_ns();
	if (t->in_pid_ns &&
	    (filter_masks(o, PVM_CALLER, FILTER_PID) || filter_masks(o, PVM_TARGET, FILTER_PID))) {
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
		err = errno;
		free(t);
		return support__explain("opening the BPF programs", err);
	}
	if (o->resolve == RESOLVE_KFUNC && !support__has_vpid_kfunc(o->btf)) {
		log__error("--resolve kfunc: %s",
			   sysctl__jit_is_off()
				   ? SYSCTL_JIT " is 0: programs can call no kernel function"
				   : "this kernel has no bpf_task_from_vpid (Linux 6.13)");
		tracer__close(t);
		return EX_UNAVAILABLE;
	}
	configure(t);
	err = exe_bind__open(&t->exes, o);
	if (err) {
		tracer__close(t);
		return err;
	}
	*out = t;
	return 0;
}

/*
 * A kernel function or a structure that the kernel itself does not have (bpf_task_from_vpid before 6.13, task_exec_state
 * before 7.3) may be a module's, so libbpf asks for the types of all modules, which needs CAP_SYS_ADMIN; refused, it gives
 * up (before 1.4), although the function is weak, and the structure is followed only where there is one. It asks once for an
 * object: when it looks for any other name, it has done so before the loading.
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
	ask_for_modules(t);
	return pvmtrace_bpf__load(t->skel);
}

/* Begins once more, but with less: a verifier that does not like a hook that only confirms must not keep us from
 * tracing, nor take the witnesses with it. */
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

	if (err < 0 && (t->hooks.access || t->hooks.pins || t->hooks.openings))
		err = load_less(t, HOOKS_WITNESSED);
	if (err < 0 && witness__any(&t->hooks.witness))
		err = load_less(t, HOOKS_LEAST);
	if (err < 0 && witness__beside(&t->hooks.witness))
		err = load_less(t, HOOKS_ALONE);
	if (err >= 0)
		return err;
	if (t->options->btf)
		log__error(
			"--btf: with '%s' the programs cannot be loaded: it is another kernel's, or "
			"this kernel was built without BTF and has no such hooks",
			t->options->btf);
	return support__explain("loading the BPF programs", -err);
}

int tracer__load(struct tracer *t)
{
	int err = kernel_types__lend(t->options->btf, load, t);

	if (err)
		return err;
	t->yama = yama__open();
	t->steer.wanted.yama_scope = yama__scope(t->yama);
	t->missing = (struct module_types_missing){ .btrfs = true, .overlay = true };
	module_types__learn(t->options->btf, &t->steer.wanted.types, &t->missing);
	err = filter_fill(t->options, bpf_map__fd(t->skel->maps.pvm_filter_uid),
			  bpf_map__fd(t->skel->maps.pvm_filter_comm), &t->check);
	if (err)
		return support__explain("filling the filters", -err);
	t->memories = kernel_map__elements(t->skel->maps.pvm_memories);
	return t->memories ? 0 : support__explain("mapping the kernel half's memory", errno);
}

static int look_pid(void *ctx, uint32_t pid, uint32_t place, uint32_t *tgid, uint64_t *start_ns)
{
	struct tracer *t = ctx;
	const struct pvm_shared *shared = &t->skel->bss->pvm_shared;
	int err;

	t->steer.wanted.look_pid = pid;
	t->steer.wanted.memory_place = place;
	err = steer__give(&t->steer);
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
	t->steer.wanted.stopping = PVM_STARTING;
	err = steer__begin(&t->steer, t->skel, t->skel->links.pvm_look, &t->tamper);
	if (err)
		return support__explain("running the task iterator", -err);
	err = filter_bind_pids(t->options, bpf_map__fd(t->skel->maps.pvm_filter_pid), look_pid, t,
			       t->watch, &t->check);
	return err < 0 ? support__explain("binding the pid filters", -err) : err;
}

int tracer__attach(struct tracer *t)
{
	struct pvmtrace_bpf *skel = t->skel;
	int err;

	err = iterators__attach(skel, &t->iterators);
	if (err)
		return err;
	t->steer.wanted.look_pid = 0;
	t->steer.iterator = t->iterators.apply;
	t->commands.steer = t->hooks.witness.steer = &t->steer;
	t->commands.check = &t->check;
	t->check.iterator = t->iterators.check;
	t->summaries.iterator = t->iterators.take;
	err = exe_bind__put(&t->exes, &t->commands, &skel->bss->files_bound);
	if (err)
		return support__explain("binding the files of --caller-exe and --target-exe", -err);
	(void)map_check__look(&t->check, &t->tamper);
	err = hooks__attach(&t->hooks);
	if (err)
		return support__explain("attaching the hooks", -err);
	err = openings__know_own(&t->hooks, &t->iterators);
	if (err)
		log__debug("the numbers of the tracer's own objects: %s", strerror(-err));
	err = steer__seal(skel);
	return err ? support__explain("sealing the maps", -err) : 0;
}

void tracer__go(struct tracer *t)
{
	tracer__stop(t, PVM_RUNNING);
}

void tracer__close(struct tracer *t)
{
	if (!t)
		return;
	ring_place__unmap(&t->calls_at);
	ring_place__unmap(&t->arrays_at);
	ring_buffer__free(t->calls);
	ring_buffer__free(t->arrays);
	hooks__detach(&t->hooks);
	summaries__close(&t->summaries);
	for (int who = 0; who < 2; who++)
		pid_watch__close(&t->watch[who]);
	exe_bind__close(&t->exes);
	map_check__close(&t->check);
	pvmtrace_bpf__destroy(t->skel);
	if (t->yama >= 0)
		close(t->yama);
	free(t);
}

bool tracer__fentry(const struct tracer *t)
{
	return t->options->attach == ATTACH_FENTRY;
}

enum resolve_method tracer__resolve(const struct tracer *t)
{
	return t->skel->rodata->cfg_use_kfunc ? RESOLVE_KFUNC : RESOLVE_WALK;
}

bool tracer__in_pid_ns(const struct tracer *t)
{
	return t->in_pid_ns;
}

struct confirm_info tracer__confirms(const struct tracer *t)
{
	return hooks__confirms(&t->hooks);
}

enum openings_by tracer__openings(const struct tracer *t)
{
	return t->hooks.openings;
}

uint8_t tracer__witness(const struct tracer *t, const char **note)
{
	if (note)
		*note = t->hooks.witness.noted ? t->hooks.witness.note : NULL;
	return witness__bits(&t->hooks.witness);
}

bool tracer__attaches_later(const struct tracer *t)
{
	return t->hooks.witness.returns;
}

bool tracer__reads_types_later(const struct tracer *t)
{
	return t->missing.btrfs || t->missing.overlay;
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

uint32_t tracer__host_pid(const struct tracer *t)
{
	return t->skel->bss->pvm_shared.self_pid[0];
}

/* Tries what the running collector needs of bpf(2): iterators, and looks at programs. */
static int try_without(struct tracer *t, const struct privileges *p)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (privileges__drop(p))
		return -1;
	if (kernel_map__run(t->iterators.sweep))
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

void tracer__detach(struct tracer *t)
{
	hooks__detach(&t->hooks);
}

/* Runs in the child of the self-test, which the kernel half takes for us from now on. */
static int be_self(void *ctx)
{
	const struct tracer *t = ctx;

	return kernel_map__run(t->skel->links.pvm_look);
}

static void announce(void *ctx, bool on)
{
	struct tracer *t = ctx;

	t->steer.wanted.self_announce = t->steer.wanted.self_child = on;
	(void)steer__give(&t->steer);
}

int tracer__self_test(struct tracer *t, int (*consume)(void *ctx), void *ctx, struct abi_info *abis,
		      size_t *cnt)
{
	const struct self_test_env env = {
		.consume = consume,
		.consume_ctx = ctx,
		.be_self = be_self,
		.be_self_ctx = t,
		.announce = announce,
		.fentry = tracer__fentry(t),
	};

	return self_test__run(&t->test, &env, abis, cnt);
}

void tracer__self_test_seen(struct tracer *t, const void *data, size_t size)
{
	self_test__seen(&t->test, data, size);
}
