/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_impl - what the parts of the tracer share: tracer.c (from open to attach, and the end) and tracer_run.c (what it does
 * in between). */
#ifndef PVM_TRACER_IMPL_H
#define PVM_TRACER_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "bpf/keys.h"
#include "kernel/commands.h"
#include "kernel/exe_bind.h"
#include "kernel/hooks.h"
#include "kernel/iterators.h"
#include "kernel/link_check.h"
#include "kernel/map_check.h"
#include "kernel/module_types.h"
#include "kernel/own_hooks.h"
#include "kernel/pid_watch.h"
#include "kernel/ring_place.h"
#include "kernel/self_test.h"
#include "kernel/steer.h"
#include "kernel/summaries.h"
#include "kernel/tamper.h"

struct pvmtrace_bpf;
struct ring_buffer;

struct tracer {
	struct pvmtrace_bpf *skel;
	const struct options *options;
	struct hooks hooks;
	struct iterators iterators;
	struct ring_buffer *calls, *arrays;
	struct ring_place calls_at, arrays_at;
	struct tamper tamper;
	struct map_check check;
	struct link_check links;
	uint64_t checked_ns; /* CLOCK_MONOTONIC, when both were looked at last */
	struct own_hooks own_hooks;
	uint32_t openings_lost; /* as we last saw it */
	uint64_t own_calls; /* how many of ours the kernel half had counted when we last looked; 0: not yet */
	struct summaries summaries;
	struct steer steer;
	struct commands commands;
	struct pvm_counts own;		   /* what we counted ourselves */
	const struct pvm_memory *memories; /* of the kernel half, mapped */
	uint64_t digest_key[2]; /* random: no caller may know how long lists are compared */
	size_t rows;		/* of counters that can be in use */
	struct module_types_missing missing;
	bool in_pid_ns, single_cpu;
	int yama; /* yama.h */
	struct self_test test;
	struct pid_watch watch[2]; /* by enum pvm_who */
	struct exe_bind exes;
	struct bound_info files[BOUND_TOLD];
};

#endif
