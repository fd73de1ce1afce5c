/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/pid_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void pid_watch__add(struct pid_watch *w, uint32_t pid)
{
	struct pollfd *more = realloc(w->fds, (w->cnt + 1) * sizeof(*more));
	long fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);

	if (more)
		w->fds = more;
	if (!more || (fd < 0 && errno != ESRCH)) {
		w->unwatched++;
		if (fd >= 0)
			close((int)fd);
		return;
	}
	w->fds[w->cnt++] = (struct pollfd){ .fd = (int)fd, .events = POLLIN };
}

size_t pid_watch__alive(struct pid_watch *w)
{
	size_t alive = w->unwatched;

	/* poll(2) ignores negative descriptors. An error leaves no event, so the process counts as alive. */
	(void)poll(w->fds, w->cnt, 0);
	for (size_t i = 0; i < w->cnt; i++) {
		if (w->fds[i].fd >= 0 && w->fds[i].revents & POLLIN) {
			close(w->fds[i].fd);
			w->fds[i].fd = -1;
		}
		alive += w->fds[i].fd >= 0;
	}
	return alive;
}

void pid_watch__close(struct pid_watch *w)
{
	for (size_t i = 0; i < w->cnt; i++) {
		if (w->fds[i].fd >= 0)
			close(w->fds[i].fd);
	}
	free(w->fds);
	*w = (struct pid_watch){ 0 };
}
