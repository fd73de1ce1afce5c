/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_fires - whether the hooks see this very program. */
#include "kernel/self_test.h"
#include "kernel/tracer.h"

#define FIRE_TRIES 3

static bool fires(struct tracer *t)
{
	struct pvm_counts before, after;

	tracer__counts(t, &before);
	self_test__call();
	tracer__counts(t, &after);
	return after.n[PVM_C_SELF_TESTS] > before.n[PVM_C_SELF_TESTS];
}

/* That our own call was passed over shows in the misses of one of its hooks, even where none of others' calls was lost. */
enum tracer_firing tracer__firing(struct tracer *t)
{
	uint64_t skipped = tracer__skipped_runs(t), misses = tracer__misses(t);

	if (fires(t))
		return FIRING;
	for (int i = 0; i < FIRE_TRIES; i++)
		if (fires(t))
			return tracer__misses(t) > misses ? FIRING : FIRING_AGAIN;
	return tracer__skipped_runs(t) > skipped ? FIRING : FIRING_NOT;
}
