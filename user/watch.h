/* SPDX-License-Identifier: Apache-2.0 */
/* watch - whether the hooks still do what `start` promised: that they fire, and that the kernel skips none of their runs;
 * and whether a process is left that the pid filters ask for. What cannot be made good is told, and the run is not complete. */
#ifndef PVM_WATCH_H
#define PVM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/audit.h"
#include "kernel/kernel.h"
#include "kernel/sysctl.h"
#include "report.h"

/* This is a switch that hooks depend on. */
struct watch_switch {
	struct sysctl_watch file; /* set before the hooks are attached */
	uint64_t off_since_ns;	  /* CLOCK_BOOTTIME; 0: it is on, and that is told */
	bool written;		  /* and it is not told yet */
};

struct watch {
	struct report *report;
	const struct kernel *kernel;
	struct watch_switch ftrace, kprobes;
	struct sysctl_watch audit_switch; /* that of kprobes again: the audit looks at other times */
	uint64_t fired_ns;	  /* when the hooks were last seen to fire, CLOCK_BOOTTIME */
	uint64_t silent_since_ns; /* CLOCK_BOOTTIME; 0: they fire */
	bool silence_told;
	struct audit *audit;	 /* NULL: there is none */
	uint64_t audit_fired_ns; /* as fired_ns and so on, of its probes */
	uint64_t audit_since_ns;
	bool audit_told;
	uint64_t cpus_since_ns; /* there are CPUs that the audit does not see, and that is to be told; 0: no */
	bool cpus_told;
	uint64_t audit_lost;			     /* as it was told */
	uint64_t stalled_since_ns, stalled_until_ns; /* CLOCK_BOOTTIME; 0: we ran, or it is told */
	char tampered[224];			     /* what is not told yet; or empty */
	uint64_t skips_told;			     /* see tracer__skipped_runs */
	bool gone_told[2]; /* by enum pvm_who: no process is left that the pid filter asks for */
};

/* Begins to watch when the hooks have just been proven. */
void watch__begin(struct watch *w, struct report *report, const struct kernel *kernel,
		  struct audit *audit);
/* Takes note that we did not run for so long, up to now, which the next tick tells. */
void watch__stalled(struct watch *w, uint64_t ns);
/* Looks once a second, and once more at the end, while they are attached. */
void watch__tick(struct watch *w);
/* Tells what others did to the kernel half, if that is known by now. */
void watch__tampering(struct watch *w);
/* Looks only at what the kernel says of skipped runs by now. */
void watch__skips(struct watch *w);

#endif
