/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block - pieces of a line that are copied from an earlier one. A process that calls again looks the same again, and so does its
 * target: what a format writes of a side, in up to CACHE_BLOCKS pieces, is kept with all that it was made from, and copied as
 * long as that is the same. Only lines that are whole are copied from, and into. What that saves: docs/design.md, Output.
 */
#ifndef PVM_RENDER_BLOCK_H
#define PVM_RENDER_BLOCK_H

#include <stdbool.h>

#include "bpf/keys.h"
#include "render/fit.h"

/* Pieces of a side; which these are is the format's affair. */
enum {
	BLOCK_PROCESS,
	BLOCK_REST,
	BLOCK_PARENT,
};
_Static_assert(BLOCK_PARENT < CACHE_BLOCKS, "each has its place");

/* They go around a piece that depends on nothing but a side (enum pvm_who) and what is known of who is behind it. Where begin
 * returns false it was copied: it is not to be written, and end is not to be called. */
bool block__begin(struct json *j, struct fit_plan *plan, enum pvm_who who, unsigned int block,
		  size_t *from);
void block__end(const struct json *j, const struct fit_plan *plan, enum pvm_who who,
		unsigned int block, size_t from);

/* Likewise around relation and access. */
bool block__verdict(struct json *j, struct fit_plan *plan, const struct call_info *c, size_t *from);
void block__verdict_end(const struct json *j, const struct fit_plan *plan, size_t from);

#endif
