/* SPDX-License-Identifier: Apache-2.0 */
/* decode - checks the bytes of a call record and turns them into a struct call_info. No I/O. */
#ifndef PVM_DECODE_H
#define PVM_DECODE_H

#include <stddef.h>

#include "event/arrays.h"
#include "base/clock.h"
#include "event/identity.h"
#include "event/predict.h"
#include "event/record.h"

struct decoder; /* holds room for four widened arrays */

struct decoder *decoder__new(const char *run_id);
void decoder__free(struct decoder *d);
/* What the sums of later records are made with; until then they tell nothing. */
void decoder__set_key(struct decoder *d, const struct pin_key *key);

/* The type of a record: an enum pvm_type, or -EBADMSG when the bytes cannot be a record of ours
 * (shorter than a header, size field not the given size, unknown version or type). */
int decode__type(const void *data, size_t size);

/* Fills out from one PVM_CALL record. arrays: where long arrays are held (they are not dropped here).
 * Every field is checked against the record's size and its own range; nothing a hostile record holds makes it read
 * outside of the record. 0 or -EBADMSG. */
int decode__call(struct decoder *d, const void *data, size_t size, const struct arrays *arrays,
		 struct identity *id, const struct clock_base *clock, struct call_info *out);

/* The same of one PVM_SUMMARY record; out->call points into d. */
int decode__summary(struct decoder *d, const void *data, size_t size, struct identity *id,
		    const struct clock_base *clock, struct summary_info *out);

/* "EPERM" for 1; an unknown one gives "E<number>" in a static buffer. */
const char *errno_name(int err);
/* "x86_64", "i386", "x32", "arm64", "arm". */
const char *abi_name(int abi);
/* "complete", "in_flight", "unfinished", "ended", "orphan". */
const char *phase_name(int phase);
/* Whether a hook saw how the call ended. */
bool phase_has_exit(int phase);

#endif
