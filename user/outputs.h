/* SPDX-License-Identifier: Apache-2.0 */
/* outputs - notices, once a second, what others did to the files that are being written, and tells it. */
#ifndef PVM_OUTPUTS_H
#define PVM_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

/* This is one file, as it was at the last look. */
struct output_state {
	enum file_change change;
	bool told;
	bool others_wrote; /* and that is still to be told */
	char access[96];   /* likewise, how it is for others now; "": nothing is to be told */
	uint64_t fine_ns;  /* when nothing was wrong last, CLOCK_BOOTTIME */
};

struct recorder;

struct outputs {
	struct report *report;
	struct output_state log, recording;
	bool turn_told;
};

/* A file that lost its name gets a second look before it is opened anew: who rotates sends SIGHUP meanwhile. */
void outputs__tick(struct outputs *o);
/* Takes the same look at the file of the destination that writes a recording. Returns whether it was emptied, and so is to
 * begin anew. now_ns: CLOCK_BOOTTIME. */
bool outputs__look_at_recording(struct outputs *o, struct recorder *recorder, uint64_t now_ns);

#endif
