/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording - a file of raw records: what came through the rings as it came, to be rendered later, elsewhere and
 * without rights. A header names version and host; then frames follow, each with a checksum, so that
 * damage is found where it is.
 *
 * All numbers are in the byte order of the recording host; a file of the other order is refused.
 */
#ifndef PVM_RECORDING_H
#define PVM_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/control.h"
#include "event/counts.h"
#include "event/host.h"
#include "output/file_watch.h"
#include "output/place.h"

#define RECORDING_MAGIC "PVMTRACE" /* 8 bytes without a NUL */
#define RECORDING_VERSION 2
#define RECORDING_ORDER 0x01020304u
#define RECORDING_FRAME_MAX (1u << 20) /* no frame's data is longer */

/* What the kernel's own work confirmed. */
#define RECORDING_TARGET 1u
#define RECORDING_FEXIT 2u
#define RECORDING_KPROBE 4u
/* And whether an audit was made. */
#define RECORDING_AUDIT 8u

struct recording_header {
	char magic[8];
	uint32_t order;	  /* RECORDING_ORDER as the recording host writes it */
	uint32_t version; /* RECORDING_VERSION */
	uint32_t wire;	  /* PVM_WIRE_VERSION */
	uint32_t size;	  /* of this header: later versions may append */
	uint64_t real_ns; /* when it began, ns since 1970 */
	char run_id[24];
	char program[24]; /* version of pvmtrace */
	char resolve[8];  /* how targets were looked up */
	char user[64];	  /* whom it ran as */
	char command[200]; /* its options, which may have filtered; "..." at the end if there were more */
	struct {
		char name[8]; /* "" ends the list */
		uint8_t covered, proven;
	} abis[4];
	uint32_t pid; /* its host pid */
	struct host host;
	uint8_t fentry : 1; /* --attach fentry */
	uint8_t witnesses : 7; /* enum witness_bit; 0 in earlier recordings, which had no more than fentry here */
	uint8_t confirms; /* RECORDING_TARGET and so on */
	uint32_t crc;	  /* of all before */
};

enum frame_kind {
	FRAME_CALL = 1,	 /* a record of the ring of calls */
	FRAME_ARRAY = 2, /* a record of the ring of arrays */
	FRAME_CLOCK = 3, /* struct frame_clock: from here on */
	FRAME_KEY = 5,	 /* struct pin_key: from here on */
	FRAME_BOOKS = 4, /* struct frame_books: what the recording program had to tell itself */
	FRAME_HOST = 7,	 /* char[HOST_NAME_SZ]: what the host is called from here on */
	FRAME_TOLD = 6,	 /* uint64_t: when the next call or books were put here, ns since 1970 */
};

struct frame {
	uint32_t size; /* bytes of data that follow */
	uint32_t kind; /* enum frame_kind */
	uint32_t crc;  /* of size, kind and data */
};

/* A step of the clock: see struct clock_step. */
struct frame_clock {
	uint64_t after_ns;
	int64_t to_real;
};

/* A stats, lost, error or stop record, told with the counters as they stood. */
struct frame_books {
	uint32_t type; /* enum record_type */
	uint32_t pad;
	uint64_t real_ns;
	struct pvm_counts kernel;
	struct books_user user;
	uint64_t since_ns; /* error, lost */
	char text[32];	   /* reason of a stop, code of an error */
	char signal[16];   /* of a stop; "" if none */
	char message[200]; /* of an error */
	uint64_t until_ns; /* the same */
};

/* Writing. The buffer holds whole frames; nothing blocks but the file itself. */
struct recorder;

/* Creates path (0640, owner's) with the header. A file that is there is taken only if it is empty, and nobody
 * else's. 0 or -errno after a message. */
int recorder__create(struct recorder **out, const char *path, const struct recording_header *header,
		     const struct owner *owner);
/* Takes a frame. calls: how many calls it stands for as their last record. 0, or -EAGAIN if the buffer is full and
 * the file does not take it. */
int recorder__put(struct recorder *r, enum frame_kind kind, const void *data, size_t size,
		  uint64_t calls);
/* Whether any frame fits now; flushes if need be. */
bool recorder__room(struct recorder *r);
/* 0, or -errno: the file takes no more now; it ends with a whole frame all the same. */
int recorder__flush(struct recorder *r);
/* What others did to the file. One that was made shorter gets no frame until it is begun anew: 0 or -errno. One that no
 * more begins as we wrote it was made shorter, however long it is. */
enum file_change recorder__look(const struct recorder *r);
/* Whether others wrote behind what we wrote since this was asked last: that is cut off. */
bool recorder__others_wrote(struct recorder *r);
/* Likewise, whether they changed who may read or write it: then now says how it is. */
bool recorder__access_changed(struct recorder *r, char *now, size_t size);
int recorder__begin_anew(struct recorder *r);
/* What was put so far (no flush yet) is what every reader needs first: kept for recorder__begin_anew. */
void recorder__keep_head(struct recorder *r);
/* Calls that are not yet in the file. */
uint64_t recorder__pending(const struct recorder *r);
/* Flushes and closes. 0 or -errno. Takes NULL. */
int recorder__close(struct recorder *r);

/* Reading. */
struct recording;

/* Opens path ("-": stdin) and checks the header: one with an identifier that could be none is refused. 0, or a
 * sysexits status after a message. */
int recording__open(struct recording **out, const char *path);
const struct recording_header *recording__header(const struct recording *r);
/* The next frame; *data is valid until the next call. 1: there was one; 0: the end; -EBADMSG: damaged, said on
 * stderr with its offset; other -errno: not readable, said. */
int recording__next(struct recording *r, enum frame_kind *kind, const void **data, size_t *size);
/* Whether text is a word (letters, digits, underscores; or empty) that ends within its size bytes. */
bool recording__is_word(const char *text, size_t size);
/* How far it was read: where the next frame begins. */
unsigned long long recording__offset(const struct recording *r);
void recording__close(struct recording *r); /* takes NULL */

#endif
