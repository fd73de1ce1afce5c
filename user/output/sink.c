/* SPDX-License-Identifier: Apache-2.0 */
/* sink - the buffer of pending lines, the weights that go with them, and what is made of errors. */
#include "output/sink_impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "output/lines.h"

#define BUFFER_MIN ((size_t)4 << 20)
#define MARK_PER_BYTES 64 /* shortest line, on average, for which there is room among the marks */
#define WRITE_MAX (1 << 20)
#define FAILING_RETRY_MS 200
#define EMPTY_RETRY_MS 1
#define STALLED_RETRY_MS 5
#define STALLED_AFTER 20 /* tries without any byte read */

size_t sink__buffer(size_t max_line)
{
	return 4 * max_line > BUFFER_MIN ? 4 * max_line : BUFFER_MIN;
}

int sink__open(struct sink **out, const struct sink_opts *opts)
{
	struct sink *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (!s)
		goto fail;
	s->fd = -1;
	s->path = opts->path;
	s->name = opts->path ? opts->path : "stdout";
	s->max_line = opts->max_line;
	s->size = opts->buffer > 4 * opts->max_line ? opts->buffer : 4 * opts->max_line;
	s->buf = malloc(s->size);
	s->mark_cnt = s->size / MARK_PER_BYTES;
	s->marks = malloc(s->mark_cnt * sizeof(*s->marks));
	if (!s->buf || !s->marks)
		goto fail;
	/* The memory is held from now on: the end of a run under a memory limit is not the time to ask for it. Zeroes the
	 * compiler would leave to calloc, which touches nothing. */
	memset(s->buf, ' ', s->size);
	memset(s->marks, ' ', s->mark_cnt * sizeof(*s->marks));
	s->allow_fifo = opts->allow_fifo;
	s->owner = opts->owner;
	s->keep = opts->keep;
	err = s->path ? sink_open__path(s) : sink_open__stdout(s);
	s->max_size = opts->max_size;
	/* What an earlier run left leaves no room for the first records. */
	if (!err && s->max_size && s->file_size &&
	    (uint64_t)s->file_size + 2 * s->max_line > s->max_size)
		(void)sink__turn(s);
	if (err)
		goto out;
	*out = s;
	return 0;
fail:
	log__error("no memory for the output buffer");
out:
	sink__close(s);
	return err;
}

void sink__close(struct sink *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->buf);
	free(s->first);
	free(s->marks);
	free(s);
}

char *sink__reserve(struct sink *s)
{
	if (s->mark_next - s->mark_first == s->mark_cnt)
		return NULL;
	if (s->old_start == s->old_end && !s->young_end)
		s->old_start = s->old_end = 0;
	if (!s->young_end && s->size - s->old_end >= s->max_line)
		s->reserved = s->old_end;
	else if (s->old_start - s->young_end >= s->max_line)
		s->reserved = s->young_end;
	else
		return NULL;
	return s->buf + s->reserved;
}

/* The younger run becomes the older one. */
static void turn_over(struct sink *s)
{
	if (s->old_start < s->old_end || !s->young_end)
		return;
	s->old_start = 0;
	s->old_end = s->young_end;
	s->young_end = 0;
}

void sink__commit(struct sink *s, size_t len, uint64_t weight, uint32_t kind)
{
	if (!s->young_end && s->reserved == s->old_end)
		s->old_end += len;
	else
		s->young_end += len;
	turn_over(s);
	s->committed += len;
	s->committed_weight += weight;
	if (weight)
		s->marks[s->mark_next++ % s->mark_cnt] =
			(struct sink_mark){ .end = s->committed, .weight = weight, .kind = kind };
}

int sink__put_first(struct sink *s, const char *line, size_t len)
{
	char *first = realloc(s->first, s->first_len + len);

	if (!first)
		return -ENOMEM;
	memmove(first + len, first, s->first_len);
	memcpy(first, line, len);
	s->first = first;
	s->first_len += len;
	return 0;
}

/* Returns pending lines that lie in one piece, the oldest ones; NULL: none. */
static const char *front(const struct sink *s, size_t *len)
{
	const char *data = s->first_len ? s->first : s->buf + s->old_start;
	size_t all = s->first_len ? s->first_len : s->old_end - s->old_start;

	if (!data || !all)
		return NULL;
	*len = lines__whole(data, all, WRITE_MAX);
	if (!*len)
		*len = (size_t)((const char *)memchr(data, '\n', all) - data) + 1;
	return data;
}

static void consume(struct sink *s, size_t len)
{
	const struct sink_mark *mark;

	if (s->first_len) {
		s->first_written += len;
		s->first_len -= len;
		memmove(s->first, s->first + len, s->first_len);
		return;
	}
	s->old_start += len;
	turn_over(s);
	s->consumed += len;
	for (; s->mark_first != s->mark_next; s->mark_first++) {
		mark = &s->marks[s->mark_first % s->mark_cnt];
		if (mark->end > s->consumed)
			break;
		s->written_weight += mark->weight;
	}
}

/* Forgets the whole lines of data, of which out bytes are out. */
static void take_out(struct sink *s, const char *data, size_t out)
{
	/* What was out before is within one line. */
	const char *last = out > s->mid ? memrchr(data + s->mid, '\n', out - s->mid) : NULL;
	size_t whole = last ? (size_t)(last - data) + 1 : 0;

	s->mid = out - whole;
	if (whole)
		consume(s, whole);
}

/* Notes an error, which is said once when it begins, not at every try. */
static int note_error(struct sink *s, int err)
{
	if (err == -EAGAIN || err == -EPIPE)
		return err;
	s->wait = SINK_WAIT_TIME;
	if (!s->failing)
		log__error("cannot write to %s: %s; lines are held back and tried again", s->name,
			   strerror(-err));
	s->failing = -err;
	return err;
}

void sink__on_new(struct sink *s, void (*on_new)(void *ctx, enum reopen_reason reason), void *ctx)
{
	s->on_new = on_new;
	s->ctx = ctx;
}

static void say_new(struct sink *s, enum reopen_reason reason)
{
	if (s->on_new)
		s->on_new(s->ctx, reason);
}

void sink__renew(struct sink *s)
{
	if (s->kind == SINK_FILE && sink_file__begin_anew(s))
		say_new(s, REOPEN_EMPTIED);
}

enum file_change sink__look(const struct sink *s)
{
	return s->kind == SINK_FILE ? file_watch__look(&s->watch, s->fd, s->file_size) : FILE_SAME;
}

bool sink__others_wrote(struct sink *s)
{
	bool wrote;

	if (s->kind == SINK_FILE)
		sink_file__look_for_others(s);
	wrote = s->others_wrote;
	s->others_wrote = false;
	return wrote;
}

bool sink__access_changed(struct sink *s, char *now, size_t size)
{
	return s->kind == SINK_FILE && file_watch__access_changed(&s->watch, s->fd, now, size);
}

void sink__quiet_reopen(struct sink *s, bool quiet)
{
	s->quiet_reopen = quiet;
}

int sink__turn_error(const struct sink *s)
{
	return s->turn_error;
}

int sink__flush(struct sink *s)
{
	const char *data;
	size_t len, out;
	int err;

	if (front(s, &len))
		sink__renew(s);
	while ((data = front(s, &len)) != NULL) {
		if (sink_turn__make_room(s, data, &len)) {
			say_new(s, REOPEN_SIZE);
			continue;
		}
		s->wait = SINK_WAIT_OUT;
		out = s->mid;
		err = s->kind == SINK_FILE ? sink_file__write(s, data, len, &out)
					   : sink_stream__write(s, data, len, &out);
		take_out(s, data, out);
		if (err)
			return note_error(s, err);
		s->same_unread = 0;
		if (s->failing) {
			log__warn("writing to %s works again", s->name);
			s->failing = 0;
		}
	}
	s->wait = SINK_IDLE;
	return 0;
}

int sink__drain(struct sink *s, int timeout_ms)
{
	uint64_t now, end = clock__mono_now() + (uint64_t)timeout_ms * NS_PER_MS;
	struct pollfd pfd;
	int err, wait_ms;

	for (;;) {
		err = sink__flush(s);
		now = clock__mono_now();
		if (!err || err == -EPIPE || now >= end)
			return err;
		pfd = (struct pollfd){ .fd = s->fd, .events = sink__events(s) };
		wait_ms = sink__retry_ms(s);
		if ((uint64_t)wait_ms * NS_PER_MS > end - now)
			wait_ms = (int)((end - now) / NS_PER_MS) + 1;
		/* A descriptor may be in a state that ends poll at once, where only time helps. */
		(void)poll(&pfd, s->wait != SINK_WAIT_TIME, wait_ms);
	}
}

bool sink__reopens(const struct sink *s)
{
	return sink_has_name(s);
}

int sink__fd(const struct sink *s)
{
	return s->fd;
}

short sink__events(const struct sink *s)
{
	return s->wait == SINK_WAIT_OUT ? POLLOUT : 0;
}

int sink__retry_ms(const struct sink *s)
{
	switch (s->wait) {
	case SINK_WAIT_EMPTY:
		return s->same_unread < STALLED_AFTER ? EMPTY_RETRY_MS : STALLED_RETRY_MS;
	case SINK_WAIT_OUT:
	case SINK_WAIT_TIME:
		return FAILING_RETRY_MS;
	case SINK_IDLE:
	default:
		return 0;
	}
}

size_t sink__pending(const struct sink *s)
{
	return s->first_len + (s->old_end - s->old_start) + s->young_end - s->mid;
}

uint64_t sink__written(const struct sink *s)
{
	return s->consumed + s->first_written;
}

uint64_t sink__pending_weight(const struct sink *s)
{
	return s->committed_weight - s->written_weight;
}

uint64_t sink__pending_kind(const struct sink *s, uint32_t kind)
{
	uint64_t sum = 0;

	for (size_t i = s->mark_first; i != s->mark_next; i++) {
		const struct sink_mark *mark = &s->marks[i % s->mark_cnt];

		if (mark->kind == kind)
			sum += mark->weight;
	}
	return sum;
}

bool sink__turn_due(const struct sink *s)
{
	return s->max_size && s->kind == SINK_FILE && s->file_size >= s->next_turn &&
	       (uint64_t)s->file_size + sink__pending(s) + s->max_line > s->max_size;
}
