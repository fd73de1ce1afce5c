/* SPDX-License-Identifier: Apache-2.0 */
/* decode - checks the bytes of a call record and turns them into a struct call_info. It does no I/O. */
#ifndef PVM_DECODE_H
#define PVM_DECODE_H

#include <stddef.h>

#include "base/clock.h"
#include "event/arrays.h"
#include "event/identity.h"
#include "event/names.h"
#include "event/predict.h"
#include "event/record.h"

struct decoder; /* holds room for four widened arrays */

struct decoder *decoder__new(const char *run_id);
void decoder__free(struct decoder *d);
/* Sets what the sums of later records are made with; until then they tell nothing. */
void decoder__set_key(struct decoder *d, const struct pin_key *key);

/* See decode_check__type. */
int decode__type(const void *data, size_t size);

/* Fills out from one PVM_CALL record. arrays: where long arrays are held (they are not dropped here). Every field is checked
 * against the record's size and its own range; nothing a hostile record holds makes it read outside of the record. Returns 0
 * or -EBADMSG. */
int decode__call(struct decoder *d, const void *data, size_t size, const struct arrays *arrays,
		 struct identity *id, const struct clock_base *clock, struct call_info *out);

/* Does the same of one PVM_OPENED record. */
int decode__opened(struct decoder *d, const void *data, size_t size, struct identity *id,
		   const struct clock_base *clock, struct tamper_info *out);

/* Does the same of one PVM_SUMMARY record; out->call points into d. */
int decode__summary(struct decoder *d, const void *data, size_t size, struct identity *id,
		    const struct clock_base *clock, struct summary_info *out);

#endif
