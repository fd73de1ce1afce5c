/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lines.h"
#include "scratch.h"

char scratch[32];

int scratch__setup(void **state)
{
	(void)state;
	strcpy(scratch, "/tmp/pvmtrace-test-XXXXXX");
	return !mkdtemp(scratch) || chmod(scratch, 0755) || chdir(scratch);
}

int scratch__teardown(void **state)
{
	static const char *const names[] = { "out",   "out.1",	 "out.2", "link",
					     "other", "ballast", "conf",  "socket" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
	return chdir("/") || rmdir(scratch);
}

struct sink *open_out(void)
{
	struct sink *s;

	assert_int_equal(open_as_file(&s, "out", (uid_t)-1, (gid_t)-1), 0);
	return s;
}

void write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

void expect_file(const char *name, const char *text)
{
	struct got got = { 0 };

	take_file(&got, name);
	assert_int_equal(got.len, strlen(text));
	assert_memory_equal(got.data, text, got.len);
	got__free(&got);
}

void put_text(struct sink *s, const char *text, bool first)
{
	char *p;

	if (first) {
		assert_int_equal(sink__put_first(s, text, strlen(text)), 0);
		return;
	}
	p = sink__reserve(s);
	assert_non_null(p);
	memcpy(p, text, strlen(text));
	sink__commit(s, strlen(text), 1, 0);
}
