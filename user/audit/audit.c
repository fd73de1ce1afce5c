/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/audit.h"

#include "bpf/rules.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "audit/match.h"
#include "audit/samples.h"
#include "audit/who.h"
#include "base/clock.h"
#include "base/log.h"
#include "bpf/control.h"
#include "kernel/kernel.h"
#include "kernel/ring_place.h"
#include "kernel/self_test.h"
#include "kernel/sysctl.h"

#define WHO_ROOM 1024 /* of so many calls what /proc said is kept */
#define WHO_AT_ONCE 64
#define STEP_NS 50000000ULL
#define LOOKS 3 /* at both clocks */
#define LOOKS_MAX 100
#define PROOFS 10 /* calls of our own, at the start */

struct audit {
	struct audit_listener to;
	const struct kernel *kernel;
	struct audit_match *match;
	struct audit_probes *probes;
	struct ring_buffer *seen;
	struct ring_place at;
	uint64_t seen_taken; /* bytes, of this look */
	uint32_t self;	     /* our pid */
	/* CLOCK_BOOTTIME of a sample is its own time and this. */
	int64_t to_boot;
	int64_t clocks_apart; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC, as we read them, when that was found out */
	uint64_t own; /* samples of our own calls */
	uint64_t own_asked;
	uint64_t own_mono;   /* time of the last one, as perf has it */
	uint64_t lost_known; /* of PVM_C_AUDIT_LOST, as last looked */
	uint64_t ready_ns, begin_ns, end_ns;
	struct audit_who who[WHO_ROOM];
	uint32_t who_cnt; /* how many there ever were */
};

static uint64_t now_boot(const struct audit *a)
{
	return clock__boot_now(a->to.clock);
}

static void count(struct audit *a, enum pvm_count what, uint64_t n)
{
	a->kernel->ops->count(a->kernel->tracer, what, n);
}

static int on_seen(void *ctx, void *data, size_t size)
{
	const struct pvm_seen *seen = data;
	struct audit *a = ctx;
	struct audit_call call;

	if (size < sizeof(*seen))
		return 0;
	call = (struct audit_call){
		.ns = seen->seen_ns,
		.tid = seen->tid,
		.abi = seen->abi,
		.op = seen->op,
		.late = seen->late,
	};
	memcpy(call.args, seen->args, sizeof(call.args));
	if (seen->inside)
		audit_match__inside(a->match, &call);
	else
		audit_match__seen(a->match, &call);
	/* A flood can refill it for ever. */
	a->seen_taken += size;
	return a->seen_taken < (8u << 20) ? 0 : -EAGAIN;
}

static void on_sample(void *ctx, const struct audit_call *sample)
{
	struct audit_call call = *sample;
	struct audit *a = ctx;

	if (call.pid == a->self) {
		a->own++;
		a->own_mono = call.ns;
		return;
	}
	call.ns += (uint64_t)a->to_boot;
	if (a->ready_ns && call.ns >= a->ready_ns && call.ns < a->end_ns)
		audit_match__sample(a->match, &call);
}

/* Counts the samples that found no room. No word of the hooks is lost so: those stand for all samples that there are. */
static void on_lost(void *ctx, uint64_t n)
{
	struct audit *a = ctx;

	count(a, PVM_C_AUDIT_LOST, n);
	a->lost_known += n;
}

static uint64_t read_clock(clockid_t which)
{
	struct timespec now;

	clock_gettime(which, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Returns CLOCK_BOOTTIME - CLOCK_MONOTONIC, of the look that took the least time, by half of which it may be off: we may be
 * put off the CPU in between, for longer than a step that would be followed, and then look again. */
static int64_t clocks_apart(void)
{
	uint64_t best = UINT64_MAX;
	int64_t apart = 0;

	for (int i = 0; i < LOOKS || (best > STEP_NS / 2 && i < LOOKS_MAX); i++) {
		uint64_t before = read_clock(CLOCK_MONOTONIC), boot = read_clock(CLOCK_BOOTTIME);
		uint64_t width = read_clock(CLOCK_MONOTONIC) - before;

		if (width < best) {
			best = width;
			apart = (int64_t)(boot - before - width / 2);
		}
	}
	return apart;
}

/* Follows a machine that was suspended: only then do the two move apart, by far more than it takes to read them. */
static void follow_clock(struct audit *a)
{
	int64_t by = clocks_apart() - a->clocks_apart;

	if (by > (int64_t)STEP_NS) {
		a->to_boot += by;
		a->clocks_apart += by;
	}
}

/* Looks for what the hooks could not say, because the ring was full. */
static void look_for_lost(struct audit *a)
{
	struct pvm_counts counts;
	uint64_t ours;

	a->kernel->ops->counts(a->kernel->tracer, &counts);
	ours = counts.n[PVM_C_AUDIT_LOST];
	if (ours != a->lost_known)
		audit_match__lost(a->match, now_boot(a));
	a->lost_known = ours;
}

/* It is asked soon, for many a caller lives for moments only. */
static void ask_who(struct audit *a)
{
	const struct audit_call *call;
	uint32_t *tag;

	for (int i = 0; i < WHO_AT_ONCE && (call = audit_match__fresh(a->match, &tag)); i++) {
		audit_who__read(call, &a->who[a->who_cnt % WHO_ROOM]);
		*tag = ++a->who_cnt;
	}
}

void audit__look(struct audit *a)
{
	const struct audit_reader reader = { a, on_sample, on_lost };
	unsigned long written;
	uint64_t begin;

	if (!a)
		return;
	follow_clock(a);
	begin = now_boot(a);
	audit_probe__take(a->probes, &reader);
	/* We may be put off the CPU between two rings. At the end nothing is left for another look. */
	audit_match__cut(a->match, a->end_ns == UINT64_MAX ? begin : UINT64_MAX);
	/* What the hooks had to say of these calls, if they came before the samples, is before this place. A hook that
	 * is interrupted while it writes holds up what others wrote behind it. */
	written = __atomic_load_n(a->at.writer, __ATOMIC_ACQUIRE);
	a->seen_taken = 0;
	(void)ring_buffer__consume(a->seen);
	look_for_lost(a);
	if ((long)(__atomic_load_n(a->at.reader, __ATOMIC_ACQUIRE) - written) >= 0)
		audit_match__settle(a->match);
	ask_who(a);
}

/* Tells it as the kernel half would tell an exit that had no entry, but at the moment of the entry. */
static void make_record(const struct audit_call *call, const struct audit_who *who,
			struct pvm_call *out)
{
	*out = (struct pvm_call){
		.hdr = { sizeof(*out), PVM_CALL, PVM_WIRE_VERSION },
		.entry_ns = call->ns,
		.exit_ns = call->ns,
		.phase = PVM_ORPHAN,
		.abi = call->abi,
		.op = call->op,
		.kind = pvm_kind_of(call->args),
		.flags = PVM_CALL_AUDIT,
		.local = { .addr = call->args[PVM_ARG_LOCAL],
			   .count = call->args[PVM_ARG_LOCAL_CNT] },
		.remote = { .addr = call->args[PVM_ARG_REMOTE],
			    .count = call->args[PVM_ARG_REMOTE_CNT] },
	};
	memcpy(out->args, call->args, sizeof(out->args));
	audit_who__task(call, who, &out->caller);
}

static void tell_orphan(struct audit *a, const struct audit_call *call, uint32_t tag)
{
	const struct audit_who *who;
	struct audit_who now;
	struct pvm_call record;
	uint16_t rules;

	if (tag && a->who_cnt - tag < WHO_ROOM) {
		who = &a->who[(tag - 1) % WHO_ROOM];
	} else {
		audit_who__read(call, &now);
		who = &now;
	}
	count(a, PVM_C_AUDITED, 1);
	count(a, PVM_C_SEEN, 1);
	rules = audit_who__rules(a->to.options, call, who, a->begin_ns);
	if (!rules) {
		count(a, PVM_C_FILTERED, 1);
		return;
	}
	count(a, PVM_C_SUBMITTED, 1);
	make_record(call, who, &record);
	record.rules[PVM_CALLER] = rules;
	record.rules[PVM_TARGET] = (uint16_t)PVM_ALL_RULES;
	(void)a->to.take(a->to.ctx, &record, sizeof(record));
}

void audit__tell(struct audit *a, bool all)
{
	struct audit_call call;
	uint64_t now, unjudged;
	uint32_t tag;

	if (!a)
		return;
	now = all ? UINT64_MAX : now_boot(a);
	while (a->to.room(a->to.ctx) && audit_match__orphan(a->match, now, &call, &tag))
		tell_orphan(a, &call, tag);
	unjudged = audit_match__unjudged(a->match);
	if (unjudged) {
		on_lost(a, unjudged);
	}
}

bool audit__waits(const struct audit *a)
{
	return a && audit_match__waits(a->match, now_boot(a));
}

/* A call of our own between two looks at the clock bounds how far perf's clock is from it. */
static bool try_probes(struct audit *a, int64_t *low, int64_t *high)
{
	uint64_t before = now_boot(a), after;
	int64_t least, most;

	self_test__call();
	after = now_boot(a);
	audit__look(a);
	if (!audit__fires(a))
		return false;
	least = (int64_t)(before - a->own_mono);
	most = (int64_t)(after - a->own_mono);
	*low = least > *low ? least : *low;
	*high = most < *high ? most : *high;
	return true;
}

/* The two clocks as we read them are as far apart as the kernel's, unless we are in a time namespace. */
static bool prove(struct audit *a)
{
	int64_t low = INT64_MIN, high = INT64_MAX;
	int fired = 0;

	for (int i = 0; i < PROOFS; i++)
		fired += try_probes(a, &low, &high);
	if (!fired)
		return false;
	a->clocks_apart = clocks_apart();
	a->to_boot = a->clocks_apart;
	if (a->to_boot < low || a->to_boot > high)
		a->to_boot = low + (high - low) / 2;
	return true;
}

int audit__open(struct audit **out, const struct audit_listener *to, const struct kernel *kernel)
{
	struct audit *a = calloc(1, sizeof(*a));
	int fd = kernel->ops->seen_fd(kernel->tracer), err;
	char why[160];

	if (!a || !(a->match = audit_match__new(to->x32))) {
		log__error("out of memory");
		free(a);
		return EX_SOFTWARE;
	}
	*out = a;
	a->to = *to;
	a->kernel = kernel;
	a->self = (uint32_t)getpid();
	a->end_ns = UINT64_MAX;
	if (audit_probe__try(why, sizeof(why))) {
		log__error("--audit: %s", why);
		return EX_UNAVAILABLE;
	}
	if (kernel->ops->in_pid_ns(kernel->tracer)) {
		log__error("--audit: inside a pid namespace perf cannot say which threads of the "
			   "host make calls: run pvmtrace on the host for it");
		return EX_UNAVAILABLE;
	}
	a->seen = ring_buffer__new(fd, on_seen, a, NULL);
	err = a->seen ? ring_place__map(&a->at, fd) : -errno;
	if (!err)
		err = audit_probe__open(&a->probes);
	if (err) {
		log__error("--audit: perf's probes cannot be set on every CPU: %s", strerror(-err));
		return EX_UNAVAILABLE;
	}
	if (prove(a))
		return 0;
	log__error(
		"--audit: perf's probes were set, but they do not see a call made as a test: is " KPROBES_SWITCH
		" 0?");
	return EX_UNAVAILABLE;
}

void audit__close(struct audit *a)
{
	if (!a)
		return;
	audit_probe__close(a->probes);
	ring_buffer__free(a->seen);
	ring_place__unmap(&a->at);
	audit_match__free(a->match);
	free(a);
}

void audit__ready(struct audit *a)
{
	if (a)
		a->ready_ns = now_boot(a);
}

void audit__begin(struct audit *a)
{
	if (!a)
		return;
	a->begin_ns = now_boot(a);
	audit_match__begin(a->match, a->begin_ns);
}

void audit__end(struct audit *a)
{
	if (!a)
		return;
	a->end_ns = now_boot(a);
	audit_match__end(a->match, a->end_ns);
}

int audit__fd(const struct audit *a)
{
	return a ? audit_probe__fd(a->probes) : -1;
}

bool audit__fires(struct audit *a)
{
	bool fired = a->own != a->own_asked;

	a->own_asked = a->own;
	return fired;
}

bool audit__lacks_cpu(const struct audit *a)
{
	return audit_probe__lacks_cpu(a->probes);
}

uint64_t audit__lost(const struct audit *a)
{
	struct pvm_counts counts;

	if (!a)
		return 0;
	a->kernel->ops->counts(a->kernel->tracer, &counts);
	return counts.n[PVM_C_AUDIT_LOST];
}
