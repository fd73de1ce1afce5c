/* SPDX-License-Identifier: Apache-2.0 */
/* report - the records that the program tells about itself: start, stats, lost, error, stop. */
#ifndef PVM_REPORT_H
#define PVM_REPORT_H

#include "books.h"
#include "collector.h"
#include "event/error_code.h"
#include "kernel/kernel.h"
#include "output/metrics.h"

#define REPORT_NOTES 8

struct report {
	struct collector *collector;
	struct books told;     /* as of the last `lost` record */
	uint64_t told_ns;      /* its time, CLOCK_BOOTTIME; of a replay ns since 1970 */
	uint64_t lost_records; /* how many of them there were */
	uint64_t start_ns;     /* time of the `start` record */
	struct doubts doubts;  /* why calls may be missing: see report__doubt */
	const char *notes[REPORT_NOTES];
	size_t note_cnt;
};

void report__note(struct report *r, const char *note);
void report__books(struct report *r, struct books *b);
/* Each returns 0, -EAGAIN if the sink has no room now, or -ENOMEM. */
int report__start(struct report *r);
int report__stats(struct report *r);
int report__lost(struct report *r); /* only if something was lost since the last one */
/* Tells an error. since, until: CLOCK_BOOTTIME, as clock__boot_now has it; of a replay ns since 1970; 0: null. Both are
 * dated by what the clocks say now, so that one that was set in between makes no span longer, shorter or negative. Whether
 * it can be told or not, the run is incomplete from now on, but for codes that cost no call. */
int report__error(struct report *r, enum error_code code, const char *message, uint64_t since_ns);
int report__error_span(struct report *r, enum error_code code, const char *message,
		       uint64_t since_ns, uint64_t until_ns);
/* A call may have been missed, for this reason, which stop names: the run is not complete, but for codes that cost no
 * call. */
void report__doubt(struct report *r, enum error_code code);
int report__stop(struct report *r, enum end_reason reason, const char *signal);
/* Writes the metrics file, if there is to be one. */
void report__metrics(struct report *r, struct metrics *m, const struct kernel *k, bool running);
/* Tells a record of a recording again, whose counters and moment are what its source says now. */
int report__again(struct report *r, const struct frame_books *books);

#endif
