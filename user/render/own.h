/* SPDX-License-Identifier: Apache-2.0 */
/* own - what is left out of the line of a record that the tracer tells about itself: each with those before it, until
 * the line fits. It then fits into the shortest one that there is. */
#ifndef PVM_RENDER_OWN_H
#define PVM_RENDER_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "render/cache.h"
#include "render/render.h"

#define TYPE(type) (1u << (type))
#define WITH_COUNTERS (TYPE(REC_STATS) | TYPE(REC_LOST) | TYPE(REC_STOP))
#define WITH_RULES (TYPE(REC_START) | TYPE(REC_STATS) | TYPE(REC_STOP))

/* These are what is cut; the records that have it; its name, and the one in `lost`. NULL: the format's. */
#define OWN_CUTS(CUT)                                                         \
	CUT(NOTES, TYPE(REC_START), "notes", "notes")                         \
	CUT(UNSEEN, TYPE(REC_START), "unseen", "unseen")                      \
	CUT(FILTERS, TYPE(REC_START), "filters", "filters")                   \
	CUT(RULES, WITH_RULES, "rules", "rules")                              \
	CUT(ABI_NOTES, TYPE(REC_START), "abis.note", "abis.note")             \
	CUT(COUNTER_NAMES, TYPE(REC_START), "counter_names", "counter_names") \
	CUT(LIMITS, TYPE(REC_START), "limits", "limits")                      \
	CUT(CONFIG_HASH, TYPE(REC_START), "config_hash", "config_hash")       \
	CUT(WITNESSES, TYPE(REC_START), "witnesses", "witnesses")             \
	CUT(SANDBOX, TYPE(REC_START), "sandbox", "sandbox")                   \
	/* of the format: all but what it must say of the host */             \
	CUT(HOST, ~0u, NULL, NULL)                                            \
	/* counters that stand at 0 */                                        \
	CUT(ZEROES, WITH_COUNTERS, "counters.*", "by.*")                      \
	CUT(COUNTERS, WITH_COUNTERS, "counters", "by")                        \
	CUT(MESSAGE, TYPE(REC_ERROR), NULL, NULL)                             \
	CUT(EXE, TYPE(REC_TAMPER), NULL, NULL)                                \
	CUT(ABIS, TYPE(REC_START), "abis", "abis")                            \
	CUT(KERNEL, TYPE(REC_START), "kernel_version", "kernel_version")      \
	/* of the format: what its head can do without */                     \
	CUT(MORE, ~0u, NULL, NULL)

#define CUT_ID(cut, ...) OWN_##cut,
enum own_cut { OWN_CUTS(CUT_ID) OWN_CUT_CNT };
#undef CUT_ID

#define OWN_MORE_MAX 3

/* This is how a format names what is cut. */
struct own_names {
	const char *prefix; /* of the object that is open, with its dot */
	const char *host;   /* all of these are JSON paths */
	const char *message;
	const char *exe;		/* of who opened an object */
	const char *more[OWN_MORE_MAX]; /* NULL ends them */
	bool exe_is_here;		/* exe stands below the prefix */
	bool coarse; /* without zeroes, or without counters: both are named as the latter */
};

/* This is what a line of such a record leaves out, and how long it is to become. */
struct own_plan {
	struct render_cache *cache;
	unsigned int cuts; /* those of enum own_cut below this */
	size_t pad;
};

static inline bool own__shows(const struct own_plan *plan, enum own_cut cut)
{
	return plan->cuts <= cut;
}

/* Puts "truncated":[the names of what was cut]. */
void own__put_truncated(struct json *j, const struct own_plan *plan, enum record_type type,
			const struct own_names *names);
/* Writes a whole line by put: until it fits, and once more to fill up the first line of a file. Returns 0 or
 * -ENOMEM. */
int own__line(struct json *j, struct render_cache *cache, const struct record *r,
	      const struct render_opts *o,
	      void (*put)(struct json *j, const struct own_plan *plan, const struct record *r));

#endif
