/* SPDX-License-Identifier: Apache-2.0 */
/* test_preempt - where witnesses are needed: wherever it is not certain that they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/preempt.h"

#define DYNAMIC "#1 SMP PREEMPT_DYNAMIC Debian 6.12.41-1 (2025-08-12)"

static void test_in_kernel(void **state)
{
	static const struct {
		const char *version, *modes;
		bool can;
	} table[] = {
		{ "#1 SMP Debian 5.10.223-1 (2024-08-10)", "", false },
		{ "#1 SMP PREEMPT Sun Nov 29 11:00:00 UTC 2026", "", true },
		{ "#1 PREEMPT Sun Nov 29 11:00:00 UTC 2026", "", true }, /* for one CPU */
		{ "#1 SMP PREEMPT_RT Debian 6.1.176-1", "", true },
		{ DYNAMIC, "(none) voluntary full\n", false },
		{ DYNAMIC, "none (voluntary) full\n", false },
		{ DYNAMIC, "none voluntary (full)\n", true },
		{ DYNAMIC, "none voluntary full (lazy)\n", true },
		{ DYNAMIC, "full (lazy)\n", true },
		/* It is locked down, or hidden from a service: whatever the command line says. */
		{ DYNAMIC, "", true },
		{ DYNAMIC, "none voluntary full\n", true },
		{ "", "", true },
		/* It is cut where it could have said so. */
		{ "#20261129110000~with-a-very-long-name-of-a-builder.example.org-1", "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (preempt__in_kernel(table[i].version, table[i].modes) != table[i].can)
			fail_msg("%s, %s", table[i].version, table[i].modes);
}

static void test_of_hook(void **state)
{
	static const struct {
		struct preempt_look look;
		bool can;
	} table[] = {
		/* It could not be tried. */
		{ { .ran = false }, true },
		{ { .fentry = true }, true },
		/* Before 5.12 nothing is skipped. */
		{ { .ran = true, .told = true, .pinned = true }, false },
		{ { .fentry = true, .ran = true }, false },
		/* These are 7.x, and before. */
		{ { .ran = true, .guarded = true, .told = true, .pinned = true }, true },
		{ { .ran = true, .guarded = true, .told = true }, false },
		{ { .fentry = true, .ran = true, .guarded = true, .told = true, .pinned = true },
		  true },
		/* This is for one CPU, up to 6.16. */
		{ { .ran = true, .guarded = true }, false },
		{ { .fentry = true, .ran = true, .guarded = true }, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (preempt__of_hook(&table[i].look) != table[i].can)
			fail_msg("line %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_kernel),
		cmocka_unit_test(test_of_hook),
	};

	return cmocka_run_group_tests_name("preempt", tests, NULL, NULL);
}
