/* SPDX-License-Identifier: Apache-2.0 */
#include "output/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/privileges.h"
#include "output/acl.h"

#define FILE_MODE 0644 /* whoever runs the exporter reads it */

static int open_dir(const struct metrics *m)
{
	struct place p;
	int err = place__find(&p, m->path, &m->owner);

	return err ? err : p.dir_fd;
}

/* Another user's file is not replaced: where others may put files, it was put there in our way. */
static int check_owner(const struct metrics *m)
{
	struct stat st;

	if (m->dir_fd < 0 || fstatat(m->dir_fd, m->name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (owner__is_ours(&m->owner, st.st_uid) || privileges__is_made_up(st.st_uid))
		return 0;
	return -EEXIST;
}

void metrics__open(struct metrics *m, const char *path, const struct owner *owner)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	memset(m, 0, sizeof(*m));
	m->dir_fd = -1;
	m->path = path;
	m->owner = *owner;
	if (!path)
		return;
	m->name = slash ? slash + 1 : path;
	/* What does not fit cannot be opened either, which is said when it is written. */
	if (slash && (size_t)(slash - path) < sizeof(m->dir))
		memcpy(m->dir, path, slash == path ? 1 : (size_t)(slash - path));
	else if (!slash)
		m->dir[0] = '.';
	/* The collector does not read a file of this name. */
	snprintf(m->temp, sizeof(m->temp), ".%.200s.tmp", m->name);
	m->dir_fd = open_dir(m);
	(void)check_owner(m); /* whose is there is looked up while that can be done */
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

/* Makes a new file under a name for it that is not yet the final one: m->temp, or where somebody's stands in the way that we
 * may not remove, one that nobody could know. */
static int create_temp(struct metrics *m)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	uint64_t no = 0;
	int fd;

	/* This removes one that an earlier run left. */
	(void)unlinkat(m->dir_fd, m->temp, 0);
	fd = openat(m->dir_fd, m->temp, flags, 0600);
	if (fd < 0 && errno == EEXIST && getrandom(&no, sizeof(no), 0) == sizeof(no)) {
		snprintf(m->temp, sizeof(m->temp), ".%.200s.%016llx.tmp", m->name,
			 (unsigned long long)no);
		fd = openat(m->dir_fd, m->temp, flags, 0600);
	}
	return fd < 0 ? -errno : fd;
}

static int write_temp(struct metrics *m, const char *text, size_t len)
{
	int fd = create_temp(m), err;

	if (fd < 0)
		return fd;
	/* A default list of the directory would say who else may. */
	err = acl__remove(fd);
	if (!err)
		err = write_all(fd, text, len);
	/* The mode is to be this whatever the umask is. */
	if (!err && fchmod(fd, FILE_MODE))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static int replace(struct metrics *m, const char *text, size_t len)
{
	int err;

	if (m->dir_fd < 0)
		return m->dir_fd;
	err = check_owner(m);
	if (err)
		return err;
	err = write_temp(m, text, len);
	if (!err && renameat(m->dir_fd, m->temp, m->dir_fd, m->name))
		err = -errno;
	if (err)
		(void)unlinkat(m->dir_fd, m->temp, 0);
	return err;
}

/* The directory may have been made anew, renamed or covered by a mount since it was opened. Where only root can look
 * for it, the one that was opened then stays in use. */
static int refresh(struct metrics *m)
{
	int fd = open_dir(m);

	if (fd == -EACCES && m->dir_fd >= 0)
		return 0;
	if (fd < 0)
		return fd;
	if (m->dir_fd >= 0)
		close(m->dir_fd);
	m->dir_fd = fd;
	return 0;
}

static void say_failing(const struct metrics *m, int err)
{
	char hint[PATH_MAX + 96] = "";

	if (err == -EACCES || err == -EPERM)
		snprintf(hint, sizeof(hint),
			 ": uid %u must be allowed to create files in directory %.400s", geteuid(),
			 m->dir);
	else if (err == -EEXIST)
		snprintf(hint, sizeof(hint), ": what is there is another user's: remove it");
	else if (err == -ELOOP)
		snprintf(hint, sizeof(hint),
			 ": a symbolic link on the way stands where others may have put it");
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
	err = text ? refresh(m) : -ENOMEM;
	if (!err)
		err = replace(m, text, len);
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
