/* SPDX-License-Identifier: Apache-2.0 */
/* These test files that are left for a new one at a limit, and what others do to them meanwhile. */
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
#include "output/sink_impl.h"
#include "scratch.h"

#define LIMIT 65536
#define LINE 700

static int last_reason; /* enum reopen_reason, -1: none */
static unsigned int news;

static void on_new(void *ctx, enum reopen_reason reason)
{
	last_reason = (int)reason;
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
	last_reason = -1;
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
		on_new(s, REOPEN_SIZE);
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
	assert_int_equal(last_reason, REOPEN_SIZE);
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
	assert_int_equal(last_reason, REOPEN_EMPTIED);
	assert_int_equal(sink__look(s), FILE_SAME);
	/* It does so with nothing to write, too. */
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

static void append(const char *text)
{
	int fd = open("out", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void put_and_flush(struct sink *s, const char *text)
{
	put_text(s, text, false);
	assert_int_equal(sink__flush(s), 0);
}

/* Only we write to a file of our own: what else is in it is noticed, and takes no line of ours with it. */
static void sees_what_others_write(void **state)
{
	struct sink *s = open_out();

	(void)state;
	put_and_flush(s, "one\n");
	assert_false(sink__others_wrote(s));
	append("for");
	assert_true(sink__others_wrote(s));
	assert_false(sink__others_wrote(s));
	put_and_flush(s, "two\n");
	expect_file("out", "one\nfor\ntwo\n");
	assert_false(sink__others_wrote(s));
	/* This comes between two lines, before a look. */
	append("ged\n");
	put_and_flush(s, "three\n");
	assert_true(sink__others_wrote(s));
	expect_file("out", "one\nfor\ntwo\nged\nthree\n");
	/* It is emptied, and longer again. */
	write_file("out", "much longer than what was there before\n");
	assert_true(sink__others_wrote(s));
	put_and_flush(s, "four\n");
	assert_false(sink__others_wrote(s));
	/* It is just as long. */
	write_file("out", "MUCH LONGER THAN WHAT WAS THERE BEFORE\nFOUR\n");
	assert_true(sink__others_wrote(s));
	assert_false(sink__others_wrote(s));
	put_and_flush(s, "five\n");
	expect_file("out", "MUCH LONGER THAN WHAT WAS THERE BEFORE\nFOUR\nfive\n");
	assert_int_equal(sink__look(s), FILE_SAME);
	sink__close(s);
}

/* To stdout others may write. */
static void lets_others_write_to_stdout(void **state)
{
	struct sink *s;
	int fd;

	(void)state;
	write_file("out", "");
	fd = open("out", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(open_as_stdout(&s, fd, 1024, 4096), 0);
	put_and_flush(s, "one\n");
	append("theirs\n");
	put_and_flush(s, "two\n");
	assert_false(sink__others_wrote(s));
	expect_file("out", "one\ntheirs\ntwo\n");
	sink__close(s);
	close(fd);
}

static void sees_who_may_read_and_write(void **state)
{
	struct sink *s = open_out();
	char now[96] = "";

	(void)state;
	put_and_flush(s, "one\n");
	assert_false(sink__access_changed(s, now, sizeof(now)));
	assert_int_equal(chmod("out", 0666), 0);
	assert_true(sink__access_changed(s, now, sizeof(now)));
	assert_non_null(strstr(now, "mode 0666, uid "));
	assert_false(sink__access_changed(s, now, sizeof(now)));
	if (!geteuid()) {
		assert_int_equal(chown("out", 0, 4321), 0);
		assert_true(sink__access_changed(s, now, sizeof(now)));
		assert_non_null(strstr(now, "gid 4321"));
	}
	assert_int_equal(chmod("out", 0600), 0);
	assert_true(sink__access_changed(s, now, sizeof(now)));
	/* What we do ourselves is no news. */
	assert_int_equal(chmod("out", 0644), 0);
	assert_int_equal(sink__reopen(s), 1);
	assert_false(sink__access_changed(s, now, sizeof(now)));
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

/* A shell's ">" does not append: there is no hole. */
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
		ON_DIR(sees_what_others_write),
		ON_DIR(lets_others_write_to_stdout),
		ON_DIR(sees_who_may_read_and_write),
		ON_DIR(sees_it_without_rights),
		ON_DIR(emptied_without_append),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
