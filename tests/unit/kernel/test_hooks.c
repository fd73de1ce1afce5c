/* SPDX-License-Identifier: Apache-2.0 */
/* test_hooks - which programs of the kernel half are chosen and in which order they are attached, as far as that needs no
 * rights: nothing of it is loaded, and what of libbpf would attach, detach and ask the kernel is stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "bpf/control.h"
#include "kernel/call_programs.h"
#include "kernel/hooks.h"
#include "pvmtrace.skel.h"

#define NOBODY 65534
#define CNT(array) (sizeof(array) / sizeof((array)[0]))

static struct pvmtrace_bpf *skel;
static struct hooks hooks;

/* It holds what was attached, a place in it being the link, and what of that was destroyed, each in its order. */
static struct {
	const char *attached[HOOKS_MAX], *destroyed[HOOKS_MAX];
	size_t attached_cnt, destroyed_cnt;
	const char *refused; /* this program cannot be */
	struct {
		const char *prog;
		uint64_t misses;
	} misses[4];
} libbpf;

struct bpf_link *bpf_program__attach(const struct bpf_program *prog)
{
	const char *name = bpf_program__name(prog);

	if (libbpf.refused && !strcmp(name, libbpf.refused)) {
		errno = EBUSY;
		return NULL;
	}
	assert_true(libbpf.attached_cnt < HOOKS_MAX);
	libbpf.attached[libbpf.attached_cnt] = name;
	return (struct bpf_link *)&libbpf.attached[libbpf.attached_cnt++];
}

int bpf_link__destroy(struct bpf_link *link)
{
	if (link) /* a skeleton that is closed has none */
		libbpf.destroyed[libbpf.destroyed_cnt++] = *(const char **)link;
	return 0;
}

/* Returns a place in misses, or none. */
int bpf_program__fd(const struct bpf_program *prog)
{
	for (int i = 0; i < 4; i++)
		if (libbpf.misses[i].prog &&
		    !strcmp(libbpf.misses[i].prog, bpf_program__name(prog)))
			return i;
	return -1;
}

int bpf_obj_get_info_by_fd(int fd, void *info, __u32 *len)
{
	assert_int_equal(*len, sizeof(struct bpf_prog_info));
	if (fd < 0)
		return -EBADF;
	((struct bpf_prog_info *)info)->recursion_misses = libbpf.misses[fd].misses;
	return 0;
}

/* Nothing that is tried on the kernel is to work. */
static int give_up_rights(void **state)
{
	(void)state;
	libbpf_set_print(NULL);
	return geteuid() ? 0 : setresuid(NOBODY, NOBODY, NOBODY);
}

static int setup(void **state)
{
	(void)state;
	memset(&hooks, 0, sizeof(hooks));
	memset(&libbpf, 0, sizeof(libbpf));
	skel = pvmtrace_bpf__open();
	return !skel;
}

static int teardown(void **state)
{
	(void)state;
	pvmtrace_bpf__destroy(skel);
	return 0;
}

static bool begins(const struct bpf_program *prog, const char *prefix)
{
	return !strncmp(bpf_program__name(prog), prefix, strlen(prefix));
}

/* There is one pair of hooks on the calls, and neither a witness nor what confirms calls. */
static void test_least(void **state)
{
	struct bpf_program *prog;

	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	assert_true(hooks.enter == skel->progs.pvm_enter && hooks.exit == skel->progs.pvm_exit);
	assert_true(bpf_program__autoload(skel->progs.pvm_enter));
	assert_true(bpf_program__autoload(skel->progs.pvm_exit));
	assert_true(bpf_program__autoload(skel->progs.pvm_death));
	assert_false(bpf_program__autoload(skel->progs.pvm_enter_w));
	assert_false(bpf_program__autoload(skel->progs.pvm_exit_w));
	bpf_object__for_each_program(prog, skel->obj)
		if (begins(prog, "pvm_f_") || begins(prog, "pvm_pin") ||
		    begins(prog, "pvm_unpin") || begins(prog, "pvm_access"))
			assert_false(bpf_program__autoload(prog));
}

/* What is not allowed is not there: the hooks on the calls remain. */
static void test_refused(void **state)
{
	struct confirm_info confirms;

	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_CONFIRMED), 0);
	confirms = hooks__confirms(&hooks);
	assert_true(!confirms.target && !confirms.pages);
	assert_int_equal(hooks__key(&hooks).page_shift, 0);
	assert_false(bpf_program__autoload(skel->progs.pvm_access));
	assert_false(bpf_program__autoload(skel->progs.pvm_pin));
	assert_true(bpf_program__autoload(hooks.enter) && bpf_program__autoload(hooks.exit));
}

/* Without types there is no fentry: where it is asked for it is not to be had. Tracepoints do without. */
static void test_no_types(void **state)
{
	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, "/nowhere", true, HOOKS_LEAST),
			 EX_UNAVAILABLE);
	assert_int_equal(hooks__choose(&hooks, skel, "/nowhere", false, HOOKS_CONFIRMED), 0);
	assert_true(bpf_program__autoload(skel->progs.pvm_enter));
}

/* Where runs of the hooks on pages may have been skipped, fewer pages than a list needs are no evidence. */
static void test_lacks(void **state)
{
	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	hooks.pins = true;
	assert_int_equal(hooks__key(&hooks).may_lack, 0);
	hooks.lacks = true;
	assert_int_equal(hooks__key(&hooks).may_lack, 1);
	hooks.lacks = false;
	hooks.pins_by_kprobes = true;
	assert_int_equal(hooks__key(&hooks).may_lack, 1);
	assert_int_equal(hooks__confirms(&hooks).pages, PAGES_KPROBE);
	hooks.pins_by_fexit = true;
	assert_int_equal(hooks__confirms(&hooks).pages, PAGES_FEXIT);
}

static void expect_names(const char *const *have, size_t cnt, const char *const *want,
			 size_t want_cnt)
{
	assert_int_equal(cnt, want_cnt);
	for (size_t i = 0; i < want_cnt; i++)
		assert_string_equal(have[i], want[i]);
}

/* What frees the state comes before what makes it: else a call that ends amid the attaching would leave it. */
static void test_attached_in_order(void **state)
{
	static const char *const order[] = { "pvm_death", "pvm_exec", "pvm_exit", "pvm_enter" };

	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	bpf_program__set_autoload(skel->progs.pvm_exec, true);
	assert_int_equal(hooks__attach(&hooks), 0);
	expect_names(libbpf.attached, libbpf.attached_cnt, order, CNT(order));
	assert_int_equal(skel->bss->pins_on, 0);
	hooks__detach(&hooks);
}

/* They are detached last in, first out, and each once. */
static void test_detached_in_reverse(void **state)
{
	static const char *const order[] = { "pvm_enter", "pvm_exit", "pvm_death" };

	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	bpf_program__set_autoload(skel->progs.pvm_exec, false);
	hooks__detach(&hooks); /* of what was never attached, nothing */
	assert_int_equal(libbpf.destroyed_cnt, 0);
	assert_int_equal(hooks__attach(&hooks), 0);
	hooks__detach(&hooks);
	expect_names(libbpf.destroyed, libbpf.destroyed_cnt, order, CNT(order));
	hooks__detach(&hooks);
	assert_int_equal(libbpf.destroyed_cnt, libbpf.attached_cnt);
}

/* With fentry all exits are hooked before any entry, and neither tracepoint. */
static void test_attached_to_functions(void **state)
{
	size_t exits = 0, entries = 0;

	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	bpf_program__set_autoload(skel->progs.pvm_exec, false);
	hooks.fentry = true;
	assert_int_equal(hooks__attach(&hooks), 0);
	assert_string_equal(libbpf.attached[0], "pvm_death");
	for (size_t i = 1; i < libbpf.attached_cnt; i++) {
		if (!strncmp(libbpf.attached[i], EXIT_PREFIX, strlen(EXIT_PREFIX))) {
			assert_int_equal(entries, 0);
			exits++;
		} else {
			assert_memory_equal(libbpf.attached[i], ENTRY_PREFIX, strlen(ENTRY_PREFIX));
			entries++;
		}
	}
	assert_int_equal(exits, entries);
	assert_true(exits >= 2 && exits + entries + 1 == libbpf.attached_cnt);
	hooks__detach(&hooks);
}

/* Without a hook on the calls there is no run; what was attached by then goes with the others. */
static void test_refused_hook(void **state)
{
	static const char *const order[] = { "pvm_exit", "pvm_death" };

	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	bpf_program__set_autoload(skel->progs.pvm_exec, false);
	libbpf.refused = "pvm_enter";
	assert_int_equal(hooks__attach(&hooks), -EBUSY);
	hooks__detach(&hooks);
	expect_names(libbpf.destroyed, libbpf.destroyed_cnt, order, CNT(order));
}

static void choose_pins_by_kprobes(void)
{
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	hooks.access = hooks.pins = hooks.pins_by_kprobes = true;
	bpf_program__set_autoload(skel->progs.pvm_unpin_begin, true);
	bpf_program__set_autoload(skel->progs.pvm_pin_begin, true);
	bpf_program__set_autoload(skel->progs.pvm_pin_end, true);
}

/* The second witness of the pages goes before the first: it may see what that did not, never the reverse. */
static void test_confirming_hooks_come_first(void **state)
{
	static const char *const order[] = { "pvm_access", "pvm_unpin_begin", "pvm_pin_end",
					     "pvm_pin_begin" };

	(void)state;
	choose_pins_by_kprobes();
	assert_int_equal(hooks__attach(&hooks), 0);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(libbpf.attached[i], order[i]);
	assert_string_equal(libbpf.attached[4], "pvm_death");
	assert_int_equal(skel->bss->pins_on, 1);
	assert_int_equal(hooks__confirms(&hooks).pages, PAGES_KPROBE);
	assert_true(hooks__confirms(&hooks).target);
	hooks__detach(&hooks);
}

/* They may fail: then nothing is claimed of what they would have seen, and the run goes on. */
static void test_confirming_hooks_may_be_refused(void **state)
{
	(void)state;
	choose_pins_by_kprobes();
	libbpf.refused = "pvm_pin_end";
	assert_int_equal(hooks__attach(&hooks), 0);
	assert_int_equal(hooks__confirms(&hooks).pages, PAGES_UNSEEN);
	assert_int_equal(hooks__key(&hooks).page_shift, 0);
	assert_int_equal(skel->bss->pins_on, 0);
	assert_true(hooks__confirms(&hooks).target);
	assert_string_equal(libbpf.attached[2], "pvm_death");
	hooks__detach(&hooks);
	choose_pins_by_kprobes();
	libbpf.refused = "pvm_access";
	assert_int_equal(hooks__attach(&hooks), 0);
	assert_false(hooks__confirms(&hooks).target);
	assert_int_equal(hooks__confirms(&hooks).pages, PAGES_KPROBE);
	hooks__detach(&hooks);
}

/* Runs that the kernel passed over count of both tracepoints, and no more calls than either of them missed. */
static void test_misses(void **state)
{
	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	assert_int_equal(hooks__misses(&hooks), 0);
	libbpf.misses[0].prog = "pvm_enter";
	libbpf.misses[0].misses = 9;
	libbpf.misses[1].prog = "pvm_exit";
	libbpf.misses[1].misses = 4;
	libbpf.misses[2].prog = "pvm_enter_w"; /* is not in force */
	libbpf.misses[2].misses = 100;
	assert_int_equal(hooks__misses(&hooks), 13);
	assert_int_equal(hooks__skipped(&hooks), 4);
}

/* With fentry all of the functions' hooks are added up, and an exit without an entry says nothing. */
static void test_misses_of_functions(void **state)
{
	struct bpf_program *prog;
	size_t cnt = 0;

	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	hooks.fentry = true;
	bpf_object__for_each_program(prog, skel->obj) {
		if (begins(prog, ENTRY_PREFIX) && cnt < 2) {
			libbpf.misses[cnt].prog = bpf_program__name(prog);
			libbpf.misses[cnt++].misses = 3;
		} else if (begins(prog, EXIT_PREFIX)) {
			libbpf.misses[2].prog = bpf_program__name(prog);
			libbpf.misses[2].misses = 5;
		}
	}
	libbpf.misses[3].prog = "pvm_enter"; /* is not in force */
	libbpf.misses[3].misses = 100;
	assert_int_equal(hooks__misses(&hooks), 3 + 3 + 5);
	assert_int_equal(hooks__skipped(&hooks), 6);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_least, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lacks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attached_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detached_in_reverse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attached_to_functions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_hook, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confirming_hooks_come_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_confirming_hooks_may_be_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_misses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_misses_of_functions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, give_up_rights, NULL);
}
