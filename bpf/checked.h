/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* checked.h - how the contents of filters and verdicts are summed up, on both sides of the wall: the user half knows what it
 * put there, and a sum is all that has to be fetched to know that it is still the same. */
#ifndef PVM_CHECKED_H
#define PVM_CHECKED_H

#include "types.h"

/* These are the maps. */
enum pvm_checked_map {
	PVM_CHECKED_PID = 0,
	PVM_CHECKED_UID = 1,
	PVM_CHECKED_COMM = 2,
	/* Hooks write to the maps of these two, so that programs of others can. */
	PVM_CHECKED_EXE = 3,
	PVM_CHECKED_CGROUP = 4, /* only those that are judged are summed up */
	PVM_CHECKED_CNT = 5,
};

/* This is said of each of them. */
struct pvm_checked {
	__u64 sum; /* over all elements, of pvm_checked_sum */
	__u64 cnt;
};

#define PVM_CHECKED_WORDS 5 /* of the longest key and its value, which stand behind each other */

/* Returns the sum over one element. A word that is not used is 0. */
static inline __attribute__((always_inline)) __u64
pvm_checked_sum(const __u64 words[PVM_CHECKED_WORDS])
{
	__u64 sum = 1;

	for (int i = 0; i < PVM_CHECKED_WORDS; i++) {
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		sum ^= sum >> 32;
	}
	return sum;
}

#endif
