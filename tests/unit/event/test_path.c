/* SPDX-License-Identifier: Apache-2.0 */
/* test_path - what is read of a path record ends where the record does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "event/path.h"
#include "fixture.h"

/* Joins a copy that ends where the record ends, so that a read beyond it is caught by the sanitizer. */
static void expect_path(const char *names, uint32_t len, uint8_t flags, const char *expected)
{
	static const struct pvm_task nobody = { 0 };
	static uint64_t buf[256];
	size_t size, path_len;
	void *copy;
	char *path;

	memset(buf, 'x', sizeof(buf));
	size = fixture__path(buf, PVM_MAPPED, &nobody, names, len, flags);
	copy = malloc(size);
	assert_non_null(copy);
	memcpy(copy, buf, size);
	path = path__join(copy, &path_len);
	assert_non_null(path);
	assert_int_equal(path_len, strlen(expected));
	assert_memory_equal(path, expected, path_len);
	free(path);
	free(copy);
}

static void test_no_name(void **state)
{
	(void)state;
	expect_path("", 0, 0, "/");
	expect_path("", 0, PVM_PATH_CUT, "[...]/");
	expect_path("", 0, PVM_PATH_DETACHED, "(unreachable)/");
	expect_path("", 0, PVM_PATH_ANON_INODE, "anon_inode:");
}

static void test_one_name(void **state)
{
	static const char name[] = "[perf_event]";

	(void)state;
	expect_path(name, sizeof(name), 0, "/[perf_event]");
	expect_path(name, sizeof(name), PVM_PATH_ANON_INODE, "anon_inode:[perf_event]");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
