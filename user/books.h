/* SPDX-License-Identifier: Apache-2.0 */
/* books - all counters under their names, and whether they add up. Pure. */
#ifndef PVM_BOOKS_H
#define PVM_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "bpf/event.h"
#include "event/record.h"

/* All counters, in the order in which they are written. */
enum book {
	BOOK_SEEN,
	BOOK_EMITTED,
	BOOK_SUMMARISED,
	BOOK_FILTERED,
	BOOK_LOST,
	BOOK_CAUSES, /* of loss, lost's parts: from here */
	BOOK_LOST_RING_FULL = BOOK_CAUSES,
	BOOK_LOST_STATE_FULL,
	BOOK_LOST_STATE_STALE,
	BOOK_LOST_OUTPUT,
	BOOK_LOST_DECODE,
	BOOK_LOST_UNSWEPT,
	BOOK_CAUSES_END, /* to here */
	BOOK_SUBMITTED = BOOK_CAUSES_END,
	BOOK_IN_FLIGHT_EMITTED,
	BOOK_IN_FLIGHT_UNTOLD,
	BOOK_ARRAY_LOST,
	BOOK_ARRAY_EVICTED,
	BOOK_IDENTITY_LOST,
	BOOK_IDENTITY_FULL,
	BOOK_IDENTITY_EVICTED,
	BOOK_SELF_TESTS,
	BOOK_SKIPPED_RUNS,
	BOOK_AUDITED,
	BOOK_AUDIT_LOST,
	BOOK_CNT
};

#define BOOKS_CAUSES (BOOK_CAUSES_END - BOOK_CAUSES)
#define BOOKS_DOUBTS 8
#define BOOKS_DOUBT_SZ 32
#define BOOKS_REASONS (BOOKS_DOUBTS + 3)

/* What the user half counted itself. */
struct books_user {
	uint64_t emitted;
	uint64_t summarised; /* calls in summaries */
	uint64_t in_flight_emitted;
	uint64_t filtered;
	uint64_t lost_output;
	uint64_t lost_decode;
	uint64_t lost_unswept; /* inside at the end, but not to be seen from our pid namespace */
	uint64_t identity_evicted;
	uint64_t arrays_evicted;
	uint64_t skipped_runs;
};

/* Why a call may be missing that no counter counts: words that stand in `stop`, and were told as errors. */
struct doubts {
	char reasons[BOOKS_DOUBTS][BOOKS_DOUBT_SZ];
	size_t cnt;
};

struct books {
	struct counter counters[BOOK_CNT]; /* by enum book */
	size_t cnt;
	struct counter causes[BOOKS_CAUSES]; /* the parts of lost */
	size_t cause_cnt;
	uint64_t seen, emitted, summarised, filtered, lost;
	uint64_t in_flight;
	uint64_t skipped_runs;
};

/* Calls that are still inside: seen, and not yet told, filtered or lost. */
uint64_t books__in_flight(const struct pvm_counts *kernel);
void books__fill(struct books *b, const struct pvm_counts *kernel, const struct books_user *user);
/* For a recording without an end: kernel and then, which are the last books in it (or zeros), become those of a run that
 * saw just what is known: what was replayed (now), and what was filtered or lost before. None is in flight that was not
 * lost so. */
void books__of_told(struct pvm_counts *kernel, const struct books_user *then,
		    const struct books_user *now);
/* seen = emitted + summarised + filtered + lost. Only at the end of a run is that to be expected. */
bool books__balanced(const struct books *b);
/* From now on, for good: a call may be missing, for this reason (BOOKS_DOUBT_SZ with its NUL; what is longer is cut).
 * Of more reasons than there is room for, the last stand for the others. */
void books__doubt(struct doubts *d, const char *reason);
/* Why the run is not complete: "lost", "unbalanced", "hooks_skipped", or a reason for doubt, each once. How many; 0: it
 * is. */
size_t books__incomplete(const struct books *b, const struct doubts *d,
			 const char *out[BOOKS_REASONS]);

#endif
