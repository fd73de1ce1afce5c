/* SPDX-License-Identifier: Apache-2.0 */
/* pid_watch - whether the processes that a filter means are still there. That is seen by pidfds, which stand for a process
 * and not for its number, and need no rights. */
#ifndef PVM_PID_WATCH_H
#define PVM_PID_WATCH_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct pid_watch {
	struct pollfd *fds; /* -1: it has ended */
	size_t cnt;
	size_t unwatched; /* processes that could not be watched: they count as alive */
};

/* Watches one process more, from now on. */
void pid_watch__add(struct pid_watch *w, uint32_t pid);
/* Returns how many of them have not ended. A process has ended when its last thread has. */
size_t pid_watch__alive(struct pid_watch *w);
void pid_watch__close(struct pid_watch *w);

#endif
