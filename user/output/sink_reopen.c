/* SPDX-License-Identifier: Apache-2.0 */
/* sink_reopen - opens the path again, on SIGHUP or because the file lost its name, and says at the start whether that could
 * work later. */
#include "output/sink_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "output/file.h"

/* Puts the directory of path in out (PATH_MAX bytes). */
static const char *directory_of(const char *path, char *out)
{
	snprintf(out, PATH_MAX, "%s", path);
	return dirname(out);
}

/* Returns whether the open file fd is what s writes to already, and not emptied since. */
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

	if (!sink_has_name(s))
		return 1;
	/* To a file that nobody can find any more nothing is written, if it can be helped. */
	if (file_watch__look(&s->watch, s->fd, 0) != FILE_REMOVED)
		(void)sink__flush(s);
	err = sink_open__file(s, &file, why);
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

/* Becomes uid:gid, in a child, and tries. The exit status is 1 if the directory would not let it create the
 * file, 2 if it could not write to the file that is there. */
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

	if (!sink_has_name(s) || s->kind != SINK_FILE)
		return refuse_turns(s, "it is not a regular file with a name of its own");
	dir = directory_of(s->path, buf);
	/* It is a process of its own, because only a real change of user judges like the later open. */
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
