/* SPDX-License-Identifier: Apache-2.0 */
/* test_hooks - which programs of the kernel half are chosen, as far as that needs no rights: nothing of it is loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/libbpf.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "kernel/hooks.h"
#include "pvmtrace.skel.h"

#define NOBODY 65534

static struct pvmtrace_bpf *skel;
static struct hooks hooks;

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

/* One pair of hooks on the calls, and neither a witness nor what confirms calls. */
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

/* No types, no fentry: that is asked for and not to be had. Tracepoints do without. */
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

/* Nothing was attached, and it may be detached twice. */
static void test_detach(void **state)
{
	(void)state;
	assert_int_equal(hooks__choose(&hooks, skel, NULL, false, HOOKS_LEAST), 0);
	hooks__detach(&hooks);
	hooks__detach(&hooks);
	assert_int_equal(hooks.cnt, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_least, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lacks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_detach, setup, teardown),
	};

	return cmocka_run_group_tests(tests, give_up_rights, NULL);
}
