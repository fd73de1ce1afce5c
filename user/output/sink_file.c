/* SPDX-License-Identifier: Apache-2.0 */
/* sink_file - writes to a regular file, and leaves it at a line's end when the disk is full. */
#include "output/sink_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* This is where the next write goes, and where the file ends. */
struct spot {
	off_t pos;
	off_t size;
};

static int look(const struct sink *s, struct spot *spot)
{
	struct stat st;

	*spot = (struct spot){ .pos = -1, .size = -1 };
	if (fstat(s->fd, &st))
		return -errno;
	spot->size = st.st_size;
	spot->pos = s->append ? st.st_size : lseek(s->fd, 0, SEEK_CUR);
	return spot->pos < 0 ? -errno : 0;
}

/* Reads what stands in the file fd, which itself is open for writing only. Returns false if we may not read it. */
static bool read_at(int fd, off_t pos, char *out, size_t len)
{
	char name[32];
	ssize_t got;
	int in;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	in = open(name, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return false;
	got = pread(in, out, len, pos);
	close(in);
	return got == (ssize_t)len;
}

bool sink_file__ends_midline(int fd)
{
	struct stat st;
	char last;

	if (fstat(fd, &st) || !st.st_size)
		return false;
	return read_at(fd, st.st_size - 1, &last, 1) && last != '\n';
}

/* A file that was opened by its name is for us alone; what stdin or stdout are is the affair of who started us. */
static bool is_ours_alone(const struct sink *s)
{
	return sink_has_name(s) && s->append;
}

/* Notes that the file grew. size: of the file now. What is there beyond ours is somebody else's; our next line begins behind
 * it, whole. */
static void note_growth(struct sink *s, off_t size)
{
	if (!is_ours_alone(s) || size <= s->file_size)
		return;
	s->others_wrote = true;
	s->file_size = size;
	s->tail_len = 0;
	s->need_lf = sink_file__ends_midline(s->fd);
	s->mid = 0;
}

void sink_file__look_for_others(struct sink *s)
{
	char tail[sizeof(s->tail)];
	struct spot now;

	if (look(s, &now))
		return;
	note_growth(s, now.size);
	if (!s->tail_len || now.size != s->file_size ||
	    !read_at(s->fd, now.size - (off_t)s->tail_len, tail, s->tail_len) ||
	    !memcmp(tail, s->tail, s->tail_len))
		return;
	s->others_wrote = is_ours_alone(s);
	s->tail_len = 0;
	s->need_lf = sink_file__ends_midline(s->fd);
	s->mid = 0;
}

/* Keeps the end of data, which was written up to the file's end. */
static void keep_tail(struct sink *s, const char *data, size_t len)
{
	s->tail_len = len < sizeof(s->tail) ? len : sizeof(s->tail);
	memcpy(s->tail, data + len - s->tail_len, s->tail_len);
}

/* Writes all. Returns 0 or -errno; *done says how much went out in either case. */
static int write_all(int fd, const char *data, size_t len, size_t *done)
{
	ssize_t n;

	for (*done = 0; *done < len; *done += (size_t)n) {
		n = write(fd, data + *done, len - *done);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return -errno;
		else if (!n)
			return -EIO;
	}
	return 0;
}

/* While the disk is full, a try must not show readers half a line and take it back: some read a
 * file that has become shorter from its start again. So the room is asked for first. Sets *len to
 * the whole lines there is room for; -errno if there is none for the first one. */
static int find_room(const struct sink *s, const char *data, off_t pos, size_t *len)
{
	const char *end;

	if (!fallocate(s->fd, FALLOC_FL_KEEP_SIZE, pos, (off_t)*len))
		return 0;
	if (errno != ENOSPC && errno != EDQUOT)
		return 0; /* this filesystem cannot say */
	end = memchr(data, '\n', *len);
	if (end)
		*len = (size_t)(end - data) + 1;
	if (!fallocate(s->fd, FALLOC_FL_KEEP_SIZE, pos, (off_t)*len))
		return 0;
	return -errno;
}

/* done bytes of data are in the file, and no more will go: takes back what is not a whole line,
 * if the file is exactly what our own write made of it. Returns how many bytes of data are out
 * then. */
static size_t cut_back(struct sink *s, const char *data, size_t done, const struct spot *before)
{
	const char *last = done ? memrchr(data, '\n', done) : NULL;
	size_t whole = last ? (size_t)(last - data) + 1 : 0;
	struct spot after;
	off_t end;

	if (whole == done)
		return whole;
	end = before->pos + (off_t)whole;
	if (look(s, &after))
		return done;
	if (before->pos == before->size && after.size == before->size + (off_t)done) {
		/* It is refused where the file may only grow (chattr +a): then the line goes on later. */
		if (ftruncate(s->fd, end))
			return done;
		if (!s->append)
			(void)lseek(s->fd, end, SEEK_SET);
		return whole;
	}
	/* We are inside of a file: the same place can be written again. */
	if (!s->append && after.pos == before->pos + (off_t)done &&
	    lseek(s->fd, end, SEEK_SET) == end)
		return whole;
	/* Somebody else's bytes follow ours: the line is sent again, whole, behind them. */
	s->others_wrote |= is_ours_alone(s);
	s->need_lf = sink_file__ends_midline(s->fd);
	return whole;
}

bool sink_file__begin_anew(struct sink *s)
{
	struct spot now;

	if (look(s, &now))
		return false;
	note_growth(s, now.size);
	if (now.size >= s->file_size)
		return false;
	/* Written where we were, it would get a hole. */
	if (!s->append)
		(void)lseek(s->fd, 0, SEEK_END);
	s->file_size = now.size;
	s->need_lf = sink_file__ends_midline(s->fd);
	s->mid = 0;
	s->tail_len = 0;
	return true;
}

int sink_file__write(struct sink *s, const char *data, size_t len, size_t *out)
{
	struct spot before;
	size_t done;
	int err;

	*out = s->mid;
	err = look(s, &before);
	if (err)
		return err;
	note_growth(s, before.size);
	*out = s->mid;
	if (s->need_lf) {
		err = write_all(s->fd, "\n", 1, &done);
		if (err)
			return err;
		s->need_lf = false;
		s->file_size++;
		err = look(s, &before);
		if (err)
			return err;
	}
	if (s->failing && !s->mid) {
		err = find_room(s, data, before.pos, &len);
		if (err)
			return err;
	}
	err = write_all(s->fd, data + s->mid, len - s->mid, &done);
	if (done)
		keep_tail(s, data + s->mid, done);
	if (!err || s->mid)
		*out = s->mid + done;
	else
		*out = cut_back(s, data, done, &before);
	if (!err) {
		s->file_size = before.pos + (off_t)done;
	} else if (!look(s, &before)) {
		s->file_size = before.size;
		s->tail_len = 0;
	}
	return err;
}
