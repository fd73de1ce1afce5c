/* SPDX-License-Identifier: Apache-2.0 */
/* counts - what is counted, as plain data: books.h says how it is filled and whether it adds up. */
#ifndef PVM_COUNTS_H
#define PVM_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "event/record.h"

/* These are all counters, in the order in which they are written. */
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

/* What became of the calls that a rule decided on. Dropped ones are among the filtered. */
struct rule_counts {
	uint64_t told; /* last records; in_flight ones are none */
	uint64_t summarised;
	uint64_t dropped;
};

#define TOLD_ERRNOS 134 /* the highest errno with a name, and one */

/* Calls that were told, in records of their own and in summaries. */
struct told_counts {
	uint64_t calls[2][3]; /* by enum pvm_op and enum pvm_outcome, from the first of each on */
	uint64_t errors[TOLD_ERRNOS]; /* those that failed, by errno; [0]: by one without a name */
};

/* This is what the user half counted itself. */
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

struct books {
	struct rule_counts rules[RULES_MAX]; /* by their place in options.rules */
	struct counter counters[BOOK_CNT];   /* by enum book */
	size_t cnt;
	struct counter causes[BOOKS_CAUSES]; /* the parts of lost */
	size_t cause_cnt;
	uint64_t seen, emitted, summarised, filtered, lost;
	uint64_t in_flight;
	uint64_t skipped_runs;
};

#endif
