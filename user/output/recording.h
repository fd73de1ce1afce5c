/* SPDX-License-Identifier: Apache-2.0 */
/* recording - a file of raw records: what came through the rings as it came, to be rendered later, elsewhere and
 * without rights. What stands in it: recording_layout.h. */
#ifndef PVM_RECORDING_H
#define PVM_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "output/file_watch.h"
#include "output/place.h"
#include "output/recording_layout.h"

/* This is for writing. The buffer holds whole frames; nothing blocks but the file itself. */
struct recorder;

/* Creates path (0640, owner's) with the header. A file that is there is taken only if it is empty, and nobody else's.
 * Returns 0 or -errno after a message. */
int recorder__create(struct recorder **out, const char *path, const struct recording_header *header,
		     const struct owner *owner);
/* Takes a frame. calls: how many calls it stands for as their last record. Returns 0, or -EAGAIN if the buffer is full and
 * the file does not take it. */
int recorder__put(struct recorder *r, enum frame_kind kind, const void *data, size_t size,
		  uint64_t calls);
/* Returns whether any frame fits now; flushes if need be. */
bool recorder__room(struct recorder *r);
/* Writes what is pending. Returns 0, or -errno: the file takes no more now; it ends with a whole frame all the
 * same. */
int recorder__flush(struct recorder *r);
/* Returns what others did to the file. One that was made shorter gets no frame until it is begun anew: 0 or -errno. One that
 * no more begins as we wrote it was made shorter, however long it is. */
enum file_change recorder__look(const struct recorder *r);
/* Returns whether others wrote behind what we wrote since this was asked last: that is cut off. */
bool recorder__others_wrote(struct recorder *r);
/* Answers likewise whether they changed who may read or write it: then now says how it is. */
bool recorder__access_changed(struct recorder *r, char *now, size_t size);
int recorder__begin_anew(struct recorder *r);
/* What was put so far (no flush yet) is what every reader needs first: kept for recorder__begin_anew. */
void recorder__keep_head(struct recorder *r);
/* Returns the calls that are not yet in the file. */
uint64_t recorder__pending(const struct recorder *r);
size_t recorder__held(const struct recorder *r);      /* bytes not yet written */
uint64_t recorder__written(const struct recorder *r); /* bytes written so far */
/* Flushes and closes. Returns 0 or -errno. Takes NULL. */
int recorder__close(struct recorder *r);

/* This is for reading. */
struct recording;

/* Opens path ("-": stdin). Nothing is read of it. Returns 0, or a sysexits status after a message. */
int recording__open(struct recording **out, const char *path);
/* Reads and checks the header: one with an identifier that could be none is refused. Returns 0, or a sysexits status after a
 * message. */
int recording__begin(struct recording *r);
const struct recording_header *recording__header(const struct recording *r);
/* Gives the next frame; *data is valid until the next call. Returns 1: there was one; 0: the end; -EBADMSG: damaged, or of a
 * size or kind that none has, said on stderr with its offset; other -errno: not readable, said. */
int recording__next(struct recording *r, enum frame_kind *kind, const void **data, size_t *size);
/* Returns whether text is a word (letters, digits, underscores; or empty) that ends within its size bytes. */
bool recording__is_word(const char *text, size_t size);
/* Returns how far it was read: where the next frame begins. */
unsigned long long recording__offset(const struct recording *r);
void recording__close(struct recording *r); /* takes NULL */

#endif
