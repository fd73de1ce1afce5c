/* SPDX-License-Identifier: Apache-2.0 */
/* own_record - the records that the tracer tells about itself, for the tests of the renderings. */
#ifndef PVM_OWN_RECORD_H
#define PVM_OWN_RECORD_H

#include "base/options.h"
#include "rendering.h"

/* There is one record of each type that is no call, REC_START first. */
#define OWN_RECORDS 6

struct own_records {
	struct record r[OWN_RECORDS];
	struct options options;
	struct filter_value value;
};

void own_records__fill(struct own_records *own);

#endif
