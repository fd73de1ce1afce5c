/* SPDX-License-Identifier: Apache-2.0 */
/* loop - owns time, signals and polling: when to read the rings, when to sleep, when to look for calls
 * that are still inside, and how a run ends. */
#ifndef PVM_LOOP_H
#define PVM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "collector.h"
#include "event/record.h"
#include "from_kernel.h"
#include "output/metrics.h"
#include "output/notify.h"
#include "outputs.h"
#include "report.h"
#include "watch.h"

struct loop {
	struct from_kernel *source; /* and the collector's */
	struct collector *collector;
	struct report *report;
	struct notify notify; /* the service manager */
	struct metrics metrics;
	struct outputs outputs;
	struct watch watch;  /* of the hooks */
	struct audit *audit; /* NULL: there is none */
	int signal_fd;
	unsigned int idle; /* looks in a row that found nothing */
	bool stats_due;
	bool reopen_due;
	bool ready;		   /* `start` is written, and the service manager knows */
	uint64_t end_ns;	   /* CLOCK_MONOTONIC; 0: no --duration */
	uint64_t tick_ns;	   /* next look at what is not driven by records */
	uint64_t tick_cpu_ns;	   /* how long we had run at the last one */
	uint64_t stats_ns;	   /* next stats record */
	uint64_t host_ns;	   /* when the host's name is read again */
	uint64_t summary_ns;	   /* when the window of summaries is closed */
	bool summaries_left;	   /* the output had no room for all of the last one */
	uint64_t failing_since_ns; /* CLOCK_BOOTTIME; 0: the output works */
	enum end_reason reason;	   /* why the run ends */
	const char *signal;	   /* which signal ended it, or NULL */
};

/* Blocks the signals it handles, ignores SIGPIPE, and connects to the service manager: call first, before there is anything
 * to lose. Returns 0, or EX_SOFTWARE after a message. */
int loop__open(struct loop *l);
/* Closes it, also if it could not be opened. */
void loop__close(struct loop *l);
/* Tells `start`, runs until something ends it, tells `stop`. Returns the exit status of the program. */
int loop__run(struct loop *l);
/* Ends a run (finish.c). Returns the exit status of the program. */
int finish__run(struct loop *l);

#endif
