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

enum rest_lacks {
	REST_IDS = 1,	    /* a process's user and group ids but its uid, and exact start */
	REST_ARGS = 2,	    /* arguments one by one */
	REST_DURATION = 4,  /* how long a call took */
	REST_CONTAINER = 8, /* the target's container */
};

/* Values that every format writes. */
void rest__number_text(struct json *j, const char *key, uint32_t value); /* "1000" */
const char *rest__syscall(const struct call_info *c);
/* A string that a process can choose and that stands in a part of its own: nothing if it is not known or
 * is cut. */
void rest__text(struct json *j, struct fit_plan *plan, enum fit_part part, const char *key,
		const char *bytes, size_t len);

/* "host":{"name_hex":..} if bytes of the name were replaced. */
void rest__host(struct json *j, const struct host *host);

/* Members of the object that is open, the last of them `truncated`. lacks: enum rest_lacks. */
void rest__call(struct json *j, struct fit_plan *plan, const struct call_info *c,
		unsigned int lacks);

/* The same of calls told together. */
void rest__summary(struct json *j, struct fit_plan *plan, const struct summary_info *s,
		   unsigned int lacks);

/* What is left out of the line of a record that is no call, each with those before it. The line
 * then fits into the shortest one that there is. */
enum rest_cut {
	REST_CUT_NOTES,
	REST_CUT_UNSEEN,
	REST_CUT_FILTERS,
	REST_CUT_ABI_NOTES,
	REST_CUT_COUNTER_NAMES,
	REST_CUT_LIMITS,
	REST_CUT_WITNESSES,
	REST_CUT_HOST,	 /* of the format: all but what it must say of the host */
	REST_CUT_ZEROES, /* counters that stand at 0 */
	REST_CUT_COUNTERS,
	REST_CUT_MESSAGE, /* of the format */
	REST_CUT_ABIS,
	REST_CUT_KERNEL,
	REST_CUT_MORE, /* of the format: what its head can do without */
	REST_CUT_CNT,
};

/* How a format names what is cut. */
struct rest_names {
	const char *prefix; /* of the object that is open, with its dot */
	const char *host;   /* all of these are JSON paths */
	const char *message;
	const char *more; /* several, with the quotes and the comma between them; NULL: nothing */
};

/* What a line of such a record leaves out, and how long it is to become. */
struct rest_plan {
	struct render_cache *cache;
	unsigned int cuts; /* those of enum rest_cut below this */
	size_t pad;
};

static inline bool rest__shows(const struct rest_plan *plan, enum rest_cut cut)
{
	return plan->cuts <= cut;
}

/* "start", "stats", "lost", "reopen", "error", "stop" */
const char *rest__type(enum record_type type);
/* Members of the object that is open, the last of them `truncated`. */
void rest__own(struct json *j, const struct rest_plan *plan, const struct record *r,
	       const struct rest_names *names);
/* Writes a whole line by put: until it fits, and once more to fill up the first line of a file. 0 or
 * -ENOMEM. */
int rest__own_line(struct json *j, struct render_cache *cache, const struct record *r,
		   const struct render_opts *o,
		   void (*put)(struct json *j, const struct rest_plan *plan,
			       const struct record *r));

#endif
