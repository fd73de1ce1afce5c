/* SPDX-License-Identifier: Apache-2.0 */
/* test_loop - what ends a run and what it does meanwhile: signals, the clock, --count, hooks that fall silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "bpf/control.h"
#include "capture.h"
#include "lines.h"
#include "live_run.h"
#include "scratch.h"

#define CALL "process_vm_access"

static const char *text(const json_t *line, const char *key)
{
	return json_string_value(json_object_get(line, key));
}

static void end_by_signal(struct tracer *t)
{
	(void)t;
	raise(SIGTERM);
}

static void test_signal(void **state)
{
	(void)state;
	live_run__begin(NULL, NULL);
	live_run__call(1, PVM_COMPLETE);
	live_run__call(2, PVM_COMPLETE);
	run.fake.on_consume = end_by_signal;
	assert_int_equal(loop__run(&run.loop), 0);
	live_run__read("out");
	assert_true(run.fake.going && run.fake.detached);
	assert_string_equal(live_run__kind(0), "start");
	assert_int_equal(live_run__count(CALL), 2);
	assert_string_equal(text(live_run__stop(), "reason"), "signal");
	assert_string_equal(text(live_run__stop(), "signal"), "SIGTERM");
	assert_true(json_is_true(json_object_get(live_run__stop(), "complete")));
	assert_int_equal(live_run__counter("emitted"), 2);
	live_run__end();
}

static void say_going(struct tracer *t)
{
	(void)t;
	fprintf(stderr, "calls are told\n");
}

/* Who waits for the message that it traces, and then calls, misses nothing. */
static void test_says_that_it_traces_once_it_does(void **state)
{
	char said[CAPTURE_SZ];
	struct capture c;

	(void)state;
	live_run__begin(NULL, NULL);
	run.fake.on_go = say_going;
	run.fake.on_consume = end_by_signal;
	log__setup(0, 0);
	capture__start(&c, STDERR_FILENO);
	assert_int_equal(loop__run(&run.loop), 0);
	capture__end(&c, said);
	if (!strstr(said, "calls are told\npvmtrace: tracing as nobody; "))
		fail_msg("%s", said);
	live_run__end();
}

/* What comes behind the last one is filtered, and the sum stays. */
static void test_count(void **state)
{
	static const char *const args[] = { "--count", "2", NULL };

	(void)state;
	live_run__begin(NULL, args);
	live_run__call(1, PVM_COMPLETE);
	live_run__call(2, PVM_IN_FLIGHT);
	live_run__call(2, PVM_COMPLETE);
	live_run__call(3, PVM_COMPLETE);
	assert_int_equal(loop__run(&run.loop), 0);
	live_run__read("out");
	assert_int_equal(live_run__count(CALL), 2);
	assert_string_equal(text(live_run__stop(), "reason"), "count");
	assert_int_equal(live_run__counter("emitted"), 1);
	assert_int_equal(live_run__counter("in_flight_emitted"), 1);
	assert_int_equal(live_run__counter("filtered"), 2);
	assert_true(json_is_true(json_object_get(live_run__stop(), "complete")));
	live_run__end();
}

static void test_duration(void **state)
{
	static const char *const args[] = { "--duration", "1", NULL };
	uint64_t begin = clock__mono_now();

	(void)state;
	live_run__begin(NULL, args);
	assert_int_equal(loop__run(&run.loop), 0);
	assert_true(clock__mono_now() - begin >= NS_PER_S);
	live_run__read("out");
	assert_string_equal(text(live_run__stop(), "reason"), "duration");
	assert_true(run.fake.ticks > 0);
	live_run__end();
}

/* Takes another step of a plan each time the ring is read. */
static void rotate(struct tracer *t)
{
	static const int signals[] = { SIGUSR1, SIGHUP, SIGTERM };
	static size_t step;

	(void)t;
	if (step == 1)
		assert_int_equal(rename("out", "other"), 0);
	if (step < 3)
		raise(signals[step++]);
}

/* SIGUSR1 wants `stats`; SIGHUP a file of that name, which begins with `reopen`. */
static void test_signals_that_end_nothing(void **state)
{
	(void)state;
	live_run__begin(NULL, NULL);
	run.fake.on_consume = rotate;
	assert_int_equal(loop__run(&run.loop), 0);
	live_run__read("other");
	assert_string_equal(live_run__kind(0), "start");
	assert_true(live_run__count("stats") >= 1);
	live_run__read("out");
	assert_string_equal(live_run__kind(0), "reopen");
	assert_string_equal(text(run.lines[0], "reason"), "signal");
	assert_string_equal(text(live_run__stop(), "reason"), "signal");
	live_run__end();
}

static void fall_silent(struct tracer *t)
{
	static size_t reads;

	t->firing = FIRING_NOT;
	if (++reads == 2)
		raise(SIGINT);
}

/* The last look, at the end, finds what the clock had not yet. */
static void test_silence(void **state)
{
	(void)state;
	live_run__begin(NULL, NULL);
	run.fake.on_consume = fall_silent;
	assert_int_equal(loop__run(&run.loop), 0);
	live_run__read("out");
	assert_int_equal(live_run__count("error"), 1);
	assert_string_equal(text(live_run__stop(), "signal"), "SIGINT");
	assert_true(json_is_false(json_object_get(live_run__stop(), "complete")));
	live_run__end();
}

/* Calls are inside: they are looked for; and what found no room is told by the clock, too. */
static void grow_old(struct tracer *t)
{
	static size_t reads;

	t->counts.n[PVM_C_RING_FULL] = 3;
	t->counts.n[PVM_C_SEEN] = 4;
	if (++reads == 2) {
		t->counts.n[PVM_C_FILTERED] = 1;
		raise(SIGTERM);
	}
}

static void test_tick(void **state)
{
	static const char *const args[] = { "--in-flight-after", "100", NULL };
	struct pvm_summary sum;
	struct fixture_call f;

	(void)state;
	fixture__call(&f);
	fixture__summary(&sum, &f.call);
	live_run__begin(NULL, args);
	run.fake.counts.n[PVM_C_SEEN] = 1;
	run.fake.summaries[run.fake.summary_cnt++] = (struct fake_record){ &sum, sizeof(sum) };
	run.fake.on_consume = grow_old;
	assert_int_equal(loop__run(&run.loop), 0);
	assert_true(run.fake.sweep_cnt > 0);
	assert_int_equal(run.fake.swept[0], PVM_IN_FLIGHT);
	assert_int_equal(run.fake.stopping_at[0], PVM_RUNNING);
	live_run__read("out");
	assert_int_equal(live_run__count("lost"), 1);
	assert_int_equal(live_run__counter("lost_ring_full"), 3);
	assert_int_equal(live_run__counter("summarised"), sum.tally.calls);
	live_run__end();
}

/* Nobody reads any more: that is an error, and no reason to go on. */
static void test_reader_gone(void **state)
{
	struct sink *sink;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(open_as_stdout(&sink, fds[1], 8000, 65536), 0);
	close(fds[1]);
	live_run__begin(sink, NULL);
	live_run__call(1, PVM_COMPLETE);
	close(fds[0]);
	assert_int_equal(loop__run(&run.loop), EX_IOERR);
	assert_true(run.fake.detached);
	assert_int_equal(run.collector.books.emitted, 0);
	assert_int_equal(run.collector.books.lost_output, 1);
	live_run__end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch__setup, scratch__teardown)
		IN_SCRATCH(test_says_that_it_traces_once_it_does),
		IN_SCRATCH(test_signal),
		IN_SCRATCH(test_count),
		IN_SCRATCH(test_duration),
		IN_SCRATCH(test_signals_that_end_nothing),
		IN_SCRATCH(test_silence),
		IN_SCRATCH(test_tick),
		IN_SCRATCH(test_reader_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
