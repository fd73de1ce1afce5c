/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "event/witness_info.h"

static void expect_remains(uint8_t bits, const char *const *has, const char *const *lacks)
{
	struct witness_info w = witness_info__of(WITNESS_KNOWN | WITNESS_NEEDED | bits);

	assert_true(w.known && w.needed);
	assert_non_null(w.remains);
	assert_non_null(strstr(w.remains, "counted (skipped_runs)"));
	/* Whatever there is, no witness sees what reaches no function of the calls. */
	assert_non_null(
		strstr(w.remains, "; with tracepoint, uncounted, one that reaches no function"));
	for (; *has; has++)
		if (!strstr(w.remains, *has))
			fail_msg("'%s' is not in: %s", *has, w.remains);
	for (; *lacks; lacks++)
		if (strstr(w.remains, *lacks))
			fail_msg("'%s' is in: %s", *lacks, w.remains);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_what_remains(void **state)
{
	(void)state;
	expect_remains(0, LIST("a call on a CPU where"),
		       LIST("map operation", "ended", "the kernel refuses"));
	expect_remains(WITNESS_MULTI | WITNESS_RETURNS, LIST("a call while", "map operation"),
		       LIST("ended", "the kernel refuses"));
	expect_remains(WITNESS_MULTI | WITNESS_END | WITNESS_PERMIT,
		       LIST("the kernel refuses", "next one after such a call", "map operation"),
		       LIST("ended", "a call while"));
	expect_remains(WITNESS_KPROBE, LIST("a call while", "map operation", "told as ended"),
		       LIST("the kernel refuses"));
	expect_remains(WITNESS_MULTI | WITNESS_PERMIT,
		       LIST("the kernel refuses", "map operation", "told as ended"),
		       LIST("a call while"));
	expect_remains(WITNESS_END, LIST("a call while", "map operation"), LIST("ended"));
	expect_remains(WITNESS_PERMIT, LIST("the kernel refuses", "on a CPU where"),
		       LIST("map operation"));
}

static void test_what_they_see(void **state)
{
	static const struct {
		uint8_t bits;
		const char *sees;
	} table[] = {
		{ 0, NULL },
		{ WITNESS_MULTI, "where they begin" },
		{ WITNESS_END, "where they end" },
		{ WITNESS_KPROBE | WITNESS_END, "where they begin and end" },
		{ WITNESS_MULTI | WITNESS_RETURNS, "where they begin and end" },
		{ WITNESS_PERMIT, "where the kernel permits an access to another process" },
		{ WITNESS_MULTI | WITNESS_PERMIT,
		  "where they begin, and where the kernel permits an access to another process" },
		{ WITNESS_END | WITNESS_PERMIT,
		  "where they end, and where the kernel permits an access to another process" },
		{ WITNESS_MULTI | WITNESS_RETURNS | WITNESS_PERMIT,
		  "where they begin and end, and where the kernel permits an access to another process" },
	};
	static const char which[] = "calls on a CPU where another task is preempted in our hook: ";

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct witness_info w =
			witness_info__of(WITNESS_KNOWN | WITNESS_NEEDED | table[i].bits);

		if (!table[i].sees) {
			assert_null(w.sees);
			continue;
		}
		assert_non_null(w.sees);
		assert_memory_equal(w.sees, which, strlen(which));
		assert_string_equal(w.sees + strlen(which), table[i].sees);
	}
}

static void test_not_needed(void **state)
{
	struct witness_info w = witness_info__of(WITNESS_KNOWN), none = witness_info__of(0);
	char list[WITNESS_LIST_SZ];

	(void)state;
	assert_true(w.known && !w.needed && !w.permission);
	assert_true(!w.begin && !w.returns && !w.end && !w.sees && !w.remains);
	assert_false(witness_info__list(&w, list));
	assert_string_equal(list, "");
	assert_false(none.known);
}

static void test_list(void **state)
{
	struct witness_info w = witness_info__of(0xff & ~WITNESS_MULTI);
	char list[WITNESS_LIST_SZ];

	(void)state;
	assert_true(witness_info__list(&w, list));
	assert_string_equal(
		list, "kprobe, kretprobe.multi, raw_syscalls/sys_exit, lsm/ptrace_access_check");
}

static void test_what_is_not_in_force(void **state)
{
	char note[WITNESS_NOTE_SZ];

	(void)state;
	assert_false(witness_info__lacks(0, 0, note));
	assert_string_equal(note, "");
	assert_true(witness_info__lacks(WITNESS_MULTI | WITNESS_KPROBE, 0, note));
	assert_string_equal(note, "witnesses that could not be attached: kprobe.multi, kprobe");
	assert_true(witness_info__lacks(0, WITNESS_PERMIT, note));
	assert_string_equal(
		note, "witnesses that did not see a call of our own: lsm/ptrace_access_check");
	assert_true(witness_info__lacks(WITNESS_RETURNS, WITNESS_END, note));
	assert_string_equal(note, "witnesses that could not be attached: kretprobe.multi; "
				  "witnesses that did not see a call of our own: "
				  "raw_syscalls/sys_exit");
	assert_true(witness_info__lacks(0xff, 0xff, note));
	assert_true(strlen(note) < sizeof(note) - 1);
}

/* What is switched off misses calls without a word, so that it saw few of them missing is no comfort any more. */
static void test_what_bounds_the_missing(void **state)
{
	const uint8_t begins = WITNESS_MULTI | WITNESS_RETURNS,
		      others = WITNESS_KPROBE | WITNESS_END;
	const uint8_t more = WITNESS_KNOWN | WITNESS_NEEDED | WITNESS_PERMIT;

	(void)state;
	assert_int_equal(witness_info__bounding(more, false, false), 0);
	assert_int_equal(witness_info__bounding(more | begins, false, false), begins);
	assert_int_equal(witness_info__bounding(more | begins, false, true), begins);
	assert_int_equal(witness_info__bounding(more | begins, true, false), 0);
	assert_int_equal(witness_info__bounding(more | others, false, false), others);
	assert_int_equal(witness_info__bounding(more | others, false, true), WITNESS_END);
	assert_int_equal(witness_info__bounding(more | others, true, false), WITNESS_END);
	assert_int_equal(witness_info__bounding(more | WITNESS_KPROBE, false, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_remains),
		cmocka_unit_test(test_what_they_see),
		cmocka_unit_test(test_not_needed),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_what_is_not_in_force),
		cmocka_unit_test(test_what_bounds_the_missing),
	};

	return cmocka_run_group_tests_name("witness_info", tests, NULL, NULL);
}
