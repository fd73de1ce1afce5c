/* SPDX-License-Identifier: Apache-2.0 */
#include "told.h"

#include <string.h>

#include "bpf/rules.h"
#include "event/names.h"

static void count(struct told_counts *t, unsigned int op, unsigned int outcome, uint64_t calls)
{
	const unsigned int by_op = op - PVM_READ, by_outcome = outcome - PVM_SUCCEEDED;

	if (by_op < 2 && by_outcome < 3)
		t->calls[by_op][by_outcome] += calls;
}

static void count_errors(struct told_counts *t, int64_t ret, uint64_t calls)
{
	const uint64_t number = -(uint64_t)ret;

	t->errors[number < TOLD_ERRNOS ? number : 0] += calls;
}

void told__call(struct told_counts *t, const void *data, size_t size)
{
	const struct pvm_call *call = data;
	unsigned int outcome;

	if (size < sizeof(*call))
		return;
	outcome = pvm_outcome_of(call->phase, call->ret);
	count(t, call->op, outcome, 1);
	if (outcome == PVM_FAILED)
		count_errors(t, call->ret, 1);
}

void told__summary(struct told_counts *t, const struct pvm_summary *sum)
{
	const struct pvm_tally *tally = &sum->tally;
	uint64_t left = tally->calls;
	struct pvm_call first;

	memcpy(&first, sum->call, sizeof(first));
	count(t, first.op, tally->outcome, tally->calls);
	if (tally->outcome != PVM_FAILED)
		return;
	for (size_t i = 0; i < PVM_USUAL_CNT; i++) {
		t->errors[usual_errnos[i]] += tally->errors[i];
		left -= tally->errors[i];
	}
	/* The others are of the first one's errno. */
	if (left)
		count_errors(t, first.ret, left);
}
