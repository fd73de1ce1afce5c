/* SPDX-License-Identifier: Apache-2.0 */
/* test_audit - what perf's probe saw is paired with what hooks saw, whichever comes first, and what is left over is a
 * call that no hook saw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "audit/match.h"
#include "audit_call.h"
#include "bpf/event.h"

#define US 1000ULL
#define S 1000000000ULL
#define LATER (100 * S)

static struct audit_match *m;

static int begin(void **state)
{
	(void)state;
	m = audit_match__new(true);
	return !m;
}

static int begin_without_x32(void **state)
{
	(void)state;
	m = audit_match__new(false);
	return !m;
}

static int end(void **state)
{
	(void)state;
	audit_match__free(m);
	return 0;
}

/* Adds a sample of a ring that is read alone. */
static void sample_later(uint64_t ns)
{
	struct audit_call call = audit_call__at(ns);

	audit_match__sample(m, &call);
}

static void sample(uint64_t ns)
{
	sample_later(ns);
	audit_match__cut(m, UINT64_MAX);
}

static void seen(uint64_t ns, bool late)
{
	struct audit_call call = audit_call__at(ns);

	call.late = late;
	audit_match__seen(m, &call);
}

/* Returns how many calls nobody saw, as of then. */
static unsigned int orphans(uint64_t now_ns)
{
	struct audit_call call;
	unsigned int cnt = 0;
	uint32_t tag;

	while (audit_match__orphan(m, now_ns, &call, &tag))
		cnt++;
	return cnt;
}

static void test_in_either_order(void **state)
{
	(void)state;
	seen(LATER, false);
	sample(LATER + 2 * US);
	sample(LATER + 10 * US);
	seen(LATER + 8 * US, false);
	/* This is seen by a hook in the function, which may run before the probe. */
	seen(LATER + 20 * US, true);
	sample(LATER + 21 * US);
	sample(LATER + 30 * US);
	seen(LATER + 31 * US, true);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 0);
}

/* The hooks speak a moment before the begin and after the end: such words stand for no other call of the thread. */
static void test_words_from_outside_of_the_run(void **state)
{
	(void)state;
	audit_match__begin(m, LATER);
	sample(LATER - 10 * US); /* before the hooks spoke */
	seen(LATER - 2 * US, false);
	sample(LATER - US); /* its own */
	sample(LATER + 9 * US);
	audit_match__settle(m);
	assert_int_equal(orphans(LATER + AUDIT_GRACE_NS + S), 1);
	sample(LATER + 3 * S);
	audit_match__end(m, LATER + 3 * S + US);
	seen(LATER + 3 * S + 2 * US, false);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
	assert_int_equal(audit_match__unjudged(m), 0);
}

/* A sample is no earlier than the word of a hook in front of it, which it may have from before the begin, and no later than one
 * from behind it, which may come after the end. */
static void test_calls_amid_which_a_run_begins_and_ends(void **state)
{
	(void)state;
	audit_match__begin(m, LATER);
	sample_later(LATER - 2 * US); /* before the hooks spoke */
	sample_later(LATER + US);
	audit_match__cut(m, UINT64_MAX);
	seen(LATER - US, false);
	sample(LATER + 10 * US);
	audit_match__end(m, LATER + 11 * US);
	seen(LATER + 20 * US, true);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 0);
}

/* A call is left over only when its time is over, and all that hooks had said by then was heard. */
static void test_what_is_left_over(void **state)
{
	struct audit_call call;
	uint32_t tag;

	(void)state;
	sample(LATER);
	assert_int_equal(orphans(UINT64_MAX), 0);
	audit_match__settle(m);
	assert_int_equal(orphans(LATER + AUDIT_GRACE_NS - 1), 0);
	assert_true(audit_match__orphan(m, LATER + AUDIT_GRACE_NS, &call, &tag));
	assert_true(call.ns == LATER && call.pid == 4242 && call.tid == 4243 &&
		    call.args[0] == 991);
	assert_false(audit_match__orphan(m, UINT64_MAX, &call, &tag));
	/* A hook that speaks later speaks of nothing that waits. */
	seen(LATER + 1, true);
	sample(LATER + 3 * S);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
}

/* A hook that no begin was seen by sees a call when it ends, however long that takes. */
static void test_who_is_still_inside(void **state)
{
	struct audit_call call = audit_call__at(LATER + S), other = audit_call__at(LATER + 2 * S);
	uint32_t *tag, last;

	(void)state;
	sample(LATER);
	assert_false(audit_match__waits(m, LATER + AUDIT_LOOK_NS));
	assert_true(audit_match__waits(m, LATER + AUDIT_LOOK_NS + 1));
	audit_match__settle(m);
	assert_non_null(audit_match__fresh(m, &tag));
	*tag = 17;
	for (int i = 1; i < 60; i++) {
		call.ns = LATER + (uint64_t)i * S;
		audit_match__inside(m, &call);
		audit_match__settle(m);
		assert_int_equal(orphans(call.ns + AUDIT_GRACE_NS - 1), 0);
		assert_true(audit_match__waits(m, call.ns + S));
		assert_null(audit_match__fresh(m, &tag));
	}
	/* Others are not held up by it. */
	other.args[1]++;
	other.ns = call.ns;
	audit_match__sample(m, &other);
	audit_match__cut(m, UINT64_MAX);
	call.ns += S;
	audit_match__inside(m, &call);
	audit_match__settle(m);
	assert_true(audit_match__orphan(m, call.ns + AUDIT_GRACE_NS - 1, &other, &last));
	assert_int_equal(other.args[1], call.args[1] + 1);
	assert_false(audit_match__orphan(m, call.ns + AUDIT_GRACE_NS - 1, &other, &last));
	audit_match__settle(m);
	/* It is not there any more, and nobody saw it leave. */
	assert_true(audit_match__orphan(m, call.ns + AUDIT_GRACE_NS, &other, &last));
	assert_true(other.ns == LATER && last == 17);
	/* Here somebody did. */
	sample(LATER + 100 * S);
	call.ns = LATER + 101 * S;
	audit_match__inside(m, &call);
	seen(LATER + 110 * S, true);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 0);
}

static void test_what_makes_another_call(void **state)
{
	struct audit_call call = audit_call__at(LATER);

	(void)state;
	for (int i = 0; i < 9; i++) {
		call = audit_call__at(LATER);
		if (i < 6)
			call.args[i]++;
		else if (i == 6)
			call.tid++;
		else if (i == 7)
			call.op = PVM_WRITE;
		else
			call.abi = PVM_ABI_I386;
		audit_match__seen(m, &call);
	}
	sample(LATER + US);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
	/* perf cannot tell these two. */
	call = audit_call__at(LATER + 2 * US);
	call.abi = PVM_ABI_X32;
	audit_match__seen(m, &call);
	sample(LATER + 3 * US);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 0);
}

/* This is a kernel that carries out no x32 calls: an attempt has no sample, so a native call's is not its, whichever comes
 * first, nor is the thread that made the attempt inside of that call. */
static void test_x32_that_is_refused(void **state)
{
	struct audit_call call = audit_call__at(LATER);

	(void)state;
	call.abi = PVM_ABI_X32;
	audit_match__seen(m, &call);
	sample(LATER + S);
	audit_match__settle(m);
	assert_int_equal(orphans(LATER + S + AUDIT_GRACE_NS), 1);
	sample(LATER + 10 * S);
	call.ns = LATER + 11 * S;
	call.late = true;
	audit_match__seen(m, &call);
	audit_match__inside(m, &call);
	audit_match__settle(m);
	assert_int_equal(orphans(LATER + 10 * S + AUDIT_GRACE_NS), 1);
	/* All others are heard. */
	seen(LATER + 20 * S, false);
	sample(LATER + 20 * S);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 0);
}

/* A hook in front of the function is earlier than the sample, however much; others are not earlier. */
static void test_times_have_to_fit(void **state)
{
	(void)state;
	sample(LATER);
	seen(LATER + S, false); /* of the next one */
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
	sample(LATER + 2 * S);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 0);
	/* A call refused by seccomp is seen at its exit: it has no sample, and is none's of later. */
	seen(LATER + 3 * S, true);
	sample(LATER + 4 * S);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
	/* It does not wait for long, either. */
	seen(LATER + 5 * S, true);
	audit_match__settle(m);
	audit_match__settle(m);
	sample(LATER + 5 * S);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
}

/* There are many calls that are all alike, and some that nobody saw among them. */
static void test_counts_are_exact(void **state)
{
	const unsigned int calls = 100000;
	unsigned int missed = 0, found = 0;
	uint64_t ns = LATER;

	(void)state;
	srandom(7);
	for (unsigned int i = 0; i < calls; i++, ns += 20 * US) {
		bool skip = random() % 100 == 0, late = random() % 3 == 0;

		if (!skip && !late)
			seen(ns, false);
		sample(ns + US);
		if (!skip && late)
			seen(ns + 2 * US, true);
		missed += skip;
		if (i % 500 == 0)
			audit_match__settle(m);
		found += orphans(ns);
	}
	audit_match__settle(m);
	found += orphans(UINT64_MAX);
	assert_true(missed > 500);
	assert_int_equal(found, missed);
	assert_int_equal(audit_match__unjudged(m), 0);
}

/* A thread calls on one CPU, moves, and calls again, while the reader has been put off between their rings; or the ring of
 * the CPU that it moved to is read first. */
static void test_threads_that_move(void **state)
{
	const uint64_t ms = 1000 * US, look = LATER + 5 * ms;

	(void)state;
	sample_later(LATER + 100 * ms);
	audit_match__cut(m, look);
	seen(LATER + 50 * ms, false);
	seen(LATER + 100 * ms - US, false);
	audit_match__settle(m);
	sample_later(LATER + 250 * ms);
	sample_later(LATER + 50 * ms + US);
	sample_later(LATER + 200 * ms);
	audit_match__cut(m, look + S);
	seen(LATER + 200 * ms - US, false);
	seen(LATER + 251 * ms, true);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 0);
	/* That there was no word of the first one is seen all the same. */
	sample_later(LATER + 2 * S + 50 * ms);
	audit_match__cut(m, LATER + 2 * S + 60 * ms);
	sample_later(LATER + 2 * S);
	seen(LATER + 2 * S + 50 * ms - US, false);
	audit_match__settle(m);
	audit_match__cut(m, LATER + 3 * S);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
}

/* Where words of hooks were lost, nothing is said of the calls that wait. */
static void test_lost_words(void **state)
{
	(void)state;
	sample(LATER);
	sample(LATER + AUDIT_GRACE_NS / 2);
	audit_match__lost(m, LATER + US);
	sample(LATER + 2 * AUDIT_GRACE_NS);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), 1);
	assert_int_equal(audit_match__unjudged(m), 2);
	assert_int_equal(audit_match__unjudged(m), 0);
}

/* There are more than there is room for: they are told sooner, or counted. */
static void test_more_than_fits(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < AUDIT_ROOM; i++)
		sample(LATER + i);
	audit_match__settle(m);
	assert_int_equal(orphans(LATER), AUDIT_ROOM / 2 + 1);
	for (unsigned int i = 0; i < AUDIT_ROOM; i++)
		sample(LATER + i);
	assert_int_equal(audit_match__unjudged(m), AUDIT_ROOM / 2 - 1);
	audit_match__settle(m);
	assert_int_equal(orphans(UINT64_MAX), AUDIT_ROOM);
}

static void test_each_is_fresh_once(void **state)
{
	const struct audit_call *call;
	struct audit_call out;
	uint32_t *tag, kept;

	(void)state;
	sample(LATER);
	assert_null(audit_match__fresh(m, &tag));
	audit_match__settle(m);
	call = audit_match__fresh(m, &tag);
	assert_true(call && call->ns == LATER && !*tag);
	*tag = 5;
	assert_null(audit_match__fresh(m, &tag));
	assert_true(audit_match__orphan(m, UINT64_MAX, &out, &kept));
	assert_int_equal(kept, 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_either_order, begin, end),
		cmocka_unit_test_setup_teardown(test_what_is_left_over, begin, end),
		cmocka_unit_test_setup_teardown(test_who_is_still_inside, begin, end),
		cmocka_unit_test_setup_teardown(test_what_makes_another_call, begin, end),
		cmocka_unit_test_setup_teardown(test_times_have_to_fit, begin, end),
		cmocka_unit_test_setup_teardown(test_x32_that_is_refused, begin_without_x32, end),
		cmocka_unit_test_setup_teardown(test_words_from_outside_of_the_run, begin, end),
		cmocka_unit_test_setup_teardown(test_calls_amid_which_a_run_begins_and_ends, begin,
						end),
		cmocka_unit_test_setup_teardown(test_counts_are_exact, begin, end),
		cmocka_unit_test_setup_teardown(test_threads_that_move, begin, end),
		cmocka_unit_test_setup_teardown(test_lost_words, begin, end),
		cmocka_unit_test_setup_teardown(test_more_than_fits, begin, end),
		cmocka_unit_test_setup_teardown(test_each_is_fresh_once, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
