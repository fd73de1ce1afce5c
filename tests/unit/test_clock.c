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

#include "clock.h"

#define SLACK_NS 50000000 /* the machine may be busy between two reads */

/* With the cache of c, and without one. */
static void check_text(struct clock_base *c, uint64_t real_ns)
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
	/* 1970, around leap days and centuries, 2038, 2100, 2400, the last second of 64 bits of
	 * ns */
	static const uint64_t seconds[] = {
		0,	     68169599,	  68169600,    951782399,   951782400,	 951868800,
		1709164800,  1709251199,  1709251200,  1795289291,  2147483647,	 2147483648,
		4107542399,  4107542400,  4102444799,  4102444800,  4294967295,	 4294967296,
		13574563199, 13574563200, 13574649600, 18446744072, 18446744073,
	};
	struct clock_base c = { 0 };
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

/* The first and the last second of every day that 64 bits of ns can name. */
static void test_every_day(void **state)
{
	struct clock_base c = { 0 };
	uint64_t day;

	(void)state;
	for (day = 0; day < UINT64_MAX / NS_PER_S / 86400; day++) {
		check_text(&c, day * 86400 * NS_PER_S);
		check_text(&c, (day + 1) * 86400 * NS_PER_S - 1);
	}
}

static void test_random_instants(void **state)
{
	struct clock_base c = { 0 };
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
	struct clock_base c = { 0 };
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

static void test_sync(void **state)
{
	struct clock_base c = { 0 }, first;
	uint64_t real;
	int i;

	(void)state;
	clock__sync(&c);
	first = c;
	real = clock__real_now();
	assert_true(real > 1700000000 * NS_PER_S);
	assert_in_range(clock__real_of_mono(&c, clock__mono_now()), real - 1000000,
			real + SLACK_NS);
	assert_in_range(clock__real_of_boot(&c, boot_now()), real - 1000000, real + SLACK_NS);
	for (i = 0; i < 1000; i++) {
		clock__sync(&c);
		assert_int_equal(c.mono_to_real, first.mono_to_real);
		assert_int_equal(c.boot_to_real, first.boot_to_real);
	}
	/* An offset that is off by a clock set meanwhile is taken anew, whichever way it is off. */
	c.mono_to_real += 2000000;
	c.boot_to_real -= 2000000;
	clock__sync(&c);
	assert_in_range(c.mono_to_real, first.mono_to_real - 100000, first.mono_to_real + 100000);
	assert_in_range(c.boot_to_real, first.boot_to_real - 100000, first.boot_to_real + 100000);
	/* A small difference is kept. */
	c = first;
	c.mono_to_real += 500000;
	clock__sync(&c);
	assert_int_equal(c.mono_to_real, first.mono_to_real + 500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_random_instants),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_sync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
