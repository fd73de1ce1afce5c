/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "output/sink_impl.h"

int open_as_stdout(struct sink **out, int fd, size_t max_line, size_t buffer)
{
	const struct sink_opts opts = { .max_line = max_line, .buffer = buffer };
	int saved, err;

	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	err = sink__open(out, &opts);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	close(saved);
	return err;
}

int open_as_file(struct sink **out, const char *path, uid_t uid, gid_t gid)
{
	const struct sink_opts opts = { .path = path,
					.owner = { .uid = uid, .gid = gid },
					.max_line = 8000,
					.buffer = 1 << 18 };

	return sink__open(out, &opts);
}

bool put_line(struct sink *s, uint32_t no, size_t len, uint64_t weight)
{
	char *p = sink__reserve(s);

	if (!p)
		return false;
	assert_true(len >= LINE_MIN);
	memset(p, (int)('a' + no % 26), len);
	p[snprintf(p, LINE_MIN, "%08u %08zu", no, len)] = ' ';
	p[len - 1] = '\n';
	sink__commit(s, len, weight, no);
	return true;
}

uint64_t written_weight(const struct sink *s)
{
	return s->committed_weight - sink__pending_weight(s);
}

bool take(struct got *got, int fd, size_t max)
{
	ssize_t n;

	if (got->cap - got->len < max) {
		got->cap = 2 * (got->len + max);
		got->data = realloc(got->data, got->cap);
		assert_non_null(got->data);
	}
	n = read(fd, got->data + got->len, max);
	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	else
		got->len += (size_t)n;
	return n != 0;
}

void take_file(struct got *got, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	got->len = 0;
	while (take(got, fd, 65536))
		;
	close(fd);
}

void got__free(struct got *got)
{
	free(got->data);
	memset(got, 0, sizeof(*got));
}

uint32_t check_lines(const char *data, size_t len, uint32_t first)
{
	const char *p = data, *end = data + len;
	size_t i, no, size;
	char *rest;

	for (; p < end; p += size, first++) {
		assert_true(end - p >= LINE_MIN);
		no = strtoul(p, &rest, 10);
		assert_int_equal(rest - p, 8);
		size = strtoul(rest, &rest, 10);
		assert_int_equal(rest - p, 17);
		assert_int_equal(no, first);
		assert_true((size_t)(end - p) >= size);
		for (i = LINE_MIN; i < size - 1; i++)
			if (p[i] != (char)('a' + no % 26))
				fail_msg("line %zu has a foreign byte at %zu", no, i);
		assert_int_equal(p[size - 1], '\n');
	}
	return first;
}
