/* SPDX-License-Identifier: Apache-2.0 */
/* source - where the facts of a run come from. There are two: from_kernel asks the kernel half and the clocks, and
 * from_recording says what a recording says. Nobody else asks which of them it is. */
#ifndef PVM_SOURCE_H
#define PVM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "books.h"
#include "bpf/control.h"
#include "bpf/keys.h"
#include "event/record.h"
#include "base/options.h"

struct collector;
struct pin_key;
struct run_facts;

/* This is one moment by two clocks. A recording knows only the one: then both are ns since 1970. */
struct moment {
	uint64_t real_ns; /* since 1970 */
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
};

struct source_ops {
	/* Fills in host and run id of c, and opens its clock. Returns 0, or a sysexits status after a message. */
	int (*open)(void *ctx, struct collector *c);
	/* Gives what is known of the run when it starts. The texts stay valid. */
	void (*facts)(void *ctx, struct run_facts *out);
	/* Returns the moment of a record of the program's own. */
	struct moment (*now)(void *ctx);
	/* Returns when the next record is told, ns since 1970. */
	uint64_t (*told_ns)(void *ctx);
	/* Is called before a moment is dated: if the clock was set since the last look, or may have been, that is known
	 * then, and the date is settled: a call has the same one in both of its records. */
	void (*settle_clock)(void *ctx, uint64_t boot_ns);
	/* Returns the first rule of the options that holds for a call, by the filters that were not asked yet; NULL: none. */
	const struct rule *(*judge)(void *ctx, const struct call_info *call);
	/* Gives what sums of pages are made with, and whether such may lack by now. Returns false if the records themselves say
	 * so, in their order. */
	bool (*pin_key)(void *ctx, struct pin_key *out);
	/* Takes arrays that came meanwhile. Returns whether those of a call that ended at exit_ns may still come. */
	bool (*take_arrays)(void *ctx, uint64_t exit_ns);
	/* Has identities sent again that are not known here any more. */
	void (*forget_proc)(void *ctx, uint32_t pid);
	void (*forget_ancestry)(void *ctx, uint64_t id);
	void (*forget_cgroup)(void *ctx, const struct pvm_cgroup_key *key);
	void (*forget_text)(void *ctx, uint64_t id);
	/* From now on calls of this cgroup are filtered by this verdict. */
	void (*judge_cgroup)(void *ctx, const struct pvm_cgroup_key *key,
			     const struct pvm_cgroup_val *val);
	/* A call that was made as a test came through the ring. */
	void (*self_test)(void *ctx, const void *data, size_t size);
	/* Gives the kernel half's counters; to user, which holds what this run counted, it adds what else there is. */
	void (*counts)(void *ctx, struct pvm_counts *kernel, struct books_user *user);
	/* Adds the calls that the kernel half dropped, by the options' rules. */
	void (*add_drops)(void *ctx, struct rule_counts rules[RULES_MAX]);
};

struct source {
	const struct source_ops *ops;
	void *ctx;
};

#endif
