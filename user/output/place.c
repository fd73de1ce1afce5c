/* SPDX-License-Identifier: Apache-2.0 */
#include "output/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "output/acl.h"

#define LINKS_MAX 40 /* as the kernel */
#define DIR_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

static const struct owner nobody_else = { .uid = (uid_t)-1, .gid = (gid_t)-1 };

bool place__others_write(const struct owner *owner, int fd, const struct stat *st)
{
	if (!owner__is_ours(owner, st->st_uid) || st->st_mode & S_IWOTH)
		return true;
	return st->st_mode & S_IWGRP && (!owner__is_our_group(owner, st->st_gid) || acl__has(fd));
}

static bool on_proc(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

/* Makes fd, which becomes ours, the directory that p is in. */
static int enter(struct place *p, int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	p->dir_fd = fd;
	p->proc = on_proc(fd);
	p->shared = place__others_write(&p->owner, fd, &st);
	p->strange = place__others_write(&nobody_else, fd, &st);
	return 0;
}

/* Puts where the link leads, and rest behind that, in rest (PATH_MAX bytes). */
static int follow_text(struct place *p, const char *name, char *rest)
{
	char target[PATH_MAX], all[PATH_MAX];
	ssize_t len = readlinkat(p->dir_fd, name, target, sizeof(target) - 1);
	int n;

	if (len < 0)
		return -errno;
	if (++p->links > LINKS_MAX)
		return -ELOOP;
	target[len] = '\0';
	n = snprintf(all, sizeof(all), "%s%s%s", target, *rest ? "/" : "", rest);
	if (n < 0 || (size_t)n >= sizeof(all))
		return -ENAMETOOLONG;
	memcpy(rest, all, (size_t)n + 1);
	return *rest == '/' ? enter(p, open("/", DIR_FLAGS)) : 0;
}

/* Goes one name further; rest is what comes behind it. */
static int step(struct place *p, const char *name, char *rest)
{
	int fd = openat(p->dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		return enter(p, fd);
	else if (!S_ISLNK(st.st_mode))
		err = -ENOTDIR;
	close(fd);
	if (err)
		return err;
	if (p->proc)
		return enter(p, openat(p->dir_fd, name, DIR_FLAGS));
	if (p->strange && !owner__is_ours(&nobody_else, st.st_uid))
		return -ELOOP;
	return follow_text(p, name, rest);
}

/* Goes on from where p is. rest (PATH_MAX bytes) is used up. */
static int walk(struct place *p, char *rest)
{
	size_t skip, len;
	int err;

	for (;;) {
		skip = strspn(rest, "/");
		len = strcspn(rest + skip, "/");
		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(p->name, rest + skip, len);
		p->name[len] = '\0';
		skip += len;
		if (!rest[skip])
			return len ? 0 : -EISDIR;
		skip += strspn(rest + skip, "/");
		memmove(rest, rest + skip, strlen(rest + skip) + 1);
		err = step(p, p->name, rest);
		if (err)
			return err;
	}
}

int place__find(struct place *p, const char *path, const struct owner *owner)
{
	char rest[PATH_MAX];
	int err;

	*p = (struct place){ .dir_fd = -1, .owner = *owner };
	if (strlen(path) >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(rest, path, strlen(path) + 1);
	err = enter(p, open(*rest == '/' ? "/" : ".", DIR_FLAGS));
	if (!err)
		err = walk(p, rest);
	if (err)
		place__leave(p);
	return err;
}

int place__follow(struct place *p)
{
	char rest[PATH_MAX] = "";
	int err;

	if (p->proc)
		return -EXDEV;
	if (p->strange)
		return -ELOOP;
	err = follow_text(p, p->name, rest);
	return err ? err : walk(p, rest);
}

void place__leave(struct place *p)
{
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	p->dir_fd = -1;
}
