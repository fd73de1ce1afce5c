/* SPDX-License-Identifier: Apache-2.0 */
/* What is not known drops no call: filters, and rules of a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bpf/keys.h"
#include "event/holds.h"
#include "event/judge.h"
#include "fixture.h"

/* The value's text is the answer. */
static enum tristate hit(const struct filter_value *value, const void *of)
{
	(void)of;
	return value->text[0] == 'y' ? YES : value->text[0] == 'n' ? NO : UNKNOWN;
}

static void lists(void **state)
{
	static const struct {
		struct filter_value values[2];
		size_t cnt;
		enum tristate is;
	} cases[] = {
		{ { { .text = "" } }, 0, YES },
		{ { { .text = "y" }, { .text = "n" } }, 2, YES },
		{ { { .text = "n" }, { .text = "?" } }, 2, UNKNOWN },
		{ { { .text = "n" } }, 1, NO },
		{ { { .text = "y", .exclude = true } }, 1, NO },
		{ { { .text = "n", .exclude = true } }, 1, YES },
		{ { { .text = "?", .exclude = true } }, 1, UNKNOWN },
		{ { { .text = "y" }, { .text = "?", .exclude = true } }, 2, UNKNOWN },
		{ { { .text = "n" }, { .text = "?", .exclude = true } }, 2, NO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter_value values[2] = { cases[i].values[0], cases[i].values[1] };
		const struct filter_list list = { values, cases[i].cnt };

		if (holds__list(&list, hit, NULL) != cases[i].is)
			fail_msg("case %zu", i);
	}
}

static void rules(void **state)
{
	const struct rule tell = { .action = RULE_TELL }, drop = { .action = RULE_DROP };
	const struct rule sum = { .action = RULE_AGGREGATE };

	(void)state;
	assert_true(holds__rule(&tell, UNKNOWN) && holds__rule(&sum, UNKNOWN));
	assert_false(holds__rule(&drop, UNKNOWN));
	assert_true(holds__rule(&tell, YES) && holds__rule(&drop, YES));
	assert_false(holds__rule(&tell, NO) || holds__rule(&drop, NO));
	assert_int_equal(holds__joined(&tell, YES, NO), YES);
	assert_int_equal(holds__joined(&drop, YES, NO), NO);
	assert_int_equal(holds__joined(&drop, YES, UNKNOWN), UNKNOWN);
}

static struct filter_value uid = { .number = 4711 };

/* A rule that tells of targets of a user whose the call's target was not, and one that drops all else. */
static struct options two_rules(void)
{
	struct options o = { .rule_cnt = 2 };

	o.rules[0] = (struct rule){ .name = "theirs" };
	o.rules[0].filter[PVM_TARGET][FILTER_UID] = (struct filter_list){ &uid, 1 };
	o.rules[1] = (struct rule){ .name = "rest", .action = RULE_DROP };
	return o;
}

static struct fixture_call f;

static struct call_info call_of(uint16_t flags)
{
	struct call_info c = { .raw = &f.call, .outcome = PVM_SUCCEEDED };

	fixture__call(&f);
	f.call.resolved = PVM_RESOLVED_ENTRY;
	f.call.flags = flags;
	f.call.rules[PVM_CALLER] = 3;
	f.call.rules[PVM_TARGET] = 2;
	c.caller.task = &f.call.caller;
	c.target.task = &f.call.target;
	return c;
}

static void a_decoy_makes_no_way(void **state)
{
	static const uint16_t moved[] = { PVM_CALL_TARGET_MOVED, PVM_CALL_TARGET_GONE,
					  PVM_CALL_TARGET_UNSURE, PVM_CALL_TARGET_EXECED };
	const struct options o = two_rules();
	struct call_info c = call_of(0);

	(void)state;
	assert_ptr_equal(judge__left_open(&o, &c), &o.rules[1]);
	assert_ptr_equal(judge__call(&o, &c), &o.rules[1]);
	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		c = call_of(moved[i]);
		assert_ptr_equal(judge__left_open(&o, &c), &o.rules[0]);
		assert_ptr_equal(judge__call(&o, &c), &o.rules[0]);
		c = call_of(moved[i] | PVM_CALL_TARGET_CONFIRMED);
		assert_ptr_equal(judge__left_open(&o, &c), &o.rules[1]);
	}
}

static void what_drops_by_the_target_needs_one(void **state)
{
	struct options o = two_rules();
	struct call_info c = call_of(0);

	(void)state;
	o.rules[0].action = RULE_DROP;
	o.rules[1].action = RULE_TELL;
	f.call.rules[PVM_TARGET] = 3;
	assert_ptr_equal(judge__left_open(&o, &c), &o.rules[0]);
	f.call.phase = PVM_ENDED;
	assert_ptr_equal(judge__left_open(&o, &c), &o.rules[1]);
	f.call.phase = PVM_COMPLETE;
	f.call.resolved = PVM_UNRESOLVED;
	assert_ptr_equal(judge__left_open(&o, &c), &o.rules[1]);
}

static void sums(void **state)
{
	struct options o = { .rule_cnt = 1, .rules[0] = { .name = "many", .action = RULE_DROP } };
	struct call_info c = call_of(0);

	(void)state;
	o.rules[0].min_bytes = 1;
	c.transferred = 64;
	assert_ptr_equal(judge__call(&o, &c), &o.rules[0]);
	c.summed = true;
	assert_null(judge__call(&o, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(rules),
		cmocka_unit_test(a_decoy_makes_no_way),
		cmocka_unit_test(what_drops_by_the_target_needs_one),
		cmocka_unit_test(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
