/* SPDX-License-Identifier: Apache-2.0 */
/* play - takes the frames of an input one by one, as a run takes what comes through its rings, and decodes the calls. */
#ifndef PVM_FUZZ_PLAY_H
#define PVM_FUZZ_PLAY_H

#include "event/decode.h"
#include "event/record.h"
#include "tests/fuzz/frames.h"

struct play {
	struct frames frames;
	bool mend; /* sizes and versions of records are made right */
	struct decoder *decoder;
	struct identity *identity;
	struct arrays *arrays;
	struct clock_base clock;
};

/* The first two bytes of the input choose whether records are mended, and how much is remembered. */
void play__begin(struct play *p, const uint8_t *data, size_t size);
/* Goes on to the next call or summary that can be decoded, which is valid until the next call. Returns false at the end. */
bool play__next(struct play *p, struct record *out);
void play__end(struct play *p);

#endif
