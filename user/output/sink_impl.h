/* SPDX-License-Identifier: Apache-2.0 */
/* sink_impl - what the parts of the sink share: sink.c (buffer and errors), sink_open.c (descriptors), sink_file.c
 * (regular files), sink_stream.c (pipes, sockets, character devices), sink_reopen.c and sink_turn.c (from one file to
 * the next). */
#ifndef PVM_SINK_IMPL_H
#define PVM_SINK_IMPL_H

#include "output/file.h"
#include "output/file_watch.h"
#include "output/sink.h"

enum sink_kind { SINK_FILE, SINK_PIPE, SINK_SOCKET, SINK_TTY, SINK_DEVICE };

/* This is what has to happen before the next try makes sense. */
enum sink_wait {
	SINK_IDLE,	 /* nothing is pending */
	SINK_WAIT_OUT,	 /* POLLOUT */
	SINK_WAIT_EMPTY, /* the pipe has to run empty, which poll(2) cannot tell */
	SINK_WAIT_TIME,	 /* the output fails */
};

/* Bytes written up to end contain lines that stand for weight more calls, of this kind. */
struct sink_mark {
	uint64_t end;
	uint64_t weight;
	uint32_t kind;
};

struct sink {
	const char *path; /* NULL: stdout */
	const char *name; /* for messages */
	bool allow_fifo;
	bool given; /* path stands for what was open already */
	struct owner owner;
	struct file_watch watch;
	off_t file_size;   /* of a file: how long we left it */
	uint64_t max_size; /* 0: no limit */
	unsigned int keep; /* how many older files stay */
	int turn_error;	   /* errno, since the last file was to be left; 0: it was */
	bool quiet_reopen; /* that it fails has been said */
	off_t next_turn;   /* not tried again before the file is so long */
	void (*on_new)(void *ctx, enum reopen_reason reason);
	void *ctx;
	int fd;
	enum sink_kind kind;
	bool nonblock;	   /* writes to fd do not block */
	bool append;	   /* a file that is written at its end, wherever that is */
	bool need_lf;	   /* a file that ends within somebody's line */
	bool others_wrote; /* to a file that only we write to, since it was asked for */
	size_t tail_len;   /* what we wrote last, up to where the file ends */
	char tail[64];
	size_t max_line;

	/* They are two runs of whole lines in one buffer: the older one up to old_end, and from the buffer's
	 * start a younger one, once the older has come near the buffer's end. */
	char *buf;
	size_t size;
	size_t old_start, old_end, young_end;
	size_t reserved; /* where the last sink__reserve pointed */
	/* These lines go before all others. */
	char *first;
	size_t first_len;
	uint64_t first_written; /* bytes of such lines so far */
	/* These are bytes at the front of what is pending that are out already although their line is not. */
	size_t mid;

	struct sink_mark *marks; /* a ring, indexed modulo mark_cnt */
	size_t mark_cnt, mark_first, mark_next;
	uint64_t committed, consumed; /* bytes, but for those that went first */
	uint64_t committed_weight, written_weight;

	enum sink_wait wait;
	int unread;	      /* bytes in the pipe when it was last waited for */
	unsigned same_unread; /* how often it has not moved since */
	int failing;	      /* errno of the first failure since the last success */
};

/* Each writes from data, which holds whole lines, and sets *out to the bytes from its start that
 * are out now, s->mid included. *out counts also when the result is an error. */
int sink_file__write(struct sink *s, const char *data, size_t len, size_t *out);
int sink_stream__write(struct sink *s, const char *data, size_t len, size_t *out);

/* These open descriptors. They return 0 or -errno after a message. */
int sink_open__stdout(struct sink *s);
int sink_open__path(struct sink *s);
/* Opens the path, whatever s writes to now. Returns 0 or -errno, and why. */
int sink_open__file(const struct sink *s, struct output_file *file, char why[WHY_SZ]);
/* Makes fd, which becomes ours, the place where lines go. */
int sink_open__adopt(struct sink *s, int fd);
/* Keeps what is written next within the file's limit: shortens *len to whole lines. Returns 1: there was no room for one, so
 * there is a new file, and its `reopen` record is still to be asked for. */
int sink_turn__make_room(struct sink *s, const char *data, size_t *len);
/* Returns whether the file became shorter than we left it; then it goes on at its end, with a whole line. */
bool sink_file__begin_anew(struct sink *s);
/* Notices bytes of others at the end of a file of our own, or in the place of our last ones. */
void sink_file__look_for_others(struct sink *s);
/* Returns whether fd is a file whose last byte is not an LF. */
bool sink_file__ends_midline(int fd);

static inline bool sink_has_name(const struct sink *s)
{
	return s->path && !s->given;
}

#endif
