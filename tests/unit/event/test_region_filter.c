/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls pass --region, by what they touch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bpf/rules.h"
#include "event/region_filter.h"

#define PAGE 0x1000ULL

static const struct pvm_region raw[] = {
	{ .kind = PVM_REGION_HEAP, .perms = PVM_REGION_READ, .start = PAGE, .end = 2 * PAGE },
	{ .kind = PVM_REGION_FILE,
	  .perms = PVM_REGION_READ | PVM_REGION_EXEC,
	  .start = 2 * PAGE,
	  .end = 3 * PAGE },
	{ .kind = PVM_REGION_NONE },
	{ .kind = PVM_REGION_UNKNOWN },
	{ .kind = PVM_REGION_SHARED, .perms = PVM_REGION_EXEC, .start = PAGE, .end = 2 * PAGE },
};

enum { HEAP, LIB, NOTHING, LOST, SHARED };

static struct pvm_call call;
static struct pvm_task task;
static struct pvm_region regions[2];
static struct region_info infos[2];
static struct iov_elem elements[3];
static struct call_info info;

/* An element in each of these two; the second may be like the first. */
static void touch(int first, int second)
{
	const int of[2] = { first, second };

	memset(&call, 0, sizeof(call));
	memset(&info, 0, sizeof(info));
	for (int i = 0; i < 2; i++) {
		regions[i] = raw[of[i]];
		regions[i].first = (uint16_t)i;
		regions[i].cnt = 1;
		infos[i] = (struct region_info){ .raw = &regions[i] };
		if (regions[i].kind == PVM_REGION_FILE) {
			infos[i].text = "/usr/lib/libc.so.6";
			infos[i].text_len = strlen(infos[i].text);
		}
		elements[i] = (struct iov_elem){ regions[i].start, 8 };
	}
	call.phase = PVM_COMPLETE;
	info.raw = &call;
	info.target.task = &task;
	info.regions = (struct regions_info){ .known = true, .cnt = 2, .at = infos };
	info.remote = (struct list_info){
		.count = 2,
		.captured = 2,
		.total_len = 16,
		.status = LIST_OK,
		.iov = elements,
		.changed = NO,
	};
	info.confirmed = UNKNOWN;
}

/* One value or two; '!' excludes. */
static bool holds(enum rule_action action, const char *one, const char *other)
{
	struct filter_value values[2] = { 0 };
	const struct rule rule = { .action = action, .region = { values, other ? 2 : 1 } };
	const char *const words[2] = { one, other };

	for (size_t i = 0; i < rule.region.cnt; i++) {
		values[i].exclude = words[i][0] == '!';
		values[i].text = words[i] + values[i].exclude;
	}
	return holds__rule(&rule, region_filter__holds(&rule, &info));
}

static bool passes(const char *one, const char *other)
{
	return holds(RULE_TELL, one, other);
}

static bool drops(const char *one)
{
	return holds(RULE_DROP, one, NULL);
}

static void test_kinds(void **state)
{
	static const struct {
		int first, second;
		const char *one, *other;
		bool pass;
	} cases[] = {
		{ HEAP, HEAP, "heap", NULL, true },
		{ HEAP, HEAP, "stack", NULL, false },
		{ HEAP, LIB, "heap", NULL, true },
		{ HEAP, LIB, "exec", NULL, true },
		{ HEAP, HEAP, "exec", NULL, false },
		{ SHARED, SHARED, "exec", NULL, true },
		{ SHARED, SHARED, "anon", NULL, false },
		{ NOTHING, NOTHING, "none", NULL, true },
		{ NOTHING, NOTHING, "heap", NULL, false },
		{ NOTHING, NOTHING, "exec", NULL, false },
		{ LIB, LIB, "file:/usr/lib/libc.so.6", NULL, true },
		{ LIB, LIB, "file:*/libc*", NULL, true },
		{ LIB, LIB, "file:/usr/*/libc*", NULL, true },
		{ LIB, LIB, "file:*/libm*", NULL, false },
		{ HEAP, HEAP, "file:*", NULL, false },
		{ HEAP, HEAP, "stack", "heap", true },
		/* Nothing hides behind what is excluded. */
		{ HEAP, HEAP, "!heap", NULL, false },
		{ HEAP, LIB, "!heap", NULL, true },
		{ HEAP, LIB, "!heap", "!file:*", false },
		{ HEAP, LIB, "!exec", "file:*", false },
		{ HEAP, LIB, "!exec", "heap", true },
		{ NOTHING, HEAP, "!none", "!heap", false },
		/* What is not known is not hidden. */
		{ LOST, LOST, "heap", NULL, true },
		{ LOST, LOST, "!heap", NULL, true },
		{ HEAP, LOST, "!heap", "file:*", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		touch(cases[i].first, cases[i].second);
		if (passes(cases[i].one, cases[i].other) != cases[i].pass)
			fail_msg("case %zu: %s", i, cases[i].one);
	}
}

/* A file whose path did not come may be any. */
static void test_no_path(void **state)
{
	(void)state;
	touch(LIB, LIB);
	infos[0].text = infos[1].text = NULL;
	assert_true(passes("file:*/libm*", NULL));
	assert_true(passes("!file:*", NULL));
	assert_false(passes("heap", NULL));
	/* Nor is one whose first names did not. */
	touch(LIB, LIB);
	infos[0].text = infos[1].text = "[...]/libc.so.6";
	infos[0].text_len = infos[1].text_len = strlen(infos[0].text);
	assert_true(passes("file:/usr/*", NULL) && passes("!file:*", NULL));
	assert_false(drops("file:*/libc.so.6") || drops("!file:/usr/*"));
}

/* The files of both are called so. */
static void call_them(const char *name)
{
	touch(LIB, LIB);
	infos[0].text = infos[1].text = name;
	infos[0].text_len = infos[1].text_len = strlen(name);
}

/* What a process mapped before it left its mount namespace has a path of there: it may be any here. */
static void test_unreachable(void **state)
{
	(void)state;
	call_them("(unreachable)/usr/lib/libc.so.6");
	assert_true(passes("file:/usr/lib/libc.so.6", NULL));
	assert_true(passes("!file:/usr/lib/libc.so.6", NULL));
	assert_false(drops("file:*/libc.so.6") || drops("!file:/usr/*"));
	call_them("(unreachabl");
	assert_false(passes("file:/usr/lib/libc.so.6", NULL));
}

/* A slash in the name of memory begins no file's name. */
static void test_memory_by_a_name_with_slashes(void **state)
{
	(void)state;
	call_them("/memfd:usr/lib/libc.so.6");
	assert_false(passes("file:*/libc.so.6", NULL) || drops("file:*/libc.so.6"));
	assert_true(passes("!file:*/libc.so.6", NULL));
	assert_true(passes("file:/memfd:*", NULL) && passes("file:*libc*", NULL));
}

/* A list of elements without a byte. */
static void touch_nothing(void)
{
	touch(HEAP, HEAP);
	info.regions.cnt = 0;
	info.remote.total_len = 0;
	elements[0].len = elements[1].len = 0;
	info.ret_known = true;
}

static void test_nothing_is_touched(void **state)
{
	(void)state;
	touch(HEAP, HEAP);
	info.target.task = NULL;
	assert_false(passes("heap", NULL));
	assert_true(passes("!heap", NULL));
	touch_nothing();
	assert_false(passes("heap", NULL));
	assert_true(passes("!heap", NULL));
	assert_true(drops("!heap"));
	touch(HEAP, HEAP);
	info.regions.known = false;
	assert_true(passes("stack", NULL));
	info.remote.count = info.remote.captured = 0;
	assert_false(passes("stack", NULL));
}

/* What moved bytes touched something, whatever its list says, and whoever it named at first. */
static void test_bytes_moved(void **state)
{
	(void)state;
	touch_nothing();
	info.ret = 1;
	assert_true(passes("heap", NULL) && passes("!heap", NULL));
	assert_false(drops("!heap"));
	touch(HEAP, HEAP);
	info.target.task = NULL;
	info.ret_known = true;
	info.ret = 1;
	assert_true(passes("stack", NULL) && passes("!heap", NULL));
	assert_false(drops("!heap"));
}

/* Behind the elements that were looked at, none of which has a byte, another one can have some. */
static void test_only_empty_ones_are_looked_at(void **state)
{
	(void)state;
	touch_nothing();
	elements[1].len = info.remote.total_len = 8;
	assert_true(passes("heap", NULL) && passes("!heap", NULL));
	assert_false(drops("!heap"));
	/* Nor is it known of a list that was not read whole, or that another one took the place of. */
	touch_nothing();
	info.remote.status = LIST_PARTIAL;
	assert_true(passes("heap", NULL) && !drops("!heap"));
	touch_nothing();
	info.remote.changed = YES;
	assert_true(passes("heap", NULL) && !drops("!heap"));
}

/* Until its end is seen a call can have, or come to have, another list. */
static void test_end_unseen(void **state)
{
	static const uint8_t phases[] = { PVM_IN_FLIGHT, PVM_UNFINISHED, PVM_ENDED };

	(void)state;
	for (size_t i = 0; i < sizeof(phases); i++) {
		touch(HEAP, HEAP);
		call.phase = phases[i];
		assert_true(passes("stack", NULL) && passes("!heap", NULL));
		touch_nothing();
		call.phase = phases[i];
		assert_true(passes("stack", NULL));
		/* But none that names no element. */
		info.remote.count = info.remote.captured = 0;
		assert_false(passes("stack", NULL));
	}
	/* A list that was not there to be compared, unless the kernel held its pages. */
	touch(HEAP, HEAP);
	info.remote.changed = UNKNOWN;
	assert_true(passes("stack", NULL));
	info.confirmed = YES;
	assert_false(passes("stack", NULL));
}

/* More than the regions tell of can have been touched. */
static void test_open(void **state)
{
	(void)state;
	touch(HEAP, HEAP);
	assert_false(passes("stack", NULL));
	elements[2] = elements[1];
	info.remote.count = 3;
	assert_true(passes("stack", NULL));
	info.remote.captured = 3;
	assert_true(passes("stack", NULL) && passes("!heap", NULL));
	elements[2].len = 0;
	assert_false(passes("stack", NULL));
	elements[1].len = PAGE;
	assert_false(passes("stack", NULL));
	elements[1].len = PAGE + 1;
	assert_true(passes("stack", NULL));
	elements[1].len = UINT64_MAX;
	assert_true(passes("stack", NULL));
	touch(HEAP, NOTHING);
	elements[1].len = UINT64_MAX;
	assert_false(passes("stack", NULL));
	/* Between those that were looked at. */
	touch(HEAP, HEAP);
	regions[1].first = 2;
	info.remote.count = info.remote.captured = 3;
	elements[2] = elements[1];
	assert_true(passes("stack", NULL));
	touch(HEAP, HEAP);
	info.remote.changed = YES;
	assert_true(passes("stack", NULL));
	touch(HEAP, HEAP);
	info.confirmed = NO;
	assert_true(passes("stack", NULL));
	touch(HEAP, HEAP);
	call.flags = PVM_CALL_TARGET_MOVED;
	assert_true(passes("stack", NULL));
}

/* A second look that gave another answer counts like the first. */
static void test_at_exit(void **state)
{
	static struct region_info later = { .raw = &raw[LIB], .text = "/x", .text_len = 2 };

	(void)state;
	touch(HEAP, HEAP);
	info.regions_exit = (struct regions_info){ .known = true, .cnt = 1, .at = &later };
	assert_true(passes("exec", NULL));
	assert_true(passes("!heap", NULL));
	assert_false(passes("stack", NULL));
	later.runs_on = YES;
	assert_true(passes("stack", NULL));
}

/* Of a call that no hook saw nothing is known. */
static void test_audit(void **state)
{
	(void)state;
	touch(HEAP, HEAP);
	info.target.task = NULL;
	call.flags = PVM_CALL_AUDIT;
	assert_true(passes("stack", NULL));
}

/* A rule that drops has to hold for all that the call touched, and for certain. */
static void test_dropped(void **state)
{
	(void)state;
	touch(HEAP, HEAP);
	call.phase = PVM_COMPLETE;
	assert_true(drops("heap") && drops("!exec") && !drops("stack"));
	call.phase = PVM_ENDED;
	assert_false(drops("heap"));
	call.phase = PVM_COMPLETE;
	info.remote.changed = UNKNOWN;
	assert_false(drops("heap"));
	info.remote.changed = NO;
	info.summed = true;
	assert_false(drops("heap") || drops("!exec"));
	touch(HEAP, LIB);
	call.phase = PVM_COMPLETE;
	assert_false(drops("heap") || drops("exec") || drops("!exec"));
	touch(HEAP, LOST);
	call.phase = PVM_COMPLETE;
	assert_false(drops("heap") || drops("!exec"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_no_path),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_memory_by_a_name_with_slashes),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_nothing_is_touched),
		cmocka_unit_test(test_bytes_moved),
		cmocka_unit_test(test_only_empty_ones_are_looked_at),
		cmocka_unit_test(test_end_unseen),
		cmocka_unit_test(test_audit),
		cmocka_unit_test(test_at_exit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
