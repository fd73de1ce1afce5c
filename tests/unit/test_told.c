/* SPDX-License-Identifier: Apache-2.0 */
/* test_told - each call that was told is counted once for what it did, and once for its errno. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "told.h"

enum { READ, WRITE };
enum { SUCCESS, FAILURE, UNKNOWN_OUTCOME };

static struct told_counts told;

static int begin(void **state)
{
	(void)state;
	memset(&told, 0, sizeof(told));
	return 0;
}

static void call(uint8_t op, uint8_t phase, int64_t ret)
{
	const struct pvm_call one = { .op = op, .phase = phase, .ret = ret };

	told__call(&told, &one, sizeof(one));
}

/* Returns the sum over all of it. */
static uint64_t all(const uint64_t *at, size_t cnt)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < cnt; i++)
		sum += at[i];
	return sum;
}

static void expect_sums(uint64_t calls, uint64_t errors)
{
	assert_int_equal(all(&told.calls[0][0], 6), calls);
	assert_int_equal(all(told.errors, TOLD_ERRNOS), errors);
}

static void single_calls(void **state)
{
	(void)state;
	call(PVM_READ, PVM_COMPLETE, 0);
	call(PVM_READ, PVM_COMPLETE, -EFAULT);
	call(PVM_WRITE, PVM_COMPLETE, INT64_MAX);
	call(PVM_WRITE, PVM_ORPHAN, -EPERM);
	call(PVM_WRITE, PVM_UNFINISHED, 0);
	call(PVM_WRITE, PVM_ENDED, -EFAULT);
	assert_int_equal(told.calls[READ][SUCCESS], 1);
	assert_int_equal(told.calls[READ][FAILURE], 1);
	assert_int_equal(told.calls[WRITE][SUCCESS], 1);
	assert_int_equal(told.calls[WRITE][FAILURE], 1);
	assert_int_equal(told.calls[WRITE][UNKNOWN_OUTCOME], 2);
	assert_int_equal(told.errors[EFAULT], 1);
	assert_int_equal(told.errors[EPERM], 1);
	expect_sums(6, 2);
}

/* An errno without a name is among the others, and what is no op of ours nowhere. */
static void edges(void **state)
{
	(void)state;
	call(PVM_READ, PVM_COMPLETE, -(TOLD_ERRNOS - 1));
	call(PVM_READ, PVM_COMPLETE, -TOLD_ERRNOS);
	call(PVM_READ, PVM_COMPLETE, -4095);
	call(0, PVM_COMPLETE, 1);
	call(255, PVM_COMPLETE, 1);
	assert_int_equal(told.errors[TOLD_ERRNOS - 1], 1);
	assert_int_equal(told.errors[0], 2);
	assert_int_equal(told.calls[READ][FAILURE], 3);
	expect_sums(3, 3);
}

/* Nothing is read behind its end. */
static void too_short_for_one(void **state)
{
	const size_t size = sizeof(struct pvm_call) - 1;
	void *data = calloc(1, size);

	(void)state;
	assert_non_null(data);
	told__call(&told, data, size);
	free(data);
	expect_sums(0, 0);
}

static struct pvm_summary sum_of(uint8_t op, uint8_t outcome, uint64_t calls, int64_t ret)
{
	const struct pvm_call first = { .op = op, .phase = PVM_COMPLETE, .ret = ret };
	struct pvm_summary sum = { .tally = { .calls = calls, .outcome = outcome } };

	memcpy(sum.call, &first, sizeof(first));
	return sum;
}

static void summaries(void **state)
{
	struct pvm_summary good = sum_of(PVM_WRITE, PVM_SUCCEEDED, 1000, 8),
			   usual = sum_of(PVM_READ, PVM_FAILED, 10, -ESRCH),
			   odd = sum_of(PVM_READ, PVM_FAILED, 5, -EDOM);

	(void)state;
	usual.tally.errors[PVM_USUAL_ESRCH] = 3;
	usual.tally.errors[PVM_USUAL_EFAULT] = 7;
	told__summary(&told, &good);
	told__summary(&told, &usual);
	told__summary(&told, &odd);
	assert_int_equal(told.calls[WRITE][SUCCESS], 1000);
	assert_int_equal(told.calls[READ][FAILURE], 15);
	assert_int_equal(told.errors[ESRCH], 3);
	assert_int_equal(told.errors[EFAULT], 7);
	assert_int_equal(told.errors[EDOM], 5);
	expect_sums(1015, 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(single_calls, begin),
		cmocka_unit_test_setup(edges, begin),
		cmocka_unit_test_setup(too_short_for_one, begin),
		cmocka_unit_test_setup(summaries, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
