/* SPDX-License-Identifier: Apache-2.0 */
/* test_report - how moments are dated when the clock is set between them and their record. The tracer and the output
 * are stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "report.h"

#define HOUR_NS (3600 * (int64_t)NS_PER_S)

static int64_t shift;	  /* ns, by which CLOCK_REALTIME was set */
static int64_t suspended; /* ns, for which the machine was: CLOCK_MONOTONIC goes without them */
static struct pvm_counts counts;
static struct record told;
static struct options options;
static struct collector collector = { .options = &options };
static struct report report;

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
	int err = (int)syscall(SYS_clock_gettime, clock_id, tp);
	int64_t ns = tp->tv_sec * (int64_t)NS_PER_S + tp->tv_nsec + suspended;

	if (clock_id == CLOCK_REALTIME)
		ns += shift;
	if (!err && clock_id != CLOCK_MONOTONIC)
		*tp = (struct timespec){ ns / (int64_t)NS_PER_S, ns % (int64_t)NS_PER_S };
	return err;
}

int collector__tell(struct collector *c, struct record *rec)
{
	(void)c;
	told = *rec;
	return 0;
}

uint64_t tracer__skipped_runs(const struct tracer *t)
{
	(void)t;
	return 0;
}

void tracer__counts(struct tracer *t, struct pvm_counts *out)
{
	(void)t;
	*out = counts;
}

bool tracer__fentry(const struct tracer *t)
{
	(void)t;
	return false;
}

const char *tracer__resolve(const struct tracer *t)
{
	(void)t;
	return "walk";
}

struct confirm_info tracer__confirms(const struct tracer *t)
{
	(void)t;
	return (struct confirm_info){ .target = false };
}

uint8_t tracer__witness(const struct tracer *t, const char **note)
{
	(void)note;
	(void)t;
	return WITNESS_KNOWN;
}

uint32_t tracer__host_pid(const struct tracer *t)
{
	(void)t;
	return 1;
}

size_t tracer__alive(struct tracer *t, enum pvm_who who)
{
	(void)t;
	(void)who;
	return 0;
}

static int setup(void **state)
{
	static const struct identity_opts opts = { .proc_max = 4,
						   .cgroup_max = 4,
						   .bytes_max = 4096 };

	(void)state;
	collector.arrays = arrays__new(4096);
	collector.identity = identity__new(&opts);
	/* Any address will do: what it leads to is stood in for. */
	collector.tracer = (struct tracer *)&collector;
	return !collector.arrays || !collector.identity;
}

static int teardown(void **state)
{
	(void)state;
	arrays__free(collector.arrays);
	identity__free(collector.identity);
	return 0;
}

static void begin(void)
{
	shift = suspended = 0;
	memset(&counts, 0, sizeof(counts));
	memset(&report, 0, sizeof(report));
	report.collector = &collector;
	assert_int_equal(report__start(&report), 0);
}

/* Forwards, backwards: between the two moments lies what really did. */
static void test_error(void **state)
{
	static const int64_t steps[] = { 0, HOUR_NS, -HOUR_NS, -2 * HOUR_NS };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t now = clock__boot_now(&collector.clock), real;

		begin();
		shift = steps[i];
		real = clock__real_now();
		assert_int_equal(report__error_span(&report, "hooks_back", "", now - 5 * NS_PER_S,
						    now - NS_PER_S),
				 0);
		assert_true(told.error.until_ns - told.error.since_ns == 4 * NS_PER_S);
		assert_true(told.error.until_ns < told.real_ns);
		assert_true(told.error.until_ns + 2 * NS_PER_S > real);
		assert_int_equal(report__error(&report, "hooks_silent", "", now - NS_PER_S), 0);
		assert_true(told.error.since_ns < told.real_ns && !told.error.until_ns);
		assert_int_equal(report__error(&report, "target_gone", "", 0), 0);
		assert_true(!told.error.since_ns && !told.error.until_ns);
	}
}

/* Time passes as it does elsewhere, and that is no step: moments before and after it are dated right, without a look
 * in between. */
static void test_suspended(void **state)
{
	uint64_t before, after, mono;

	(void)state;
	begin();
	assert_int_equal(clock__open(&collector.clock), 0);
	before = clock__boot_now(&collector.clock);
	mono = clock__mono_now();
	suspended = HOUR_NS;
	after = clock__boot_now(&collector.clock);
	assert_true(clock__mono_now() - mono < 60 * NS_PER_S);
	assert_true(clock__real_of(&collector.clock, after) + NS_PER_S > clock__real_now());
	assert_true(clock__real_of(&collector.clock, after) < clock__real_now() + NS_PER_S);
	clock__check(&collector.clock);
	assert_int_equal(collector.clock.total, 1);
	assert_int_equal(report__error_span(&report, "hooks_back", "", before, after), 0);
	assert_true(told.error.until_ns - told.error.since_ns == after - before);
	assert_true(after - before >= HOUR_NS);
	collector.clock = (struct clock_base){ 0 };
}

static void test_lost(void **state)
{
	(void)state;
	begin();
	shift = -HOUR_NS;
	counts.n[PVM_C_RING_FULL] = 1;
	assert_int_equal(report__lost(&report), 0);
	assert_int_equal(told.type, REC_LOST);
	assert_true(told.lost.since_ns <= told.lost.until_ns);
	assert_true(told.lost.until_ns == told.real_ns);
	assert_true(told.lost.until_ns - told.lost.since_ns < 60 * NS_PER_S);
}

/* A recording's moments are dated already. */
static void test_replayed(void **state)
{
	static const struct recording_header header = { .real_ns = 1000 * NS_PER_S };
	struct frame_books books = {
		.type = REC_ERROR,
		.real_ns = 1009 * NS_PER_S,
		.since_ns = 1003 * NS_PER_S,
		.until_ns = 1004 * NS_PER_S,
		.text = "hooks_back",
	};

	(void)state;
	begin();
	report.recording = &header;
	assert_int_equal(report__start(&report), 0);
	assert_int_equal(report__again(&report, &books), 0);
	assert_true(told.error.since_ns == books.since_ns);
	assert_true(told.error.until_ns == books.until_ns);
	/* The clock was set back in between. */
	books = (struct frame_books){ .type = REC_LOST,
				      .real_ns = 900 * NS_PER_S,
				      .since_ns = 898 * NS_PER_S };
	books.kernel.n[PVM_C_RING_FULL] = 1;
	assert_int_equal(report__again(&report, &books), 0);
	assert_true(told.lost.since_ns == books.since_ns);
	assert_true(told.lost.until_ns == books.real_ns);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_replayed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
