/* SPDX-License-Identifier: Apache-2.0 */
/* told - counts what was told by what it did. It is pure. */
#ifndef PVM_TOLD_H
#define PVM_TOLD_H

#include "bpf/event.h"
#include "event/counts.h"

/* Counts a call that was told by its last record, or a summary's. Both are whole and were checked. */
void told__call(struct told_counts *t, const struct pvm_call *call);
void told__summary(struct told_counts *t, const struct pvm_summary *sum);

#endif
