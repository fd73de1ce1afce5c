/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink_stream - writes to what has a reader at its other end: pipes, sockets, terminals.
 *
 * What makes a write to a pipe all or nothing (fs/pipe.c: pipe_write, since 2.6): up to PIPE_BUF
 * bytes go into the free end of the last page or into one new page; and an empty pipe has all its
 * pages free, so that it takes its capacity. Nobody else writes to our pipe, so it cannot fill
 * between our look and our write.
 */
#include "output/sink_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "output/lines.h"

#define SOCKET_GROUP 16384 /* a local socket takes this as one buffer or not at all */
#define TTY_GROUP 4096
#define DEVICE_GROUP 65536

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Returns what is missing of the first line. */
static size_t line_rest(const struct sink *s, const char *data, size_t len)
{
	const char *end = memchr(data + s->mid, '\n', len - s->mid);

	return end ? (size_t)(end - data) + 1 - s->mid : len - s->mid;
}

/* Has the pipe run empty first. Returns -EAGAIN, or -EPIPE if nobody is there to empty it. */
static int wait_empty(struct sink *s, int unread)
{
	struct pollfd pfd = { .fd = s->fd };

	if (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLERR))
		return -EPIPE;
	s->wait = SINK_WAIT_EMPTY;
	s->same_unread = unread == s->unread ? s->same_unread + 1 : 0;
	s->unread = unread;
	return -EAGAIN;
}

/* Finds how many bytes from data + s->mid may go to a pipe in one write now. */
static int pipe_group(struct sink *s, const char *data, size_t len, size_t *group)
{
	int unread = 1, capacity;

	*group = 0;
	if (s->mid) {
		*group = line_rest(s, data, len);
		goto out;
	}
	if (len <= PIPE_BUF) {
		*group = len;
		return 0;
	}
	if (ioctl(s->fd, FIONREAD, &unread))
		unread = 1;
	if (unread) {
		*group = lines__whole(data, len, PIPE_BUF);
		return *group ? 0 : wait_empty(s, unread);
	}
	/* It is asked each time: a reader may resize its pipe. */
	capacity = fcntl(s->fd, F_GETPIPE_SZ);
	*group = lines__whole(data, len, capacity > PIPE_BUF ? (size_t)capacity : PIPE_BUF);
	if (*group)
		return 0;
	*group = line_rest(s, data, len);
out:
	/* What is longer than the pipe has to go in pieces; of these, only PIPE_BUF is sure not to block. */
	if (!s->nonblock)
		*group = min_size(*group, PIPE_BUF);
	return 0;
}

/* Finds the same for all other kinds: whole lines up to max, or as much of the first one. */
static size_t plain_group(const struct sink *s, const char *data, size_t len, size_t max)
{
	size_t group = s->mid ? 0 : lines__whole(data, len, max);

	if (group)
		return group;
	group = line_rest(s, data, len);
	return s->kind == SINK_SOCKET ? group : min_size(group, max);
}

static int choose_group(struct sink *s, const char *data, size_t len, size_t *group)
{
	switch (s->kind) {
	case SINK_PIPE:
		return pipe_group(s, data, len, group);
	case SINK_SOCKET:
		*group = plain_group(s, data, len, SOCKET_GROUP);
		return 0;
	case SINK_TTY:
		*group = plain_group(s, data, len, TTY_GROUP);
		return 0;
	case SINK_FILE:
	case SINK_DEVICE:
	default:
		*group = plain_group(s, data, len, DEVICE_GROUP);
		return 0;
	}
}

/* Returns whether a blocking descriptor takes something now. An error counts as yes: the write will tell which. */
static bool is_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) > 0;
}

static int stream_errno(const struct sink *s)
{
	switch (errno) {
	case EWOULDBLOCK:
		return -EAGAIN;
	case ECONNRESET:
	case ENOTCONN:
		return -EPIPE;
	case EIO:
		/* A terminal says that once it is hung up. */
		return s->kind == SINK_TTY ? -EPIPE : -EIO;
	default:
		return -errno;
	}
}

int sink_stream__write(struct sink *s, const char *data, size_t len, size_t *out)
{
	size_t group;
	ssize_t n;
	int err;

	*out = s->mid;
	if (s->kind != SINK_SOCKET && !s->nonblock && !is_writable(s->fd))
		return -EAGAIN;
	err = choose_group(s, data, len, &group);
	if (err)
		return err;
	do {
		if (s->kind == SINK_SOCKET)
			n = send(s->fd, data + s->mid, group, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(s->fd, data + s->mid, group);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return stream_errno(s);
	*out = s->mid + (size_t)n;
	return n ? 0 : -EIO;
}
