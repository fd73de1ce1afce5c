/* SPDX-License-Identifier: Apache-2.0 */
/* These test the sink's buffer, and what it writes to pipes, sockets and terminals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture.h"
#include "child.h"
#include "lines.h"
#include "output/sink_impl.h"

#define LONGEST 20000
#define BUFFER (1 << 18)

static unsigned seed;

static size_t below(size_t n)
{
	return (size_t)rand_r(&seed) % n;
}

static size_t any_len(void)
{
	return 100 + below(LONGEST - 100 + 1);
}

static void make_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
}

static bool blocks(int fd)
{
	return !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* Does as if /proc/self/fd could not be opened: the description that others share is used. */
static void share_description(struct sink *s, int fd)
{
	assert_int_equal(dup3(fd, s->fd, O_CLOEXEC), s->fd);
	s->nonblock = false;
	assert_true(blocks(s->fd));
}

static void check_err(int err)
{
	assert_true(err == 0 || err == -EAGAIN);
}

/* A reader that takes slices of any size at any time gets every line, whole and in order. */
static void slices(int in, int out, struct sink *s, uint32_t lines, size_t slice)
{
	struct got got = { 0 };
	uint64_t weight, sum = 0;
	uint32_t no = 0;
	size_t len;

	while (no < lines) {
		if (below(4)) {
			len = any_len();
			weight = below(3);
			if (put_line(s, no, len, weight)) {
				no++;
				sum += weight;
			}
		}
		if (!below(3))
			check_err(sink__flush(s));
		if (!below(3))
			take(&got, in, 1 + below(slice));
		assert_int_equal(sink__pending_weight(s) + written_weight(s), sum);
	}
	while (sink__flush(s) == -EAGAIN) {
		assert_true(sink__pending(s) > 0);
		assert_in_range(sink__retry_ms(s), 1, 200);
		take(&got, in, slice);
	}
	assert_int_equal(sink__pending(s), 0);
	assert_int_equal(sink__pending_weight(s), 0);
	assert_int_equal(written_weight(s), sum);
	assert_int_equal(sink__retry_ms(s), 0);
	sink__close(s);
	close(out);
	while (take(&got, in, 65536))
		;
	close(in);
	assert_int_equal(check_lines(got.data, got.len, 0), lines);
	got__free(&got);
}

static void pipe_slices(bool shared, int capacity, uint32_t lines)
{
	struct sink *s;
	int ends[2];

	make_pipe(ends);
	assert_int_equal(open_as_stdout(&s, ends[1], LONGEST, BUFFER), 0);
	/* Whoever shares our stdout must not find it changed. */
	assert_true(blocks(ends[1]));
	assert_true(!blocks(sink__fd(s)));
	assert_true(fcntl(s->fd, F_GETPIPE_SZ) >= 65536);
	if (shared)
		share_description(s, ends[1]);
	if (capacity)
		assert_true(fcntl(ends[0], F_SETPIPE_SZ, capacity) >= capacity);
	slices(ends[0], ends[1], s, lines, 70000);
}

static void test_pipe_slices(void **state)
{
	(void)state;
	seed = 1;
	pipe_slices(false, 0, 2000);
	pipe_slices(false, 65536, 2000);
	pipe_slices(true, 0, 2000);
	pipe_slices(true, 65536, 2000);
}

/* Lines that are longer than the pipe arrive all the same. */
static void test_pipe_smaller_than_line(void **state)
{
	(void)state;
	seed = 2;
	pipe_slices(false, 4096, 1000);
	pipe_slices(false, 8192, 1000);
	pipe_slices(true, 4096, 1000);
	pipe_slices(true, 8192, 1000);
}

/* The writer's end at any moment, whatever the reader has taken, cuts no line. */
static void abandon(bool shared, int capacity)
{
	struct got got = { 0 };
	uint32_t no = 0, arrived;
	uint64_t written;
	struct sink *s;
	int ends[2];
	size_t ops;

	make_pipe(ends);
	assert_int_equal(open_as_stdout(&s, ends[1], LONGEST, BUFFER), 0);
	if (shared)
		share_description(s, ends[1]);
	assert_true(fcntl(ends[0], F_SETPIPE_SZ, capacity) >= capacity);
	for (ops = below(100); ops; ops--) {
		if (put_line(s, no, below(2) ? any_len() : LINE_MIN + below(300), 1))
			no++;
		if (!below(4))
			check_err(sink__flush(s));
		if (!below(8))
			take(&got, ends[0], 1 + below(50000));
	}
	check_err(sink__flush(s));
	written = written_weight(s);
	sink__close(s);
	close(ends[1]);
	while (take(&got, ends[0], 65536))
		;
	close(ends[0]);
	arrived = check_lines(got.data, got.len, 0);
	assert_int_equal(arrived, written);
	got__free(&got);
}

static void test_pipe_abandoned(void **state)
{
	int i;

	(void)state;
	seed = 3;
	for (i = 0; i < 600; i++)
		abandon(i % 2, 32768 << i % 4);
}

static void gone(size_t len, bool unread)
{
	struct got got = { 0 };
	struct pollfd pfd;
	struct sink *s;
	int ends[2];

	make_pipe(ends);
	assert_int_equal(open_as_stdout(&s, ends[1], LONGEST, BUFFER), 0);
	assert_true(put_line(s, 0, 300, 1));
	assert_int_equal(sink__flush(s), 0);
	if (!unread)
		take(&got, ends[0], 300);
	assert_true(put_line(s, 1, len, 1));
	close(ends[0]);
	pfd = (struct pollfd){ .fd = sink__fd(s) };
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_true(pfd.revents & POLLERR);
	assert_int_equal(sink__flush(s), -EPIPE);
	assert_int_equal(sink__drain(s, 10000), -EPIPE);
	assert_int_equal(sink__pending_weight(s), 1);
	assert_int_equal(written_weight(s), 1);
	sink__close(s);
	close(ends[1]);
	got__free(&got);
}

static void test_reader_gone(void **state)
{
	(void)state;
	gone(300, false);
	gone(300, true);
	gone(LONGEST, false);
	/* This one would wait for the pipe to run empty. */
	gone(LONGEST, true);
}

/* It is tested what to wait for when the reader stands still, and how long drain waits. */
static void test_waiting(void **state)
{
	struct got got = { 0 };
	struct pollfd pfd;
	struct sink *s;
	uint64_t start;
	uint32_t no = 0;
	int ends[2];

	(void)state;
	make_pipe(ends);
	assert_int_equal(open_as_stdout(&s, ends[1], LONGEST, BUFFER), 0);
	assert_true(fcntl(ends[0], F_SETPIPE_SZ, 65536) == 65536);
	assert_int_equal(sink__retry_ms(s), 0);
	assert_int_equal(sink__flush(s), 0);

	/* Short lines go out until the pipe is full, then POLLOUT tells. */
	do
		put_line(s, no++, 1000, 1);
	while (sink__flush(s) == 0);
	assert_int_equal(sink__events(s), POLLOUT);
	pfd = (struct pollfd){ .fd = sink__fd(s), .events = sink__events(s) };
	assert_int_equal(poll(&pfd, 1, 0), 0);
	take(&got, ends[0], 8192);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	assert_int_equal(sink__flush(s), 0);

	/* For a long one only emptiness helps, and that has no event. */
	assert_true(put_line(s, no++, LONGEST, 5));
	assert_int_equal(sink__flush(s), -EAGAIN);
	assert_int_equal(sink__events(s), 0);
	assert_in_range(sink__retry_ms(s), 1, 5);
	assert_int_equal(sink__pending(s), LONGEST);
	start = clock__mono_now();
	assert_int_equal(sink__drain(s, 50), -EAGAIN);
	assert_true(clock__mono_now() - start >= 45000000);
	/* After a few tries it is taken for a reader that stands still; on a busy machine one wait has fewer. */
	for (int i = 0; i < 100 && sink__retry_ms(s) < 5; i++)
		assert_int_equal(sink__drain(s, 1), -EAGAIN);
	assert_int_equal(sink__retry_ms(s), 5);
	while (got.len < (size_t)(no - 1) * 1000)
		take(&got, ends[0], 65536);
	assert_int_equal(sink__drain(s, 50), 0);
	while (got.len < (size_t)(no - 1) * 1000 + LONGEST)
		take(&got, ends[0], 65536);
	assert_int_equal(check_lines(got.data, got.len, 0), no);
	sink__close(s);
	close(ends[0]);
	close(ends[1]);
	got__free(&got);
}

/* A full buffer says so, at its end, after it has wrapped, and when there are too many lines. */
static void test_full_buffer(void **state)
{
	struct got got = { 0 };
	uint32_t no = 0, round;
	struct sink *s;
	int ends[2];

	(void)state;
	seed = 5;
	make_pipe(ends);
	assert_int_equal(open_as_stdout(&s, ends[1], 1024, 0), 0);
	for (round = 0; round < 200; round++) {
		while (put_line(s, no, LINE_MIN + below(1024 - LINE_MIN + 1), 1))
			no++;
		assert_in_range(sink__pending(s), 1024, 4096);
		assert_null(sink__reserve(s));
		assert_int_equal(sink__flush(s), 0);
		take(&got, ends[0], 65536);
	}
	for (round = 0; put_line(s, no, LINE_MIN, 1); round++)
		no++;
	assert_true(round < 4096 / LINE_MIN);
	assert_int_equal(sink__pending_weight(s), round);
	assert_int_equal(sink__flush(s), 0);
	assert_non_null(sink__reserve(s));
	assert_int_equal(written_weight(s), no);
	take(&got, ends[0], 65536);
	assert_int_equal(check_lines(got.data, got.len, 0), no);
	sink__close(s);
	close(ends[0]);
	close(ends[1]);
	got__free(&got);
}

/* A place that was reserved stays good over a flush, and need not be used. */
static void test_reserve_then_flush(void **state)
{
	struct got got = { 0 };
	char *place, copy[200];
	uint32_t no = 0, round;
	struct sink *s;
	int ends[2];

	(void)state;
	seed = 6;
	make_pipe(ends);
	assert_int_equal(open_as_stdout(&s, ends[1], 1024, 4096), 0);
	for (round = 0; round < 500; round++) {
		if (put_line(s, no, 20 + below(1000), 1))
			no++;
		place = sink__reserve(s);
		if (!place || below(2))
			assert_int_equal(sink__flush(s), 0);
		if (place) {
			snprintf(copy, sizeof(copy), "%08u %08u bc", no, 100U);
			memset(place, (int)('a' + no % 26), 100);
			memcpy(place, copy, 18);
			place[99] = '\n';
			if (below(2))
				assert_int_equal(sink__flush(s), 0);
			sink__commit(s, 100, 1, 0);
			no++;
		}
		take(&got, ends[0], 65536);
	}
	assert_int_equal(sink__flush(s), 0);
	take(&got, ends[0], 65536);
	assert_int_equal(check_lines(got.data, got.len, 0), no);
	sink__close(s);
	close(ends[0]);
	close(ends[1]);
	got__free(&got);
}

/* Weights count once all bytes of their line are out, not before. */
static void test_weights(void **state)
{
	struct got got = { 0 };
	struct sink *s;
	int ends[2];

	(void)state;
	make_pipe(ends);
	assert_int_equal(open_as_stdout(&s, ends[1], LONGEST, BUFFER), 0);
	assert_int_equal(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
	assert_true(put_line(s, 0, 1000, 3));
	assert_true(put_line(s, 1, 1000, 0));
	assert_true(put_line(s, 2, 9000, 1000000));
	assert_true(put_line(s, 3, 1000, 1));
	assert_int_equal(sink__pending_weight(s), 1000004);
	assert_int_equal(sink__pending_kind(s, 0), 3);
	assert_int_equal(sink__pending_kind(s, 1), 0);
	assert_int_equal(sink__pending_kind(s, 2), 1000000);
	assert_int_equal(sink__flush(s), -EAGAIN);
	assert_int_equal(written_weight(s), 3);
	assert_int_equal(sink__pending_kind(s, 0), 0);
	take(&got, ends[0], 4096);
	assert_int_equal(sink__flush(s), -EAGAIN);
	assert_int_equal(sink__pending(s), 10000 - 4096);
	assert_int_equal(written_weight(s), 3);
	take(&got, ends[0], 4096);
	assert_int_equal(sink__flush(s), -EAGAIN);
	assert_int_equal(sink__pending_weight(s), 1000001);
	assert_int_equal(sink__pending_kind(s, 2), 1000000);
	take(&got, ends[0], 4096);
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(written_weight(s), 1000004);
	while (got.len < 12000)
		take(&got, ends[0], 4096);
	assert_int_equal(check_lines(got.data, got.len, 0), 4);
	sink__close(s);
	close(ends[0]);
	close(ends[1]);
	got__free(&got);
}

static void test_socket(void **state)
{
	struct sink *s;
	int ends[2];

	(void)state;
	seed = 7;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(open_as_stdout(&s, ends[1], LONGEST, BUFFER), 0);
	assert_true(blocks(ends[1]));
	slices(ends[0], ends[1], s, 3000, 70000);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(open_as_stdout(&s, ends[1], LONGEST, BUFFER), 0);
	close(ends[0]);
	assert_true(put_line(s, 0, 500, 1));
	assert_int_equal(sink__flush(s), -EPIPE);
	sink__close(s);
	close(ends[1]);
}

static int open_terminal(int *slave)
{
	struct termios raw;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master))
		skip_for("pseudo terminals");
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(*slave >= 0);
	assert_int_equal(tcgetattr(*slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(*slave, TCSANOW, &raw), 0);
	return master;
}

static void test_terminal(void **state)
{
	struct got got = { 0 };
	struct sink *s;
	int master, slave;
	uint32_t no;

	(void)state;
	master = open_terminal(&slave);
	assert_int_equal(open_as_stdout(&s, slave, LONGEST, BUFFER), 0);
	assert_true(blocks(slave));
	/* Nobody reads: it must not block. */
	for (no = 0; put_line(s, no, 2000, 1); no++)
		check_err(sink__flush(s));
	assert_int_equal(sink__flush(s), -EAGAIN);
	while (sink__drain(s, 5) == -EAGAIN)
		take(&got, master, 3000);
	assert_int_equal(sink__flush(s), 0);
	while (got.len < no * 2000U)
		take(&got, master, 65536);
	assert_int_equal(check_lines(got.data, got.len, 0), no);

	assert_true(put_line(s, no, 2000, 1));
	close(master);
	assert_int_equal(sink__flush(s), -EPIPE);
	sink__close(s);
	close(slave);
	got__free(&got);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text += strlen(what))
		n++;
	return n;
}

/* The sink fails, says so once, goes on counting, and says once that it works again. */
static void test_dev_full(void **state)
{
	struct capture capture;
	char said[CAPTURE_SZ];
	struct sink *s;
	int i, null, full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	assert_int_equal(open_as_file(&s, "/dev/full", (uid_t)-1, (gid_t)-1), 0);
	assert_true(put_line(s, 0, 500, 1));
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(sink__flush(s), -ENOSPC);
	capture__end(&capture, said);
	assert_int_equal(count(said, "/dev/full"), 1);
	sink__close(s);

	assert_int_equal(open_as_stdout(&s, full, 8000, BUFFER), 0);
	assert_true(put_line(s, 0, 500, 1));
	capture__start(&capture, STDERR_FILENO);
	for (i = 0; i < 10; i++)
		assert_int_equal(sink__flush(s), -ENOSPC);
	assert_int_equal(sink__drain(s, 20), -ENOSPC);
	capture__end(&capture, said);
	assert_int_equal(count(said, "cannot write to stdout"), 1);
	assert_in_range(sink__retry_ms(s), 100, 1000);
	assert_int_equal(sink__events(s), 0);
	assert_int_equal(sink__pending_weight(s), 1);

	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	assert_int_equal(dup3(null, s->fd, O_CLOEXEC), s->fd);
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(sink__flush(s), 0);
	assert_int_equal(sink__flush(s), 0);
	capture__end(&capture, said);
	assert_int_equal(count(said, "works again"), 1);
	assert_int_equal(written_weight(s), 1);
	sink__close(s);
	close(null);
	close(full);
}

static void test_bad_stdout(void **state)
{
	struct capture capture;
	char said[CAPTURE_SZ];
	struct sink *s = NULL;
	int ends[2];

	(void)state;
	make_pipe(ends);
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(open_as_stdout(&s, ends[0], 8000, BUFFER), -EBADF);
	capture__end(&capture, said);
	assert_int_equal(count(said, "stdout"), 1);
	assert_null(s);
	sink__close(NULL);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipe_slices),
		cmocka_unit_test(test_pipe_smaller_than_line),
		cmocka_unit_test(test_pipe_abandoned),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_full_buffer),
		cmocka_unit_test(test_reserve_then_flush),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_dev_full),
		cmocka_unit_test(test_bad_stdout),
	};

	/* We do as main does; and nothing here takes long, unless a write blocks. */
	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
