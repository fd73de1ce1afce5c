/* SPDX-License-Identifier: Apache-2.0 */
#include "output/notify.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define WAIT_MS 1000
#define NS_PER_USEC 1000ULL
#define USEC_MAX (UINT64_MAX / NS_PER_USEC)

/* Connects to a path, or to '@' and an abstract name. Returns 0, or -errno. */
static int connect_to(int fd, const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2)
		return -EAFNOSUPPORT;
	if (len >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	/* An abstract name is as long as it is said to be. */
	len += offsetof(struct sockaddr_un, sun_path) + (name[0] == '/');
	return connect(fd, (const struct sockaddr *)&addr, (socklen_t)len) ? -errno : 0;
}

/* Reads digits only. Returns false if it is not a number, or too large. */
static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	if (!text || !*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !errno && *out <= max;
}

/* Returns half of what the manager waits, if it waits for this very process. */
static uint64_t beat_interval(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t usec, whom;

	if (!parse_number(getenv("WATCHDOG_USEC"), USEC_MAX, &usec))
		return 0;
	if (pid && (!parse_number(pid, UINT64_MAX, &whom) || whom != (uint64_t)getpid()))
		return 0;
	return usec * NS_PER_USEC / 2;
}

void notify__open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int err = 0;

	*n = (struct notify){ .fd = -1 };
	if (name && *name) {
		n->every_ns = beat_interval();
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		err = n->fd < 0 ? -errno : connect_to(n->fd, name);
	}
	if (err) {
		log__warn("NOTIFY_SOCKET: '%.200s': %s: the service manager will not hear of us",
			  name, strerror(-err));
		notify__close(n);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static int tell(const struct notify *n, const char *state)
{
	ssize_t len;

	do {
		len = send(n->fd, state, strlen(state), MSG_NOSIGNAL);
	} while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : 0;
}

void notify__say(const struct notify *n, const char *state)
{
	struct pollfd fd = { .fd = n->fd, .events = POLLOUT };
	int err;

	if (n->fd < 0)
		return;
	err = tell(n, state);
	if (err == -EAGAIN && poll(&fd, 1, WAIT_MS) > 0)
		err = tell(n, state);
	if (err)
		log__warn("the service manager could not be told '%.*s': %s",
			  (int)strcspn(state, "\n"), state, strerror(-err));
}

void notify__reloading(const struct notify *n, uint64_t now_ns)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)(now_ns / NS_PER_USEC));
	notify__say(n, state);
}

void notify__beat(struct notify *n, uint64_t now_ns)
{
	if (n->fd < 0 || !n->every_ns || now_ns < n->next_ns)
		return;
	/* A beat that finds no room is made up for by the next: there are two for each wait. */
	(void)tell(n, "WATCHDOG=1");
	n->next_ns = now_ns + n->every_ns;
}

void notify__close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}
