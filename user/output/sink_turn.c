/* SPDX-License-Identifier: Apache-2.0 */
/* sink_turn - turns to a new file when the limit of one is reached: FILE becomes FILE.1, that FILE.2, and so on. */
#include "output/sink_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "output/file.h"
#include "output/lines.h"

#define RETRY_PART 8 /* of a file's limit, before it is tried again */

/* Moves the files of old by one; the oldest is replaced. */
static int shift(const struct place *p, unsigned int keep)
{
	char from[NAME_MAX + 16], to[NAME_MAX + 16];

	if (!keep)
		return unlinkat(p->dir_fd, p->name, 0) ? -errno : 0;
	for (unsigned int i = keep - 1; i; i--) {
		snprintf(from, sizeof(from), "%s.%u", p->name, i);
		snprintf(to, sizeof(to), "%s.%u", p->name, i + 1);
		if (renameat(p->dir_fd, from, p->dir_fd, to) && errno != ENOENT)
			return -errno;
	}
	snprintf(to, sizeof(to), "%s.1", p->name);
	return renameat(p->dir_fd, p->name, p->dir_fd, to) ? -errno : 0;
}

/* The name may be another file's already, by somebody else's rotation: then there is nothing to move. */
static int move_away(const struct sink *s)
{
	struct stat own, there;
	struct place p;
	int err = place__find(&p, s->path, &s->owner);

	if (err)
		return err;
	if (!fstat(s->fd, &own) && !fstatat(p.dir_fd, p.name, &there, AT_SYMLINK_NOFOLLOW) &&
	    own.st_dev == there.st_dev && own.st_ino == there.st_ino)
		err = shift(&p, s->keep);
	place__leave(&p);
	return err;
}

static int fail(struct sink *s, int err, const char *why)
{
	if (!s->turn_error)
		log__error("cannot turn to a new %s: %s; still writing to the old one, over its "
			   "limit of %llu bytes; tried again",
			   s->name, why, (unsigned long long)s->max_size);
	s->turn_error = -err;
	s->next_turn = s->file_size + (off_t)(s->max_size / RETRY_PART);
	return err;
}

int sink__turn(struct sink *s)
{
	struct output_file file;
	char why[WHY_SZ];
	int err, old = s->fd;

	err = move_away(s);
	if (err)
		return fail(s, err, strerror(-err));
	err = output_file__open(&file, s->path, &s->owner, 0, why);
	if (err)
		return fail(s, err, why);
	err = sink_open__adopt(s, file.fd);
	if (err) {
		close(file.fd);
		return fail(s, err, strerror(-err));
	}
	close(old);
	s->mid = 0;
	s->next_turn = 0;
	if (s->turn_error)
		log__warn("turning to a new %s works again", s->name);
	s->turn_error = 0;
	return 0;
}

int sink_turn__make_room(struct sink *s, const char *data, size_t *len)
{
	size_t room, fit, first;
	int err;

	if (!s->max_size || s->kind != SINK_FILE || s->mid)
		return 0;
	room = (uint64_t)s->file_size < s->max_size ? s->max_size - (uint64_t)s->file_size : 0;
	if (*len <= room)
		return 0;
	fit = lines__whole(data, *len, room);
	if (!fit && s->file_size >= s->next_turn) {
		err = sink__turn(s);
		if (!err)
			return 1;
	}
	if (!fit) { /* it could not be: line by line, so that it is tried again in time */
		first = (size_t)((const char *)memchr(data, '\n', *len) - data) + 1;
		fit = first;
	}
	*len = fit;
	return 0;
}
