/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording_layout - the bytes of a recording, for the writer (recorder.c) and the reader (recording.c) alike. A header
 * names version and host; then frames follow, each with a checksum, so that damage is found where it is.
 *
 * All numbers are in the byte order of the recording host; a file of the other order is refused. What a frame holds besides
 * is of the wall (bpf/event.h, bpf/control.h), whose sizes are asserted there.
 */
#ifndef PVM_RECORDING_LAYOUT_H
#define PVM_RECORDING_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/control.h"
#include "bpf/types.h"
#include "event/counts.h"
#include "event/host.h"
#include "event/predict.h"
#include "event/record.h"
#include "event/witness_info.h"

#define RECORDING_MAGIC "PVMTRACE" /* 8 bytes without a NUL */
#define RECORDING_VERSION 2
#define RECORDING_ORDER 0x01020304u
#define RECORDING_FRAME_MAX (1u << 20) /* no frame's data is longer */

/* These bits say what the kernel's own work confirmed. */
#define RECORDING_TARGET 1u
#define RECORDING_FEXIT 2u
#define RECORDING_KPROBE 4u
/* This one says whether an audit was made. */
#define RECORDING_AUDIT 8u
/* This one says whether what security modules answer was seen. */
#define RECORDING_ACCESS 16u
/* These say by what openings of the tracer's own objects were seen. */
#define RECORDING_OPENINGS_FEXIT 32u
#define RECORDING_OPENINGS_EXIT 64u

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
	} abis[ABIS_MAX];
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
	FRAME_BOOKS = 4, /* struct frame_books: what the recording program had to tell itself */
	FRAME_KEY = 5,	 /* struct pin_key: from here on */
	FRAME_TOLD = 6,	 /* uint64_t: when the next call or books were put here, ns since 1970 */
	FRAME_HOST = 7,	 /* char[HOST_NAME_SZ]: what the host is called from here on */
};

struct frame {
	uint32_t size; /* bytes of data that follow */
	uint32_t kind; /* enum frame_kind */
	uint32_t crc;  /* of size, kind and data */
};

/* This is a step of the clock: see struct clock_step. */
struct frame_clock {
	uint64_t after_ns;
	int64_t to_real;
};

/* This is a stats, lost, error or stop record, told with the counters as they stood. */
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

PVM_ASSERT(sizeof(struct recording_header) == 736);
PVM_ASSERT(WITNESS_BITS < 1 << 7); /* witnesses */
PVM_ASSERT(offsetof(struct recording_header, crc) == 728);
PVM_ASSERT(sizeof(struct host) == 330);
PVM_ASSERT(sizeof(struct frame) == 12);
PVM_ASSERT(sizeof(struct frame_clock) == 16);
PVM_ASSERT(sizeof(struct books_user) == 80);
PVM_ASSERT(sizeof(struct frame_books) == 488);
PVM_ASSERT(sizeof(struct pin_key) == 24);
/* Returns whether a frame of this kind may have so many bytes of data; no frame may be of a kind that there is not. */
bool frame__fits(uint32_t kind, size_t size);
/* Returns what frame->crc is to be; data: frame->size bytes. */
uint32_t frame__checksum(const struct frame *frame, const void *data);
/* Returns what header->crc is to be. */
uint32_t recording_header__checksum(const struct recording_header *header);
/* Makes a header, of which all else is set, one of this program's. */
void recording_header__seal(struct recording_header *header);

#endif
