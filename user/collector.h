/* SPDX-License-Identifier: Apache-2.0 */
/* collector - the straight line from a ring's record to a line in the sink, and the books of what happened to
 * each. It knows nothing of time, signals or polling. */
#ifndef PVM_COLLECTOR_H
#define PVM_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "books.h"
#include "destination.h"
#include "event/arrays.h"
#include "event/decode.h"
#include "event/host.h"
#include "event/identity.h"
#include "event/record.h"
#include "base/options.h"
#include "output/sink.h"
#include "source.h"

#define RUN_ID_SZ 17

struct to_lines;

struct collector {
	const struct options *options;
	struct source from;    /* where the facts of the run come from */
	struct destination to; /* where its records go */
	struct sink *sink;
	struct to_lines *lines; /* for the sink; also the destination, if there is no other */
	struct host host;
	struct clock_base clock;
	uint64_t clock_recorded; /* steps of it that the destination has */
	struct decoder *decoder;
	bool pages_lack; /* of what calls held some may not have been seen */
	uint64_t pages_looked_ns; /* CLOCK_BOOTTIME: until then that is known for calls that are not decoded */
	struct arrays *arrays;
	struct identity *identity;
	char run_id[RUN_ID_SZ]; /* 16 hex digits, random */
	/* These are calls by what became of their last record; in_flight records are counted apart. */
	struct books_user books;
	struct rule_counts rules[RULES_MAX]; /* those that the user half saw */
	struct told_counts told;
	uint64_t last_call_ns;	/* entry of the last call emitted, ns since 1970; 0: none */
	unsigned int reminders; /* until the next tick */
	unsigned int batch;	/* records since the loop last looked at its other work */
	uint64_t array_bytes;	/* taken from the ring of arrays since it was last gone to */
	bool full;		/* --count was reached: what comes now is filtered */
};

/* Opens all but source, sink and lines (to_lines__open), which must be set in c before. Returns 0 or a sysexits status after
 * a message. */
int collector__open(struct collector *c, const struct options *o);
/* Closes the destination, too, whose result it gives: 0 or -errno. */
int collector__close(struct collector *c);
/* Returns what it and its sink take of memory at most, but for what is small. */
uint64_t collector__bytes(const struct options *o);
/* Sets the key of the kernel half once it is attached, or of a recording. */
void collector__set_key(struct collector *c, const struct pin_key *key);

/* These are callbacks for tracer__open_rings; ctx is the collector. The first gives -EAGAIN when it is time to look at other
 * work or the sink has no room; the second when a whole ring has been taken, which is all that was there at first: a flood
 * can refill it for ever. */
int collector__on_call(void *ctx, void *data, size_t size);
int collector__on_array(void *ctx, void *data, size_t size);

/* This is for tracer__take_summaries. */
int collector__on_summary(void *ctx, void *data, size_t size);

/* Returns whether a record may be taken from the rings: there is room for what it becomes. */
bool collector__room(struct collector *c);
/* Writes what is pending. Returns 0, or as sink__flush. */
int collector__flush(struct collector *c);
/* Puts steps of the clock into the recording that are not there yet. */
void collector__record_clock(struct collector *c);
/* Takes calls out of the books that were told and cannot be written: lost, not told. rules: those of each rule. */
void collector__take_back(struct collector *c, uint64_t calls,
			  const struct rule_counts rules[RULES_MAX]);
/* Reads the host's name again: from time to time, and when the user wants it. */
void collector__look_at_host(struct collector *c);
/* Looks whether pages of calls may have gone by unseen since the last look: then fewer pages than a list needs are no evidence
 * any more, here and in a replay. Those of a call that has ended were held before that. Returns whether that is new. */
bool collector__look_at_pages(struct collector *c);
/* Looks at the clocks, about once a second. */
void collector__tick(struct collector *c);

/* Looks at pages for a call that is not decoded, unless that was done since it ended. */
void collector__look_at_pages_of(struct collector *c, const struct pvm_call *call);
/* Keeps a path or arguments. This and what follows is for destinations. Returns 0 or -errno. */
int collector__learn(struct collector *c, const struct raw_record *raw);
/* Decodes a call. Returns 0, or -errno if it is none. */
int collector__decode(struct collector *c, const struct raw_record *raw, struct call_info *out);
/* Notes in a decoded call which rule decides on it, and returns what that makes of it. */
enum verdict collector__judge(struct collector *c, struct call_info *call);
/* Has sent again what of a decoded call's processes is marked as sent, but is not there. */
void collector__remind(struct collector *c, const struct call_info *call);
/* Has an ancestry count as used, by its id in a call, or sent again; for who does not decode the call. */
void collector__touch_ancestry(struct collector *c, uint64_t id);
/* Likewise the texts of a call's regions. The record is a whole one. */
void collector__touch_texts(struct collector *c, const struct pvm_call *call);

#endif
