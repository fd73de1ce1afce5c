/* SPDX-License-Identifier: Apache-2.0 */
/* log - one line a message on stderr, in one write(2), free of bytes that steer a terminal. */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* With every byte written as \xNN a line still is below PIPE_BUF, so a pipe takes it whole or not. */
#define TEXT_MAX 1000
#define LINE_MAX_SZ (32 + 4 * TEXT_MAX + 1)
/* A message waits so long for whoever reads stderr. Talk must not hold up the records for longer. */
#define STUCK_MS 100

_Static_assert(LINE_MAX_SZ <= 4096, "a line must fit PIPE_BUF");

enum level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

static enum level log_level = LEVEL_INFO;
static char *kept; /* where errors go instead of to stderr; NULL: nowhere */
static size_t kept_size;
static const char *about; /* what the next messages are about; NULL: they say it themselves */

void log__setup(bool quiet, unsigned verbose)
{
	if (quiet)
		log_level = LEVEL_ERROR;
	else
		log_level = verbose ? LEVEL_DEBUG : LEVEL_INFO;
}

void log__about(const char *text)
{
	about = text;
}

void log__keep(char *text, size_t size)
{
	kept = text;
	kept_size = size;
}

/* Only printable ASCII passes: names of processes and files come with escape sequences, line ends
 * and bidirectional marks in them, and a message must stay the one line that it is. */
static size_t put_clean(char *out, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c < 0x7f) {
			out[len++] = (char)c;
			continue;
		}
		out[len++] = '\\';
		out[len++] = 'x';
		out[len++] = hex[c >> 4];
		out[len++] = hex[c & 15];
	}
	return len;
}

static void put_line(const char *line, size_t len)
{
	struct pollfd pfd = { .fd = STDERR_FILENO, .events = POLLOUT };
	ssize_t n;

	/* POLLERR: the reader of a pipe has gone, and writing to it would raise SIGPIPE. */
	if (poll(&pfd, 1, STUCK_MS) <= 0 || (pfd.revents & (POLLERR | POLLNVAL)))
		return;
	do {
		n = write(STDERR_FILENO, line, len);
	} while (n < 0 && errno == EINTR);
}

static void say(enum level level, const char *prefix, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void say(enum level level, const char *prefix, const char *fmt, va_list ap)
{
	char text[TEXT_MAX], line[LINE_MAX_SZ];
	int saved = errno, start;
	size_t len;

	if (level > log_level)
		return;
	start = snprintf(text, sizeof(text), "%.500s", about ? about : "");
	if (start < 0 || vsnprintf(text + start, sizeof(text) - (size_t)start, fmt, ap) < 0)
		snprintf(text, sizeof(text), "(a message that could not be formatted)");
	/* libbpf ends its messages itself. */
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	if (kept && level == LEVEL_ERROR) {
		snprintf(kept, kept_size, "%s", text);
		errno = saved;
		return;
	}

	len = (size_t)snprintf(line, sizeof(line), "pvmtrace: %s", prefix);
	len += put_clean(line + len, text);
	line[len++] = '\n';
	put_line(line, len);
	errno = saved;
}

void log__error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LEVEL_ERROR, "error: ", fmt, ap);
	va_end(ap);
}

void log__warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LEVEL_WARN, "warning: ", fmt, ap);
	va_end(ap);
}

void log__info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LEVEL_INFO, "", fmt, ap);
	va_end(ap);
}

void log__debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LEVEL_DEBUG, "debug: ", fmt, ap);
	va_end(ap);
}
