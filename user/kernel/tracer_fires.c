/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_fires - whether the hooks see this very program. */
#include "bpf/control.h"
#include "kernel/self_test.h"
#include "kernel/tracer.h"

#define FIRE_TRIES 4

enum own_call { SEEN, PASSED_OVER, UNSEEN };

/* A call that was passed over shows in the misses of one of its hooks, even where none of others' calls was lost. */
static enum own_call call(struct tracer *t)
{
	struct pvm_counts before, after;
	uint64_t misses = tracer__misses(t);

	tracer__counts(t, &before);
	self_test__call();
	tracer__counts(t, &after);
	tracer__expect_own(t, after.n[PVM_C_SELF_TESTS]);
	if (after.n[PVM_C_SELF_TESTS] > before.n[PVM_C_SELF_TESTS])
		return SEEN;
	return tracer__misses(t) > misses ? PASSED_OVER : UNSEEN;
}

enum tracer_firing tracer__firing(struct tracer *t)
{
	bool unseen = false, seen = false;

	for (int i = 0; i < FIRE_TRIES; i++) {
		enum own_call found = call(t);

		seen |= found == SEEN;
		if (found == SEEN && tracer__own_hooks_saw(t))
			break;
		unseen |= found == UNSEEN && !seen;
	}
	if (!seen)
		return unseen ? FIRING_NOT : FIRING_UNKNOWN;
	tracer__own_hooks_end(t);
	return unseen ? FIRING_AGAIN : FIRING;
}
