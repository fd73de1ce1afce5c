/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/match.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/event.h"

#define BUCKETS 16384 /* a power of two */
#define NONE UINT32_MAX
/* Both have one clock, but what we make of perf's may be off. To allow for more than that costs nothing: of calls that
 * are all alike another one is then taken for the missed one. */
#define SLACK_NS 10000000ULL
/* A sight waits so long for its sample: the thread may be put off the CPU between the two. One from behind the
 * sample's place waits for the next look at the samples only, and so long as not all of them were looked at. */
#define SEEN_WAITS_NS 60000000000ULL
#define LATE_SETTLES 2

struct slot {
	struct audit_call call;
	uint32_t next; /* in its bucket, younger ones behind older ones */
	uint32_t tag;
	uint64_t settles;  /* how many there had been */
	uint64_t since_ns; /* of a sample: when its call began, or its thread was last found in it */
	bool open;
	bool given; /* as a fresh one */
};

/* It holds them in the order of their coming; place n is slots[n % AUDIT_ROOM]. */
struct queue {
	uint64_t first, end;
	uint32_t bucket_first[BUCKETS], bucket_last[BUCKETS];
	struct slot slots[AUDIT_ROOM];
};

struct audit_match {
	struct queue samples, seen;
	struct audit_call waiting[AUDIT_ROOM]; /* samples that wait for a cut */
	size_t waiting_cnt;
	uint64_t settles;
	uint64_t settled;   /* samples before this place may be judged */
	uint64_t fresh;	    /* the next one to be given out as such */
	uint64_t lost_ns;   /* no sample up to then is told */
	uint64_t inside_ns; /* when a sample's thread was last found in its call */
	uint64_t unjudged;
	uint64_t begin_ns, end_ns; /* the calls in between are compared */
	bool x32;		   /* there can be samples of x32 calls */
};

static uint8_t abi_of(const struct audit_call *call)
{
	return call->abi == PVM_ABI_X32 ? PVM_ABI_X86_64 : call->abi;
}

static uint32_t bucket_of(const struct audit_call *call)
{
	uint64_t hash = call->tid ^ (uint64_t)call->op << 40 ^ (uint64_t)abi_of(call) << 48;

	for (int i = 0; i < PVM_ARG_CNT; i++) {
		hash = (hash ^ call->args[i]) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	return (uint32_t)hash & (BUCKETS - 1);
}

static bool same_call(const struct audit_call *a, const struct audit_call *b)
{
	return a->tid == b->tid && a->op == b->op && abi_of(a) == abi_of(b) &&
	       !memcmp(a->args, b->args, sizeof(a->args));
}

/* Of one from before the begin there is no word, or that of a hook in front of it, which came still sooner. */
static bool times_fit(const struct audit_match *m, const struct audit_call *sample,
		      const struct audit_call *seen)
{
	if (sample->ns < m->begin_ns)
		return !seen->late && seen->ns <= sample->ns;
	return seen->late ? sample->ns <= seen->ns + SLACK_NS : seen->ns <= sample->ns + SLACK_NS;
}

static struct slot *place(struct queue *q, uint64_t n)
{
	return &q->slots[n % AUDIT_ROOM];
}

static void take_out(struct queue *q, uint32_t prev, uint32_t at)
{
	uint32_t bucket = bucket_of(&q->slots[at].call), next = q->slots[at].next;

	if (prev == NONE)
		q->bucket_first[bucket] = next;
	else
		q->slots[prev].next = next;
	if (next == NONE)
		q->bucket_last[bucket] = prev;
	q->slots[at].open = false;
}

/* Drops the oldest one, which is the first in its bucket. */
static void drop_first(struct queue *q)
{
	if (place(q, q->first)->open)
		take_out(q, NONE, (uint32_t)(q->first % AUDIT_ROOM));
	q->first++;
}

static void put(struct queue *q, const struct audit_call *call, uint64_t settles)
{
	uint32_t at = (uint32_t)(q->end++ % AUDIT_ROOM), bucket = bucket_of(call);

	q->slots[at] = (struct slot){ .call = *call,
				      .next = NONE,
				      .settles = settles,
				      .since_ns = call->ns,
				      .open = true };
	if (q->bucket_first[bucket] == NONE)
		q->bucket_first[bucket] = at;
	else
		q->slots[q->bucket_last[bucket]].next = at;
	q->bucket_last[bucket] = at;
}

static bool is_over(const struct audit_match *m, const struct slot *seen, uint64_t now_ns)
{
	if (seen->call.late && m->settles - seen->settles >= LATE_SETTLES)
		return true;
	return now_ns > seen->call.ns + SEEN_WAITS_NS;
}

/* Finds the other half of a call, and takes it out. */
static bool pair(struct audit_match *m, struct queue *q, const struct audit_call *call,
		 bool is_sample)
{
	uint32_t prev = NONE, at = q->bucket_first[bucket_of(call)];

	for (; at != NONE; prev = at, at = q->slots[at].next) {
		const struct slot *s = &q->slots[at];

		if (!same_call(&s->call, call) || (is_sample && is_over(m, s, call->ns)))
			continue;
		if (is_sample ? times_fit(m, call, &s->call) : times_fit(m, &s->call, call)) {
			take_out(q, prev, at);
			return true;
		}
	}
	return false;
}

struct audit_match *audit_match__new(bool x32)
{
	struct audit_match *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	memset(m->samples.bucket_first, 0xff, sizeof(m->samples.bucket_first));
	memset(m->seen.bucket_first, 0xff, sizeof(m->seen.bucket_first));
	m->end_ns = UINT64_MAX;
	m->x32 = x32;
	return m;
}

void audit_match__free(struct audit_match *m)
{
	free(m);
}

static int by_time(const void *a, const void *b)
{
	uint64_t x = ((const struct audit_call *)a)->ns, y = ((const struct audit_call *)b)->ns;

	return (x > y) - (x < y);
}

static void compare(struct audit_match *m, const struct audit_call *call)
{
	struct queue *q = &m->samples;

	if (pair(m, &m->seen, call, true))
		return;
	if (q->end - q->first == AUDIT_ROOM) {
		m->unjudged += place(q, q->first)->open;
		drop_first(q);
	}
	put(q, call, m->settles);
}

void audit_match__sample(struct audit_match *m, const struct audit_call *call)
{
	if (m->waiting_cnt == AUDIT_ROOM)
		audit_match__cut(m, UINT64_MAX);
	m->waiting[m->waiting_cnt++] = *call;
}

void audit_match__cut(struct audit_match *m, uint64_t now_ns)
{
	size_t cnt = 0;

	qsort(m->waiting, m->waiting_cnt, sizeof(m->waiting[0]), by_time);
	while (cnt < m->waiting_cnt && m->waiting[cnt].ns <= now_ns)
		compare(m, &m->waiting[cnt++]);
	m->waiting_cnt -= cnt;
	memmove(m->waiting, &m->waiting[cnt], m->waiting_cnt * sizeof(m->waiting[0]));
}

void audit_match__begin(struct audit_match *m, uint64_t ns)
{
	m->begin_ns = ns;
}

void audit_match__end(struct audit_match *m, uint64_t ns)
{
	m->end_ns = ns;
}

static bool may_have_sample(const struct audit_match *m, const struct audit_call *call)
{
	return (m->x32 || call->abi != PVM_ABI_X32) && (call->late || call->ns < m->end_ns);
}

void audit_match__seen(struct audit_match *m, const struct audit_call *call)
{
	struct queue *q = &m->seen;

	if (!may_have_sample(m, call) || pair(m, &m->samples, call, false))
		return;
	while (q->first != q->end &&
	       (!place(q, q->first)->open || is_over(m, place(q, q->first), call->ns)))
		drop_first(q);
	if (q->end - q->first == AUDIT_ROOM) {
		/* Its sample, if there is one, would be taken for a call that nobody saw. */
		audit_match__lost(m, call->ns);
		drop_first(q);
	}
	put(q, call, m->settles);
}

void audit_match__inside(struct audit_match *m, const struct audit_call *call)
{
	struct queue *q = &m->samples;

	if (!may_have_sample(m, call))
		return;
	for (uint32_t at = q->bucket_first[bucket_of(call)]; at != NONE; at = q->slots[at].next) {
		struct slot *s = &q->slots[at];

		if (same_call(&s->call, call) && s->call.ns <= call->ns + SLACK_NS)
			s->since_ns = m->inside_ns = call->ns;
	}
}

bool audit_match__waits(const struct audit_match *m, uint64_t now_ns)
{
	const struct queue *q = &m->samples;
	const struct slot *first = &q->slots[q->first % AUDIT_ROOM];

	return now_ns < m->inside_ns + AUDIT_GRACE_NS ||
	       (q->first != q->end && first->open && now_ns > first->call.ns + AUDIT_LOOK_NS);
}

void audit_match__settle(struct audit_match *m)
{
	m->settles++;
	m->settled = m->samples.end;
}

void audit_match__lost(struct audit_match *m, uint64_t now_ns)
{
	m->lost_ns = now_ns + AUDIT_GRACE_NS;
}

const struct audit_call *audit_match__fresh(struct audit_match *m, uint32_t **tag)
{
	struct queue *q = &m->samples;

	if (m->fresh < q->first)
		m->fresh = q->first;
	while (m->fresh < m->settled) {
		struct slot *s = place(q, m->fresh++);

		if (s->open && !s->given && s->call.ns >= m->begin_ns) {
			s->given = true;
			*tag = &s->tag;
			return &s->call;
		}
	}
	return NULL;
}

/* Its thread was found in its call since it began, and may be there still. */
static bool is_inside(const struct slot *s, uint64_t now_ns)
{
	return s->since_ns != s->call.ns && now_ns < s->since_ns + AUDIT_GRACE_NS;
}

/* Puts it behind all others, which it is not to hold up; it can be judged after the next settling. */
static void put_off_first(struct queue *q)
{
	struct slot s = *place(q, q->first);

	drop_first(q);
	put(q, &s.call, s.settles);
	s.next = NONE;
	*place(q, q->end - 1) = s;
}

bool audit_match__orphan(struct audit_match *m, uint64_t now_ns, struct audit_call *out,
			 uint32_t *tag)
{
	struct queue *q = &m->samples;

	while (q->first < m->settled) {
		const struct slot *s = place(q, q->first);

		if (s->call.ns < m->begin_ns) {
			drop_first(q);
			continue;
		}
		if (s->open && is_inside(s, now_ns)) {
			put_off_first(q);
			continue;
		}
		/* It is told sooner if there are many: then it is no rare lateness of a hook. */
		if (s->open && now_ns < s->call.ns + AUDIT_GRACE_NS &&
		    q->end - q->first < AUDIT_ROOM / 2)
			return false;
		if (s->open && s->call.ns > m->lost_ns) {
			*out = s->call;
			*tag = s->tag;
			drop_first(q);
			return true;
		}
		m->unjudged += s->open;
		drop_first(q);
	}
	return false;
}

uint64_t audit_match__unjudged(struct audit_match *m)
{
	uint64_t n = m->unjudged;

	m->unjudged = 0;
	return n;
}
