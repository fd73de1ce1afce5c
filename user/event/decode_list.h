/* SPDX-License-Identifier: Apache-2.0 */
/* decode_list - makes one claim of the two looks that were taken at a list. */
#ifndef PVM_DECODE_LIST_H
#define PVM_DECODE_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "event/record.h"

/* This is a list as the kernel sees it: cnt elements (1 to PVM_IOV_MAX) of elem bytes (8 or 16). */
struct list_shape {
	uint64_t addr;
	uint32_t cnt;
	uint32_t elem;
};

/* This is one look at a list: its array, as far as it was read. */
struct list_look {
	const uint8_t *bytes; /* cnt * elem of them; NULL: not taken, or nothing was readable */
	uint8_t ok;	      /* bit n: page n was readable */
	bool lost;	      /* something was read but did not reach us */
};

/* Fills status, user, changed, captured, iov, iov_exit, exit_cnt, gaps and total_len of out. iov
 * and iov_exit have room for s->cnt elements each. */
void list__merge(struct list_info *out, const struct list_shape *s, const struct list_look *entry,
		 const struct list_look *exit, struct iov_elem *iov, struct iov_elem *iov_exit);
/* Returns whether all of a list is known; whether it is also certain, as far as can be told: it was read whole before the
 * kernel did, and was the same afterwards. */
bool list__is_whole(const struct list_info *list);
bool list__is_certain(const struct list_info *list);
/* Returns where an address of a list leads to, without what arm64 lets a process put into its upper byte. abi: of the call. */
uint64_t list__address(uint64_t addr, int abi);

#endif
