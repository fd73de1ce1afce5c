/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define SLACK_NS 50000000 /* the machine may be busy between two reads */

/* Checks with the cache of c, and without one. */
static void check_text(struct clock_text *c, uint64_t real_ns)
{
	char expected[64], with[CLOCK_TEXT_SZ + 1], without[CLOCK_TEXT_SZ + 1];
	time_t second = (time_t)(real_ns / NS_PER_S);
	struct tm tm;
	size_t len;

	assert_non_null(gmtime_r(&second, &tm));
	len = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(expected + len, sizeof(expected) - len, ".%09lluZ",
		 (unsigned long long)(real_ns % NS_PER_S));
	with[CLOCK_TEXT_SZ] = without[CLOCK_TEXT_SZ] = '#';
	clock__text(c, real_ns, with);
	clock__text(NULL, real_ns, without);
	assert_string_equal(with, expected);
	assert_string_equal(without, expected);
	assert_int_equal(with[CLOCK_TEXT_SZ], '#');
	assert_int_equal(without[CLOCK_TEXT_SZ], '#');
}

static void test_boundaries(void **state)
{
	/* They are 1970, around leap days and centuries, 2038, 2100, 2400, the last second of 64 bits of ns. */
	static const uint64_t seconds[] = {
		0,	     68169599,	  68169600,    951782399,   951782400,	 951868800,
		1709164800,  1709251199,  1709251200,  1795289291,  2147483647,	 2147483648,
		4107542399,  4107542400,  4102444799,  4102444800,  4294967295,	 4294967296,
		13574563199, 13574563200, 13574649600, 18446744072, 18446744073,
	};
	struct clock_text c = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		check_text(&c, seconds[i] * NS_PER_S);
		check_text(&c, seconds[i] * NS_PER_S + 1);
		if (seconds[i] < UINT64_MAX / NS_PER_S)
			check_text(&c, seconds[i] * NS_PER_S + 999999999);
	}
	check_text(&c, UINT64_MAX);
}

/* It takes the first and the last second of every day that 64 bits of ns can name. */
static void test_every_day(void **state)
{
	struct clock_text c = { 0 };
	uint64_t day;

	(void)state;
	for (day = 0; day < UINT64_MAX / NS_PER_S / 86400; day++) {
		check_text(&c, day * 86400 * NS_PER_S);
		check_text(&c, (day + 1) * 86400 * NS_PER_S - 1);
	}
}

static void test_random_instants(void **state)
{
	struct clock_text c = { 0 };
	unsigned seed = 4242;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++)
		check_text(&c, (uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed) << 15 ^
				       (uint64_t)rand_r(&seed));
}

static void test_cache(void **state)
{
	const uint64_t base = 1798761598 * NS_PER_S; /* two seconds before a new year */
	struct clock_text c = { 0 };
	unsigned seed = 99;
	uint64_t ns;
	int i;

	(void)state;
	/* A cache that was never filled must not pass for second 0. */
	check_text(&c, 5);
	for (ns = base; ns < base + 4 * NS_PER_S; ns += 7654321)
		check_text(&c, ns);
	for (ns = base + 4 * NS_PER_S; ns > base; ns -= 7654321)
		check_text(&c, ns);
	for (i = 0; i < 20000; i++)
		check_text(&c, base + (uint64_t)rand_r(&seed) % (4 * NS_PER_S));
}

static uint64_t boot_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void test_open(void **state)
{
	struct clock_base c, first;
	uint64_t real;

	(void)state;
	assert_int_equal(clock__open(&c), 0);
	assert_int_equal(c.cnt, 1);
	first = c;
	real = clock__real_now();
	assert_true(real > 1700000000 * NS_PER_S);
	assert_in_range(clock__real_of(&c, clock__boot_now(&c)), real - 1000000, real + SLACK_NS);
	assert_in_range(boot_now() - (uint64_t)c.ns_offset, c.checked_ns,
			c.checked_ns + 60 * NS_PER_S);
	for (int i = 0; i < 1000; i++)
		clock__check(&c);
	assert_int_equal(c.cnt, 1);
	assert_int_equal(c.steps[0].to_real, first.steps[0].to_real);
	assert_true(c.checked_ns > first.checked_ns);
	/* An offset that is off, as by a clock set meanwhile, is taken anew. */
	c.steps[0].to_real += 5000000000;
	clock__check(&c);
	assert_int_equal(c.cnt, 2);
	assert_in_range(c.steps[1].to_real, first.steps[0].to_real - 1000000,
			first.steps[0].to_real + 1000000);
}

static void look(struct clock_base *c, uint64_t boot_ns, int64_t to_real)
{
	clock__looked(c, &(struct clock_look){ boot_ns, 100, to_real });
}

/* A call keeps its date whatever becomes of the clock while it is inside; those that begin after the last look
 * before a step are dated by the new time. */
static void test_steps(void **state)
{
	const int64_t hour = 3600 * (int64_t)NS_PER_S;
	struct clock_base c = { 0 };

	(void)state;
	look(&c, 1000, 5 * hour);
	assert_int_equal(clock__real_of(&c, 900), 5 * hour + 900);
	look(&c, 2000, 5 * hour);
	look(&c, 3000, 4 * hour); /* set back */
	assert_int_equal(clock__real_of(&c, 900), 5 * hour + 900);
	assert_int_equal(clock__real_of(&c, 2000), 5 * hour + 2000);
	assert_int_equal(clock__real_of(&c, 2001), 4 * hour + 2001);
	look(&c, 4000, 9 * hour); /* set forward */
	assert_int_equal(clock__real_of(&c, 900), 5 * hour + 900);
	assert_int_equal(clock__real_of(&c, 2001), 4 * hour + 2001);
	assert_int_equal(clock__real_of(&c, 3000), 4 * hour + 3000);
	assert_int_equal(clock__real_of(&c, 3001), 9 * hour + 3001);
	assert_int_equal(c.total, 3);
}

/* These are no steps: less than a millisecond, and what a look that took long cannot tell from one. */
static void test_no_steps(void **state)
{
	struct clock_base c = { 0 };

	(void)state;
	look(&c, 1000, 50000000);
	look(&c, 2000, 50000000 + 999000);
	look(&c, 3000, 50000000 - 999000);
	clock__looked(&c, &(struct clock_look){ 4000, 5000000, 50000000 + 4000000 });
	assert_int_equal(c.cnt, 1);
	assert_int_equal(c.checked_ns, 4000);
	look(&c, 5000, 50000000 + 1002000);
	assert_int_equal(c.cnt, 2);
	assert_int_equal(c.steps[1].after_ns, 4000);
}

/* There are more steps than are remembered: the newest ones are. */
static void test_many_steps(void **state)
{
	struct clock_base c = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++)
		look(&c, i * 1000, (int64_t)(i * NS_PER_S));
	assert_int_equal(c.cnt, CLOCK_STEPS);
	assert_int_equal(c.total, 1000);
	for (uint64_t i = 1000 - CLOCK_STEPS + 2; i <= 1000; i++)
		assert_int_equal(clock__real_of(&c, i * 1000), i * NS_PER_S + i * 1000);
	assert_int_equal(clock__real_of(&c, 5), (1000 - CLOCK_STEPS + 1) * NS_PER_S + 5);
}

static void test_offsets(void **state)
{
	int64_t ns = 7;

	(void)state;
	assert_true(clock__parse_offsets("monotonic           0         0\n"
					 "boottime       100000         5\n",
					 &ns));
	assert_int_equal(ns, 100000000000005);
	assert_true(clock__parse_offsets("boottime           -2 500000000\nmonotonic 1 1\n", &ns));
	assert_int_equal(ns, -1500000000);
	assert_false(clock__parse_offsets("monotonic           3         4\n", &ns));
	assert_false(clock__parse_offsets("boottime\n", &ns));
	assert_false(clock__parse_offsets("", &ns));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_random_instants),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_no_steps),
		cmocka_unit_test(test_many_steps),
		cmocka_unit_test(test_offsets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
