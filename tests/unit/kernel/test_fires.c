/* SPDX-License-Identifier: Apache-2.0 */
/* test_fires - when the hooks are taken for silent, by calls that they see or do not. Tracer and calls are stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/control.h"
#include "kernel/self_test.h"
#include "kernel/tracer.h"

/* They say of the calls to come which are seen, and at which the kernel skips a run of a hook, or of all hooks; bits from
 * the lowest. */
static unsigned int seen, missed, lost;
static unsigned int calls;
static uint64_t self_tests, misses;

void self_test__call(void)
{
	unsigned int bit = 1u << calls++;

	self_tests += (seen & bit) != 0;
	misses += ((missed | lost) & bit) != 0;
}

void tracer__counts(struct tracer *t, struct pvm_counts *out)
{
	(void)t;
	*out = (struct pvm_counts){ .n[PVM_C_SELF_TESTS] = self_tests };
}

/* Each call comes by all hooks, but for those that are told not to. */
static unsigned int partial;
static unsigned int ends;

bool tracer__own_hooks_saw(struct tracer *t)
{
	(void)t;
	return !(partial & 1u << (calls - 1));
}

void tracer__own_hooks_end(struct tracer *t)
{
	(void)t;
	ends++;
}

void tracer__expect_own(struct tracer *t, uint64_t n)
{
	(void)t;
	assert_int_equal(n, self_tests);
}

uint64_t tracer__misses(const struct tracer *t)
{
	(void)t;
	return misses;
}

static void expect(unsigned int seen_now, unsigned int missed_now, unsigned int lost_now,
		   enum tracer_firing firing)
{
	calls = 0;
	seen = seen_now;
	missed = missed_now;
	lost = lost_now;
	assert_int_equal(tracer__firing(NULL), firing);
}

static void test_firing(void **state)
{
	(void)state;
	expect(~0u, 0, 0, FIRING);
	assert_int_equal(calls, 1);
	expect(0, 0, 0, FIRING_NOT);
	assert_int_equal(calls, 4);
	expect(2, 0, 0, FIRING_AGAIN);
	expect(8, 0, 0, FIRING_AGAIN);
}

/* A call that the kernel passed over is no sign of silence, whether or not that cost anybody's call; one that no hook saw and
 * none was passed over for is. */
static void test_skips_are_no_silence(void **state)
{
	(void)state;
	expect(2, 1, 0, FIRING);
	expect(2, 0, 1, FIRING);
	expect(0, 1, 0, FIRING_NOT);
	expect(0, 0, 1, FIRING_NOT);
	/* Each of them was passed over: under load, where up to Linux 6.12 no witness sees each end (fentry). */
	expect(0, ~0u, 0, FIRING_UNKNOWN);
	assert_int_equal(calls, 4);
}

/* A call that not all hooks saw is made again, up to four times in all. */
static void test_partial(void **state)
{
	(void)state;
	ends = 0;
	partial = 1;
	expect(~0u, 0, 0, FIRING);
	assert_true(calls == 2 && ends == 1);
	partial = ~0u;
	expect(~0u, 0, 0, FIRING);
	assert_true(calls == 4 && ends == 2);
	expect(1, 0, 0, FIRING);
	assert_true(calls == 4 && ends == 3);
	partial = 0;
	expect(0, 0, 0, FIRING_NOT);
	assert_int_equal(ends, 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_firing),
		cmocka_unit_test(test_skips_are_no_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
