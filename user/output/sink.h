/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink - where lines go: stdout or a file. It owns the descriptor and every write error, never
 * blocks the caller, and never lets a reader see a line cut in two: what does not go out now
 * stays in its buffer and is tried again.
 *
 *  - A pipe or FIFO (also inherited as stdout) is written without blocking through a description
 *    of our own (/proc/self/fd/N opened again with O_NONBLOCK, before privileges are dropped;
 *    where that fails, by poll(2) and writes that cannot block). A batch of whole lines goes out
 *    in one write only if it is sure to fit (an empty pipe takes its capacity; otherwise up to
 *    PIPE_BUF is atomic), so the run may end at any moment without a cut line.
 *  - A regular file is opened O_APPEND, 0640, given to the collector's uid; a short write is
 *    undone by ftruncate back to the last LF and what was cut off is kept for the next try.
 *  - A file that does not end in LF when it is opened (an earlier writer was killed) gets one
 *    first.
 */
#ifndef PVM_SINK_H
#define PVM_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "event/record.h"
#include "output/file_watch.h"
#include "output/place.h"

struct sink;

struct sink_opts {
	const char *path;   /* NULL: stdout. Kept by reference */
	struct owner owner; /* of a file that is opened */
	bool allow_fifo;    /* also one that others may have put there */
	uint64_t max_size;  /* of a file, at least 4 * max_line; 0: no limit */
	unsigned int keep;  /* older files that stay beside it */
	size_t max_line;    /* no line is longer, LF included */
	size_t buffer;	    /* bytes to hold back at most; at least 4 * max_line */
};

/* Returns how much a run holds back of lines that are so long at most. */
size_t sink__buffer(size_t max_line);
/* Opens it. Returns 0 and *out, or -errno (message on stderr says which path and why). */
int sink__open(struct sink **out, const struct sink_opts *opts);
void sink__close(struct sink *s); /* takes NULL; does not flush */

/* Returns where the next line may be written in place: at least max_line free bytes, or NULL if the buffer has
 * no room (then flush, and do not take records from the rings until there is). */
char *sink__reserve(struct sink *s);
/* The line of len bytes at the reserved place is whole, LF included. weight: how many calls it
 * stands for as their last record (0 or 1, more for a summary). kind: a number of the caller's own, to ask by. */
void sink__commit(struct sink *s, size_t len, uint64_t weight, uint32_t kind);

/* Writes what it can. Returns 0: nothing is pending; -EAGAIN: the reader is slow, wait for sink__events; -EPIPE:
 * the reader has gone; other -errno: failing (disk full, ...), try again after sink__retry_ms. Only whole lines
 * ever leave. */
int sink__flush(struct sink *s);
/* Does the same, but waits up to timeout_ms for a slow or failing output. */
int sink__drain(struct sink *s, int timeout_ms);

/* Returns whether it is a file by a name, by which another one may be opened in its place. */
bool sink__reopens(const struct sink *s);
int sink__fd(const struct sink *s);		     /* for poll(2) */
size_t sink__pending(const struct sink *s);	     /* bytes not yet written */
uint64_t sink__written(const struct sink *s);	     /* bytes written so far, whole lines */
uint64_t sink__pending_weight(const struct sink *s); /* calls not yet written */
uint64_t sink__pending_kind(const struct sink *s, uint32_t kind); /* those of this kind */
/* They return what to wait for before the next sink__flush: the events to poll sink__fd for (0 where poll cannot
 * tell: then only time helps; POLLERR and POLLHUP, which poll always tells, mean that the reader has gone), and
 * the time after which to try in any case, in ms (0: nothing is pending). */
short sink__events(const struct sink *s);
int sink__retry_ms(const struct sink *s);

/* Opens the path again (SIGHUP), with the rights we have now. Returns 0: the new file is in use and it is new
 * (the next line must be the `reopen` record: put it first with sink__put_first); 1: nothing to do (stdout, or
 * the name still stands for the same file); -errno: the old descriptor stays, nothing is lost, stderr says what
 * to change. Pending lines are flushed to the old file first; what the old file does not take goes to the new
 * one. */
int sink__reopen(struct sink *s);
/* Sets who is told that a file begins anew in the middle of a flush, by our own turning (REOPEN_SIZE) or because others made
 * it shorter (REOPEN_EMPTIED), and is to put the `reopen` record first. */
void sink__on_new(struct sink *s, void (*on_new)(void *ctx, enum reopen_reason reason), void *ctx);
/* Sets whether failures of sink__reopen are not said, until it works. */
void sink__quiet_reopen(struct sink *s, bool quiet);
/* Returns what others did to the file since it was opened. */
enum file_change sink__look(const struct sink *s);
/* If others made the file shorter, begins it anew. */
void sink__renew(struct sink *s);
/* Returns whether others wrote to the file, which only we should, since this was asked last. */
bool sink__others_wrote(struct sink *s);
/* Answers likewise whether they changed who may read or write it: then now says how it is. */
bool sink__access_changed(struct sink *s, char *now, size_t size);
/* Returns whether another line might not fit within the file's limit. Then, once everything is flushed, sink__turn goes on
 * with a new file. It returns 0, and the next line must be the `reopen` record; or -errno, which is said on stderr, once,
 * and the old one goes on. */
bool sink__turn_due(const struct sink *s);
int sink__turn(struct sink *s);
/* Returns the errno of the last try to turn, 0 if it worked. */
int sink__turn_error(const struct sink *s);
/* Puts a line first. It is for the `reopen` record, right after sink__reopen gave 0: it is written before what is pending,
 * and needs no room in the buffer, which may be full just because the old file was. Returns 0 or -ENOMEM. */
int sink__put_first(struct sink *s, const char *line, size_t len);
/* Warns on stderr if a later reopen could not work for uid:gid (directory not writable, file not
 * ours), which with a limit on the file's size is an error: -EACCES. Call before privileges are dropped. */
int sink__check_reopen(const struct sink *s, uid_t uid, gid_t gid);

#endif
