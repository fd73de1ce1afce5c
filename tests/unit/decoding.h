/* SPDX-License-Identifier: Apache-2.0 */
/* decoding - a decoder and what it needs, for the tests of decode. */
#ifndef PVM_DECODING_H
#define PVM_DECODING_H

#include "event/decode.h"
#include "fixture.h"

struct decoding {
	struct decoder *decoder;
	struct identity *identity;
	struct arrays *arrays;
	struct clock_base clock;
};

extern struct decoding decoding;

/* Its sums are made with this. */
extern const struct pin_key decoding_key;

/* This is for cmocka_run_group_tests. */
int decoding__setup(void **state);
int decoding__teardown(void **state);

/* Decodes a copy that ends where the record ends, so that a read beyond it is caught by the
 * sanitizer. What is decoded stays valid until the next one. */
int decoding__copy(const void *data, size_t size, struct call_info *out);
/* Does the same with one that must be good. */
void decoding__call(const struct fixture_call *f, struct call_info *out);
/* Does the same with one that must be refused. */
void decoding__refuse(const struct fixture_call *f);
/* Expects what was decoded to be within its bounds, whatever the bytes were. */
void decoding__check(const struct call_info *c);

#endif
