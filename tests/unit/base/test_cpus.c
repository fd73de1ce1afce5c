/* SPDX-License-Identifier: Apache-2.0 */
/* test_cpus - how far the numbers of CPUs go, and which rows are theirs, by what the kernel lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/cpus.h"
#include "scratch.h"

#define ROWS 256
#define CNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *list;
	size_t end, used;
	bool own;
} lists[] = {
	{ "0\n", 1, 1, true },
	{ "0-1\n", 2, 2, true },
	{ "0-255\n", 256, 256, true },
	{ "0-256\n", 257, 256, false },
	{ "0,2,4-7\n", 8, 8, true },
	/* They are few, and yet one stands in a row of another; or in none that as many rows as there are CPUs have. */
	{ "0-3,256-259\n", 260, 256, false },
	{ "0-3,300-303\n", 304, 256, false },
	{ "0-3,128-131\n", 132, 132, true },
	{ "0-8191\n", 8192, 256, false },
	/* Nobody knows. */
	{ "\n", 0, 256, false },
};

static void numbers_go_as_far_as_the_highest(void **state)
{
	(void)state;
	for (size_t i = 0; i < CNT(lists); i++) {
		write_file("out", lists[i].list);
		assert_int_equal(cpus__end("out"), lists[i].end);
	}
	assert_int_equal(cpus__end("missing"), 0);
}

static void rows_are_as_many_as_the_numbers_reach(void **state)
{
	(void)state;
	for (size_t i = 0; i < CNT(lists); i++) {
		assert_int_equal(cpus__rows_used(lists[i].end, ROWS), lists[i].used);
		assert_int_equal(cpus__rows_are_own(lists[i].end, ROWS), lists[i].own);
	}
}

static void this_machine_has_no_fewer_than_it_runs(void **state)
{
	(void)state;
	assert_true(cpus__end(CPUS_POSSIBLE) >= (size_t)sysconf(_SC_NPROCESSORS_CONF));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_go_as_far_as_the_highest),
		cmocka_unit_test(rows_are_as_many_as_the_numbers_reach),
		cmocka_unit_test(this_machine_has_no_fewer_than_it_runs),
	};

	return cmocka_run_group_tests(tests, scratch__setup, scratch__teardown);
}
