/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event/sandbox_info.h"

static void test_words(void **state)
{
	const char *names[SANDBOX_LAYERS];

	(void)state;
	assert_int_equal(sandbox_info__list(0, names), 0);
	assert_int_equal(sandbox_info__list(SANDBOX_SECCOMP | SANDBOX_NO_NEW_PRIVS, names), 2);
	assert_string_equal(names[0], "no_new_privs");
	assert_string_equal(names[1], "seccomp");
	assert_int_equal(sandbox_info__list(SANDBOX_DESCRIPTORS | SANDBOX_NO_PROCESSES, names), 2);
	assert_string_equal(names[0], "closed_descriptors");
	assert_string_equal(names[1], "rlimit_nproc");
	assert_int_equal(sandbox_info__list(UINT8_MAX, names), SANDBOX_LAYERS);
	assert_string_equal(names[1], "not_dumpable");
	assert_string_equal(names[3], "rlimit_core");
	assert_string_equal(names[5], "landlock");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
