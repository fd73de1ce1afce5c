/* SPDX-License-Identifier: Apache-2.0 */
/* frames - inputs that are recordings: a header, then frames (output/recording_layout.h), ahead of them a few bytes that
 * choose how they are taken. Checksums and sizes mean nothing in them, so that any change of one is another recording. */
#ifndef PVM_FUZZ_FRAMES_H
#define PVM_FUZZ_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output/recording_layout.h"

#define CHOICES 16 /* bytes */

struct frames {
	uint8_t choice[CHOICES];
	const struct recording_header *header; /* zeroes where there is none */
	const uint8_t *at;		       /* the rest */
	size_t left;
	void *copy; /* of the last frame's data */
};

void frames__begin(struct frames *f, const uint8_t *data, size_t size);
/* Gives the next frame's data, in memory that ends where they end, until the next one is asked for. A size that reaches beyond
 * the input ends with it. Returns false at the end. */
bool frames__next(struct frames *f, uint32_t *kind, void **data, size_t *size);
void frames__end(struct frames *f);
/* Makes a record's header say what it is, so that it is not refused for its size: all but its type. */
void frames__mend_record(void *data, size_t size);

#endif
