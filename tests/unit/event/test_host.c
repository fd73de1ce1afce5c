/* SPDX-License-Identifier: Apache-2.0 */
/* test_host - what this machine is called: by itself, or by what the user says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sysexits.h>
#include <unistd.h>

#include "event/host.h"

#define ID "0123456789abcdef0123456789ABCDEF"

static int read_with(const char *name, const char *content, struct host *h)
{
	char path[] = "/tmp/pvmtrace-host-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	err = host__read(h, name, path);
	unlink(path);
	return err;
}

static void test_itself(void **state)
{
	struct utsname uts;
	struct host h;
	char name[HOST_NAME_SZ];

	(void)state;
	assert_int_equal(uname(&uts), 0);
	assert_int_equal(host__read(&h, NULL, NULL), 0);
	assert_string_equal(h.name, uts.nodename);
	assert_false(host__name_changed(&h, name));
	h.name[0] ^= 1;
	assert_true(host__name_changed(&h, name));
	assert_string_equal(name, uts.nodename);
}

static void test_given(void **state)
{
	struct host h;

	(void)state;
	assert_int_equal(read_with("web1.example", ID "\n", &h), 0);
	assert_string_equal(h.name, "web1.example");
	assert_string_equal(h.machine_id, ID);
	assert_int_equal(read_with(NULL, ID, &h), 0);
	assert_int_equal(host__read(&h, NULL, "/nowhere/machine-id"), EX_USAGE);
	assert_int_equal(host__read(&h, NULL, "/tmp"), EX_USAGE);
}

/* An id is all that is in the file, but for one newline. */
static void test_no_id(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"uninitialized\n",
		"0123\n",
		"01234567-89ab-cdef-0123-456789abcdef\n",
		"01234567-89ab-cdef-0123-456789ab",
		"--------------------------------",
		ID ID "\n",
		ID "0",
		ID "-",
		ID " \n",
		ID "\r\n",
		ID "\n\n",
		ID "\n" ID "\n",
		" " ID,
		"0x" ID,
		"0123456789abcdef0123456789abcdeg\n",
		"0123456789abcdef 123456789abcdef\n",
	};
	struct host h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (read_with(NULL, bad[i], &h) != EX_USAGE || h.machine_id[0])
			fail_msg("'%s' is taken for an id", bad[i]);
	}
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "web1", "web-1.example.org", "a_b", "9" };
	static const char *const bad[] = { "",	   "-web", "web-", ".web", "web.",
					   "_web", "we b", "w\"",  "w\n",  "w\xc3\xa4" };
	char text[HOST_NAME_SZ + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(host__is_name(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(host__is_name(bad[i]));
	memset(text, 'a', sizeof(text));
	text[HOST_NAME_SZ - 1] = '\0';
	assert_true(host__is_name(text));
	text[HOST_NAME_SZ - 1] = 'a';
	text[HOST_NAME_SZ] = '\0';
	assert_false(host__is_name(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_itself),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_no_id),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
