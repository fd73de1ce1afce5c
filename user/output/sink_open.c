/* SPDX-License-Identifier: Apache-2.0 */
/* sink_open - finds and opens what the sink writes to. */
#include "output/sink_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "output/file.h"

#define PIPE_WANTED (1U << 20) /* what /proc/sys/fs/pipe-max-size allows by default */

/* Makes the pipe as large as we are allowed to. A larger pipe takes larger batches and makes lines that do not
 * fit it rare. */
static void widen_pipe(int fd, size_t max_line)
{
	unsigned size = PIPE_WANTED;
	int now = fcntl(fd, F_GETPIPE_SZ);

	while (size < max_line && size < 1U << 30)
		size *= 2;
	for (; now > 0 && size > (unsigned)now; size /= 2)
		if (fcntl(fd, F_SETPIPE_SZ, (int)size) >= 0)
			break;
}

int sink_open__adopt(struct sink *s, int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st))
		return -errno;
	s->need_lf = false;
	s->tail_len = 0;
	s->append = flags & O_APPEND;
	s->nonblock = flags & O_NONBLOCK;
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		s->kind = SINK_FILE;
		s->need_lf = (s->append || lseek(fd, 0, SEEK_CUR) == st.st_size) &&
			     sink_file__ends_midline(fd);
		break;
	case S_IFIFO:
		s->kind = SINK_PIPE;
		widen_pipe(fd, s->max_line);
		break;
	case S_IFSOCK:
		s->kind = SINK_SOCKET;
		break;
	case S_IFCHR:
		s->kind = isatty(fd) ? SINK_TTY : SINK_DEVICE;
		break;
	default:
		return -EINVAL;
	}
	s->fd = fd;
	s->file_size = s->kind == SINK_FILE ? st.st_size : 0;
	file_watch__begin(&s->watch, sink_has_name(s) ? s->path : NULL, fd);
	return 0;
}

/* Returns a description of our own of the same pipe or terminal, so that O_NONBLOCK is not set for whoever
 * shares ours; or a duplicate where that makes no difference or cannot be had. */
static int own_stdout(void)
{
	struct stat st;
	char name[32];
	int fd;

	if (fstat(STDOUT_FILENO, &st))
		return -errno;
	/* Opening a terminal's master side makes a new terminal. */
	if (S_ISFIFO(st.st_mode) || (isatty(STDOUT_FILENO) && st.st_rdev != makedev(5, 2))) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", STDOUT_FILENO);
		fd = open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		log__debug("no descriptor of our own for stdout: %s", strerror(errno));
	}
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return fd < 0 ? -errno : fd;
}

/* systemd names what it connected stdout or stderr to, see systemd.exec(5). journald drops what comes faster than its
 * limits, and nobody here can see it. */
static void warn_of_journal(void)
{
	const char *name = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	/* NOLINTNEXTLINE(cert-err34-c): a number that is none is that of no file */
	if (!name || sscanf(name, "%llu:%llu", &dev, &ino) != 2 || fstat(STDOUT_FILENO, &st) ||
	    st.st_dev != dev || st.st_ino != ino)
		return;
	log__warn(
		"stdout is the journal, which drops lines that come too fast: a gap in `seq` shows it; "
		"LogRateLimitIntervalSec=0 in the unit lifts that limit, --output FILE has none");
}

int sink_open__stdout(struct sink *s)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	int fd, err = 0;

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		err = -EBADF;
	if (!err) {
		fd = own_stdout();
		err = fd < 0 ? fd : sink_open__adopt(s, fd);
		if (err && fd >= 0)
			close(fd);
	}
	if (err)
		log__error("cannot write to stdout: %s", strerror(-err));
	else
		warn_of_journal();
	return err;
}

int sink_open__file(const struct sink *s, struct output_file *file, char why[WHY_SZ])
{
	unsigned int allow = OUTPUT_LINKS | (s->allow_fifo ? OUTPUT_FIFOS : 0);

	return output_file__open(file, s->path, &s->owner, allow, why);
}

int sink_open__path(struct sink *s)
{
	struct output_file file;
	char why[WHY_SZ];
	int err = sink_open__file(s, &file, why);

	if (err) {
		log__error("cannot open %s: %s", s->name, why);
		return err;
	}
	s->given = file.given;
	err = sink_open__adopt(s, file.fd);
	if (err) {
		log__error("cannot open %s: %s", s->name, strerror(-err));
		close(file.fd);
	}
	return err;
}
