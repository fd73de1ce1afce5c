/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fit - what of a call is left out when its line would be too long. What there is to leave out is in parts.h.
 *
 * The line is first written without its arrays of unbounded length; what each part took is then
 * known, and the room is given out twice. First each part has its minimum, in the order of their
 * value; then what is left goes to those that want more, lists first and arguments last. So nothing
 * that a caller can lengthen at will, a path, an argument, a list, takes the minimum of another part,
 * and arguments never take what a list could use. What a part is too large for goes to the next one.
 */
#ifndef PVM_RENDER_FIT_H
#define PVM_RENDER_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "render/cache.h"
#include "render/parts.h"
#include "render/render.h"

#define FIT_ELEMENTS 8 /* each list's minimum */
#define FIT_TEXT 256   /* bytes: that of a path, of the arguments, and of a hex sibling */
/* In lines of so many bytes or more the remote list has its minimum whatever else there is. */
#define FIT_LINE 5000
/* Who asks for longer lines than these has readers for them. */
#define FIT_LINE_USUAL 8000
/* So many bytes are at most what names a process, from where fit__names was called. */
#define FIT_NAMES 1000

struct fit_format {
	enum fit_format_id id;
	uint32_t arg_extra; /* what an argument takes besides its bytes and a separator */
	bool nulls;	    /* keys that are not known are null, not absent */
	bool counts_first; /* no room for the counts of a list: none for any elements but the first */
};

/* This is what is shown of a path that is cut: bytes at its beginning and at its end. */
struct fit_cut {
	uint32_t head, tail;
	int64_t spent; /* room that it took */
};

struct fit_plan {
	const struct fit_format *format;
	struct render_cache *cache;
	/* Every part but those of `omit` is written, and may be copied from elsewhere (block.h). */
	bool whole;
	bool brief;			/* paths and arguments have no more than their minimum */
	const struct call_info *call;	/* that it is of */
	struct cached_side *sides[2];	/* by enum pvm_who; NULL: not to be kept */
	uint8_t looked;			/* bits 1 << enum pvm_who: whether they were looked for */
	struct cached_verdict *verdict; /* to be kept, by this key */
	struct verdict_key verdict_key;
	uint32_t data;	/* bytes shown of what a call moved; 0: there is no such key */
	uint64_t omit;	/* parts that no line has, FIT_BIT */
	uint64_t given; /* else those that are, FIT_BIT */
	uint64_t cut;	/* parts that are named in `truncated` */
	uint32_t shown[FIT_LIST_CNT]; /* elements of each list: fit__shown */
	uint32_t args;		      /* arguments shown */
	uint32_t regions[2];	      /* regions shown, [entry, exit] */
	uint32_t region_text;	      /* bytes of a region's path or name that are shown */
	int64_t args_spent;	      /* room that these took */
	uint64_t shortened;	      /* paths that are shown in part, FIT_BIT */
	struct fit_cut texts[FIT_TEXT_CNT];
	uint64_t done;		     /* parts that are written whole, FIT_BIT */
	uint64_t present;	     /* parts that have something to write */
	uint32_t bytes[FIT_CNT + 1]; /* what each took, its children apart; the last: of no part */
	size_t mark;		     /* up to here bytes are accounted for */
	size_t named;		     /* where the second of both sides begins to be named */
	uint8_t open[FIT_CNT]; /* parts that have begun, outermost first; none stands inside itself */
	uint8_t depth;
};

/* These are the out-of-line parts of what follows; they are not for callers. */
bool fit__begin_measured(const struct json *j, struct fit_plan *plan, enum fit_part part);
void fit__end_measured(const struct json *j, struct fit_plan *plan);

/* They go around what belongs to a part; parts may stand inside each other. Where it returns false the part is
 * not to be written, and fit__end is not to be called. Most lines are whole: then this is one test. */
static inline bool fit__begin(const struct json *j, struct fit_plan *plan, enum fit_part part)
{
	if (plan->whole)
		return !(plan->omit & FIT_BIT(part));
	return fit__begin_measured(j, plan, part);
}

static inline void fit__end(const struct json *j, struct fit_plan *plan)
{
	if (!plan->whole)
		fit__end_measured(j, plan);
}

/* It goes before what names the side that stands last in the line. */
static inline void fit__names(const struct json *j, struct fit_plan *plan)
{
	plan->named = j->len;
}

/* Returns whether no line has it: it is asked of lists and arguments, around which there is no begin and end. */
static inline bool fit__omits(const struct fit_plan *plan, enum fit_part part)
{
	return plan->omit & FIT_BIT(part);
}

/* Returns what is shown of a path that stands in a part: all of its *len bytes, or some of them with a mark where the others
 * are. It is valid until the next call of the same renderer. */
const char *fit__text(const struct fit_plan *plan, enum fit_part part, const char *bytes,
		      size_t *len);

/* Returns how many elements of a list are shown. */
static inline uint32_t fit__shown(const struct fit_plan *plan, enum fit_part list)
{
	return plan->shown[list - FIT_FIRST_LIST];
}

/* Puts elements of a list, as fit reckons with them: {"base":"0x..","len":..}. */
static inline void fit__put_elements(struct json *j, const char *key, const struct iov_elem *iov,
				     uint32_t cnt)
{
	json__open_arr(j, key);
	for (uint32_t i = 0; i < cnt; i++) {
		json__open_obj(j, NULL);
		json__hex(j, "base", iov[i].base);
		json__u64(j, "len", iov[i].len);
		json__close_obj(j);
	}
	json__close_arr(j);
}

/* Puts "regions" and "regions_exit", as many as there is room for. */
void fit__put_regions(struct json *j, const struct fit_plan *plan, const struct call_info *c);

/* Splits off the first argument of args[0 .. *len), which moves on. Returns NULL if there is none left. */
const char *fit__next_arg(const char **args, size_t *len, size_t *arg_len);
/* Puts "truncated":[the names of what was cut], and "omitted":true if no line has all parts. */
void fit__put_truncated(struct json *j, const struct fit_plan *plan);

/* Writes a whole line by put, once or, when it is too long, three times. Returns 0 or -ENOMEM. */
int fit__call(struct json *j, struct render_cache *cache, const struct record *r,
	      const struct render_opts *o, const struct fit_format *format,
	      void (*put)(struct json *j, struct fit_plan *plan, const struct record *r));

#endif
