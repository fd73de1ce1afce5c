/* SPDX-License-Identifier: Apache-2.0 */
/* skips - how many calls can have gone by all hooks, by the runs of them that the kernel says it skipped. */
#ifndef PVM_SKIPS_H
#define PVM_SKIPS_H

#include <stdbool.h>
#include <stdint.h>

struct skips {
	bool fentry; /* the first hooks are on the calls' functions */
	bool beside; /* hooks are loaded that others may stand beside: with fentry, too, an exit without an entry is told */
	bool quick;  /* hooks at a begin look at no call that an earlier one took (bpf/here.h) */
	bool counted; /* the kernel counts what it skips of witnesses */
	bool stackless; /* some threads have no shadow stack: of theirs returns are not seen, and that is not counted */
	bool exact;		 /* the hooks where calls begin look at each call, quick or not */
	uint8_t bounding;	 /* enum witness_bit: those that count (witness_info__bounding) */
	uint64_t entries, exits; /* skipped runs of the first hooks, also for other system calls, */
	uint64_t begins, returns,
		ends; /* and of those witnesses where calls begin, return and end */
};

/*
 * Returns how many calls are missing, at most. A call that any hook saw is told, so one that is missing was passed over by
 * every kind of them, and stands in the count of each kind that sees all calls: the least of these counts. What permits
 * accesses (WITNESS_PERMIT) sees not all, and nothing is taken off for what it saw. If it is not 0, `complete` is false.
 */
uint64_t skips__bound(const struct skips *s);

/* Returns the same where a thread without a shadow stack was found when the counts were those of at: up to then it is not
 * known of which threads the witnesses saw calls. */
uint64_t skips__bound_since(const struct skips *at, const struct skips *now);

#endif
