/* SPDX-License-Identifier: Apache-2.0 */
#include "output/file_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd_path.h"
#include "output/acl.h"

static struct file_access read_access(int fd)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return (struct file_access){ 0 };
	return (struct file_access){
		.mode = st.st_mode & 07777,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.acl = acl__has(fd),
	};
}

bool file_watch__access_changed(struct file_watch *w, int fd, char *now, size_t size)
{
	const struct file_access a = read_access(fd), was = w->access;

	w->access = a;
	if (!*w->path ||
	    (a.mode == was.mode && a.uid == was.uid && a.gid == was.gid && a.acl == was.acl))
		return false;
	snprintf(now, size, "mode %04o, uid %u, gid %u%s", a.mode, a.uid, a.gid,
		 a.acl ? ", with an access control list" : "");
	return true;
}

void file_watch__begin(struct file_watch *w, const char *path, int fd)
{
	char dir[PATH_MAX];
	int n = 0;

	w->path[0] = '\0';
	if (path && *path != '/' && getcwd(dir, sizeof(dir)))
		n = snprintf(w->path, sizeof(w->path), "%s/%s", dir, path);
	else if (path)
		n = snprintf(w->path, sizeof(w->path), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(w->path))
		w->path[0] = '\0';
	fd_path__read(fd, w->link);
	w->access = read_access(fd);
}

/* Returns the mount that fd was opened on; -1: not known. */
static long mount_of(int fd)
{
	char name[40], line[128];
	long id = -1;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	f = fopen(name, "re");
	while (f && id < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "mnt_id:", 7))
			id = strtol(line + 7, NULL, 10);
	}
	if (f)
		fclose(f);
	return id;
}

/* Takes back the octal escapes of mountinfo (fs/proc_namespace.c: mangle), in place. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* Returns whether path is at or below dir: how much of it that is. */
static size_t below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len == 1)
		return 1;
	return !strncmp(path, dir, len) && (path[len] == '/' || !path[len]) ? len : 0;
}

/* Returns whether another mount than the file's own is what its name leads through now. */
static bool is_covered(const char *path, long own)
{
	char *line = NULL, point[PATH_MAX];
	size_t room = 0, best = 0, len;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	long id, top = own;

	/* Of two mounts at one place the later one is above. */
	while (f && getline(&line, &room, f) > 0) {
		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the number */
		if (sscanf(line, "%ld %*s %*s %*s %4095s", &id, point) != 2)
			continue;
		unescape(point);
		len = below(path, point);
		if (len && len >= best) {
			best = len;
			top = id;
		}
	}
	free(line);
	if (f)
		fclose(f);
	return top != own;
}

/* Looks without the right to look at the name itself. */
static enum file_change look_from_inside(const struct file_watch *w, int fd)
{
	char link[PATH_MAX];
	long own = mount_of(fd);

	fd_path__read(fd, link);
	if (!*w->link || !*link)
		return FILE_SAME;
	if (strcmp(link, w->link) != 0)
		return FILE_MOVED;
	return own >= 0 && is_covered(link, own) ? FILE_REPLACED : FILE_SAME;
}

enum file_change file_watch__look(const struct file_watch *w, int fd, off_t size)
{
	struct stat own, there;

	if (fstat(fd, &own) || !S_ISREG(own.st_mode))
		return FILE_SAME;
	if (!own.st_nlink)
		return FILE_REMOVED;
	if (*w->path && stat(w->path, &there)) {
		/* In a mount over its directory the name is missing as if the file had been moved. */
		if (errno == ENOENT || errno == ENOTDIR)
			return look_from_inside(w, fd) == FILE_REPLACED ? FILE_REPLACED
									: FILE_MOVED;
		if (look_from_inside(w, fd) != FILE_SAME)
			return look_from_inside(w, fd);
	} else if (*w->path && (own.st_dev != there.st_dev || own.st_ino != there.st_ino)) {
		return FILE_REPLACED;
	}
	return own.st_size < size ? FILE_EMPTIED : FILE_SAME;
}
