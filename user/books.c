/* SPDX-License-Identifier: Apache-2.0 */
#include "books.h"

#include <string.h>

static void add(struct books *b, const char *name, uint64_t value)
{
	b->counters[b->cnt++] = (struct counter){ .name = name, .value = value };
}

/* A cause of loss stands in both lists, among the counters and among the causes. */
static void add_cause(struct books *b, const char *name, uint64_t value)
{
	add(b, name, value);
	b->causes[b->cause_cnt++] = (struct counter){ .name = name, .value = value };
	b->lost += value;
}

uint64_t books__in_flight(const struct pvm_counts *kernel)
{
	const __u64 *n = kernel->n;
	uint64_t over = n[PVM_C_SUBMITTED] + n[PVM_C_FILTERED] + n[PVM_C_RING_FULL] +
			n[PVM_C_STATE_FULL] + n[PVM_C_STATE_STALE] + n[PVM_C_SUMMARISED];

	/* The rows are not read at one moment: an end may be seen before its begin. */
	return n[PVM_C_SEEN] > over ? n[PVM_C_SEEN] - over : 0;
}

void books__fill(struct books *b, const struct pvm_counts *kernel, const struct books_user *user)
{
	const __u64 *n = kernel->n;
	size_t lost_at;

	*b = (struct books){
		.seen = n[PVM_C_SEEN],
		.emitted = user->emitted,
		.summarised = user->summarised,
		.filtered = n[PVM_C_FILTERED] + user->filtered,
		.in_flight = books__in_flight(kernel),
		.skipped_runs = user->skipped_runs,
	};
	add(b, "seen", b->seen);
	add(b, "emitted", b->emitted);
	add(b, "summarised", b->summarised);
	add(b, "filtered", b->filtered);
	lost_at = b->cnt;
	add(b, "lost", 0);
	add_cause(b, "lost_ring_full", n[PVM_C_RING_FULL]);
	add_cause(b, "lost_state_full", n[PVM_C_STATE_FULL]);
	add_cause(b, "lost_state_stale", n[PVM_C_STATE_STALE]);
	add_cause(b, "lost_output", user->lost_output);
	add_cause(b, "lost_decode", user->lost_decode);
	add_cause(b, "lost_unswept", user->lost_unswept);
	b->counters[lost_at].value = b->lost;
	add(b, "submitted", n[PVM_C_SUBMITTED]);
	add(b, "in_flight_emitted", user->in_flight_emitted);
	add(b, "in_flight_untold", n[PVM_C_IN_FLIGHT_UNTOLD]);
	add(b, "array_lost", n[PVM_C_ARRAY_LOST]);
	add(b, "array_evicted", user->arrays_evicted);
	add(b, "identity_lost", n[PVM_C_IDENTITY_LOST]);
	add(b, "identity_full", n[PVM_C_IDENTITY_FULL]);
	add(b, "identity_evicted", user->identity_evicted);
	add(b, "self_tests", n[PVM_C_SELF_TESTS]);
	add(b, "skipped_runs", user->skipped_runs);
	add(b, "audited", n[PVM_C_AUDITED]);
	add(b, "audit_lost", n[PVM_C_AUDIT_LOST]);
}

void books__of_told(struct pvm_counts *kernel, const struct books_user *then,
		    const struct books_user *now)
{
	__u64 *n = kernel->n;

	n[PVM_C_SUMMARISED] = now->summarised;
	n[PVM_C_SUBMITTED] = now->emitted + now->filtered + now->lost_decode + now->lost_output +
			     then->filtered + then->lost_decode + then->lost_output;
	n[PVM_C_SEEN] = n[PVM_C_SUBMITTED] + n[PVM_C_SUMMARISED] + n[PVM_C_FILTERED] +
			n[PVM_C_RING_FULL] + n[PVM_C_STATE_FULL] + n[PVM_C_STATE_STALE] +
			then->lost_unswept;
}

bool books__balanced(const struct books *b)
{
	return b->seen == b->emitted + b->summarised + b->filtered + b->lost;
}

void books__doubt(struct doubts *d, const char *reason)
{
	char *to;

	for (size_t i = 0; i < d->cnt; i++)
		if (!strncmp(d->reasons[i], reason, BOOKS_DOUBT_SZ - 1))
			return;
	if (d->cnt == BOOKS_DOUBTS)
		d->cnt--;
	to = d->reasons[d->cnt++];
	memset(to, 0, BOOKS_DOUBT_SZ);
	memcpy(to, reason, strnlen(reason, BOOKS_DOUBT_SZ - 1));
}

size_t books__incomplete(const struct books *b, const struct doubts *d,
			 const char *out[BOOKS_REASONS])
{
	static const char skipped[] = "hooks_skipped"; /* also an error's code */
	size_t cnt = 0;

	if (b->lost)
		out[cnt++] = "lost";
	if (!books__balanced(b))
		out[cnt++] = "unbalanced";
	if (b->skipped_runs)
		out[cnt++] = skipped;
	for (size_t i = 0; i < d->cnt; i++)
		if (!b->skipped_runs || strcmp(d->reasons[i], skipped) != 0)
			out[cnt++] = d->reasons[i];
	return cnt;
}
