/* SPDX-License-Identifier: Apache-2.0 */
/* regions - what lies at the remote elements of a call: from the kernel half's looks to what is said of them. */
#ifndef PVM_REGIONS_H
#define PVM_REGIONS_H

#include "event/arrays.h"
#include "event/identity.h"
#include "event/record.h"

/* Room for those of one look. */
struct region_list {
	struct region_info at[PVM_REGIONS_MAX + 1];
	struct pvm_region raw[PVM_REGIONS_MAX + 1];
};

/* Fills regions, regions_exit and regions_confirmed of out, whose lists and confirmed are decoded; room: for both looks. arrays:
 * where those that are more than one are held. Of a look that cannot be what the kernel half tells, nothing is told. */
void regions__decode(const struct pvm_call *call, const struct arrays *arrays, struct identity *id,
		     struct region_list room[2], struct call_info *out);
/* Returns whether an element reaches beyond the mapping that it begins in. From where nothing is mapped nothing is reached. */
bool regions__reach_out(const struct pvm_region *r, const struct iov_elem *e, int abi);
/* The regions of one look (again: the second one), as they came. Returns how many, or -1: they are not known. */
int regions__take(const struct pvm_call *call, const struct arrays *arrays, bool again,
		  struct pvm_region to[PVM_REGIONS_MAX + 1]);

#endif
