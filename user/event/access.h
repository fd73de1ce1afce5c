/* SPDX-License-Identifier: Apache-2.0 */
/* access - by what right a call was permitted, or for want of what it was denied. */
#ifndef PVM_ACCESS_H
#define PVM_ACCESS_H

#include "event/record.h"

/* Nothing is said of it. */
void access__none(struct access_info *out);
/* Comes after all else of a call whose target is resolved. */
void access__fill(const struct pvm_call *call, const struct call_info *c, struct access_info *out);

#endif
