/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are left for a new one at a limit, and what others do to them meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "lines.h"
#include "scratch.h"
#include "sink_impl.h"

#define LIMIT 65536
#define LINE 700

static const char *last_reason;
static unsigned int news;

static void on_new(void *ctx, const char *reason)
{
	last_reason = reason;
	news++;
	assert_int_equal(sink__put_first(ctx, "reopen\n", 7), 0);
}

static struct sink *open_limited(unsigned int keep)
{
	const struct sink_opts opts = { .path = "out",
					.owner = { .uid = (uid_t)-1, .gid = (gid_t)-1 },
					.max_line = 8000,
					.buffer = 1 << 18,
					.max_size = LIMIT,
					.keep = keep };
	struct sink *s;

	news = 0;
	last_reason = NULL;
	assert_int_equal(sink__open(&s, &opts), 0);
	sink__on_new(s, on_new, s);
	return s;
}

/* Checks one file: its size, its first line, its numbered lines from *next on. */
static void expect_part(const char *name, uint32_t *next, bool first)
{
	struct got got = { 0 };
	size_t skip = first ? 0 : 7;

	take_file(&got, name);
	assert_in_range(got.len, 1, LIMIT);
	if (!first)
		assert_memory_equal(got.data, "reopen\n", 7);
	*next = check_lines(got.data + skip, got.len - skip, *next);
	got__free(&got);
}

static void as_the_collector(struct sink *s)
{
	if (sink__turn_due(s) && !sink__flush(s) && sink__turn_due(s) && !sink__turn(s))
		on_new(s, "size");
}

static void turns_at_its_limit(void **state)
{
	struct sink *s = open_limited(2);
	uint32_t no, next = 0;

	(void)state;
	for (no = 0; no < 200; no++) {
		as_the_collector(s);
		assert_true(put_line(s, no, LINE, 1));
		assert_int_equal(sink__flush(s), 0);
	}
	assert_int_equal(news, 2);
	assert_string_equal(last_reason, "size");
	expect_part("out.2", &next, true);
	expect_part("out.1", &next, false);
	expect_part("out", &next, false);
	assert_int_equal(next, 200);
	/* The oldest one makes room. */
	for (; no < 300; no++) {
		as_the_collector(s);
		assert_true(put_line(s, no, LINE, 1));
	}
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(access("out.3", F_OK), -1);
	sink__close(s);
}

/* What was held back is more than a file takes. */
static void turns_in_the_middle_of_a_flush(void **state)
{
	struct sink *s = open_limited(2);
	uint32_t no, next = 0;

	(void)state;
	for (no = 0; no < 250; no++)
		assert_true(put_line(s, no, LINE, 1));
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(news, 2);
	expect_part("out.2", &next, true);
	expect_part("out.1", &next, false);
	expect_part("out", &next, false);
	assert_int_equal(next, 250);
	sink__close(s);
}

static void begins_anew_behind_a_full_file(void **state)
{
	static char full[LIMIT];
	struct sink *s;

	(void)state;
	memset(full, 'x', sizeof(full) - 2);
	full[sizeof(full) - 2] = '\n';
	write_file("out", full);
	s = open_limited(1);
	put_text(s, "start\n", false);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "start\n");
	expect_file("out.1", full);
	assert_int_equal(news, 0);
	sink__close(s);
}

/* Somebody else has moved it already: his file is not touched. */
static void leaves_other_rotations_alone(void **state)
{
	struct sink *s = open_limited(1);

	(void)state;
	put_text(s, "one\n", false);
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(rename("out", "out.1"), 0);
	assert_int_equal(sink__turn(s), 0);
	put_text(s, "two\n", false);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out.1", "one\n");
	expect_file("out", "two\n");
	sink__close(s);
}

static void goes_on_where_it_cannot_turn(void **state)
{
	struct sink *s = open_limited(1);
	char said[CAPTURE_SZ];
	struct capture capture;

	(void)state;
	assert_int_equal(mkdir("out.1", 0755), 0);
	capture__start(&capture, STDERR_FILENO);
	for (uint32_t no = 0; no < 200; no++) {
		as_the_collector(s);
		assert_true(put_line(s, no, LINE, 1));
		assert_int_equal(sink__flush(s), 0);
	}
	capture__end(&capture, said);
	assert_int_equal(sink__turn_error(s), EISDIR);
	assert_non_null(strstr(said, "cannot turn to a new out"));
	assert_null(strstr(strstr(said, "cannot turn") + 1, "cannot turn"));
	assert_int_equal(rmdir("out.1"), 0);
	for (uint32_t no = 0; no < 30; no++) {
		as_the_collector(s);
		assert_true(put_line(s, no, LINE, 1));
		assert_int_equal(sink__flush(s), 0);
	}
	assert_int_equal(sink__turn_error(s), 0);
	sink__close(s);
}

static void sees_what_others_do(void **state)
{
	struct sink *s = open_out();

	(void)state;
	news = 0;
	sink__on_new(s, on_new, s);
	put_text(s, "one\n", false);
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(sink__look(s), FILE_SAME);
	assert_int_equal(truncate("out", 0), 0);
	assert_int_equal(sink__look(s), FILE_EMPTIED);
	put_text(s, "two\n", false);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "reopen\ntwo\n");
	assert_string_equal(last_reason, "emptied");
	assert_int_equal(sink__look(s), FILE_SAME);
	/* With nothing to write, too. */
	assert_int_equal(truncate("out", 3), 0);
	sink__renew(s);
	assert_int_equal(news, 2);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "reo\nreopen\n");
	assert_int_equal(rename("out", "out.1"), 0);
	assert_int_equal(sink__look(s), FILE_MOVED);
	write_file("out", "");
	assert_int_equal(sink__look(s), FILE_REPLACED);
	assert_int_equal(unlink("out.1"), 0);
	assert_int_equal(sink__look(s), FILE_REMOVED);
	/* Nothing goes where nobody finds it. */
	put_text(s, "three\n", false);
	assert_int_equal(sink__reopen(s), 0);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "three\n");
	sink__close(s);
}

/* The way to the name is closed to us. */
static void sees_it_without_rights(void **state)
{
	struct sink *s;

	(void)state;
	if (geteuid())
		skip();
	s = open_out();
	assert_int_equal(chmod(".", 0700), 0);
	assert_int_equal(seteuid(4321), 0);
	assert_int_equal(sink__look(s), FILE_SAME);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(rename("out", "out.1"), 0);
	assert_int_equal(seteuid(4321), 0);
	assert_int_equal(sink__look(s), FILE_MOVED);
	assert_int_equal(seteuid(0), 0);
	sink__close(s);
}

/* A shell's ">" does not append: no hole. */
static void emptied_without_append(void **state)
{
	struct sink *s;
	int fd;

	(void)state;
	write_file("out", "");
	fd = open("out", O_WRONLY | O_CLOEXEC);
	assert_int_equal(open_as_stdout(&s, fd, 1024, 4096), 0);
	sink__on_new(s, on_new, s);
	put_text(s, "one\n", false);
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(truncate("out", 0), 0);
	put_text(s, "two\n", false);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "reopen\ntwo\n");
	sink__close(s);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_DIR(test) cmocka_unit_test_setup_teardown(test, scratch__setup, scratch__teardown)
		ON_DIR(turns_at_its_limit),
		ON_DIR(turns_in_the_middle_of_a_flush),
		ON_DIR(begins_anew_behind_a_full_file),
		ON_DIR(leaves_other_rotations_alone),
		ON_DIR(goes_on_where_it_cannot_turn),
		ON_DIR(sees_what_others_do),
		ON_DIR(sees_it_without_rights),
		ON_DIR(emptied_without_append),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
