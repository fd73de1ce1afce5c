/* SPDX-License-Identifier: Apache-2.0 */
/* These test the sink on files: full disks, names that are opened again, owners, links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "child.h"
#include "lines.h"
#include "output/sink_impl.h"
#include "scratch.h"

#define SOMEBODY 61234
#define MALLORY 4321

static void require_root(void)
{
	if (geteuid())
		skip_for("root");
}

static void test_new_file(void **state)
{
	mode_t mask = umask(077);
	struct stat st;
	struct sink *s;

	(void)state;
	s = open_out();
	umask(mask);
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(fcntl(sink__fd(s), F_GETFL) & O_APPEND);
	assert_true(fcntl(sink__fd(s), F_GETFD) & FD_CLOEXEC);
	put_text(s, "one\n", false);
	assert_int_equal(sink__flush(s), 0);
	/* Somebody truncates it (copytruncate): there is no hole. */
	assert_int_equal(truncate("out", 0), 0);
	put_text(s, "two\n", false);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "two\n");
	sink__close(s);
}

static void test_file_that_exists(void **state)
{
	struct sink *s;

	(void)state;
	write_file("out", "old\nhalf a li");
	s = open_out();
	put_text(s, "new\n", false);
	assert_int_equal(sink__flush(s), 0);
	put_text(s, "next\n", false);
	assert_int_equal(sink__flush(s), 0);
	sink__close(s);
	expect_file("out", "old\nhalf a li\nnew\nnext\n");
	s = open_out();
	put_text(s, "third\n", false);
	assert_int_equal(sink__flush(s), 0);
	sink__close(s);
	expect_file("out", "old\nhalf a li\nnew\nnext\nthird\n");
}

/* These are "> out" and ">> out" of a shell. */
static void test_stdout_file(void **state)
{
	static const int flags[] = { 0, O_APPEND };
	int i, fd;
	struct sink *s;

	(void)state;
	for (i = 0; i < 2; i++) {
		write_file("out", "");
		fd = open("out", O_WRONLY | O_CLOEXEC | flags[i]);
		assert_int_equal(write(fd, "before", 6), 6);
		assert_int_equal(open_as_stdout(&s, fd, 1024, 4096), 0);
		put_text(s, "one\n", false);
		assert_int_equal(sink__flush(s), 0);
		assert_int_equal(write(fd, "between\n", 8), 8);
		put_text(s, "two\n", false);
		assert_int_equal(sink__flush(s), 0);
		assert_int_equal(sink__reopen(s), 1);
		sink__close(s);
		close(fd);
		expect_file("out", "before\none\nbetween\ntwo\n");
	}
}

static void test_owner(void **state)
{
	struct stat st;
	struct sink *s;

	(void)state;
	require_root();
	assert_int_equal(open_as_file(&s, "out", SOMEBODY, SOMEBODY + 1), 0);
	sink__close(s);
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_uid, SOMEBODY);
	assert_int_equal(st.st_gid, SOMEBODY + 1);
	assert_int_equal(st.st_mode & 07777, 0640);

	write_file("other", "x\n");
	assert_int_equal(open_as_file(&s, "other", SOMEBODY, SOMEBODY), 0);
	sink__close(s);
	assert_int_equal(stat("other", &st), 0);
	assert_int_equal(st.st_uid, SOMEBODY);
}

static void refused(const char *name, int err)
{
	struct capture capture;
	char said[CAPTURE_SZ];
	struct sink *s = NULL;

	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(open_as_file(&s, name, SOMEBODY, SOMEBODY), err);
	capture__end(&capture, said);
	assert_non_null(strstr(said, name));
	assert_null(s);
}

/* Links must not make root give away, write or create what the directory's owner could not. */
static void test_links(void **state)
{
	struct stat st;
	struct sink *s;

	(void)state;
	require_root();
	write_file("other", "precious\n");
	assert_int_equal(symlink("other", "link"), 0);
	refused("link", -EMLINK);
	assert_int_equal(unlink("link"), 0);
	assert_int_equal(link("other", "link"), 0);
	refused("link", -EMLINK);
	assert_int_equal(stat("other", &st), 0);
	assert_int_equal(st.st_uid, 0);
	expect_file("other", "precious\n");

	assert_int_equal(unlink("link"), 0);
	assert_int_equal(symlink("out", "link"), 0);
	refused("link", -ENOENT);
	assert_int_equal(access("out", F_OK), -1);

	/* To a file that is the collector's already, a link may lead. */
	assert_int_equal(unlink("link"), 0);
	assert_int_equal(symlink("other", "link"), 0);
	assert_int_equal(chown("other", SOMEBODY, SOMEBODY), 0);
	assert_int_equal(open_as_file(&s, "link", SOMEBODY, SOMEBODY), 0);
	sink__close(s);
	refused(".", -EISDIR);
	refused("no/such", -ENOENT);
}

static void test_fifo(void **state)
{
	struct got got = { 0 };
	struct sink *s;
	uint32_t no;
	int in;

	(void)state;
	assert_int_equal(mkfifo("out", 0600), 0);
	refused("out", -ENXIO);
	in = open("out", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(in >= 0);
	s = open_out();
	for (no = 0; no < 2000; no++) {
		while (!put_line(s, no, 7000, 1)) {
			assert_in_range(-sink__flush(s), 0, EAGAIN);
			take(&got, in, 40000);
		}
		if (no == 1000)
			assert_int_equal(sink__reopen(s), 1);
	}
	while (sink__flush(s))
		take(&got, in, 100000);
	while (got.len < 2000U * 7000)
		take(&got, in, 100000);
	assert_int_equal(check_lines(got.data, got.len, 0), 2000);
	assert_true(put_line(s, no, 7000, 1));
	close(in);
	assert_int_equal(sink__flush(s), -EPIPE);
	sink__close(s);
	got__free(&got);
}

static void test_reopen(void **state)
{
	struct sink *s;
	int fd;

	(void)state;
	s = open_out();
	put_text(s, "one\n", false);
	assert_int_equal(sink__flush(s), 0);
	/* Nobody has renamed anything. */
	assert_int_equal(sink__reopen(s), 1);
	put_text(s, "two\n", false);
	assert_int_equal(rename("out", "out.1"), 0);
	assert_int_equal(sink__reopen(s), 0);
	put_text(s, "three\n", false);
	put_text(s, "reopen 1\n", true);
	put_text(s, "four\n", false);
	assert_int_equal(sink__pending(s), 20);
	/* It happens again, before anything went to the new file. */
	assert_int_equal(rename("out", "out.2"), 0);
	fd = s->fd;
	s->fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(sink__reopen(s), 0);
	close(fd);
	put_text(s, "reopen 2\n", true);
	put_text(s, "five\n", false);
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(sink__pending(s), 0);
	assert_int_equal(written_weight(s), 5);
	expect_file("out.1", "one\ntwo\n");
	expect_file("out.2", "");
	expect_file("out", "reopen 2\nreopen 1\nthree\nfour\nfive\n");
	/* It is emptied under the same name: it is a new file all the same. */
	assert_int_equal(truncate("out", 0), 0);
	assert_int_equal(sink__reopen(s), 0);
	put_text(s, "reopen 3\n", true);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "reopen 3\n");
	/* The new file was begun by somebody who did not end his line. */
	assert_int_equal(rename("out", "out.1"), 0);
	write_file("out", "half");
	assert_int_equal(sink__reopen(s), 0);
	put_text(s, "reopen 4\n", true);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out", "half\nreopen 4\n");
	sink__close(s);
}

/* The directory has gone, or is not ours to write to: the old file stays in use. */
static void test_reopen_fails(void **state)
{
	struct capture capture;
	char said[CAPTURE_SZ];
	struct sink *s;

	(void)state;
	assert_int_equal(mkdir("sub", 0755), 0);
	assert_int_equal(open_as_file(&s, "sub/out", (uid_t)-1, (gid_t)-1), 0);
	put_text(s, "one\n", false);
	assert_int_equal(rename("sub/out", "out.1"), 0);
	assert_int_equal(rmdir("sub"), 0);
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(sink__reopen(s), -ENOENT);
	capture__end(&capture, said);
	assert_non_null(strstr(said, "sub/out"));
	put_text(s, "two\n", false);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out.1", "one\ntwo\n");

	if (geteuid() == 0) {
		assert_int_equal(mkdir("sub", 0755), 0);
		assert_int_equal(seteuid(SOMEBODY), 0);
		capture__start(&capture, STDERR_FILENO);
		assert_int_equal(sink__reopen(s), -EACCES);
		capture__end(&capture, said);
		assert_int_equal(seteuid(0), 0);
		assert_non_null(strstr(said, "directory sub"));
		put_text(s, "three\n", false);
		assert_int_equal(sink__flush(s), 0);
		expect_file("out.1", "one\ntwo\nthree\n");
		assert_int_equal(rmdir("sub"), 0);
	}
	assert_int_equal(written_weight(s), geteuid() == 0 ? 3 : 2);
	sink__close(s);
}

#define FORGED "forged\n"

static void plant_file(void)
{
	write_file("out", FORGED);
	assert_int_equal(chown("out", MALLORY, MALLORY), 0);
	assert_int_equal(chmod("out", 0666), 0);
}

static void plant_link(void)
{
	write_file("other", FORGED);
	assert_int_equal(symlink("other", "out"), 0);
	assert_int_equal(lchown("out", MALLORY, MALLORY), 0);
}

static void plant_pipe(void)
{
	assert_int_equal(mkfifo("out", 0666), 0);
	assert_int_equal(chown("out", MALLORY, MALLORY), 0);
}

/* Expects an owner that is another one's, and nothing in it but what was there. */
static void expect_planted(int in)
{
	struct stat st;
	char byte;

	assert_int_equal(lstat("out", &st), 0);
	assert_int_equal(st.st_uid, MALLORY);
	if (S_ISREG(st.st_mode)) {
		assert_int_equal(st.st_mode & 07777, 0666);
		expect_file("out", FORGED);
	} else if (S_ISLNK(st.st_mode)) {
		expect_file("other", FORGED);
	} else {
		assert_int_equal(read(in, &byte, 1), 0);
	}
}

/* Somebody has moved our file away, and put something of his in its place. */
static void refuses_what_was_planted(int (*again)(struct sink *), void (*plant)(void))
{
	struct capture capture;
	char said[CAPTURE_SZ];
	struct sink *s;
	int in;

	assert_int_equal(chmod(".", 01777), 0);
	s = open_out();
	put_text(s, "one\n", false);
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(rename("out", "out.1"), 0);
	plant();
	/* A pipe that nobody reads could not be opened anyway. */
	in = open("out", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	capture__start(&capture, STDERR_FILENO);
	assert_true(again(s) < 0);
	capture__end(&capture, said);
	assert_non_null(strstr(said, "still writing to the"));
	put_text(s, "two\n", false);
	assert_int_equal(sink__flush(s), 0);
	expect_file("out.1", "one\ntwo\n");
	expect_planted(in);
	sink__close(s);
	close(in);
	assert_int_equal(unlink("out"), 0);
	assert_int_equal(unlink("out.1"), 0);
}

/* It is so at SIGHUP, and at the limit of a file, as at the start. */
static void test_planted(void **state)
{
	static int (*const again[])(struct sink *) = { sink__reopen, sink__turn };
	static void (*const plant[])(void) = { plant_file, plant_link, plant_pipe };

	(void)state;
	require_root();
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
		for (size_t k = 0; k < sizeof(plant) / sizeof(plant[0]); k++)
			refuses_what_was_planted(again[i], plant[k]);
}

static void warns(const struct sink *s, uid_t uid, const char *about)
{
	struct capture capture;
	char said[CAPTURE_SZ];

	capture__start(&capture, STDERR_FILENO);
	sink__check_reopen(s, uid, uid);
	capture__end(&capture, said);
	if (about)
		assert_non_null(strstr(said, about));
	else
		assert_string_equal(said, "");
}

static void test_check_reopen(void **state)
{
	struct sink *s;

	(void)state;
	require_root();
	s = open_out();
	warns(s, geteuid(), NULL);
	warns(s, SOMEBODY, "may not write to directory");
	assert_int_equal(chown(scratch, SOMEBODY, SOMEBODY), 0);
	warns(s, SOMEBODY, "could not open out again");
	assert_int_equal(chown("out", SOMEBODY, SOMEBODY), 0);
	warns(s, SOMEBODY, NULL);
	assert_int_equal(geteuid(), 0);
	sink__close(s);
}

static void said_of_stdout(int fd, const char *stream, bool warned)
{
	struct capture capture;
	char said[CAPTURE_SZ];
	struct sink *s;

	setenv("JOURNAL_STREAM", stream, 1);
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(open_as_stdout(&s, fd, 1024, 4096), 0);
	capture__end(&capture, said);
	unsetenv("JOURNAL_STREAM");
	sink__close(s);
	if (warned)
		assert_true(strstr(said, "seq") && strstr(said, "LogRateLimitIntervalSec=0"));
	else
		assert_string_equal(said, "");
}

static void test_journal(void **state)
{
	char stream[64];
	struct stat st;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(fstat(fds[0], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	said_of_stdout(fds[0], stream, true);
	said_of_stdout(fds[1], stream, false);
	said_of_stdout(fds[0], "x", false);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_DIR(test) cmocka_unit_test_setup_teardown(test, scratch__setup, scratch__teardown)
		ON_DIR(test_new_file),	  ON_DIR(test_file_that_exists),
		ON_DIR(test_stdout_file), ON_DIR(test_owner),
		ON_DIR(test_links),	  ON_DIR(test_fifo),
		ON_DIR(test_reopen),	  ON_DIR(test_reopen_fails),
		ON_DIR(test_planted),	  ON_DIR(test_check_reopen),
		ON_DIR(test_journal),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
