/* SPDX-License-Identifier: Apache-2.0 */
/* These test the collector's books of calls that are told together. The kernel half is stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/rules.h"
#include "collector.h"
#include "fake_kernel.h"
#include "fixture.h"
#include "from_kernel.h"
#include "from_recording.h"
#include "options/command_line.h"
#include "scratch.h"
#include "to_lines.h"

/* This is a collector that writes to the file "out". */
static struct collector c;
static struct options options = { .rule_cnt = 1 };
static struct to_lines lines;
static struct tracer fake;
static struct from_kernel kernel = { .kernel = { &fake_kernel_ops, &fake } };

static int setup(void **state)
{
	char *argv[] = { (char *)"pvmtrace", NULL };

	if (scratch__setup(state))
		return -1;
	memset(&c, 0, sizeof(c));
	c.sink = open_out();
	c.from = (struct source){ &from_kernel, &kernel };
	return options__parse(&options, 1, argv) || to_lines__open(&lines, &c, &options) ||
	       collector__open(&c, &options);
}

static int teardown(void **state)
{
	sink__close(c.sink);
	(void)collector__close(&c);
	to_lines__close(&lines);
	return scratch__teardown(state);
}

static int put(struct pvm_summary *sum)
{
	return collector__on_summary(&c, sum, sizeof(*sum));
}

static void make(struct pvm_summary *sum, uint64_t calls)
{
	struct fixture_call f;

	fixture__call(&f);
	fixture__summary(sum, &f.call);
	sum->tally.calls = calls;
}

static void expect_books(uint64_t summarised, uint64_t filtered, uint64_t lost)
{
	assert_int_equal(c.books.summarised, summarised);
	assert_int_equal(c.books.filtered, filtered);
	assert_int_equal(c.books.lost_decode + c.books.lost_output, lost);
	assert_int_equal(c.books.emitted, 0);
}

static void test_told(void **state)
{
	struct pvm_summary sum;

	(void)state;
	make(&sum, 5);
	assert_int_equal(put(&sum), 0);
	make(&sum, 1000000);
	assert_int_equal(put(&sum), 0);
	expect_books(1000005, 0, 0);
	assert_int_equal(lines.seq, 2);
	assert_int_equal(sink__pending_weight(c.sink), 1000005);
}

/* Each of its calls is lost, and nothing is told. */
static void test_nonsense(void **state)
{
	struct pvm_summary sum;

	(void)state;
	make(&sum, 5);
	sum.tally.outcome = 0;
	assert_int_equal(put(&sum), 0);
	expect_books(0, 0, 5);
	assert_int_equal(collector__on_summary(&c, &sum, 8), 0);
	expect_books(0, 0, 6);
	assert_int_equal(sink__pending(c.sink), 0);
}

static void test_after_the_last(void **state)
{
	struct pvm_summary sum;

	(void)state;
	c.full = true;
	make(&sum, 7);
	assert_int_equal(put(&sum), 0);
	expect_books(0, 7, 0);
	assert_int_equal(sink__pending(c.sink), 0);
}

/* Filters of a replay go by all that is summed up. */
static void test_replayed_filters(void **state)
{
	struct from_recording recording = { .collector = &c };
	struct pvm_summary sum;

	(void)state;
	c.from = (struct source){ &from_recording, &recording };
	make(&sum, 7); /* of 3 * 4096 bytes */
	options.rules[0].min_bytes = 12288;
	assert_int_equal(put(&sum), 0);
	expect_books(7, 0, 0);
	options.rules[0].min_bytes = 12289;
	assert_int_equal(put(&sum), 0);
	expect_books(7, 7, 0);
	options.rules[0].min_bytes = 0;
	options.rules[0].ops = 1u << PVM_WRITE;
	assert_int_equal(put(&sum), 0);
	expect_books(7, 14, 0);
}

/* It comes again: nothing is counted and nothing is told. */
static void test_no_room(void **state)
{
	struct pvm_summary sum;
	uint64_t told = 0;
	int err;

	(void)state;
	make(&sum, 3);
	while (!(err = put(&sum)))
		told += 3;
	assert_int_equal(err, -EAGAIN);
	expect_books(told, 0, 0);
	assert_int_equal(lines.seq, told / 3);
	assert_int_equal(sink__drain(c.sink, 1000), 0);
	assert_int_equal(put(&sum), 0);
	expect_books(told + 3, 0, 0);
}

static void expect_confirmed(const struct fixture_call *f, enum tristate confirmed)
{
	const struct raw_record raw = { f->bytes, f->call.hdr.size };
	struct call_info call;

	assert_int_equal(collector__decode(&c, &raw, &call), 0);
	assert_int_equal(call.confirmed, confirmed);
	assert_int_equal(call.remote.changed, confirmed == NO ? YES : NO);
}

static int refuse(void *ctx, enum frame_kind kind, const void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	assert_int_equal(kind, FRAME_KEY);
	return -EAGAIN;
}

/* Runs of the hooks on pages were skipped since the last look at them: before fewer pages than a list needs are another list,
 * it is looked at again. */
static void test_pages_that_lack_since_the_last_look(void **state)
{
	const struct pin_key key = { { 7, 77 }, PVM_PAGE_SHIFT, 0 };
	const struct pvm_pins one = fixture__one_page(&key, 0x55d0c0de0000);
	static const struct iov_elem local = { 0x7ffd12345000, 4096 };
	static const struct iov_elem on_two = { 0x55d0c0de0800, 4096 };
	struct from_recording recording = { .collector = &c };
	const struct destination_ops *ops = c.to.ops, no_room = { .keep = refuse };
	struct fixture_call f;

	(void)state;
	fixture__call(&f);
	fixture__data(&f, &local, sizeof(local), &on_two, sizeof(on_two), NULL, 0, NULL, 0);
	fixture__pins(&f, &one);
	fake.pin_key = key;
	collector__set_key(&c, &key);
	expect_confirmed(&f, NO);
	fake.pin_key.may_lack = 1;
	c.from = (struct source){ &from_recording, &recording };
	expect_confirmed(&f, NO);
	c.from = (struct source){ &from_kernel, &kernel };
	/* A recording that has no room for it would tell something else. */
	c.to.ops = &no_room;
	expect_confirmed(&f, NO);
	c.to.ops = ops;
	expect_confirmed(&f, UNKNOWN);
	assert_true(c.pages_lack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
		cmocka_unit_test_setup_teardown(test_after_the_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replayed_filters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pages_that_lack_since_the_last_look, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
