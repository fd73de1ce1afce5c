/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/hooks.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/log.h"
#include "bpf/control.h"
#include "kernel/call_programs.h"
#include "kernel/iterators.h"
#include "kernel/nothing.h"
#include "kernel/skips.h"
#include "kernel/sysctl.h"
#include "kernel/types.h"
#include "kernel/witness_find.h"
#include "pvmtrace.skel.h"

#define PIN_FUNCTION "pin_user_pages_remote"
#define PIN_ARGUMENTS 6 /* as pvm_pin reads them */
/* In a build for tests (Makefile) what the witnesses see is all that is seen. */
#ifdef PVM_WITNESSES_ALONE
#define WITNESSES_ALONE true
#else
#define WITNESSES_ALONE false
#endif

static bool is_call_hook(const struct bpf_program *prog)
{
	return has_prefix(prog, ENTRY_PREFIX) || has_prefix(prog, EXIT_PREFIX) ||
	       has_prefix(prog, ENTRY_BESIDE_PREFIX) || has_prefix(prog, EXIT_BESIDE_PREFIX);
}

/*
 * Attaches a program that does nothing to a function, and takes it away again. Loading is not attaching: many kernels load what
 * they then refuse to attach. Returns 0 or -errno; -ENOENT: there is no such function.
 */
static int try_function(const struct btf *types, const char *function, enum bpf_attach_type type)
{
	int id = btf__find_by_name_kind(types, function, BTF_KIND_FUNC), prog, link, err;

	if (id < 0)
		return -ENOENT;
	prog = nothing__load(BPF_PROG_TYPE_TRACING, type, (uint32_t)id);
	if (prog < 0)
		return prog;
	link = bpf_raw_tracepoint_open(NULL, prog);
	err = link < 0 ? -errno : 0;
	if (link >= 0)
		close(link);
	close(prog);
	return err;
}

/* Returns whether the first argument of the calls' functions is known as a pointer to a structure: in 5.10 its type is a
 * name and no more, through which the verifier lets nobody go. */
static bool typed_regs(const struct btf *types, const char *function)
{
	const struct btf_type *t = btf__type_by_id(
		types, (uint32_t)btf__find_by_name_kind(types, function, BTF_KIND_FUNC));

	t = t ? btf__type_by_id(types, t->type) : NULL;
	if (!t || !btf_is_func_proto(t) || btf_vlen(t) < 1)
		return false;
	t = btf__type_by_id(types, btf_params(t)->type);
	while (t && (btf_is_mod(t) || btf_is_ptr(t)))
		t = btf__type_by_id(types, t->type);
	return t && btf_is_struct(t);
}

/*
 * A call can sleep inside for as long as its caller likes. Kernels without this structure (5.12, and the 5.10 of
 * the distributions) freed the code that such a call returns through when the hook was taken away.
 */
static bool keeps_return_code(const struct btf *types)
{
	return btf__find_by_name_kind(types, "bpf_tramp_image", BTF_KIND_STRUCT) > 0;
}

static int refuse(const char *function, int err)
{
	if (sysctl__jit_is_off())
		log__error("--attach fentry: " SYSCTL_JIT
			   " is 0, and this kernel does not let %s be "
			   "hooked: set it to 1, or use --attach tracepoint",
			   function);
	else if (err == -ENOENT)
		log__error(
			"--attach fentry: this kernel has no function %s that could be hooked: "
			"calls that end up there would be left out; --attach tracepoint sees them",
			function);
	else
		log__error("--attach fentry: this kernel does not let %s be hooked: %s; use "
			   "--attach tracepoint",
			   function,
			   err == -ENOTSUPP ? "hooks of this kind are not supported here"
					    : strerror(-err));
	return EX_UNAVAILABLE;
}

static int refuse_switched_off(void)
{
	log__error("--attach fentry: " SYSCTL_FTRACE " is 0, so no hook on a function would ever "
		   "run: set it to 1, or use --attach tracepoint");
	return EX_UNAVAILABLE;
}

static int choose_fentry(struct hooks *h, const struct btf *types)
{
	bool *typed = &h->skel->rodata->cfg_typed_regs;
	struct bpf_program *prog;
	int err;

	if (!keeps_return_code(types)) {
		log__error("--attach fentry: this kernel frees a hook under the calls that are "
			   "still inside; use --attach tracepoint");
		return EX_UNAVAILABLE;
	}
	bpf_object__for_each_program(prog, h->skel->obj) {
		if (!has_prefix(prog, ENTRY_PREFIX) && !has_prefix(prog, EXIT_PREFIX))
			continue;
		err = try_function(types, function_of(prog),
				   bpf_program__expected_attach_type(prog));
		if (err)
			return refuse(function_of(prog), err);
		*typed &= typed_regs(types, function_of(prog));
	}
	return 0;
}

/* Returns how many arguments the function has whose second one says where the pages begin; 0: it is another one. */
static unsigned int pin_arguments(const struct btf *types)
{
	int id = btf__find_by_name_kind(types, PIN_FUNCTION, BTF_KIND_FUNC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(types, (uint32_t)id) : NULL;

	t = t ? btf__type_by_id(types, t->type) : NULL;
	if (!t || !btf_is_func_proto(t) || btf_vlen(t) < 3 ||
	    strcmp(btf__name_by_offset(types, btf_params(t)[1].name_off), "start") != 0)
		return 0;
	return btf_vlen(t);
}

/* What confirms a call costs it little and is of use with either method; it may be missing. */
static void choose_confirm(struct hooks *h, const struct btf *types)
{
	struct pvmtrace_bpf *skel = h->skel;
	unsigned int args = pin_arguments(types);
	bool by_fentry;
	int err;

	err = try_function(types, "mm_access", BPF_TRACE_FENTRY);
	h->access = !err;
	bpf_program__set_autoload(skel->progs.pvm_access, h->access);
	if (err == -EPERM) /* nothing of the kind is allowed here */
		return;
	if (!keeps_return_code(types))
		return;
	h->leave = h->access &&
		   !try_function(types, "security_ptrace_access_check", BPF_TRACE_FEXIT);
	bpf_program__set_autoload(skel->progs.pvm_leave, h->leave);
	if (!args)
		return;
	by_fentry = !try_function(types, "unpin_user_pages_dirty_lock", BPF_TRACE_FENTRY);
	h->pins_by_fexit = by_fentry && args == PIN_ARGUMENTS &&
			   !try_function(types, PIN_FUNCTION, BPF_TRACE_FEXIT);
	h->pins = h->pins_by_fexit || (!access(KPROBE_PMU, R_OK) && !sysctl__kprobes_are_off());
	if (!h->pins ||
	    getrandom((void *)skel->rodata->cfg_pin_key, sizeof(skel->rodata->cfg_pin_key), 0) !=
		    sizeof(skel->rodata->cfg_pin_key)) {
		h->pins = false;
		return;
	}
	h->pins_by_kprobes = !by_fentry;
	bpf_program__set_autoload(skel->progs.pvm_unpin, by_fentry);
	bpf_program__set_autoload(skel->progs.pvm_unpin_begin, !by_fentry);
	bpf_program__set_autoload(skel->progs.pvm_pin, h->pins_by_fexit);
	bpf_program__set_autoload(skel->progs.pvm_pin_begin, !h->pins_by_fexit);
	bpf_program__set_autoload(skel->progs.pvm_pin_end, !h->pins_by_fexit);
}

/* Returns whether the functions of bpf(2) can be hooked, and their registers be read at once. One that the kernel does not have, as
 * it runs no 32-bit programs, is not loaded. */
static bool can_hook_bpf(struct pvmtrace_bpf *skel, const struct btf *types)
{
	struct bpf_program *prog;
	bool any = false;
	int err;

	if (!keeps_return_code(types))
		return false;
	bpf_object__for_each_program(prog, skel->obj) {
		if (!has_prefix(prog, OPENING_PREFIX))
			continue;
		err = try_function(types, function_of(prog), BPF_TRACE_FEXIT);
		if (err == -ENOENT)
			continue;
		if (err || !typed_regs(types, function_of(prog)))
			return false;
		bpf_program__set_autoload(prog, true);
		any = true;
	}
	return any;
}

static void forget_openings(struct hooks *h)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, h->skel->obj) {
		if (has_prefix(prog, OPENING_PREFIX))
			bpf_program__set_autoload(prog, false);
	}
	h->openings = OPENINGS_UNSEEN;
	h->skel->rodata->cfg_openings = false;
}

/* Chooses by what it is seen who opens objects of ours. Without hooks on functions it is the program on the end of every system
 * call, where there is one. types: NULL: functions cannot be hooked. */
static void choose_openings(struct hooks *h, const struct btf *types)
{
	if (types && can_hook_bpf(h->skel, types)) {
		h->openings = OPENINGS_FEXIT;
		return;
	}
	forget_openings(h);
	h->openings = h->fentry ? OPENINGS_UNSEEN : OPENINGS_SYS_EXIT;
	h->skel->rodata->cfg_openings = !h->fentry;
}

/* Chooses which of the hooks on the calls themselves are loaded. */
static void choose_calls(struct hooks *h)
{
	struct pvmtrace_bpf *skel = h->skel;
	const bool beside = witness__beside(&h->witness);
	struct bpf_program *prog;

	h->entries = beside ? ENTRY_BESIDE_PREFIX : ENTRY_PREFIX;
	h->exits = beside ? EXIT_BESIDE_PREFIX : EXIT_PREFIX;
	h->enter = beside ? skel->progs.pvm_enter_w : skel->progs.pvm_enter;
	h->exit = beside ? skel->progs.pvm_exit_w : skel->progs.pvm_exit;
	bpf_object__for_each_program(prog, skel->obj)
		if (is_call_hook(prog))
			bpf_program__set_autoload(prog,
						  h->fentry && (has_prefix(prog, h->entries) ||
								has_prefix(prog, h->exits)));
	bpf_program__set_autoload(skel->progs.pvm_enter, !h->fentry && !beside);
	bpf_program__set_autoload(skel->progs.pvm_exit, !h->fentry && !beside);
	bpf_program__set_autoload(skel->progs.pvm_enter_w, !h->fentry && beside);
	bpf_program__set_autoload(skel->progs.pvm_exit_w, !h->fentry && beside);
}

static void forget_confirm(struct pvmtrace_bpf *skel)
{
	bpf_program__set_autoload(skel->progs.pvm_access, false);
	bpf_program__set_autoload(skel->progs.pvm_leave, false);
	bpf_program__set_autoload(skel->progs.pvm_unpin, false);
	bpf_program__set_autoload(skel->progs.pvm_unpin_begin, false);
	bpf_program__set_autoload(skel->progs.pvm_pin, false);
	bpf_program__set_autoload(skel->progs.pvm_pin_begin, false);
	bpf_program__set_autoload(skel->progs.pvm_pin_end, false);
}

/* Chooses what more there is where ftrace works. */
static int choose_by_types(struct hooks *h, const struct btf *types, enum hooks_extent extent)
{
	int err = h->fentry ? choose_fentry(h, types) : 0;

	if (!err && extent >= HOOKS_CONFIRMED)
		choose_confirm(h, types);
	if (!err && extent >= HOOKS_WITNESSED) {
		witness_find__kinds(&h->witness, h->skel, types, h->fentry);
		witness__choose(&h->witness, h->skel, h->fentry);
		choose_calls(h);
	}
	return err;
}

int hooks__choose(struct hooks *h, struct pvmtrace_bpf *skel, const char *btf, bool fentry,
		  enum hooks_extent extent)
{
	struct btf *types;
	int err = 0;

	h->skel = skel;
	h->fentry = fentry;
	h->lacks = false;
	h->access = h->leave = h->pins = h->pins_by_fexit = h->pins_by_kprobes = false;
	/* Where ftrace is off nothing of it is even tried: see sysctl.h. */
	if (fentry && sysctl__ftrace_is_off())
		return refuse_switched_off();
	witness__look(&h->witness, fentry);
	h->witness.apart &= extent > HOOKS_ALONE;
	witness__choose(&h->witness, skel, fentry);
	skel->rodata->cfg_typed_regs = true;
	choose_calls(h);
	forget_confirm(skel);
	forget_openings(h);
	types = kernel_types__load(btf);
	if (!types) {
		const int why = -errno;

		log__debug("the kernel's types: %s", strerror(-why));
		if (fentry)
			return refuse("anything", why);
	} else if (!sysctl__ftrace_is_off()) {
		err = choose_by_types(h, types, extent);
	}
	if (!err && extent >= HOOKS_CONFIRMED)
		choose_openings(h, sysctl__ftrace_is_off() ? NULL : types);
	iterators__choose(skel, types);
	btf__free(types);
	return err;
}

PVM_ASSERT(sizeof(((struct pvmtrace_bpf *)0)->progs) / sizeof(struct bpf_program *) <= HOOKS_MAX);

static int attach(struct hooks *h, struct bpf_program *prog)
{
	struct bpf_link *link = bpf_program__attach(prog);

	if (!link)
		return -errno;
	h->links[h->cnt++] = link;
	return 0;
}

/* Attaches all hooks on the calls' functions whose names begin so. */
static int attach_all(struct hooks *h, const char *prefix)
{
	struct bpf_program *prog;
	int err = 0;

	bpf_object__for_each_program(prog, h->skel->obj) {
		if (!err && has_prefix(prog, prefix))
			err = attach(h, prog);
	}
	return err;
}

/* The second witness goes before the first: it may see what that did not, never the reverse. */
static void attach_confirm(struct hooks *h)
{
	struct pvmtrace_bpf *skel = h->skel;
	struct bpf_program *pins[] = { skel->progs.pvm_unpin, skel->progs.pvm_unpin_begin,
				       skel->progs.pvm_pin_end, skel->progs.pvm_pin_begin,
				       skel->progs.pvm_pin };
	int err = 0;

	if (h->access && attach(h, skel->progs.pvm_access))
		h->access = false;
	if (h->leave && attach(h, skel->progs.pvm_leave))
		h->leave = false;
	for (size_t i = 0; h->pins && i < sizeof(pins) / sizeof(pins[0]); i++) {
		if (!bpf_program__autoload(pins[i]))
			continue;
		err = attach(h, pins[i]);
		if (err) {
			log__debug("%s: %s", bpf_program__section_name(pins[i]), strerror(-err));
			h->pins = false;
		}
	}
	skel->bss->pins_on = h->pins;
}

/* Where that fails it is not seen, and nothing else is missing. */
static void attach_openings(struct hooks *h)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, h->skel->obj) {
		if (has_prefix(prog, OPENING_PREFIX) && bpf_program__autoload(prog) &&
		    attach(h, prog))
			h->openings = OPENINGS_UNSEEN;
	}
}

int hooks__attach(struct hooks *h)
{
	struct pvmtrace_bpf *skel = h->skel;
	int err;

	attach_confirm(h);
	attach_openings(h);
	/* What frees the state comes before what makes it, the exit before the entry. */
	err = attach(h, skel->progs.pvm_death);
	if (!err && bpf_program__autoload(skel->progs.pvm_exec))
		err = attach(h, skel->progs.pvm_exec);
	witness__attach(&h->witness, skel);
	if (WITNESSES_ALONE && witness__any(&h->witness))
		return err;
	if (!err)
		err = h->fentry ? attach_all(h, h->exits) : attach(h, h->exit);
	if (!err)
		err = h->fentry ? attach_all(h, h->entries) : attach(h, h->enter);
	return err;
}

void hooks__detach(struct hooks *h)
{
	witness__detach(&h->witness);
	while (h->cnt > 0)
		bpf_link__destroy(h->links[--h->cnt]);
}

struct confirm_info hooks__confirms(const struct hooks *h)
{
	return (struct confirm_info){
		.target = h->access,
		.access = h->leave,
		.pages = !h->pins	    ? PAGES_UNSEEN
			 : h->pins_by_fexit ? PAGES_FEXIT
					    : PAGES_KPROBE,
	};
}

struct pin_key hooks__key(const struct hooks *h)
{
	struct pin_key key = { .page_shift = 0 };

	if (!h->pins)
		return key;
	key.key[0] = h->skel->rodata->cfg_pin_key[0];
	key.key[1] = h->skel->rodata->cfg_pin_key[1];
	key.may_lack = h->lacks || h->pins_by_kprobes ||
		       (h->pins_by_fexit && witness__misses(h->skel->progs.pvm_pin) &&
			witness__misses(h->skel->progs.pvm_unpin));
	key.page_shift = h->skel->rodata->cfg_page_shift;
	return key;
}

/* Returns the misses of all hooks on the calls' functions whose names begin so. */
static uint64_t misses_all(const struct hooks *h, const char *prefix)
{
	struct bpf_program *prog;
	uint64_t sum = 0;

	bpf_object__for_each_program(prog, h->skel->obj)
		if (has_prefix(prog, prefix))
			sum += witness__misses(prog);
	return sum;
}

static uint64_t missed_begins(const struct hooks *h)
{
	return h->fentry ? misses_all(h, h->entries) : witness__misses(h->enter);
}

static uint64_t missed_ends(const struct hooks *h)
{
	return h->fentry ? misses_all(h, h->exits) : witness__misses(h->exit);
}

uint64_t hooks__misses(const struct hooks *h)
{
	return missed_begins(h) + missed_ends(h);
}

static struct skips skips(const struct hooks *h)
{
	struct skips s = {
		.fentry = h->fentry,
		.beside = h->skel->rodata->cfg_witness,
		.quick = h->skel->rodata->cfg_quick,
		.entries = missed_begins(h),
		.exits = missed_ends(h),
	};

	witness__skips(&h->witness, h->skel, &s);
	return s;
}

uint64_t hooks__skipped(const struct hooks *h)
{
	struct skips now = skips(h);

	return h->witness.stackless ? skips__bound_since(&h->stackless_at, &now)
				    : skips__bound(&now);
}

size_t hooks__fds(const struct hooks *h, int fds[HOOKS_FDS])
{
	const struct witness *w = &h->witness;
	size_t cnt = 0;

	for (size_t i = 0; i < h->cnt; i++)
		fds[cnt++] = bpf_link__fd(h->links[i]);
	for (size_t i = 0; i < w->cnt; i++)
		fds[cnt++] = bpf_link__fd(w->links[i]);
	if (w->session >= 0)
		fds[cnt++] = w->session;
	return cnt;
}

void hooks__tick(struct hooks *h)
{
	if (witness__tick(&h->witness, h->skel))
		h->stackless_at = skips(h);
}
