/* SPDX-License-Identifier: Apache-2.0 */
/* What --relation lets pass: as both halves have it, and with the containers that user space knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "bpf/keys.h"
#include "bpf/rules.h"
#include "event/container.h"
#include "event/judge.h"
#include "event/relation.h"
#include "fixture.h"

#define BIT(relation) (1u << (relation))

static const struct {
	uint32_t wanted, excluded;
	uint8_t kinship;
	bool other_user;
	enum tristate same_container;
	bool pass;
} cases[] = {
	{ 0, 0, PVM_KIN_NONE, true, NO, true },
	{ BIT(PVM_KIN_NONE), 0, PVM_KIN_NONE, false, YES, true },
	{ BIT(PVM_KIN_NONE), 0, PVM_KIN_SELF, false, YES, false },
	{ BIT(PVM_KIN_CHILD) | BIT(PVM_KIN_PARENT), 0, PVM_KIN_PARENT, false, YES, true },
	{ BIT(PVM_KIN_CHILD) | BIT(PVM_KIN_PARENT), 0, PVM_KIN_NONE, true, NO, false },
	{ 0, BIT(PVM_KIN_SELF), PVM_KIN_SELF, false, YES, false },
	{ 0, BIT(PVM_KIN_SELF), PVM_KIN_CHILD, false, YES, true },
	{ BIT(PVM_OTHER_USER), 0, PVM_KIN_NONE, true, YES, true },
	{ BIT(PVM_OTHER_USER), 0, PVM_KIN_NONE, false, YES, false },
	/* An exclusion wins. */
	{ BIT(PVM_OTHER_USER), BIT(PVM_KIN_CHILD), PVM_KIN_CHILD, true, YES, false },
	/* Alternatives: one of them is enough. */
	{ BIT(PVM_OTHER_CONTAINER) | BIT(PVM_KIN_SELF), 0, PVM_KIN_SELF, false, YES, true },
	{ BIT(PVM_OTHER_CONTAINER), 0, PVM_KIN_NONE, false, NO, true },
	{ BIT(PVM_OTHER_CONTAINER), 0, PVM_KIN_NONE, false, YES, false },
	/* What is not known is neither excluded nor left out. */
	{ BIT(PVM_OTHER_CONTAINER), 0, PVM_KIN_NONE, false, UNKNOWN, true },
	{ 0, BIT(PVM_OTHER_CONTAINER), PVM_KIN_NONE, false, UNKNOWN, true },
	{ 0, BIT(PVM_OTHER_CONTAINER), PVM_KIN_NONE, false, NO, false },
};

#define ID_REST "456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID "0123" ID_REST
#define OTHER "fedc" ID_REST
#define USERS "/user.slice/user-1000.slice/user@1000.service/docker-"

/* Where the two are, whose names differ; and whether they surely are in different containers. */
static const struct {
	const char *caller, *target;
	enum tristate other;
} places[] = {
	{ "/docker/" ID, "/docker/" OTHER, YES },
	{ "/docker/" ID, "/system.slice/ssh.service", YES },
	{ "/system.slice/ssh.service", "/docker/" ID, YES },
	/* A user may call his cgroups what he likes. */
	{ USERS ID ".scope", "/system.slice/ssh.service", UNKNOWN },
	{ "/docker/" ID, USERS OTHER ".scope", UNKNOWN },
	/* So may who is in a container, below it. */
	{ "/docker/" ID "/docker/" OTHER, "/docker/" ID, UNKNOWN },
	{ "/docker/" ID "/docker/" OTHER, "/docker/" OTHER, YES },
};

static struct fixture_call f;
static struct containers found[2]; /* of caller and target */

static void put_at(struct task_info *t, struct containers *in, const char *cgroup)
{
	containers__find(cgroup, strlen(cgroup), false, in);
	t->cgroup = cgroup;
	t->cgroup_len = strlen(cgroup);
	t->containers = in->list;
	t->container_cnt = in->cnt;
	t->container_claimed = in->claimed;
}

static void put_both(struct call_info *c, size_t place)
{
	put_at(&c->caller, &found[0], places[place].caller);
	put_at(&c->target, &found[1], places[place].target);
}

static struct call_info call_of(size_t i)
{
	struct call_info c = { .outcome = PVM_SUCCEEDED };

	fixture__call(&f);
	f.call.kinship = cases[i].kinship;
	f.call.target.uid = f.call.target.euid = f.call.target.suid = f.call.caller.uid;
	f.call.target.gid = f.call.target.egid = f.call.target.sgid = f.call.caller.gid;
	/* The kernel asks for each of them. */
	f.call.target.sgid += cases[i].other_user;
	c.raw = &f.call;
	c.caller.task = &f.call.caller;
	c.target.task = &f.call.target;
	c.same_container = cases[i].same_container;
	if (c.same_container == NO)
		put_both(&c, 0);
	return c;
}

static void recorded_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options o = { .rule_cnt = 1,
				     .rules[0].relation = { cases[i].wanted, cases[i].excluded } };
		struct call_info c = call_of(i);

		if (!judge__call(&o, &c) == cases[i].pass)
			fail_msg("case %zu", i);
	}
}

/* The kernel half has decided, but for containers. */
static void what_was_left_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options o = { .rule_cnt = 1,
				     .rules[0].relation = { cases[i].wanted, cases[i].excluded } };
		struct call_info c = call_of(i);

		assert_true(judge__left_open(&o, &c));
		f.call.flags |= PVM_CALL_RELATION_WAIT;
		if (!judge__left_open(&o, &c) == cases[i].pass)
			fail_msg("case %zu", i);
	}
}

/* The outermost container counts, where it is the host's word. */
static void containers_that_are_claimed(void **state)
{
	struct options but = { .rule_cnt = 1,
			       .rules[0].relation.excluded = BIT(PVM_OTHER_CONTAINER) };
	struct options drop = { .rule_cnt = 1,
				.rules[0] = { .action = RULE_DROP,
					      .relation.wanted = BIT(PVM_OTHER_CONTAINER) } };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct call_info c = call_of(1);

		c.same_container = NO;
		put_both(&c, i);
		assert_int_equal(relation__other_container(&c), places[i].other);
		assert_int_equal(!judge__call(&but, &c), places[i].other == YES);
		assert_int_equal(!!judge__call(&drop, &c), places[i].other == YES);
	}
}

static void ids_that_are_not_known(void **state)
{
	uint32_t open;

	(void)state;
	(void)call_of(0);
	assert_int_equal(pvm_relation_of(&f.call, &open), BIT(PVM_KIN_NONE) | BIT(PVM_OTHER_USER));
	assert_int_equal(open, BIT(PVM_OTHER_CONTAINER));
	f.call.caller.flags &= (uint8_t)~PVM_TASK_CREDS;
	assert_int_equal(pvm_relation_of(&f.call, &open), BIT(PVM_KIN_NONE));
	assert_int_equal(open, BIT(PVM_OTHER_CONTAINER) | BIT(PVM_OTHER_USER));
}

static void nobody_and_two_at_once(void **state)
{
	struct options only = { .rule_cnt = 1, .rules[0].relation.wanted = BIT(PVM_KIN_SELF) };
	struct options but = { .rule_cnt = 1, .rules[0].relation.excluded = BIT(PVM_KIN_SELF) };
	struct call_info c = call_of(1);

	(void)state;
	c.owner.task = &f.call.target;
	assert_true(judge__call(&only, &c));
	c.owner.task = c.target.task = NULL;
	assert_false(judge__call(&only, &c));
	assert_true(judge__call(&but, &c));
	/* Bytes of somebody moved. */
	c.ret_known = true;
	c.ret = 1;
	assert_true(judge__call(&only, &c));
	assert_true(judge__call(&but, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_calls),
		cmocka_unit_test(what_was_left_open),
		cmocka_unit_test(containers_that_are_claimed),
		cmocka_unit_test(ids_that_are_not_known),
		cmocka_unit_test(nobody_and_two_at_once),
	};

	return cmocka_run_group_tests_name("relations", tests, NULL, NULL);
}
