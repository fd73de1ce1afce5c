/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/log.h"

static bool reads_zero(int fd)
{
	char text[8] = "";
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	return len > 0 && text[0] == '0' && (text[1] == '\n' || text[1] == '\0');
}

/* Returns whether it is 0 now. What cannot be read, because it is not there or not for us, is not said to be. */
static bool is_zero(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool zero = fd >= 0 && reads_zero(fd);

	if (fd >= 0)
		close(fd);
	return zero;
}

bool sysctl__ftrace_is_off(void)
{
	return is_zero(SYSCTL_FTRACE_FILE);
}

bool sysctl__kprobes_are_off(void)
{
	return is_zero(KPROBES_SWITCH);
}

bool sysctl__jit_is_off(void)
{
	return is_zero(SYSCTL_JIT_FILE);
}

void sysctl__watch(struct sysctl_watch *w, const char *file)
{
	*w = (struct sysctl_watch){ .file = open(file, O_RDONLY | O_CLOEXEC), .notify = -1 };
	if (w->file < 0)
		return;
	w->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->notify >= 0 && inotify_add_watch(w->notify, file, IN_MODIFY) >= 0)
		return;
	log__debug("%s cannot be watched: %s", file, strerror(errno));
	if (w->notify >= 0)
		close(w->notify);
	w->notify = -1;
}

bool sysctl__is_watched(const struct sysctl_watch *w)
{
	return w->notify >= 0;
}

bool sysctl__watched_is_zero(const struct sysctl_watch *w)
{
	return w->file >= 0 && reads_zero(w->file);
}

bool sysctl__was_written(struct sysctl_watch *w)
{
	char events[sizeof(struct inotify_event) + NAME_MAX + 1]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	bool written = false;

	while (w->notify >= 0 && read(w->notify, events, sizeof(events)) > 0)
		written = true;
	return written;
}
