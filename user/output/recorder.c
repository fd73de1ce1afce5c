/* SPDX-License-Identifier: Apache-2.0 */
/* recorder - writes what recording_layout.h describes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bpf/rules.h"
#include "output/file.h"
#include "output/recording.h"

#define BUFFER_SZ (2u << 20)
/* What stands before the first record: the header, each step of the clock that is remembered, and the key. */
#define HEAD_MAX                                                             \
	(sizeof(struct recording_header) +                                   \
	 CLOCK_STEPS * (sizeof(struct frame) + sizeof(struct frame_clock)) + \
	 sizeof(struct frame) + sizeof(struct pin_key))

struct recorder {
	const char *path;
	int fd;
	uint64_t written; /* bytes, also such as a file has no more */
	off_t end;	  /* of the last whole frame in the file */
	size_t len;
	uint64_t calls; /* in the buffer */
	bool failing;
	bool others_wrote;
	struct file_watch watch;
	size_t head_len;
	char head[HEAD_MAX]; /* the file's first frames */
	char buf[BUFFER_SZ];
};

/* Creates the file. Returns the descriptor, or -errno after a message. */
static int create_file(const char *path, const struct owner *owner)
{
	struct output_file file;
	char why[WHY_SZ];
	struct stat st;
	int err = output_file__open(&file, path, owner, 0, why);

	if (err) {
		log__error("--record %s: %s", path, why);
		return err;
	}
	/* Frames are written where they belong, not at the end. */
	if (fstat(file.fd, &st) || fcntl(file.fd, F_SETFL, 0))
		err = -errno;
	else if (!S_ISREG(st.st_mode) || st.st_size)
		err = -EEXIST;
	if (!err)
		return file.fd;
	log__error("--record %s: %s", path,
		   err == -EEXIST ? "there is something already: give the name of a new file"
				  : strerror(-err));
	close(file.fd);
	return err;
}

int recorder__create(struct recorder **out, const char *path, const struct recording_header *header,
		     const struct owner *owner)
{
	struct recording_header head = *header;
	struct recorder *r = malloc(sizeof(*r));

	if (!r) {
		log__error("out of memory");
		return -ENOMEM;
	}
	/* The memory is held from now on, as the sink's is. */
	memset(r->buf, 0, sizeof(r->buf));
	r->path = path;
	r->end = 0;
	r->written = 0;
	r->calls = 0;
	r->failing = false;
	r->others_wrote = false;
	r->head_len = 0;
	r->fd = create_file(path, owner);
	if (r->fd < 0) {
		int err = r->fd;

		free(r);
		return err;
	}
	file_watch__begin(&r->watch, path, r->fd);
	recording_header__seal(&head);
	memcpy(r->buf, &head, sizeof(head));
	r->len = sizeof(head);
	*out = r;
	return 0;
}

/* What is put after one look whether there is room: frames of ours, and no record of the rings is longer than the pages of
 * the longest array. */
#define FRAME_SURELY (64u << 10)
PVM_ASSERT(2 * (sizeof(struct pvm_array) + PVM_ARRAY_PAGES * PVM_PAGE_SZ) <= FRAME_SURELY);
PVM_ASSERT(PVM_CALL_MAX < PVM_PAGE_SZ);

bool recorder__room(struct recorder *r)
{
	return sizeof(r->buf) - r->len >= FRAME_SURELY || !recorder__flush(r);
}

int recorder__put(struct recorder *r, enum frame_kind kind, const void *data, size_t size,
		  uint64_t calls)
{
	struct frame frame = { .size = (uint32_t)size, .kind = kind };

	if (sizeof(frame) + size > sizeof(r->buf) - r->len) {
		int err = recorder__flush(r);

		if (err)
			return -EAGAIN;
	}
	frame.crc = frame__checksum(&frame, data);
	memcpy(r->buf + r->len, &frame, sizeof(frame));
	memcpy(r->buf + r->len + sizeof(frame), data, size);
	r->len += sizeof(frame) + size;
	r->calls += calls;
	return 0;
}

/* Looks whether the file still ends where we left it. Written behind a file's new end, the frames would leave a hole before
 * them. Behind the last one nothing may stand. */
static int check_end(struct recorder *r)
{
	struct stat st;

	if (fstat(r->fd, &st))
		return -errno;
	if (st.st_size > r->end) {
		r->others_wrote = true;
		return ftruncate(r->fd, r->end) ? -errno : 0;
	}
	return st.st_size < r->end ? -ESPIPE : 0;
}

int recorder__flush(struct recorder *r)
{
	int err = check_end(r);
	size_t done = 0;

	while (done < r->len && !err) {
		ssize_t n = pwrite(r->fd, r->buf + done, r->len - done, r->end + (off_t)done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			err = n ? -errno : -EIO;
	}
	if (!err) {
		r->end += (off_t)r->len;
		r->written += r->len;
		r->len = 0;
		r->calls = 0;
		if (r->failing)
			log__info("%s: written again", r->path);
		r->failing = false;
		return 0;
	}
	/* All of it is tried again, so none of it may stay. */
	if (err != -ESPIPE && ftruncate(r->fd, r->end))
		log__debug("%s: %s", r->path, strerror(errno));
	if (!r->failing)
		log__error("%s: %s: tried again until it works", r->path, strerror(-err));
	r->failing = true;
	return err;
}

/* Returns whether the file begins with our first frames, as far as we may read it. */
static bool has_head(const struct recorder *r)
{
	char name[32], head[sizeof(r->head)];
	ssize_t got;
	int in;

	if (!r->head_len || r->end < (off_t)r->head_len)
		return true;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", r->fd);
	in = open(name, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return true;
	got = pread(in, head, r->head_len, 0);
	close(in);
	return got == (ssize_t)r->head_len && !memcmp(head, r->head, r->head_len);
}

enum file_change recorder__look(const struct recorder *r)
{
	enum file_change change = file_watch__look(&r->watch, r->fd, r->end);

	return change == FILE_SAME && !has_head(r) ? FILE_EMPTIED : change;
}

bool recorder__others_wrote(struct recorder *r)
{
	bool wrote;

	(void)check_end(r);
	wrote = r->others_wrote;
	r->others_wrote = false;
	return wrote;
}

bool recorder__access_changed(struct recorder *r, char *now, size_t size)
{
	return file_watch__access_changed(&r->watch, r->fd, now, size);
}

void recorder__keep_head(struct recorder *r)
{
	r->head_len = r->len <= sizeof(r->head) ? r->len : 0;
	memcpy(r->head, r->buf, r->head_len);
}

int recorder__begin_anew(struct recorder *r)
{
	ssize_t n;

	if (ftruncate(r->fd, 0))
		return -errno;
	n = pwrite(r->fd, r->head, r->head_len, 0);
	if (n != (ssize_t)r->head_len)
		return n < 0 ? -errno : -EIO;
	r->end = n;
	return 0;
}

uint64_t recorder__pending(const struct recorder *r)
{
	return r->calls;
}

size_t recorder__held(const struct recorder *r)
{
	return r->len;
}

uint64_t recorder__written(const struct recorder *r)
{
	return r->written;
}

int recorder__close(struct recorder *r)
{
	int err;

	if (!r)
		return 0;
	err = recorder__flush(r);
	if (!err && recorder__look(r) == FILE_REMOVED) {
		log__error("--record %s: the file was removed: it is lost", r->path);
		err = -ENOENT;
	}
	if (close(r->fd) && !err)
		err = -errno;
	free(r);
	return err;
}
