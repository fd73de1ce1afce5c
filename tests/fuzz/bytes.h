/* SPDX-License-Identifier: Apache-2.0 */
/* bytes - takes an input byte by byte; behind its end there are zeroes. */
#ifndef PVM_FUZZ_BYTES_H
#define PVM_FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t bytes__next(struct bytes *b)
{
	if (!b->left)
		return 0;
	b->left--;
	return *b->at++;
}

#endif
