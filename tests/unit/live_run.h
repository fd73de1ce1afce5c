/* SPDX-License-Identifier: Apache-2.0 */
/* live_run - a live run over a kernel half that is stood in for: everything from the rings to the file "out" is real. */
#ifndef PVM_LIVE_RUN_H
#define PVM_LIVE_RUN_H

#include <jansson.h>

#include "fake_kernel.h"
#include "fixture.h"
#include "loop.h"
#include "to_lines.h"

#define RUN_LINES 64

struct live_run {
	struct options options;
	struct tracer fake;
	struct from_kernel source;
	struct collector collector;
	struct to_lines to_lines;
	struct report report;
	struct loop loop;
	/* This is what came out. */
	json_t *lines[RUN_LINES];
	size_t line_cnt;
};

extern struct live_run run;

/* Begins in a scratch directory, with the options of a command line (NULL ends it) and the sink given, or "out". */
void live_run__begin(struct sink *sink, const char *const *args);
void live_run__end(void);
/* Puts another call with that thread into the ring, in that phase. */
void live_run__call(uint32_t tid, enum pvm_phase phase);
/* Reads what is in a file of lines, and gives up what was read before. */
void live_run__read(const char *path);
/* Returns the line's type. */
const char *live_run__kind(size_t line);
/* Returns how many lines are of that kind. */
size_t live_run__count(const char *kind);
/* Returns the last line, which has to be `stop`. */
const json_t *live_run__stop(void);
/* Returns a counter of that line. */
uint64_t live_run__counter(const char *name);

#endif
