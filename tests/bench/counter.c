/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counter - reads its standard input to the end and tells, as a line of JSON, how many bytes and lines
 * that was; then the last line of it. It touches each byte once, so that what is measured is the writer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM (1 << 20)
#define LAST_MAX 65536

static char buf[ROOM];
static char last[LAST_MAX];
static size_t last_len;

/* Keeps the end of what was read. */
static void keep(const char *data, size_t len)
{
	size_t old;

	if (len >= LAST_MAX) {
		memcpy(last, data + len - LAST_MAX, LAST_MAX);
		last_len = LAST_MAX;
		return;
	}
	old = last_len + len > LAST_MAX ? LAST_MAX - len : last_len;
	memmove(last, last + last_len - old, old);
	memcpy(last + old, data, len);
	last_len = old + len;
}

static void tell_last(void)
{
	const char *line;

	if (!last_len || last[last_len - 1] != '\n')
		return;
	line = memrchr(last, '\n', last_len - 1);
	line = line ? line + 1 : last;
	fwrite(line, 1, (size_t)(last + last_len - line), stdout);
}

int main(void)
{
	unsigned long long bytes = 0, lines = 0;
	const char *at;
	ssize_t n;

	(void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, ROOM);
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		bytes += (unsigned long long)n;
		for (at = buf; (at = memchr(at, '\n', (size_t)(buf + n - at))) != NULL; at++)
			lines++;
		keep(buf, (size_t)n);
	}
	printf("{\"bytes\":%llu,\"lines\":%llu}\n", bytes, lines);
	tell_last();
	return 0;
}
