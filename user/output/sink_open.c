/* SPDX-License-Identifier: Apache-2.0 */
/* sink_open - finds, opens, and opens again what the sink writes to. */
#include "output/sink_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "output/file.h"

#define PIPE_WANTED (1U << 20) /* what /proc/sys/fs/pipe-max-size allows by default */

/* A larger pipe takes larger batches and makes lines that do not fit it rare. As large as we are
 * allowed to. */
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
	file_watch__begin(&s->watch, s->given ? NULL : s->path, fd);
	return 0;
}

/* A description of our own of the same pipe or terminal, so that O_NONBLOCK is not set for
 * whoever shares ours; or a duplicate where that makes no difference or cannot be had. */
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

static unsigned int allowed(const struct sink *s)
{
	return OUTPUT_LINKS | (s->allow_fifo ? OUTPUT_FIFOS : 0);
}

int sink_open__path(struct sink *s)
{
	struct output_file file;
	char why[WHY_SZ];
	int err = output_file__open(&file, s->path, &s->owner, allowed(s), why);

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

/* The directory of path in out (PATH_MAX bytes). */
static const char *directory_of(const char *path, char *out)
{
	snprintf(out, PATH_MAX, "%s", path);
	return dirname(out);
}

/* Whether the open file fd is what s writes to already, and not emptied since. */
static bool is_same(const struct sink *s, int fd)
{
	struct stat old, new;

	if (fstat(s->fd, &old) || fstat(fd, &new))
		return false;
	if (old.st_dev != new.st_dev || old.st_ino != new.st_ino)
		return false;
	return !S_ISREG(new.st_mode) || new.st_size || !s->consumed;
}

int sink__reopen(struct sink *s)
{
	char dir[PATH_MAX], why[WHY_SZ];
	struct output_file file;
	int err, old = s->fd;

	if (!s->path || s->given)
		return 1;
	/* To a file that nobody can find any more nothing is written, if it can be helped. */
	if (file_watch__look(&s->watch, s->fd, 0) != FILE_REMOVED)
		(void)sink__flush(s);
	err = output_file__open(&file, s->path, &s->owner, allowed(s), why);
	/* Its name is still its own, even if we may not open that again. */
	if (err == -EACCES && file_watch__look(&s->watch, s->fd, 1) == FILE_SAME)
		return 1;
	if (!err && is_same(s, file.fd)) {
		/* To open it may have set its mode and owner right. */
		(void)file_watch__access_changed(&s->watch, s->fd, why, sizeof(why));
		close(file.fd);
		return 1;
	}
	if (!err && (err = sink_open__adopt(s, file.fd))) {
		snprintf(why, sizeof(why), "%s", strerror(-err));
		close(file.fd);
	}
	if (err) {
		if (!s->quiet_reopen)
			log__error(
				"cannot open %s again: %s; still writing to the file opened before. "
				"Let uid %u write to directory %s, or create the file for it; then send "
				"SIGHUP again",
				s->name, why, geteuid(), directory_of(s->path, dir));
		return err;
	}
	s->quiet_reopen = false;
	close(old);
	/* A line that the old file did not take whole goes whole to the new one. */
	s->mid = 0;
	return 0;
}

/* In a child: becomes uid:gid and tries. The exit status is 1 if the directory would not let it
 * create the file, 2 if it could not write to the file that is there. */
static int try_as(const char *path, const char *dir, uid_t uid, gid_t gid)
{
	if (geteuid() != uid &&
	    (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid)))
		return 0;
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS))
		return 1;
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) ? 2 : 0;
}

static int refuse_turns(const struct sink *s, const char *why)
{
	if (!s->max_size)
		return 0;
	log__error("--max-size %llu: there can be no new files after %s: %s",
		   (unsigned long long)s->max_size, s->name, why);
	return -EACCES;
}

int sink__check_reopen(const struct sink *s, uid_t uid, gid_t gid)
{
	const char *dir;
	char buf[PATH_MAX];
	int status = 0;
	pid_t pid;

	if (!s->path || s->given || s->kind != SINK_FILE)
		return refuse_turns(s, "it is not a regular file with a name of its own");
	dir = directory_of(s->path, buf);
	/* A process of its own, because only a real change of user judges like the later open. */
	pid = fork();
	if (pid < 0)
		return 0;
	if (!pid)
		_exit(try_as(s->path, dir, uid, gid));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || !WEXITSTATUS(status))
		return 0;
	if (WEXITSTATUS(status) == 1 && s->max_size) {
		char why[PATH_MAX + 96];

		snprintf(why, sizeof(why), "uid %u may not write to directory %s", uid, dir);
		return refuse_turns(s, why);
	}
	if (WEXITSTATUS(status) == 1)
		log__warn(
			"once %s is renamed, SIGHUP cannot create it anew: uid %u may not write to "
			"directory %s; give it the directory, or let it search that and have the "
			"log rotation create the file for it",
			s->name, uid, dir);
	else
		log__warn("SIGHUP could not open %s again: uid %u may not write to it", s->name,
			  uid);
	return 0;
}
