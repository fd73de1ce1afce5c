/* SPDX-License-Identifier: Apache-2.0 */
/* test_from_kernel - what a live run asks of the kernel half and what it tells it, over the table in kernel/kernel.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/clock.h"
#include "bpf/control.h"
#include "bpf/keys.h"
#include "live_run.h"
#include "scratch.h"

#define CALL "process_vm_access"
#define LONG_CNT 64
#define REMINDERS_MAX 64 /* of a second */
#define PROCESSES 8192	 /* whose paths are kept */

static struct source *source(void)
{
	return &run.collector.from;
}

/* Takes one look at the rings. Returns whether there was anything. */
static bool drain(int err)
{
	bool got = false;

	assert_int_equal(from_kernel__drain(&run.source, &got), err);
	return got;
}

static const json_t *side(const char *name)
{
	assert_int_equal(sink__drain(run.collector.sink, 1000), 0);
	live_run__read("out");
	assert_int_equal(live_run__count(CALL), 1);
	return json_object_get(run.lines[0], name);
}

static const char *status(const char *of_side)
{
	return json_string_value(json_object_get(side(of_side), "status"));
}

/* It tests all that `start` says of the kernel half. */
static void test_facts(void **state)
{
	struct run_facts facts;

	(void)state;
	live_run__begin(NULL, NULL);
	run.fake.fentry = true;
	run.fake.resolve = RESOLVE_KFUNC;
	run.fake.confirms = (struct confirm_info){ .target = true, .pages = PAGES_KPROBE };
	run.fake.witness = WITNESS_KNOWN | WITNESS_NEEDED | WITNESS_PERMIT;
	run.fake.host_pid = 4711;
	run.source.known.audit = true;
	source()->ops->facts(source()->ctx, &facts);
	assert_true(facts.audit && facts.confirms.target);
	assert_int_equal(facts.attach, ATTACH_FENTRY);
	assert_int_equal(facts.resolve, RESOLVE_KFUNC);
	assert_string_equal(facts.user, "nobody");
	assert_int_equal(facts.confirms.pages, PAGES_KPROBE);
	assert_int_equal(facts.witnesses, run.fake.witness);
	assert_int_equal(facts.pid, 4711);
	live_run__end();
}

/* Skipped runs are no counter of the programs, and come with those. */
static void test_counts(void **state)
{
	struct books_user user = { .emitted = 3 };
	struct pvm_counts kernel;

	(void)state;
	live_run__begin(NULL, NULL);
	run.fake.counts.n[PVM_C_SEEN] = 11;
	run.fake.skipped = 7;
	source()->ops->counts(source()->ctx, &kernel, &user);
	assert_int_equal(kernel.n[PVM_C_SEEN], 11);
	assert_int_equal(user.skipped_runs, 7);
	assert_int_equal(user.emitted, 3);
	live_run__end();
}

/* What was ordered while records were read is done behind them; the arrays' ring is emptied first where it is half full. */
static void test_order(void **state)
{
	(void)state;
	live_run__begin(NULL, NULL);
	assert_false(drain(0));
	assert_string_equal(run.fake.order, "c!");
	run.fake.bell.arrays_high = 1;
	live_run__call(1, PVM_COMPLETE);
	assert_true(drain(0));
	assert_string_equal(run.fake.order, "c!ac!");
	assert_int_equal(run.fake.bell.arrays_high, 0);
	live_run__call(2, PVM_COMPLETE);
	live_run__call(3, PVM_COMPLETE);
	assert_true(drain(0));
	assert_string_equal(run.fake.order, "c!ac!c!");
	assert_int_equal(run.collector.books.emitted, 3);
	live_run__end();
}

static int enough(void *ctx, void *data, size_t size)
{
	int err = collector__on_call(ctx, data, size);

	return err ? err : -EAGAIN;
}

/* A batch ends before the ring does: what was ordered is done, and the rest is there next time. */
static void test_batch(void **state)
{
	(void)state;
	live_run__begin(NULL, NULL);
	run.fake.on_call = enough;
	live_run__call(1, PVM_COMPLETE);
	live_run__call(2, PVM_COMPLETE);
	assert_true(drain(-EAGAIN));
	assert_int_equal(run.collector.books.emitted, 1);
	assert_string_equal(run.fake.order, "c!");
	assert_true(drain(-EAGAIN));
	assert_int_equal(run.collector.books.emitted, 2);
	assert_false(drain(0));
	live_run__end();
}

/* Makes a call of 64 elements a side, looked at once, whose remote list is in the ring of arrays. */
static void long_call(struct fixture_call *f)
{
	fixture__call(f);
	fixture__data(f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
	f->call.local.flags = PVM_SIDE_ENTRY;
	f->call.local.entry_ok = 0;
	f->call.remote.count = f->call.args[4] = LONG_CNT;
	f->call.remote.flags = PVM_SIDE_ENTRY | PVM_SIDE_RING;
}

/* It is fetched when a call refers to it, and not held any longer. */
static void test_array_is_fetched(void **state)
{
	static _Alignas(8) uint8_t array[sizeof(struct pvm_array) + LONG_CNT * 16];
	static struct iov_elem list[LONG_CNT];
	struct fixture_call f;

	(void)state;
	live_run__begin(NULL, NULL);
	long_call(&f);
	for (size_t i = 0; i < LONG_CNT; i++)
		list[i] = (struct iov_elem){ 0x1000 * (i + 1), 8 };
	run.fake.arrays[run.fake.array_cnt++] = (struct fake_record){
		array, fixture__array(array, &f.call, true, false, list, sizeof(list), 1)
	};
	fake_kernel__add(&run.fake, &f, f.call.hdr.size);
	assert_true(drain(0));
	assert_string_equal(run.fake.order, "ca!");
	assert_null(arrays__find(run.collector.arrays, f.call.caller.tid, f.call.entry_ns, true,
				 false));
	assert_string_equal(status("remote"), "ok");
	assert_int_equal(json_integer_value(json_object_get(side("remote"), "captured")), LONG_CNT);
	live_run__end();
}

/* One that does not come is waited for, but not for long behind the call's end, and the call is told without. */
static void test_array_that_never_comes(void **state)
{
	struct fixture_call f;
	uint64_t begin;

	(void)state;
	live_run__begin(NULL, NULL);
	long_call(&f);
	fake_kernel__add(&run.fake, &f, f.call.hdr.size); /* ended long ago */
	assert_true(drain(0));
	assert_int_equal(run.fake.array_reads, 1);
	assert_string_equal(status("remote"), "lost");
	begin = clock__mono_now();
	f.call.exit_ns = clock__boot_now(&run.collector.clock);
	f.call.entry_ns = f.call.exit_ns - 1000;
	fake_kernel__add(&run.fake, &f, f.call.hdr.size);
	assert_true(drain(0));
	assert_true(run.fake.array_reads > 1);
	assert_in_range(clock__mono_now() - begin, NS_PER_S / 250, 20 * NS_PER_S);
	assert_int_equal(run.collector.books.emitted, 2);
	live_run__end();
}

/* What the kernel half holds to be sent, and is not there, it is to send again: but so often in a second. */
static void test_reminders(void **state)
{
	struct fixture_call f;

	(void)state;
	live_run__begin(NULL, NULL);
	collector__tick(&run.collector);
	fixture__call(&f);
	f.call.target = f.call.caller;
	f.call.target.flags = 0; /* so that the caller's is the only one */
	f.call.target.hier = 0;
	fake_kernel__add(&run.fake, &f, f.call.hdr.size);
	assert_true(drain(0));
	assert_int_equal(run.fake.forgotten_procs, 1);
	assert_int_equal(run.fake.forgotten_proc, f.call.caller.pid);
	assert_int_equal(run.fake.forgotten_cgroups, 1);
	assert_int_equal(run.fake.forgotten_cgroup.id, f.call.caller.cgroup_id);
	assert_int_equal(run.fake.forgotten_cgroup.hier, f.call.caller.hier);
	for (size_t i = 0; i < REMINDERS_MAX; i++) {
		run.fake.call_at = 0;
		assert_true(drain(0));
	}
	assert_int_equal(run.fake.forgotten_procs + run.fake.forgotten_cgroups, REMINDERS_MAX);
	collector__tick(&run.collector);
	run.fake.call_at = 0;
	assert_true(drain(0));
	assert_int_equal(run.fake.forgotten_procs + run.fake.forgotten_cgroups, REMINDERS_MAX + 2);
	live_run__end();
}

/* A process that the collector had no room left for is to be sent again if it calls again. */
static void test_evicted(void **state)
{
	static const char names[] = "httpd";
	_Alignas(8) uint8_t path[sizeof(struct pvm_path) + sizeof(names)];
	struct fixture_call f;
	struct pvm_task task;

	(void)state;
	live_run__begin(NULL, NULL);
	fixture__call(&f);
	task = f.call.target;
	for (uint32_t pid = 1; pid <= PROCESSES + 1; pid++) {
		size_t size;

		assert_int_equal(run.fake.forgotten_procs, 0);
		task.pid = pid;
		size = fixture__path(path, PVM_EXE, &task, names, sizeof(names), 0);
		assert_int_equal(collector__on_call(&run.collector, path, size) & ~-EAGAIN, 0);
	}
	assert_int_equal(run.fake.forgotten_procs, 1);
	assert_int_equal(run.fake.forgotten_proc, 1);
	live_run__end();
}

/* Expects it judged by its path, for both sides and each home that a process in it may have. */
static void judged(const char *option, const char *pattern, uint32_t pass)
{
	const char *const args[] = { option, pattern, NULL };
	static const char names[] = "one\0slice";
	_Alignas(8) uint8_t path[sizeof(struct pvm_path) + sizeof(names)];
	struct fixture_call f;

	live_run__begin(NULL, option ? args : NULL);
	fixture__call(&f);
	fake_kernel__add(&run.fake, path,
			 fixture__path(path, PVM_CGROUP, &f.call.target, names, sizeof(names), 0));
	assert_true(drain(0));
	assert_int_equal(run.fake.judged_cgroups, option != NULL);
	if (option) {
		assert_int_equal(run.fake.judged_cgroup.id, f.call.target.cgroup_id);
		assert_int_equal(run.fake.judged_cgroup.hier, f.call.target.hier);
		assert_int_equal(run.fake.verdict.decided, 1u << PVM_CALLER | 1u << PVM_TARGET);
		for (int i = 0; i < 2 * PVM_HOME_CNT; i++)
			assert_int_equal(run.fake.verdict.left[i / PVM_HOME_CNT][i % PVM_HOME_CNT],
					 pass >> i & 1);
	}
	live_run__end();
}

#define PASS_BIT(who, home) (1u << ((who)*PVM_HOME_CNT + (home)))
#define ALL_HOMES(who)                                                    \
	(PASS_BIT(who, PVM_HOME_UNKNOWN) | PASS_BIT(who, PVM_HOME_HOST) | \
	 PASS_BIT(who, PVM_HOME_HOST_PIDS) | PASS_BIT(who, PVM_HOME_OTHER))

static void test_judged(void **state)
{
	const uint32_t caller = ALL_HOMES(PVM_CALLER), target = ALL_HOMES(PVM_TARGET);

	(void)state;
	judged(NULL, NULL, 0);
	judged("--target-cgroup", "/slice/*", caller | target);
	judged("--target-cgroup", "/other", caller);
	judged("--caller-cgroup", "!/slice", target);
	judged("--target-container", "none",
	       caller | PASS_BIT(PVM_TARGET, PVM_HOME_HOST) |
		       PASS_BIT(PVM_TARGET, PVM_HOME_UNKNOWN));
}

/* The tracer's own calls are handed back, and told to nobody. */
static void test_self_test(void **state)
{
	struct pvm_hdr own = { .size = sizeof(own),
			       .type = PVM_SELF_TEST,
			       .version = PVM_WIRE_VERSION };

	(void)state;
	live_run__begin(NULL, NULL);
	fake_kernel__add(&run.fake, &own, sizeof(own));
	assert_true(drain(0));
	assert_int_equal(run.fake.self_test_seen, sizeof(own));
	assert_int_equal(sink__pending(run.collector.sink), 0);
	assert_int_equal(run.collector.books.emitted, 0);
	live_run__end();
}

int main(void)
{
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch__setup, scratch__teardown)
	static const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_facts),
		IN_SCRATCH(test_counts),
		IN_SCRATCH(test_order),
		IN_SCRATCH(test_batch),
		IN_SCRATCH(test_array_is_fetched),
		IN_SCRATCH(test_array_that_never_comes),
		IN_SCRATCH(test_reminders),
		IN_SCRATCH(test_evicted),
		IN_SCRATCH(test_judged),
		IN_SCRATCH(test_self_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
