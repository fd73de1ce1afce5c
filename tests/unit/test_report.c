/* SPDX-License-Identifier: Apache-2.0 */
/* test_report - what is told of the run, live and again, and how moments are dated when the clock is set between them and their record. The kernel half
 * and the output are stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf/control.h"
#include "capture.h"
#include "event/names.h"
#include "fake_kernel.h"
#include "from_kernel.h"
#include "from_recording.h"
#include "report.h"
#include "run_facts.h"

#define HOUR_NS (3600 * (int64_t)NS_PER_S)

static int64_t shift;	  /* ns, by which CLOCK_REALTIME was set */
static int64_t suspended; /* ns, for which the machine was: CLOCK_MONOTONIC goes without them */
static struct tracer fake;
static struct record told;
/* What it points to is gone by the time that it is looked at. */
static struct abi_info told_abis[ABIS_MAX];
static char told_why[BOOKS_REASONS][DOUBT_SZ]; /* words of what is incomplete */
static struct frame_books books;	       /* how what was told can be told again */
static struct options options = { .rule_cnt = 1 };
static struct collector collector = { .options = &options };
static struct from_kernel source = {
	.kernel = { &fake_kernel_ops, &fake },
	.collector = &collector,
	.known = { .user = "nobody" },
};
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

static int tell(void *ctx, struct record *rec, const struct frame_books *how)
{
	(void)ctx;
	assert_true(!how == (rec->type == REC_START));
	told = *rec;
	if (rec->type == REC_START) {
		assert_true(rec->start.abi_cnt <= ABIS_MAX);
		for (size_t i = 0; i < rec->start.abi_cnt; i++)
			told_abis[i] = rec->start.abis[i];
		told.start.abis = told_abis;
	}
	for (size_t i = 0; rec->type == REC_STOP && i < rec->stop.incomplete_cnt; i++)
		snprintf(told_why[i], sizeof(told_why[i]), "%s",
			 doubt_name(&rec->stop.incomplete[i]));
	books = how ? *how : (struct frame_books){ 0 };
	return 0;
}

static void no_bytes(void *ctx, uint64_t *held, uint64_t *written)
{
	(void)ctx;
	*held = *written = 0;
}

static const struct destination_ops destination = { .tell = tell, .bytes = no_bytes };

static int setup(void **state)
{
	static const struct identity_opts opts = { .proc_max = 4,
						   .cgroup_max = 4,
						   .bytes_max = 4096,
						   .args_max = PVM_ARGS_MAX };

	(void)state;
	collector.arrays = arrays__new(4096);
	collector.identity = identity__new(&opts);
	collector.to.ops = &destination;
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
	fake_kernel__reset(&fake);
	collector.books = (struct books_user){ 0 };
	collector.from = (struct source){ &from_kernel, &source };
	memset(&report, 0, sizeof(report));
	report.collector = &collector;
	assert_int_equal(report__start(&report), 0);
}

/* The clock was set forwards, and backwards: between the two moments lies what really did. */
static void test_error(void **state)
{
	static const int64_t steps[] = { 0, HOUR_NS, -HOUR_NS, -2 * HOUR_NS };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t now = clock__boot_now(&collector.clock), real;

		begin();
		shift = steps[i];
		real = clock__real_now();
		assert_int_equal(report__error_span(&report, ERROR_HOOKS_BACK, "",
						    now - 5 * NS_PER_S, now - NS_PER_S),
				 0);
		assert_true(told.error.until_ns - told.error.since_ns == 4 * NS_PER_S);
		assert_true(told.error.until_ns < told.real_ns);
		assert_true(told.error.until_ns + 2 * NS_PER_S > real);
		assert_int_equal(report__error(&report, ERROR_HOOKS_SILENT, "", now - NS_PER_S), 0);
		assert_true(told.error.since_ns < told.real_ns && !told.error.until_ns);
		assert_int_equal(report__error(&report, ERROR_TARGET_GONE, "", 0), 0);
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
	assert_int_equal(report__error_span(&report, ERROR_HOOKS_BACK, "", before, after), 0);
	assert_true(told.error.until_ns - told.error.since_ns == after - before);
	assert_true(after - before >= HOUR_NS);
	collector.clock = (struct clock_base){ 0 };
}

static void test_lost(void **state)
{
	(void)state;
	begin();
	shift = -HOUR_NS;
	fake.counts.n[PVM_C_RING_FULL] = 1;
	assert_int_equal(report__lost(&report), 0);
	assert_int_equal(told.type, REC_LOST);
	assert_true(told.lost.since_ns <= told.lost.until_ns);
	assert_true(told.lost.until_ns == told.real_ns);
	assert_true(told.lost.until_ns - told.lost.since_ns < 60 * NS_PER_S);
}

/* What `start` says of the run is what its source says, a kernel half or a recording of it. */
static void test_start(void **state)
{
	struct recording_header header = { .real_ns = 1000 * NS_PER_S };
	struct from_recording recording;
	struct run_facts facts;

	(void)state;
	begin();
	fake.fentry = true;
	fake.confirms = (struct confirm_info){ .target = true, .pages = PAGES_FEXIT };
	source.known.audit = true;
	source.known.sandbox = SANDBOX_SECCOMP;
	source.known.abis[0] = (struct abi_info){ .abi = PVM_ABI_X86_64, .covered = true };
	source.known.abi_cnt = 1;
	for (int replayed = 0; replayed < 2; replayed++) {
		assert_int_equal(report__start(&report), 0);
		assert_int_equal(told.start.attach, ATTACH_FENTRY);
		assert_int_equal(told.start.resolve, RESOLVE_WALK);
		assert_string_equal(told.start.user, "nobody");
		assert_int_equal(told.start.confirms.pages, PAGES_FEXIT);
		assert_true(told.start.confirms.target && told.start.audit);
		/* In a replay it is the replay's own. */
		assert_int_equal(told.start.sandbox, replayed ? SANDBOX_LANDLOCK : SANDBOX_SECCOMP);
		assert_int_equal(told.start.pid, 1);
		assert_int_equal(told.start.abi_cnt, 1);
		assert_int_equal(told.start.abis[0].abi, PVM_ABI_X86_64);
		assert_true(told.start.abis[0].covered && !told.start.abis[0].proven);
		from_kernel.facts(&source, &facts);
		run_facts__put(&facts, &header);
		from_recording__begin(&recording, &header);
		recording.sandbox = SANDBOX_LANDLOCK;
		collector.from = (struct source){ &from_recording, &recording };
	}
	assert_true(told.real_ns == header.real_ns);
	source.known.audit = false;
	collector.from = (struct source){ NULL, NULL };
}

/* The counters that a recording holds of a moment are those that its live line had. */
static void test_told_again(void **state)
{
	struct from_recording recording;
	const struct recording_header header = { .real_ns = 1000 * NS_PER_S };
	struct books live, again;

	(void)state;
	begin();
	fake.counts.n[PVM_C_SEEN] = fake.counts.n[PVM_C_SUBMITTED] = 9;
	fake.skipped = 2;
	collector.books = (struct books_user){ .emitted = 6, .filtered = 2, .lost_output = 1 };
	report__books(&report, &live);
	assert_int_equal(report__stats(&report), 0);
	assert_int_equal(books.type, REC_STATS);
	assert_true(books.real_ns == told.real_ns);
	/* The replay filters one more. */
	from_recording__begin(&recording, &header);
	recording.last = books;
	collector.from = (struct source){ &from_recording, &recording };
	collector.books = (struct books_user){ .emitted = 5, .filtered = 1 };
	report__books(&report, &again);
	assert_true(again.seen == live.seen && again.skipped_runs == 2);
	assert_true(again.emitted == 5 && again.filtered == 3 && again.lost == 1);
	assert_true(books__balanced(&again));
	assert_int_equal(report__again(&report, &recording.last), 0);
	assert_true(told.real_ns == recording.last.real_ns);
}

/* A reason of the end goes into the recording as it was told. */
static void test_stop(void **state)
{
	(void)state;
	begin();
	report__doubt(&report, ERROR_TARGET_GONE); /* costs no call */
	assert_int_equal(report__stop(&report, END_SIGNAL, "SIGTERM"), 0);
	assert_true(told.stop.complete && told.stop.balanced && !told.stop.incomplete_cnt);
	assert_string_equal(books.text, "signal");
	assert_string_equal(books.signal, "SIGTERM");
	report__doubt(&report, ERROR_HOOKS_SILENT);
	collector.books.lost_unswept = 1;
	fake.counts.n[PVM_C_SEEN] = 1;
	assert_int_equal(report__stop(&report, END_DURATION, NULL), 0);
	assert_true(!told.stop.complete && told.stop.balanced);
	assert_int_equal(told.stop.incomplete_cnt, 2);
	assert_string_equal(told_why[0], "lost");
	assert_string_equal(told_why[1], "hooks_silent");
}

/* Words of a recording that another version made are told, and recorded again, as they are. */
static void test_unknown_words(void **state)
{
	static const struct recording_header header = {
		.real_ns = 1000 * NS_PER_S,
		.abis = { { .name = "x32" }, { .name = "x128" } },
	};
	struct recording_header again = { .real_ns = 1 };
	struct from_recording recording;
	struct frame_books *last = &recording.last;
	struct run_facts facts;

	(void)state;
	begin();
	from_recording__begin(&recording, &header);
	collector.from = (struct source){ &from_recording, &recording };
	assert_int_equal(report__start(&report), 0);
	assert_int_equal(told.start.abi_cnt, 2);
	assert_int_equal(told.start.abis[0].abi, PVM_ABI_X32);
	assert_string_equal(abi_word(&told.start.abis[1]), "x128");
	from_recording.facts(&recording, &facts);
	run_facts__put(&facts, &again);
	assert_string_equal(again.abis[0].name, "x32");
	assert_string_equal(again.abis[1].name, "x128");
	*last = (struct frame_books){ .type = REC_ERROR, .real_ns = 1, .text = "of_later" };
	assert_int_equal(report__again(&report, last), 0);
	assert_string_equal(error_word(&told.error), "of_later");
	assert_string_equal(books.text, "of_later");
	*last = (struct frame_books){ .type = REC_STOP, .real_ns = 2, .text = "at_will" };
	assert_int_equal(report__again(&report, last), 0);
	assert_string_equal(end_word(&told.stop), "at_will");
	assert_string_equal(books.text, "at_will");
	assert_int_equal(told.stop.incomplete_cnt, 1);
	assert_string_equal(told_why[0], "of_later");
	/* Those that are known are numbers again. */
	*last = (struct frame_books){ .type = REC_STOP, .real_ns = 3, .text = "reader_gone" };
	assert_int_equal(report__again(&report, last), 0);
	assert_int_equal(told.stop.reason, END_READER_GONE);
	assert_null(told.stop.other);
}

/* A recording's moments are dated already. */
static void test_replayed(void **state)
{
	static const struct recording_header header = { .real_ns = 1000 * NS_PER_S };
	struct from_recording recording;
	struct frame_books *last = &recording.last;

	(void)state;
	begin();
	from_recording__begin(&recording, &header);
	collector.from = (struct source){ &from_recording, &recording };
	assert_int_equal(report__start(&report), 0);
	*last = (struct frame_books){
		.type = REC_ERROR,
		.real_ns = 1009 * NS_PER_S,
		.since_ns = 1003 * NS_PER_S,
		.until_ns = 1004 * NS_PER_S,
		.text = "hooks_back",
	};
	assert_int_equal(report__again(&report, last), 0);
	assert_true(told.error.since_ns == last->since_ns);
	assert_true(told.error.until_ns == last->until_ns);
	/* The clock was set back in between. */
	*last = (struct frame_books){ .type = REC_LOST,
				      .real_ns = 900 * NS_PER_S,
				      .since_ns = 898 * NS_PER_S };
	last->kernel.n[PVM_C_RING_FULL] = 1;
	assert_int_equal(report__again(&report, last), 0);
	assert_true(told.lost.since_ns == last->since_ns);
	assert_true(told.lost.until_ns == last->real_ns);
}

static void test_a_note_without_room_is_said(void **state)
{
	static struct report full;
	char text[CAPTURE_SZ];
	struct capture c;

	(void)state;
	for (int i = 0; i < REPORT_NOTES; i++)
		report__note(&full, "this one has room");
	capture__start(&c, STDERR_FILENO);
	report__note(&full, "and this one has none");
	capture__end(&c, text);
	assert_int_equal(full.note_cnt, REPORT_NOTES);
	assert_non_null(strstr(text, "and this one has none"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_suspended),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_told_again),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_unknown_words),
		cmocka_unit_test(test_a_note_without_room_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
