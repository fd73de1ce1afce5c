/* SPDX-License-Identifier: Apache-2.0 */
/* test_places - where a run may do what in the file system, by its options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options/command_line.h"
#include "sandbox/places.h"

#define RW (PLACE_READ | PLACE_WRITE)

struct expected {
	const char *path;
	unsigned int rights;
	bool above;
};

/* args, want: up to the first NULL. */
static void expect(mode_t kind, const char *real, const char *const *args,
		   const struct expected *want)
{
	static struct places_wanted got;
	char *argv[16] = { (char *)"pvmtrace" };
	struct sandbox_asked asked = { .kind = kind, .tracing = true, .output = 7 };
	struct options o;
	size_t i;
	int cnt = 1;

	for (; *args; args++)
		argv[cnt++] = (char *)*args;
	assert_int_equal(options__parse(&o, cnt, argv), 0);
	asked.options = &o;
	asked.reopens = o.output;
	asked.tracing = !o.replay;
	places__want(&asked, real, &got);
	for (i = 0; want[i].path; i++) {
		assert_true(i < got.cnt);
		assert_string_equal(got.at[i].path, want[i].path);
		assert_int_equal(got.at[i].rights, want[i].rights);
		assert_int_equal(got.at[i].above, want[i].above);
	}
	assert_int_equal(got.cnt, i);
	options__free(&o);
}

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define WANT(...) ((const struct expected[]){ __VA_ARGS__, { NULL, 0, false } })

static void test_nothing_is_read(void **state)
{
	(void)state;
	expect(S_IFIFO, "pipe:[1]", ARGS("-f", "json"), WANT({ NULL, 0, false }));
	expect(S_IFSOCK, "socket:[1]", ARGS("--replay", "/x/y"), WANT({ NULL, 0, false }));
	expect(S_IFCHR, "/dev/pts/1", ARGS("-f", "text"), WANT({ NULL, 0, false }));
}

static void test_outputs(void **state)
{
	(void)state;
	/* What stdout is nobody opens anew, but its end is read back. */
	expect(S_IFREG, "/a/b", ARGS("-f", "json"),
	       WANT({ "/proc/self/fd/7", PLACE_READ, false }, { "/proc/self", PLACE_READ, false }));
	/* It may have been found by a link, and is then elsewhere. */
	expect(S_IFREG, "/c/d/e", ARGS("-o", "/a/b/link"),
	       WANT({ "/a/b", RW, false }, { "/a/b/..", PLACE_WRITE, true },
		    { "/a", PLACE_WRITE, true }, { "/c/d", RW, false },
		    { "/c/d/..", PLACE_WRITE, true }, { "/c", PLACE_WRITE, true },
		    { "/proc/self", PLACE_READ, false }));
	expect(S_IFREG, "", ARGS("-o", "x"),
	       WANT({ ".", RW, false }, { "./..", PLACE_WRITE, true },
		    { "/proc/self", PLACE_READ, false }));
	expect(S_IFCHR, "", ARGS("-o", "/x"),
	       WANT({ "/", RW | PLACE_DEVICE, false }, { "//..", PLACE_WRITE, true },
		    { "/", PLACE_WRITE, true }, { "/proc/self", PLACE_READ, false }));
	expect(S_IFIFO, "", ARGS("--metrics", "/m/n/o"),
	       WANT({ "/m/n", PLACE_WRITE, false }, { "/m/n/..", PLACE_WRITE, true },
		    { "/m", PLACE_WRITE, true }));
	expect(S_IFIFO, "", ARGS("--record", "/r/s"),
	       WANT({ "/proc/self", PLACE_READ, false }, { "/r/s", PLACE_READ, false }));
}

static void test_what_is_looked_at(void **state)
{
	(void)state;
	expect(S_IFIFO, "", ARGS("--audit"),
	       WANT({ "/proc", PLACE_READ, false },
		    { "/sys/devices/system/cpu/online", PLACE_READ, false }));
	/* A path is looked at without a right to read; the names behind a pattern are read. */
	expect(S_IFIFO, "", ARGS("--caller-exe", "/bin/true"), WANT({ NULL, 0, false }));
	expect(S_IFIFO, "", ARGS("--caller-exe", "/bin/t*"), WANT({ "/", PLACE_LIST, false }));
}

static bool is_among(const struct landlock_place *places, size_t cnt, const char *path)
{
	struct stat want, st;

	assert_int_equal(stat(path, &want), 0);
	for (size_t i = 0; i < cnt; i++) {
		assert_int_equal(fstat(places[i].fd, &st), 0);
		if (st.st_dev == want.st_dev && st.st_ino == want.st_ino)
			return true;
	}
	return false;
}

/* What is above an output is opened, but never the root; what is not there is left out. */
static void test_opened(void **state)
{
	static const struct places_wanted wanted = {
		.at = { { "/etc/..", PLACE_WRITE, true },
			{ "/usr/bin/..", PLACE_WRITE, true },
			{ "/none/at/all", PLACE_READ, false },
			{ "/dev/null", PLACE_READ, false },
			{ "/", PLACE_LIST, false } },
		.cnt = 5,
	};
	struct landlock_place places[PLACES_MAX];
	size_t cnt;

	(void)state;
	cnt = places__open(&wanted, places);
	assert_int_equal(cnt, 3);
	assert_true(is_among(places, cnt, "/usr") && is_among(places, cnt, "/dev/null") &&
		    is_among(places, cnt, "/"));
	assert_int_equal(places[0].rights, PLACE_WRITE);
	assert_int_equal(places[2].rights, PLACE_LIST);
	for (size_t i = 0; i < cnt; i++)
		close(places[i].fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_read),
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_what_is_looked_at),
		cmocka_unit_test(test_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
