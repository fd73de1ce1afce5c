/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define FILE_MODE 0644 /* whoever runs the exporter reads it */

static int open_dir(const struct metrics *m)
{
	int fd = open(m->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void metrics__open(struct metrics *m, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	memset(m, 0, sizeof(*m));
	m->dir_fd = -1;
	m->path = path;
	if (!path)
		return;
	m->name = slash ? slash + 1 : path;
	/* What does not fit cannot be opened either, and is told when it is written. */
	if (slash && (size_t)(slash - path) < sizeof(m->dir))
		memcpy(m->dir, path, slash == path ? 1 : (size_t)(slash - path));
	else if (!slash)
		m->dir[0] = '.';
	/* A name that the collector does not read. */
	snprintf(m->temp, sizeof(m->temp), ".%.200s.tmp", m->name);
	m->dir_fd = open_dir(m);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A new file under the name for it that is not yet the final one. */
static int write_temp(const struct metrics *m, const char *text, size_t len)
{
	int fd, err;

	/* One that an earlier run left. */
	(void)unlinkat(m->dir_fd, m->temp, 0);
	fd = openat(m->dir_fd, m->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    FILE_MODE);
	if (fd < 0)
		return -errno;
	err = write_all(fd, text, len);
	/* Whatever the umask is. */
	if (!err && fchmod(fd, FILE_MODE))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int replace(const struct metrics *m, const char *text, size_t len)
{
	int err;

	if (m->dir_fd < 0)
		return m->dir_fd;
	err = write_temp(m, text, len);
	if (!err && renameat(m->dir_fd, m->temp, m->dir_fd, m->name))
		err = -errno;
	if (err)
		(void)unlinkat(m->dir_fd, m->temp, 0);
	return err;
}

/* The directory may have been made, or made anew, since it was opened. */
static int replace_anew(struct metrics *m, const char *text, size_t len)
{
	int fd = open_dir(m);

	if (fd < 0)
		return fd;
	if (m->dir_fd >= 0)
		close(m->dir_fd);
	m->dir_fd = fd;
	return replace(m, text, len);
}

static void say_failing(const struct metrics *m, int err)
{
	char hint[PATH_MAX + 96] = "";

	if (err == -EACCES || err == -EPERM)
		snprintf(hint, sizeof(hint),
			 ": uid %u must be allowed to create files in directory %.400s", geteuid(),
			 m->dir);
	else if (err == -ENOENT && m->name[0])
		snprintf(hint, sizeof(hint), ": there must be a directory %.400s", m->dir);
	log__warn("--metrics %.300s: %s%s; tracing goes on, and it is tried again", m->path,
		  m->name[0] ? strerror(-err) : "names no file", hint);
}

int metrics__write(struct metrics *m, const struct metrics_info *info)
{
	size_t len = 0;
	char *text;
	int err;

	if (!m->path)
		return 0;
	text = metrics__text(info, &len);
	err = text ? replace(m, text, len) : -ENOMEM;
	if (text && err)
		err = replace_anew(m, text, len);
	free(text);
	if (err && !m->failing)
		say_failing(m, err);
	if (!err && m->failing)
		log__info("--metrics %.300s: written again", m->path);
	m->failing = err != 0;
	return err;
}

void metrics__close(struct metrics *m)
{
	if (m->path && m->dir_fd >= 0)
		close(m->dir_fd);
	m->dir_fd = -1;
}
