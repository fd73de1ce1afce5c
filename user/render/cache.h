/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache - what a renderer keeps of the lines before, because the next ones mostly say it again: seconds, the host, the
 * processes, how these stand to each other,
 * mappings. It never changes what a line says: it is emptied when other parts are to be omitted. It is of this size and no
 * larger, whatever is rendered, and goes with its renderer. All zero, it keeps nothing.
 */
#ifndef PVM_RENDER_CACHE_H
#define PVM_RENDER_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "event/host.h"
#include "event/record.h"

#define CACHE_SECONDS 8 /* a power of two */
#define CACHE_HOST 1024
#define CACHE_SIDES \
	32 /* of each, a power of two; about 210 KiB together, touched as they are used */
#define CACHE_SIDE 3072	  /* bytes of a side's blocks; what does not fit is rendered each time */
#define CACHE_BLOCKS 3	  /* of a side */
#define CACHE_VERDICTS 32 /* a power of two */
#define CACHE_VERDICT 352
#define CACHE_REGIONS 32 /* a power of two */
#define CACHE_REGION 448
#define CACHE_REGION_TEXT 192 /* longer paths are rendered each time */

/* This is a second of local time, "23:59:59". */
struct local_second {
	time_t second;
	char text[sizeof("00:00:00")]; /* "": none */
};

struct cached_host {
	struct host host;
	size_t len; /* 0: none */
	char text[CACHE_HOST];
};

/* The blocks depend on all of this, so equal keys are equal blocks. */
struct side_key {
	struct pvm_task task;
	uint64_t stamp[2];
	uint64_t ancestry; /* its stamp; 0: there is none */
	uint64_t clock;	   /* as of how many of its steps the ancestry's times are */
	uint64_t real_start_ns;
};

/* What was written of a caller, or of a target; of several pieces that a format writes. */
struct cached_side {
	struct side_key key;
	uint16_t at[CACHE_BLOCKS], len[CACHE_BLOCKS];
	uint8_t kept; /* a bit for each block */
	uint16_t used;
	char text[CACHE_SIDE];
};

/* What relation and access are told by. */
struct verdict_key {
	uint8_t is[14];
	uint8_t resolved, there; /* there: of a slot that is in use */
};

struct cached_verdict {
	struct verdict_key key;
	uint16_t len;
	char text[CACHE_VERDICT];
};

/* What of a mapping does not hang on the address that was touched. */
struct region_key {
	uint64_t start, end, ino;
	uint32_t dev;
	uint8_t kind, perms, flags, runs_on;
	uint32_t text_len; /* of the bytes below */
	uint32_t there;	   /* of a slot that is in use */
};

/* It is written in two pieces, between which the offset stands. */
struct cached_region {
	struct region_key key;
	uint16_t first, len; /* of the first piece, of both */
	char path[CACHE_REGION_TEXT];
	char text[CACHE_REGION];
};

struct render_cache {
	struct clock_text seconds[CACHE_SECONDS]; /* by their number, modulo */
	struct local_second local;
	struct cached_host host;
	struct cached_side sides[2][CACHE_SIDES];	/* by enum pvm_who, and by their hash */
	struct cached_verdict verdicts[CACHE_VERDICTS]; /* likewise */
	struct cached_region regions[CACHE_REGIONS];	/* likewise */
	char path[2 * PVM_PATH_MAX];			/* for fit__text */
};

_Static_assert(sizeof(struct render_cache) <= 256 << 10, "small beside what a run takes of memory");

/* Returns where the second of that moment is, if it is kept. */
static inline struct clock_text *cache__second(struct render_cache *cache, uint64_t real_ns)
{
	return &cache->seconds[real_ns / NS_PER_S % CACHE_SECONDS];
}

#endif
