/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match - pairs what perf's probe saw of calls (samples) with what the hooks say that they saw. It is pure.
 *
 * Both are told of one call within moments of each other, but in no fixed order, and by rings of their own. So either waits for
 * the other one. They are one call's if thread, system call and arguments are the same, and if their times fit: a hook in front
 * of the call's function comes before the sample, others come after it, or at that moment. Of calls that are all alike the
 * first fits the first: which one of them was missed is then told with the time of another.
 */
#ifndef PVM_AUDIT_MATCH_H
#define PVM_AUDIT_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "bpf/event.h"

#define AUDIT_ROOM 32768 /* samples, and sights of hooks, that can wait */
/* A sample that no hook speaks of by then is of a call that none saw. Hooks behind the function's begin may be late, and see
 * a call that lasts longer when it ends: so the time counts from when its thread was last found inside. */
#define AUDIT_GRACE_NS 2000000000ULL
/* Threads are looked for that have been inside for so long. */
#define AUDIT_LOOK_NS 500000000ULL

/* This is one call, as one of the two saw it. */
struct audit_call {
	uint64_t ns;		 /* CLOCK_BOOTTIME */
	__u64 args[PVM_ARG_CNT]; /* as in struct pvm_call */
	uint32_t pid;		 /* of a sample */
	uint32_t tid;
	uint8_t abi; /* enum pvm_abi; x32 calls are taken for native ones: perf cannot tell */
	uint8_t op;  /* enum pvm_op */
	bool late;   /* by a hook in the function, or behind it */
};

struct audit_match;

/* x32: whether the kernel carries out x32 calls. Else what hooks say of them is of attempts, which come to no function and so
 * have no sample, and is not heard: a native call's would be taken for theirs. NULL: no memory. */
struct audit_match *audit_match__new(bool x32);
void audit_match__free(struct audit_match *m);
/*
 * The calls in between are compared: not those whose samples come before the begin, and none are put in from the end on. The
 * hooks begin to speak a moment before the one, and cease a moment after the other: a sample from before the begin takes away its
 * own word, which would stand for another call else; and words from behind the end that have no sample are not heard.
 */
void audit_match__begin(struct audit_match *m, uint64_t ns);
void audit_match__end(struct audit_match *m, uint64_t ns);
/* Takes a sample, in the order of the rings; it takes part from the next cut on that is not before it. */
void audit_match__sample(struct audit_match *m, const struct audit_call *call);
/*
 * All samples up to now_ns were put in, of whatever CPU: they are compared, in the order of time. A thread may call on one
 * CPU, move, and call on another one, whose ring alone was read after that. Of two calls that are alike the second one's
 * sample would be taken for the first one's then.
 */
void audit_match__cut(struct audit_match *m, uint64_t now_ns);
void audit_match__seen(struct audit_match *m, const struct audit_call *call);
/* Its thread is still in that call, at that time, and no hook has seen it. */
void audit_match__inside(struct audit_match *m, const struct audit_call *call);
/* Returns whether a sample has waited so long that its thread is to be looked for. */
bool audit_match__waits(const struct audit_match *m, uint64_t now_ns);
/* All that hooks had said before the last cut has been taken too: what waits may be judged. */
void audit_match__settle(struct audit_match *m);
/* Samples, or sights of hooks, were lost that are no younger than now_ns: those that wait are not judged. */
void audit_match__lost(struct audit_match *m, uint64_t now_ns);
/* Returns the next sample that may be judged since the last audit_match__settle, and was not given out by this before; NULL:
 * none. It is valid until anything else is called. Its tag is the caller's to set. */
const struct audit_call *audit_match__fresh(struct audit_match *m, uint32_t **tag);
/* Takes out the next call that no hook saw, if its time is over; all of them for now_ns UINT64_MAX. tag: as it was set,
 * at first 0. */
bool audit_match__orphan(struct audit_match *m, uint64_t now_ns, struct audit_call *out,
			 uint32_t *tag);
/* Returns of how many calls it could not be told whether a hook saw them, since this was asked last. */
uint64_t audit_match__unjudged(struct audit_match *m);

#endif
