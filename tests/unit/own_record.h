/* SPDX-License-Identifier: Apache-2.0 */
/* own_record - the records that the tracer tells about itself, for the tests of the renderings. */
#ifndef PVM_OWN_RECORD_H
#define PVM_OWN_RECORD_H

#include "base/options.h"
#include "event/counts.h"
#include "rendering.h"

/* There is one record of each type that is no call, REC_START first. */
#define OWN_RECORDS 6

struct own_records {
	struct record r[OWN_RECORDS];
	struct options options;
	struct filter_value value, heap;
	struct rule_counts counts[RULES_MAX];
};

void own_records__fill(struct own_records *own);
/* Makes rules of the filters, of which the last one has no name: profilers drops, web tells, the one of the longest name
 * aggregates. Of the first, 3 calls were dropped, of the second 2 told. */
void own_records__rules(struct own_records *own);

#endif
