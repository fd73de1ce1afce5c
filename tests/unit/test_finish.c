/* SPDX-License-Identifier: Apache-2.0 */
/* test_finish - the end of a run: in which order entries and exits are let go, and that each call that was seen is told or
 * counted as lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "bpf/control.h"
#include "lines.h"
#include "live_run.h"
#include "loop.h"
#include "scratch.h"

#define CALL "process_vm_access"
#define EX_LOSS 75

static void begin(struct sink *sink, const char *const *args)
{
	live_run__begin(sink, args);
	assert_int_equal(report__start(&run.report), 0);
	watch__begin(&run.loop.watch, &run.report, &run.source.kernel, NULL);
	run.loop.reason = END_SIGNAL;
	run.loop.signal = "SIGTERM";
}

/* Tells the call that was inside, as its thread would tell it. */
static void tell_unfinished(struct tracer *t, enum pvm_phase phase)
{
	assert_int_equal(phase, PVM_UNFINISHED);
	t->counts.n[PVM_C_SEEN]--; /* it was seen before */
	live_run__call(9, PVM_UNFINISHED);
}

/* Entries end, calls get their moment, exits end, and only then what remains is swept. */
static void test_order(void **state)
{
	(void)state;
	begin(NULL, NULL);
	live_run__call(1, PVM_COMPLETE);
	run.fake.counts.n[PVM_C_SEEN]++;
	run.fake.on_sweep = tell_unfinished;
	assert_int_equal(finish__run(&run.loop), 0);
	assert_int_equal(run.fake.sweep_cnt, 1);
	assert_int_equal(run.fake.swept[0], PVM_UNFINISHED);
	assert_int_equal(run.fake.stopping_at[0], PVM_NO_EXITS);
	assert_true(run.fake.detached);
	live_run__read("out");
	assert_int_equal(live_run__count(CALL), 2);
	assert_int_equal(live_run__counter("emitted"), 2);
	assert_int_equal(live_run__counter("lost"), 0);
	live_run__end();
}

static void come_back(struct tracer *t)
{
	static bool back;

	assert_true(back || t->stopping == PVM_NO_ENTRIES);
	if (back)
		return;
	back = true;
	t->counts.n[PVM_C_SEEN]--;
	live_run__call(2, PVM_COMPLETE);
}

/* A call that returns in that moment is told as what it is. */
static void test_grace(void **state)
{
	(void)state;
	begin(NULL, NULL);
	run.fake.counts.n[PVM_C_SEEN]++;
	run.fake.on_consume = come_back;
	assert_int_equal(finish__run(&run.loop), 0);
	assert_int_equal(run.fake.sweep_cnt, 0);
	live_run__read("out");
	assert_int_equal(live_run__count(CALL), 1);
	live_run__end();
}

/* One that no sweep finds is lost: with --fail-on-loss that is the exit status. */
static void test_unswept(void **state)
{
	static const char *const args[] = { "--fail-on-loss", NULL };

	(void)state;
	begin(NULL, args);
	run.fake.counts.n[PVM_C_SEEN] = 1;
	assert_int_equal(finish__run(&run.loop), EX_LOSS);
	live_run__read("out");
	assert_int_equal(live_run__count("lost"), 1);
	assert_int_equal(live_run__counter("lost_unswept"), 1);
	assert_true(json_is_true(json_object_get(live_run__stop(), "balanced")));
	assert_true(json_is_false(json_object_get(live_run__stop(), "complete")));
	live_run__end();
}

/* Finds a thread of whose calls not all is known, which the last sweep comes upon. */
static void find_stackless(struct tracer *t, enum pvm_phase phase)
{
	if (phase == PVM_UNFINISHED)
		t->skipped_at_tick = 7;
}

/* What the last moments show is told, and the run is not complete: by a look while the hooks are still there. */
static void test_last_look(void **state)
{
	const json_t *incomplete;

	(void)state;
	begin(NULL, NULL);
	run.fake.counts.n[PVM_C_SEEN] = 1;
	run.fake.on_sweep = find_stackless;
	assert_int_equal(finish__run(&run.loop), 0);
	assert_false(run.fake.ticked_detached);
	live_run__read("out");
	assert_int_equal(live_run__count("error"), 1);
	assert_int_equal(live_run__counter("skipped_runs"), 7);
	incomplete = json_object_get(live_run__stop(), "incomplete");
	assert_string_equal(json_string_value(json_array_get(incomplete, 1)), "hooks_skipped");
	live_run__end();
}

static void test_summaries(void **state)
{
	struct pvm_summary sum;
	struct fixture_call f;

	(void)state;
	fixture__call(&f);
	fixture__summary(&sum, &f.call);
	begin(NULL, NULL);
	run.fake.counts.n[PVM_C_SEEN] = run.fake.counts.n[PVM_C_SUMMARISED] = sum.tally.calls;
	run.fake.summaries[run.fake.summary_cnt++] = (struct fake_record){ &sum, sizeof(sum) };
	assert_int_equal(finish__run(&run.loop), 0);
	live_run__read("out");
	assert_int_equal(live_run__counter("summarised"), sum.tally.calls);
	assert_true(json_is_true(json_object_get(live_run__stop(), "complete")));
	live_run__end();
}

static uint64_t one_unwritten(void *ctx, struct rule_counts rules[RULES_MAX])
{
	(void)ctx;
	rules[0].told = 1;
	return 1;
}

/* What a destination took and cannot write is taken back out of the books: lost, not told. */
static void test_unwritten(void **state)
{
	struct destination_ops failing = to_lines;

	(void)state;
	failing.unwritten = one_unwritten;
	begin(NULL, NULL);
	run.collector.to.ops = &failing;
	live_run__call(1, PVM_COMPLETE);
	live_run__call(2, PVM_COMPLETE);
	assert_int_equal(finish__run(&run.loop), 0);
	live_run__read("out");
	assert_int_equal(live_run__counter("emitted"), 1);
	assert_int_equal(live_run__counter("lost_output"), 1);
	assert_int_equal(run.collector.rules[0].told, 1);
	live_run__end();
}

/* Nobody reads: what the rings hold is lost, and what the sink holds; and it takes no time. */
static void test_reader_gone(void **state)
{
	struct sink *sink;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(open_as_stdout(&sink, fds[1], 8000, 65536), 0);
	close(fds[1]);
	begin(sink, NULL);
	live_run__call(1, PVM_COMPLETE);
	live_run__call(2, PVM_COMPLETE);
	run.fake.call_cnt = 1;
	(void)fake_kernel_ops.consume_calls(&run.fake);
	assert_int_equal(run.collector.books.emitted, 1);
	assert_int_equal(run.collector.rules[0].told, 1);
	run.loop.reason = END_READER_GONE;
	assert_int_equal(finish__run(&run.loop), EX_IOERR);
	assert_int_equal(run.collector.books.emitted, 0);
	assert_int_equal(run.collector.rules[0].told, 0);
	assert_int_equal(run.collector.books.lost_output, 2);
	close(fds[0]);
	live_run__end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch__setup, scratch__teardown)
		IN_SCRATCH(test_order),	    IN_SCRATCH(test_grace),
		IN_SCRATCH(test_unswept),   IN_SCRATCH(test_summaries),
		IN_SCRATCH(test_unwritten), IN_SCRATCH(test_reader_gone),
		IN_SCRATCH(test_last_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
