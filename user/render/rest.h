/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rest - what pvmtrace has to say and no common schema has a key for. Formats put it into
 * the object that their schema keeps for such things. What is not known is absent. Of the format it
 * is told only which of the common keys that format lacks.
 */
#ifndef PVM_RENDER_REST_H
#define PVM_RENDER_REST_H

#include <stdbool.h>
#include <stdint.h>

#include "render/fit.h"
#include "render/own.h"

enum rest_lacks {
	REST_IDS = 1,	    /* a process's user and group ids but its uid, and exact start */
	REST_ARGS = 2,	    /* arguments one by one */
	REST_DURATION = 4,  /* how long a call took */
	REST_CONTAINER = 8, /* the target's container */
	REST_SESSION = 16,  /* who leads the caller's session */
	REST_RULE = 32,	    /* which rule told of a call */
};

/* Puts a string that a process can choose and that stands in a part of its own: nothing if it is not known or
 * is cut. */
void rest__text(struct json *j, struct fit_plan *plan, enum fit_part part, const char *key,
		const char *bytes, size_t len);

/* Puts "host":{"name_hex":..} if bytes of the name were replaced. */
void rest__host(struct json *j, const struct host *host);

/* Puts members of the object that is open, the last of them `truncated`. lacks: enum rest_lacks. */
void rest__call(struct json *j, struct fit_plan *plan, const struct call_info *c,
		unsigned int lacks);

/* Does the same of calls told together. */
void rest__summary(struct json *j, struct fit_plan *plan, const struct summary_info *s,
		   unsigned int lacks);

/* Puts members of the object that is open, the last of them `truncated`. */
void rest__own(struct json *j, const struct own_plan *plan, const struct record *r,
	       const struct own_names *names);

#endif
