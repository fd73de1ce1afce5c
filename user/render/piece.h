/* SPDX-License-Identifier: Apache-2.0 */
/* piece - a part of a line, from where a value begins to where one ends, that is kept and copied into other lines. */
#ifndef PVM_RENDER_PIECE_H
#define PVM_RENDER_PIECE_H

#include <stddef.h>
#include <stdint.h>

#include "render/json_writer.h"

/* Returns where a piece begins, behind the comma that goes before it. */
static inline size_t piece__mark(const struct json *j)
{
	return j->len + j->comma;
}

/* Returns how long the piece is that begins there; one in which nothing was written has no comma either. */
static inline size_t piece__len(const struct json *j, size_t from)
{
	return j->len > from ? j->len - from : 0;
}

static inline void piece__copy(struct json *j, const char *text, size_t len)
{
	if (len)
		json__raw(j, NULL, text, len);
}

/* Returns a number of 32 bits by which a place is found; any of its bits will do. */
static inline uint32_t piece__hash(uint64_t value)
{
	return (uint32_t)(value * 0x9e3779b97f4a7c15ULL >> 32);
}

#endif
