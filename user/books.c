/* SPDX-License-Identifier: Apache-2.0 */
#include "books.h"

#include <string.h>

#include "bpf/control.h"
#include "event/error_code.h"

static uint64_t *row_of(struct books_user *b, enum fate fate)
{
	uint64_t *const rows[FATE_CNT] = {
		[FATE_EMITTED] = &b->emitted,
		[FATE_SUMMARISED] = &b->summarised,
		[FATE_IN_FLIGHT] = &b->in_flight_emitted,
		[FATE_FILTERED] = &b->filtered,
		[FATE_LOST_OUTPUT] = &b->lost_output,
		[FATE_LOST_DECODE] = &b->lost_decode,
		[FATE_LOST_UNSWEPT] = &b->lost_unswept,
	};

	return rows[fate];
}

void books__book(struct books_user *b, enum fate fate, uint64_t calls)
{
	*row_of(b, fate) += calls;
}

void books__take_back(struct books_user *b, uint64_t calls)
{
	uint64_t events = calls < b->emitted ? calls : b->emitted;

	b->emitted -= events;
	b->summarised -= calls - events;
	books__book(b, FATE_LOST_OUTPUT, calls);
}

uint64_t books__unbooked(const struct pvm_counts *kernel, const struct books_user *b)
{
	uint64_t sent = kernel->n[PVM_C_SUBMITTED] + kernel->n[PVM_C_SUMMARISED];
	uint64_t booked =
		b->emitted + b->summarised + b->filtered + b->lost_output + b->lost_decode;

	return sent > booked ? sent - booked : 0;
}

uint64_t books__in_flight(const struct pvm_counts *kernel)
{
	const __u64 *n = kernel->n;
	uint64_t over = n[PVM_C_SUBMITTED] + n[PVM_C_FILTERED] + n[PVM_C_RING_FULL] +
			n[PVM_C_STATE_FULL] + n[PVM_C_STATE_STALE] + n[PVM_C_SUMMARISED];

	/* The rows are not read at one moment: an end may be seen before its begin. */
	return n[PVM_C_SEEN] > over ? n[PVM_C_SEEN] - over : 0;
}

static const char *const names[BOOK_CNT] = {
	[BOOK_SEEN] = "seen",
	[BOOK_EMITTED] = "emitted",
	[BOOK_SUMMARISED] = "summarised",
	[BOOK_FILTERED] = "filtered",
	[BOOK_LOST] = "lost",
	[BOOK_LOST_RING_FULL] = "lost_ring_full",
	[BOOK_LOST_STATE_FULL] = "lost_state_full",
	[BOOK_LOST_STATE_STALE] = "lost_state_stale",
	[BOOK_LOST_OUTPUT] = "lost_output",
	[BOOK_LOST_DECODE] = "lost_decode",
	[BOOK_LOST_UNSWEPT] = "lost_unswept",
	[BOOK_SUBMITTED] = "submitted",
	[BOOK_IN_FLIGHT_EMITTED] = "in_flight_emitted",
	[BOOK_IN_FLIGHT_UNTOLD] = "in_flight_untold",
	[BOOK_ARRAY_LOST] = "array_lost",
	[BOOK_ARRAY_EVICTED] = "array_evicted",
	[BOOK_IDENTITY_LOST] = "identity_lost",
	[BOOK_IDENTITY_FULL] = "identity_full",
	[BOOK_IDENTITY_EVICTED] = "identity_evicted",
	[BOOK_SELF_TESTS] = "self_tests",
	[BOOK_SKIPPED_RUNS] = "skipped_runs",
	[BOOK_AUDITED] = "audited",
	[BOOK_AUDIT_LOST] = "audit_lost",
};

void books__fill(struct books *b, const struct pvm_counts *kernel, const struct books_user *user)
{
	const __u64 *n = kernel->n;
	uint64_t values[BOOK_CNT] = {
		[BOOK_SEEN] = n[PVM_C_SEEN],
		[BOOK_EMITTED] = user->emitted,
		[BOOK_SUMMARISED] = user->summarised,
		[BOOK_FILTERED] = n[PVM_C_FILTERED] + user->filtered,
		[BOOK_LOST_RING_FULL] = n[PVM_C_RING_FULL],
		[BOOK_LOST_STATE_FULL] = n[PVM_C_STATE_FULL],
		[BOOK_LOST_STATE_STALE] = n[PVM_C_STATE_STALE],
		[BOOK_LOST_OUTPUT] = user->lost_output,
		[BOOK_LOST_DECODE] = user->lost_decode,
		[BOOK_LOST_UNSWEPT] = user->lost_unswept,
		[BOOK_SUBMITTED] = n[PVM_C_SUBMITTED],
		[BOOK_IN_FLIGHT_EMITTED] = user->in_flight_emitted,
		[BOOK_IN_FLIGHT_UNTOLD] = n[PVM_C_IN_FLIGHT_UNTOLD],
		[BOOK_ARRAY_LOST] = n[PVM_C_ARRAY_LOST],
		[BOOK_ARRAY_EVICTED] = user->arrays_evicted,
		[BOOK_IDENTITY_LOST] = n[PVM_C_IDENTITY_LOST],
		[BOOK_IDENTITY_FULL] = n[PVM_C_IDENTITY_FULL],
		[BOOK_IDENTITY_EVICTED] = user->identity_evicted,
		[BOOK_SELF_TESTS] = n[PVM_C_SELF_TESTS],
		[BOOK_SKIPPED_RUNS] = user->skipped_runs,
		[BOOK_AUDITED] = n[PVM_C_AUDITED],
		[BOOK_AUDIT_LOST] = n[PVM_C_AUDIT_LOST],
	};

	*b = (struct books){ .cnt = BOOK_CNT,
			     .cause_cnt = BOOKS_CAUSES,
			     .in_flight = books__in_flight(kernel) };
	for (size_t i = BOOK_CAUSES; i < BOOK_CAUSES_END; i++)
		values[BOOK_LOST] += values[i];
	for (size_t i = 0; i < BOOK_CNT; i++)
		b->counters[i] = (struct counter){ .name = names[i], .value = values[i] };
	memcpy(b->causes, &b->counters[BOOK_CAUSES], sizeof(b->causes));
	b->seen = values[BOOK_SEEN];
	b->emitted = values[BOOK_EMITTED];
	b->summarised = values[BOOK_SUMMARISED];
	b->filtered = values[BOOK_FILTERED];
	b->lost = values[BOOK_LOST];
	b->skipped_runs = values[BOOK_SKIPPED_RUNS];
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

static bool is_same(const struct doubt *a, const struct doubt *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == DOUBT_END)
		return a->end == b->end;
	return a->kind != DOUBT_ERROR ||
	       (a->error == b->error &&
		(a->error != ERROR_UNKNOWN || !strncmp(a->other, b->other, sizeof(a->other))));
}

void books__doubt(struct doubts *d, const struct doubt *reason)
{
	for (size_t i = 0; i < d->cnt; i++)
		if (is_same(&d->all[i], reason))
			return;
	if (d->cnt == BOOKS_DOUBTS)
		d->cnt--;
	d->all[d->cnt++] = *reason;
}

size_t books__incomplete(const struct books *b, const struct doubts *d,
			 struct doubt out[BOOKS_REASONS])
{
	const struct doubt skipped = { .kind = DOUBT_ERROR, .error = ERROR_HOOKS_SKIPPED };
	size_t cnt = 0;

	if (b->lost)
		out[cnt++] = (struct doubt){ .kind = DOUBT_LOST };
	if (!books__balanced(b))
		out[cnt++] = (struct doubt){ .kind = DOUBT_UNBALANCED };
	if (b->skipped_runs)
		out[cnt++] = skipped;
	for (size_t i = 0; i < d->cnt; i++)
		if (!b->skipped_runs || !is_same(&d->all[i], &skipped))
			out[cnt++] = d->all[i];
	return cnt;
}
