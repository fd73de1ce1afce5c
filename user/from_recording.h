/* SPDX-License-Identifier: Apache-2.0 */
/* from_recording - the source of a replay: what the recording says of its run. */
#ifndef PVM_FROM_RECORDING_H
#define PVM_FROM_RECORDING_H

#include "output/recording.h"
#include "source.h"

struct from_recording {
	const struct collector *collector;
	const struct recording_header *header;
	struct frame_books
		last; /* what it said of its books last; before that nothing, at the moment when it began */
	uint64_t told_ns; /* when what comes next was recorded, ns since 1970 */
	uint8_t sandbox;  /* of the replay: see struct run_facts */
};

extern const struct source_ops from_recording; /* ctx: struct from_recording */

void from_recording__begin(struct from_recording *f, const struct recording_header *header);

#endif
