/* SPDX-License-Identifier: Apache-2.0 */
/* to_recording - the destination that keeps the records of calls as they came (--record), with what a replay needs to
 * tell them. The program's own records are rendered into lines as well. */
#ifndef PVM_TO_RECORDING_H
#define PVM_TO_RECORDING_H

#include "destination.h"
#include "event/predict.h"
#include "output/place.h"

struct collector;

struct to_recording {
	struct collector *collector;
	struct recorder *recorder;
	/* Of each rule, calls that the recorder has not written. */
	struct rule_counts held[RULES_MAX];
};

/* Begins the recording of a live run of c: all that `start` will say is known to c's source. owner: whom the file is given
 * to. key: as tracer__pin_key. Returns 0, or EX_CANTCREAT after a message. */
int to_recording__open(struct to_recording *r, struct collector *c, const struct owner *owner,
		       const struct pin_key *key);

#endif
