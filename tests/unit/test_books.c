/* SPDX-License-Identifier: Apache-2.0 */
/* test_books - every counter under its name, the sums, and when they are balanced and complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "books.h"
#include "bpf/control.h"
#include "event/names.h"

/* No two sums of these are equal by chance. */
static const struct pvm_counts kernel = { .n = {
						  [PVM_C_SEEN] = 1000000,
						  [PVM_C_SUBMITTED] = 600000,
						  [PVM_C_FILTERED] = 50000,
						  [PVM_C_RING_FULL] = 7000,
						  [PVM_C_STATE_FULL] = 800,
						  [PVM_C_STATE_STALE] = 90,
						  [PVM_C_IN_FLIGHT_UNTOLD] = 12,
						  [PVM_C_ARRAY_LOST] = 13,
						  [PVM_C_IDENTITY_LOST] = 14,
						  [PVM_C_IDENTITY_FULL] = 15,
						  [PVM_C_SELF_TESTS] = 16,
						  [PVM_C_SUMMARISED] = 30000,
						  [PVM_C_AUDITED] = 17,
						  [PVM_C_AUDIT_LOST] = 18,
					  } };
static const struct books_user user = {
	.emitted = 500000,
	.summarised = 29990,
	.in_flight_emitted = 21,
	.filtered = 4000,
	.lost_output = 300,
	.lost_decode = 20,
	.lost_unswept = 1,
	.identity_evicted = 22,
	.arrays_evicted = 23,
	.skipped_runs = 24,
};

static uint64_t value(const struct counter *list, size_t cnt, const char *name)
{
	for (size_t i = 0; i < cnt; i++) {
		if (!strcmp(list[i].name, name))
			return list[i].value;
	}
	fail_msg("no counter %s", name);
	return 0;
}

static void expect(const struct books *b, const char *name, uint64_t want)
{
	if (value(b->counters, b->cnt, name) != want)
		fail_msg("%s is %llu, not %llu", name,
			 (unsigned long long)value(b->counters, b->cnt, name),
			 (unsigned long long)want);
}

static void test_names_and_sums(void **state)
{
	static const char *const causes[] = { "lost_ring_full",	  "lost_state_full",
					      "lost_state_stale", "lost_output",
					      "lost_decode",	  "lost_unswept" };
	uint64_t sum = 0;
	struct books b;

	(void)state;
	books__fill(&b, &kernel, &user);
	assert_true(b.cnt == BOOK_CNT && b.cause_cnt == BOOKS_CAUSES);
	for (size_t i = 0; i < b.cnt; i++)
		assert_non_null(b.counters[i].name);
	expect(&b, "seen", 1000000);
	expect(&b, "emitted", 500000);
	expect(&b, "summarised", 29990);
	expect(&b, "filtered", 54000);
	expect(&b, "lost", 7000 + 800 + 90 + 300 + 20 + 1);
	expect(&b, "lost_ring_full", 7000);
	expect(&b, "lost_state_full", 800);
	expect(&b, "lost_state_stale", 90);
	expect(&b, "lost_output", 300);
	expect(&b, "lost_decode", 20);
	expect(&b, "lost_unswept", 1);
	expect(&b, "submitted", 600000);
	expect(&b, "in_flight_emitted", 21);
	expect(&b, "in_flight_untold", 12);
	expect(&b, "array_lost", 13);
	expect(&b, "array_evicted", 23);
	expect(&b, "identity_lost", 14);
	expect(&b, "identity_full", 15);
	expect(&b, "identity_evicted", 22);
	expect(&b, "self_tests", 16);
	expect(&b, "skipped_runs", 24);
	expect(&b, "audited", 17);
	expect(&b, "audit_lost", 18);
	assert_int_equal(b.seen, 1000000);
	assert_int_equal(b.emitted, 500000);
	assert_int_equal(b.filtered, 54000);
	assert_int_equal(b.lost, 8211);
	/* The causes are the same numbers under the same names, and all of them. */
	assert_int_equal(b.cause_cnt, sizeof(causes) / sizeof(causes[0]));
	for (size_t i = 0; i < b.cause_cnt; i++) {
		assert_string_equal(b.causes[i].name, causes[i]);
		expect(&b, causes[i], b.causes[i].value);
		sum += b.causes[i].value;
	}
	assert_int_equal(sum, b.lost);
}

static void test_no_name_twice(void **state)
{
	struct books b;

	(void)state;
	books__fill(&b, &kernel, &user);
	for (size_t i = 0; i < b.cnt; i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(b.counters[i].name, b.counters[j].name);
	}
}

/* Returns whether the books of these few numbers are balanced (1) and complete (2). */
static int verdict(uint64_t seen, uint64_t ring_full, struct books_user u)
{
	struct pvm_counts k = { .n = { [PVM_C_SEEN] = seen, [PVM_C_RING_FULL] = ring_full } };
	const struct doubts none = { .cnt = 0 };
	struct doubt why[BOOKS_REASONS];
	struct books b;

	books__fill(&b, &k, &u);
	return books__balanced(&b) + 2 * !books__incomplete(&b, &none, why);
}

static void test_balanced_and_complete(void **state)
{
	const struct books_user u = { .emitted = 8, .summarised = 2, .filtered = 5 };
	struct books_user v;

	(void)state;
	assert_int_equal(verdict(0, 0, (struct books_user){ 0 }), 3);
	assert_int_equal(verdict(15, 0, u), 3);
	assert_int_equal(verdict(16, 0, u), 0);
	assert_int_equal(verdict(14, 0, u), 0);
	/* With every loss, wherever it is, it balances, but is not complete. */
	assert_int_equal(verdict(17, 2, u), 1);
	v = u;
	v.lost_output = 1;
	assert_int_equal(verdict(16, 0, v), 1);
	v = u;
	v.lost_decode = 1;
	assert_int_equal(verdict(16, 0, v), 1);
	v = u;
	v.lost_unswept = 1;
	assert_int_equal(verdict(16, 0, v), 1);
	v = u;
	v.skipped_runs = 1;
	assert_int_equal(verdict(15, 0, v), 1);
	/* These are no calls. */
	v = u;
	v.in_flight_emitted = v.identity_evicted = v.arrays_evicted = 9;
	assert_int_equal(verdict(15, 0, v), 3);
}

static void expect_reasons(const struct books *b, const struct doubts *d, size_t cnt,
			   const char *const *want)
{
	struct doubt why[BOOKS_REASONS];

	assert_int_equal(books__incomplete(b, d, why), cnt);
	for (size_t i = 0; i < cnt; i++)
		assert_string_equal(doubt_name(&why[i]), want[i]);
}

/* What no counter shows makes a run incomplete all the same, for good, and says why. */
static void test_doubts(void **state)
{
	const struct pvm_counts k = { .n = { [PVM_C_SEEN] = 3, [PVM_C_RING_FULL] = 1 } };
	const struct books_user some = { .emitted = 1, .skipped_runs = 4 }, all = { .emitted = 3 };
	const struct pvm_counts good = { .n = { [PVM_C_SEEN] = 3 } };
	const struct doubt silent = { .kind = DOUBT_ERROR, .error = ERROR_HOOKS_SILENT },
			   skipped = { .kind = DOUBT_ERROR, .error = ERROR_HOOKS_SKIPPED },
			   cut = { .kind = DOUBT_END, .end = END_RECORDING_CUT };
	struct doubt unknown = { .kind = DOUBT_ERROR, .error = ERROR_UNKNOWN, .other = "?_word" };
	struct doubts d = { .cnt = 0 };
	struct books b;

	(void)state;
	books__fill(&b, &good, &all);
	expect_reasons(&b, &d, 0, NULL);
	books__doubt(&d, &silent);
	books__doubt(&d, &silent);
	expect_reasons(&b, &d, 1, (const char *const[]){ "hooks_silent" });
	books__doubt(&d, &skipped);
	expect_reasons(&b, &d, 2, (const char *const[]){ "hooks_silent", "hooks_skipped" });
	books__fill(&b, &k, &some);
	expect_reasons(&b, &d, 4,
		       (const char *const[]){ "lost", "unbalanced", "hooks_skipped",
					      "hooks_silent" });
	/* Those that another version told are known by their words; of more than there is room for, it is only counted that
	 * there are. */
	for (int i = 0; i < 3 * BOOKS_DOUBTS; i++) {
		unknown.other[0] = (char)('a' + i);
		books__doubt(&d, &unknown);
		books__doubt(&d, &unknown);
		assert_int_equal(d.cnt, i + 3 < BOOKS_DOUBTS ? i + 3 : BOOKS_DOUBTS);
	}
	assert_string_equal(doubt_name(&d.all[2]), "a_word");
	books__doubt(&d, &cut);
	assert_string_equal(doubt_name(&d.all[BOOKS_DOUBTS - 1]), "recording_cut");
}

static void test_in_flight(void **state)
{
	struct pvm_counts k = kernel;
	struct books b;

	(void)state;
	assert_int_equal(books__in_flight(&kernel), 1000000 - 687890);
	books__fill(&b, &kernel, &user);
	assert_int_equal(b.in_flight, 1000000 - 687890);
	k.n[PVM_C_SEEN] = 687890;
	assert_int_equal(books__in_flight(&k), 0);
	/* An end was read before its begin. */
	k.n[PVM_C_SEEN]--;
	assert_int_equal(books__in_flight(&k), 0);
	/* To be in a summary is an end. */
	k = (struct pvm_counts){ .n = { [PVM_C_SEEN] = 3, [PVM_C_SUMMARISED] = 2 } };
	assert_int_equal(books__in_flight(&k), 1);
	/* A record told early is no end. */
	k = (struct pvm_counts){ .n = { [PVM_C_SEEN] = 1, [6] = 1 } };
	assert_int_equal(books__in_flight(&k), 1);
}

/* A recording was cut: with books, and before the first ones. */
static void test_of_told(void **state)
{
	const struct books_user now = { .emitted = 30, .summarised = 4, .filtered = 2 },
				then = { .filtered = 5, .lost_output = 1, .skipped_runs = 9 };
	const struct books_user both = { .emitted = 30,
					 .summarised = 4,
					 .filtered = 7,
					 .lost_output = 1 };
	struct pvm_counts k = kernel;
	struct books b;

	(void)state;
	books__of_told(&k, &then, &now);
	books__fill(&b, &k, &both);
	assert_true(books__balanced(&b));
	assert_int_equal(b.in_flight, 0);
	expect(&b, "submitted", 30 + 7 + 1);
	expect(&b, "seen", 30 + 4 + 7 + 1 + 50000 + 7000 + 800 + 90);
	k = (struct pvm_counts){ .n = { 0 } };
	books__of_told(&k, &(struct books_user){ 0 }, &now);
	books__fill(&b, &k, &now);
	assert_true(books__balanced(&b));
	assert_int_equal(b.in_flight, 0);
	expect(&b, "submitted", 32);
	expect(&b, "seen", 36);
}

/* Whatever was to be taken back of, the sum stays. */
static void test_take_back(void **state)
{
	struct books_user b = { 0 };

	(void)state;
	books__book(&b, FATE_EMITTED, 10);
	books__book(&b, FATE_SUMMARISED, 100);
	books__take_back(&b, 0);
	assert_int_equal(b.lost_output, 0);
	books__take_back(&b, 4);
	assert_int_equal(b.emitted + b.summarised, 106);
	assert_int_equal(b.lost_output, 4);
	books__take_back(&b, 56);
	assert_int_equal(b.emitted + b.summarised, 50);
	assert_int_equal(b.lost_output, 60);
	assert_true(b.emitted <= 10 && b.summarised <= 100);
	books__take_back(&b, 50);
	assert_int_equal(b.emitted + b.summarised, 0);
	assert_int_equal(b.lost_output, 110);
}

/* Each fate has a counter of its own; what is sent is booked by one of them, but for what only a sweep would have told. */
static void test_book(void **state)
{
	struct pvm_counts k = { .n = { [PVM_C_SUBMITTED] = 1000, [PVM_C_SUMMARISED] = 100 } };
	struct books_user b = { 0 };

	(void)state;
	for (int fate = 0; fate < FATE_CNT; fate++)
		books__book(&b, (enum fate)fate, 1u << fate);
	assert_int_equal(b.emitted, 1u << FATE_EMITTED);
	assert_int_equal(b.summarised, 1u << FATE_SUMMARISED);
	assert_int_equal(b.in_flight_emitted, 1u << FATE_IN_FLIGHT);
	assert_int_equal(b.filtered, 1u << FATE_FILTERED);
	assert_int_equal(b.lost_output, 1u << FATE_LOST_OUTPUT);
	assert_int_equal(b.lost_decode, 1u << FATE_LOST_DECODE);
	assert_int_equal(b.lost_unswept, 1u << FATE_LOST_UNSWEPT);
	assert_int_equal(books__unbooked(&k, &b),
			 1100 - ((1u << FATE_CNT) - 1) + b.in_flight_emitted + b.lost_unswept);
	k.n[PVM_C_SUBMITTED] = 0;
	k.n[PVM_C_SUMMARISED] = 1;
	assert_int_equal(books__unbooked(&k, &b), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_sums),
		cmocka_unit_test(test_no_name_twice),
		cmocka_unit_test(test_balanced_and_complete),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_in_flight),
		cmocka_unit_test(test_of_told),
		cmocka_unit_test(test_take_back),
		cmocka_unit_test(test_book),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
