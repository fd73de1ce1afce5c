/* SPDX-License-Identifier: Apache-2.0 */
/* These test the sink on a disk that is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "child.h"
#include "lines.h"
#include "output/sink_impl.h"
#include "scratch.h"

#define DISK_SZ (256 << 10)

/* Mounts a tiny filesystem over the test's directory, for this process only. */
static int setup_disk(void **state)
{
	if (scratch__setup(state))
		return -1;
	if (geteuid() || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("pvm-test", scratch, "tmpfs", 0, "size=256k") || chdir(scratch))
		*state = scratch;
	return 0;
}

static int teardown_disk(void **state)
{
	(void)state;
	return chdir("/") || (umount2(scratch, MNT_DETACH) && errno != EINVAL && errno != EPERM) ||
	       rmdir(scratch);
}

static void require_disk(void **state)
{
	if (*state)
		skip_for("root, and a mount namespace");
}

/* Takes all the room but leave bytes. */
static void fill_up(const char *name, off_t leave)
{
	static const char block[4096];
	int fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	off_t size = 0;
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = write(fd, block, sizeof(block))) > 0)
		size += n;
	assert_int_equal(errno, ENOSPC);
	assert_true(size >= leave);
	assert_int_equal(ftruncate(fd, size - leave), 0);
	close(fd);
}

/* Checks that there are whole lines only, and as many as the books say (each stands for one call). */
static void check_disk(struct sink *s, struct got *got, const char *name, uint64_t lines)
{
	take_file(got, name);
	assert_int_equal(check_lines(got->data, got->len, 0), written_weight(s));
	assert_int_equal(written_weight(s) + sink__pending_weight(s), lines);
}

/* Writes to a disk that is always full, with a little room now and then, until there is enough. */
static void exercise_disk(struct sink *s, unsigned seed)
{
	struct capture capture;
	struct got got = { 0 };
	char said[CAPTURE_SZ];
	uint32_t no = 0;
	unsigned int failures = 0;
	off_t ballast;
	size_t len;
	bool full;

	fill_up("ballast", 0);
	ballast = DISK_SZ / 2;
	assert_int_equal(truncate("ballast", ballast), 0);
	capture__start(&capture, STDERR_FILENO);
	while (ballast > 0) {
		len = LINE_MIN + (size_t)rand_r(&seed) % 7900;
		if (put_line(s, no, rand_r(&seed) % 2 ? len : 300, 1))
			no++;
		full = sink__flush(s) == -ENOSPC;
		failures += full;
		if (full && rand_r(&seed) % 4 == 0) {
			ballast -= rand_r(&seed) % 9000;
			assert_int_equal(truncate("ballast", ballast > 0 ? ballast : 0), 0);
		}
		check_disk(s, &got, "out", no);
	}
	unlink("ballast");
	capture__end(&capture, said);
	assert_in_range(failures, 30, 10000);
	assert_true(written_weight(s) > 50);
	assert_true(sink__pending(s) > 0);
	/* Somebody makes room, and takes what was there. */
	if (s->append) {
		assert_int_equal(truncate("out", 0), 0);
		len = written_weight(s);
		capture__start(&capture, STDERR_FILENO);
		while (sink__drain(s, 0) == -ENOSPC) {
			take_file(&got, "out");
			len = check_lines(got.data, got.len, (uint32_t)len);
			assert_int_equal(truncate("out", 0), 0);
		}
		capture__end(&capture, said);
		take_file(&got, "out");
		assert_int_equal(check_lines(got.data, got.len, (uint32_t)len), no);
		assert_int_equal(written_weight(s), no);
	}
	assert_int_equal(s->mid, 0);
	got__free(&got);
}

static void test_full_disk(void **state)
{
	struct sink *s;

	require_disk(state);
	s = open_out();
	exercise_disk(s, 11);
	sink__close(s);
}

/* The same holds for a shell's "> out". */
static void test_full_disk_stdout(void **state)
{
	struct sink *s;
	int fd;

	require_disk(state);
	fd = open("out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(open_as_stdout(&s, fd, 8000, 1 << 18), 0);
	exercise_disk(s, 12);
	sink__close(s);
	close(fd);
}

/* In the middle of a file ("1<> out") nothing is cut: what follows is somebody else's. */
static void test_full_disk_inside(void **state)
{
	struct capture capture;
	struct got got = { 0 };
	char said[CAPTURE_SZ];
	struct sink *s;
	uint32_t no = 0;
	size_t i;
	int fd;

	require_disk(state);
	write_file("out", "");
	/* A hole needs room once it is written. */
	assert_int_equal(truncate("out", 200000), 0);
	fd = open("out", O_WRONLY | O_CLOEXEC);
	assert_int_equal(open_as_stdout(&s, fd, 8000, 1 << 18), 0);
	fill_up("ballast", 10000);
	while (no < 30 && put_line(s, no, 3000, 1))
		no++;
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(sink__flush(s), -ENOSPC);
	assert_int_equal(sink__flush(s), -ENOSPC);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), written_weight(s) * 3000);
	take_file(&got, "out");
	assert_int_equal(got.len, 200000);
	unlink("ballast");
	assert_int_equal(sink__flush(s), 0);
	capture__end(&capture, said);
	take_file(&got, "out");
	assert_int_equal(got.len, 200000);
	assert_int_equal(check_lines(got.data, no * 3000U, 0), no);
	for (i = no * 3000U; i < got.len; i++)
		assert_int_equal(got.data[i], 0);
	sink__close(s);
	close(fd);
	got__free(&got);
}

/* It is said once, not at every try; no try shows half a line while it fails; all is there in the end. */
static void test_full_disk_said_once(void **state)
{
	struct capture capture;
	struct got got = { 0 };
	char said[CAPTURE_SZ];
	struct stat before, after;
	struct sink *s;
	uint32_t no = 0;
	int i;

	require_disk(state);
	s = open_out();
	fill_up("ballast", 10000);
	capture__start(&capture, STDERR_FILENO);
	while (no < 30 && put_line(s, no, 3000, 1))
		no++;
	assert_int_equal(sink__flush(s), -ENOSPC);
	assert_int_equal(stat("out", &before), 0);
	for (i = 0; i < 20; i++)
		assert_int_equal(sink__flush(s), -ENOSPC);
	assert_int_equal(stat("out", &after), 0);
	capture__end(&capture, said);
	/* A write and a cut would have moved it. */
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	assert_int_equal(after.st_mtim.tv_sec, before.st_mtim.tv_sec);
	assert_int_equal(before.st_size % 3000, 0);
	assert_true(before.st_size > 0);
	assert_non_null(strstr(said, "cannot write to out"));
	assert_null(strstr(strstr(said, "cannot write to out") + 1, "cannot write"));

	unlink("ballast");
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(sink__drain(s, 1000), 0);
	capture__end(&capture, said);
	assert_non_null(strstr(said, "works again"));
	check_disk(s, &got, "out", no);
	assert_int_equal(written_weight(s), no);
	sink__close(s);
	got__free(&got);
}

/* What the old file does not take goes to the new one, behind its first record. */
static void test_full_disk_reopen(void **state)
{
	struct capture capture;
	struct got old = { 0 }, new = { 0 };
	char said[CAPTURE_SZ];
	struct sink *s;
	uint32_t no = 0, middle;

	require_disk(state);
	s = open_out();
	fill_up("ballast", 10000);
	capture__start(&capture, STDERR_FILENO);
	while (no < 30 && put_line(s, no, 3000, 1))
		no++;
	assert_int_equal(sink__flush(s), -ENOSPC);
	assert_int_equal(rename("out", "out.1"), 0);
	assert_int_equal(sink__reopen(s), 0);
	put_text(s, "reopen\n", true);
	assert_int_equal(sink__flush(s), -ENOSPC);
	unlink("ballast");
	assert_int_equal(sink__flush(s), 0);
	capture__end(&capture, said);
	take_file(&old, "out.1");
	middle = check_lines(old.data, old.len, 0);
	take_file(&new, "out");
	assert_true(new.len > 7);
	assert_memory_equal(new.data, "reopen\n", 7);
	assert_int_equal(check_lines(new.data + 7, new.len - 7, middle), no);
	assert_int_equal(written_weight(s), no);
	sink__close(s);
	got__free(&old);
	got__free(&new);
}

/* A file that may only grow (chattr +a) cannot be cut: its line is completed later, or goes whole
 * to the next file. */
static void append_only(bool rotate)
{
	struct capture capture;
	struct got got = { 0 };
	char said[CAPTURE_SZ];
	struct sink *s;
	uint32_t no = 0, first = 0;
	int old, flags = 0;

	s = open_out();
	if (ioctl(s->fd, FS_IOC_GETFLAGS, &flags) ||
	    ioctl(s->fd, FS_IOC_SETFLAGS, &(int){ flags | FS_APPEND_FL })) {
		sink__close(s);
		skip_for("append-only files on this kernel's tmpfs");
	}
	old = dup(s->fd);
	fill_up("ballast", 10000);
	capture__start(&capture, STDERR_FILENO);
	while (no < 30 && put_line(s, no, 3000, 1))
		no++;
	assert_int_equal(sink__flush(s), -ENOSPC);
	assert_true(s->mid > 0);
	assert_int_equal(sink__flush(s), -ENOSPC);
	assert_int_equal(sink__pending(s), no * 3000 - lseek(old, 0, SEEK_END));
	assert_int_equal(ioctl(old, FS_IOC_SETFLAGS, &flags), 0);
	if (rotate) {
		assert_int_equal(rename("out", "out.1"), 0);
		assert_int_equal(sink__reopen(s), 0);
		first = (uint32_t)written_weight(s);
	}
	unlink("ballast");
	assert_int_equal(sink__flush(s), 0);
	capture__end(&capture, said);
	take_file(&got, "out");
	assert_int_equal(check_lines(got.data, got.len, first), no);
	assert_int_equal(written_weight(s), no);
	assert_int_equal(sink__pending(s), 0);
	sink__close(s);
	close(old);
	got__free(&got);
}

static void test_full_disk_append_only(void **state)
{
	require_disk(state);
	append_only(false);
	assert_int_equal(unlink("out"), 0);
	append_only(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, setup_disk, teardown_disk)
		ON_DISK(test_full_disk),	ON_DISK(test_full_disk_stdout),
		ON_DISK(test_full_disk_inside), ON_DISK(test_full_disk_said_once),
		ON_DISK(test_full_disk_reopen), ON_DISK(test_full_disk_append_only),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
