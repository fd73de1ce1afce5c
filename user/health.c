/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)
#define PREFIX "pvmtrace_"
/* A file that was not written for so many intervals, and this long beyond, will not be. */
#define LATE_INTERVALS 2
#define LATE_S 5

/* What is read of the file. */
struct facts {
	uint64_t running, interval_s, seen, lost, skipped, held, held_max;
	bool has_running, has_interval, has_seen;
};

/* The line as it grows: the worst of what was found, and its words. */
struct verdict {
	enum health worst;
	char why[HEALTH_LINE / 2];
	size_t len;
};

__attribute__((format(printf, 3, 4))) static void say(struct verdict *v, enum health how,
						      const char *format, ...)
{
	const size_t room = sizeof(v->why) - v->len;
	va_list args;
	int len;

	if (how > v->worst)
		v->worst = how;
	len = snprintf(v->why + v->len, room, "%s", v->len ? "; " : "");
	if (len < 0 || (size_t)len >= room)
		return;
	v->len += (size_t)len;
	va_start(args, format);
	len = vsnprintf(v->why + v->len, sizeof(v->why) - v->len, format, args);
	va_end(args);
	/* What does not fit is cut: the status stands. */
	if (len > 0)
		v->len += (size_t)len < sizeof(v->why) - v->len ? (size_t)len
								: sizeof(v->why) - v->len - 1;
}

/* Returns what stands behind a line's beginning, or NULL. */
static const char *behind(const char *line, const char *begin)
{
	size_t len = strlen(begin);

	return strncmp(line, begin, len) ? NULL : line + len;
}

/* Takes the number of a line of this name. Returns whether it is one. */
static bool take(const char *line, const char *name, uint64_t *value)
{
	const char *at = behind(line, name);
	char *end;

	if (!at || *at != ' ' || at[1] < '0' || at[1] > '9')
		return false;
	*value = strtoull(at + 1, &end, 10);
	return *end == '\n' || !*end;
}

/* Takes the label's value of a line such as name{key="value"} 1. Returns its length; 0: it is no such line. */
static size_t take_label(const char *line, const char *begin, const char **label, uint64_t *value)
{
	const char *end;

	*label = behind(line, begin);
	if (!*label)
		return 0;
	end = strpbrk(*label, "\"\n");
	if (!end || *end != '"' || !take(end, "\"}", value))
		return 0;
	return (size_t)(end - *label);
}

/* What of these calls may be missing is known to nobody. */
static bool is_grave(const char *reason, size_t len)
{
	static const char *const grave[] = { "tampered", "hooks_silent" };

	for (size_t i = 0; i < sizeof(grave) / sizeof(grave[0]); i++)
		if (len == strlen(grave[i]) && !memcmp(reason, grave[i], len))
			return true;
	return false;
}

static void judge_labels(const char *line, struct facts *f, struct verdict *v)
{
	const char *label;
	uint64_t value;
	size_t len;

	len = take_label(line, PREFIX "lost_total{cause=\"", &label, &value);
	if (len && value) {
		f->lost += value;
		say(v, HEALTH_WARNING, "%llu calls lost: %.*s", (unsigned long long)value, (int)len,
		    label);
	}
	len = take_label(line, PREFIX "abi_covered{abi=\"", &label, &value);
	if (len && !value)
		say(v, HEALTH_WARNING, "calls of %.*s are not seen", (int)len, label);
	len = take_label(line, PREFIX "incomplete{reason=\"", &label, &value);
	/* That calls were lost was said, with how many. */
	if (len && value && !(len == 4 && !memcmp(label, "lost", 4)))
		say(v, is_grave(label, len) ? HEALTH_CRITICAL : HEALTH_WARNING,
		    "calls may be missing: %.*s", (int)len, label);
}

static void read_line(const char *line, struct facts *f, struct verdict *v)
{
	f->has_running |= take(line, PREFIX "running", &f->running);
	f->has_interval |= take(line, PREFIX "interval_seconds", &f->interval_s);
	f->has_seen |= take(line, PREFIX "seen_total", &f->seen);
	(void)take(line, PREFIX "skipped_runs_total", &f->skipped);
	(void)take(line, PREFIX "output_held_bytes", &f->held);
	(void)take(line, PREFIX "output_held_max_bytes", &f->held_max);
	judge_labels(line, f, v);
}

static void judge_run(const struct facts *f, uint64_t age_s, struct verdict *v)
{
	if (!f->running) {
		say(v, HEALTH_CRITICAL, "the tracer has ended");
		return;
	}
	if (age_s > LATE_INTERVALS * f->interval_s + LATE_S)
		say(v, HEALTH_CRITICAL,
		    "the file is written every %llu s, and was not for %llu: the tracer hangs, was killed or "
		    "cannot write it",
		    (unsigned long long)f->interval_s, (unsigned long long)age_s);
	if (f->held_max && f->held > f->held_max / 2)
		say(v, HEALTH_WARNING,
		    "the output does not take what is written: %llu of %llu bytes are held back",
		    (unsigned long long)f->held, (unsigned long long)f->held_max);
}

static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

enum health health__judge(const char *text, uint64_t age_s, char line[HEALTH_LINE])
{
	struct verdict v = { .worst = HEALTH_OK };
	struct facts f = { 0 };

	for (const char *at = text; *at;) {
		const char *end = strchr(at, '\n');

		read_line(at, &f, &v);
		at = end ? end + 1 : at + strlen(at);
	}
	if (!f.has_running || !f.has_interval || !f.has_seen) {
		snprintf(line, HEALTH_LINE,
			 "PVMTRACE UNKNOWN: this is no metrics file of pvmtrace");
		return HEALTH_UNKNOWN;
	}
	judge_run(&f, age_s, &v);
	snprintf(line, HEALTH_LINE,
		 "PVMTRACE %s: %s%s%llu calls seen, written %llu s ago | seen=%lluc lost=%lluc "
		 "skipped=%lluc held=%lluB;;;0;%llu age=%llus",
		 words[v.worst], v.why, v.len ? "; " : "", (unsigned long long)f.seen,
		 (unsigned long long)age_s, (unsigned long long)f.seen, (unsigned long long)f.lost,
		 (unsigned long long)f.skipped, (unsigned long long)f.held,
		 (unsigned long long)f.held_max, (unsigned long long)age_s);
	return v.worst;
}

/* Reads it whole, with a NUL behind it, to be freed by the caller. Returns NULL, and why. */
static char *load(const char *path, uint64_t *age_s, const char **why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	time_t now = time(NULL);
	char *text = NULL;
	struct stat st;
	ssize_t len = -1;

	if (fd < 0 || fstat(fd, &st)) {
		*why = strerror(errno);
	} else if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
		*why = "this is no metrics file of pvmtrace";
	} else {
		*age_s = now > st.st_mtime ? (uint64_t)(now - st.st_mtime) : 0;
		text = calloc(1, FILE_MAX + 1);
		len = text ? read(fd, text, FILE_MAX) : -1;
		*why = strerror(errno);
	}
	if (fd >= 0)
		close(fd);
	if (len >= 0)
		return text;
	free(text);
	return NULL;
}

int health__run(const char *path)
{
	char line[HEALTH_LINE];
	const char *why = NULL;
	uint64_t age_s = 0;
	char *text = load(path, &age_s, &why);
	enum health how;

	if (text) {
		how = health__judge(text, age_s, line);
		free(text);
	} else {
		how = HEALTH_CRITICAL;
		snprintf(line, sizeof(line), "PVMTRACE CRITICAL: --health %.200s: %s", path, why);
	}
	puts(line);
	return fflush(stdout) ? HEALTH_UNKNOWN : (int)how;
}
