/* SPDX-License-Identifier: Apache-2.0 */
/* told - counts what was told by what it did. It is pure. */
#ifndef PVM_TOLD_H
#define PVM_TOLD_H

#include "bpf/event.h"
#include "event/counts.h"

/* Counts a call that was told by its last record; what is too short for one, as recordings keep it too, is not counted. */
void told__call(struct told_counts *t, const void *data, size_t size);
/* Counts a summary's calls. It was checked. */
void told__summary(struct told_counts *t, const struct pvm_summary *sum);

#endif
