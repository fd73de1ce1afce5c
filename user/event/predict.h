/* SPDX-License-Identifier: Apache-2.0 */
/*
 * predict - which pages of the target a call must have made the kernel hold, if the remote list was what was captured
 * of it; and whether it did hold these. It is pure: the rules of process_vm_rw_core in the kernel's mm/process_vm_access.c,
 * played again.
 */
#ifndef PVM_PREDICT_H
#define PVM_PREDICT_H

#include <stdint.h>

#include "event/record.h"

/* This is what the kernel half's sums are made with in one run. */
struct pin_key {
	uint64_t key[2];
	uint32_t page_shift; /* of that host; 0: no pages were looked at */
	uint32_t may_lack;   /* runs of both hooks may have been skipped for the same pages */
};

#define LOCAL_UNKNOWN UINT64_MAX

/*
 * Returns YES if the pages that were held are the first ones of the remote list (cnt elements, all of it), in its order, as
 * many as ret, the call's result, allows. NO: they are not: the kernel got another list. UNKNOWN: nothing was held, or less
 * than what the bytes that moved lie on, or (where the key says that pages may lack) so little that it can be either.
 * local_total: bytes of the local list, or LOCAL_UNKNOWN.
 */
enum tristate predict__check(const struct pin_key *key, const struct pvm_pins *pins,
			     const struct iov_elem *iov, uint32_t cnt, uint64_t local_total,
			     int64_t ret);

#endif
