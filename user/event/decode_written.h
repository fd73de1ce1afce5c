/* SPDX-License-Identifier: Apache-2.0 */
/* decode_written - what a call wrote, and what of its own lists that was. Such bytes are the target's, not the
 * caller's claim: they are in no event. It is pure. */
#ifndef PVM_DECODE_WRITTEN_H
#define PVM_DECODE_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/record.h"

/* These are the first bytes of the elements of a list. */
struct written {
	const struct list_info *list; /* NULL: nothing in the caller's memory */
	uint64_t bytes;
	int abi; /* enum pvm_abi */
};

/* Returns what a call wrote; its outcome and both of its lists are known as they were read. The result points into c. */
struct written written__of(const struct call_info *c);
/* Returns whether any of that lies where this list is, which is len bytes long. */
bool written__hits(const struct written *w, const struct list_info *list, uint64_t len);
/* Returns whether the kernel can have taken these elements for those of a call that moved bytes: no length is negative
 * (lib/iov_iter.c), and each range lies where processes have their memory. */
bool written__can_be_list(const struct iov_elem *iov, uint32_t cnt, int abi);

#endif
