/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - --audit: a second look at all calls, by perf's own probes at the begin of the calls' functions. No BPF program
 * is part of it, so nothing that keeps a program from running concerns it. Each call gives a sample with its thread,
 * its time and its registers, in a ring of its CPU; each call that a hook saw gives word of it in a ring of its own
 * (bpf/audit.h). What has a sample and no word is told, as an orphan.
 */
#ifndef PVM_AUDIT_H
#define PVM_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit;
struct clock_base;
struct kernel;
struct options;

/* The calls that nobody saw are told to this. All of it is kept, not copied. */
struct audit_listener {
	const struct options *options;
	const struct clock_base *clock;
	bool (*room)(void *ctx);			 /* whether it takes a record now */
	int (*take)(void *ctx, void *data, size_t size); /* a PVM_CALL record */
	void *ctx;
	bool x32; /* see audit_match__new */
};

/* Sets the probes, and proves them by a call of our own; the tracer is attached. It needs CAP_PERFMON, nothing later does.
 * Returns 0, or a sysexits status after a message. */
int audit__open(struct audit **out, const struct audit_listener *to, const struct kernel *kernel);
void audit__close(struct audit *a); /* takes NULL, as all others do */

/* The hooks are about to tell calls. */
void audit__ready(struct audit *a);
/* From now on (they do) calls are compared, and up to audit__end (they are about to stop). */
void audit__begin(struct audit *a);
void audit__end(struct audit *a);
/* Returns a descriptor for poll(2): it becomes readable before the rings are full. -1: there is nothing to wait
 * for. */
int audit__fd(const struct audit *a);
/* Empties the rings and compares: it is called often, whatever else there is to do. */
void audit__look(struct audit *a);
/* Tells the calls that nobody saw, as far as there is room for them; all that are left, once hooks and probes have
 * ended. */
void audit__tell(struct audit *a, bool all);
/* Returns whether calls wait for word of hooks so long that the sweep is to say who is still inside (bpf/audit.h), for the
 * next look. */
bool audit__waits(const struct audit *a);
/* Returns whether the probes fired for the call that we have made (self_test__call) since this was asked last. */
bool audit__fires(struct audit *a);
/* Returns whether CPUs came or went since the probes were set: calls on those are not audited. */
bool audit__lacks_cpu(const struct audit *a);
/* Returns how many calls could not be compared so far. */
uint64_t audit__lost(const struct audit *a);

#endif
