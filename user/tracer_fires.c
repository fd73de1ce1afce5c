/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_fires - whether the hooks see this very program. */
#include "self_test.h"
#include "tracer.h"

#define FIRE_TRIES 3

static bool fires(struct tracer *t)
{
	struct pvm_counts before, after;

	tracer__counts(t, &before);
	self_test__call();
	tracer__counts(t, &after);
	return after.n[PVM_C_SELF_TESTS] > before.n[PVM_C_SELF_TESTS];
}

bool tracer__still_fires(struct tracer *t)
{
	uint64_t skipped;

	if (fires(t))
		return true;
	skipped = tracer__skipped_runs(t);
	for (int i = 0; i < FIRE_TRIES; i++)
		if (fires(t))
			return true;
	return tracer__skipped_runs(t) > skipped;
}
