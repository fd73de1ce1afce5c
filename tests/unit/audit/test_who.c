/* SPDX-License-Identifier: Apache-2.0 */
/* test_who - what is read of a call's processes that no hook saw, and what the filters make of such a call, live and in a
 * recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "audit/who.h"
#include "audit_call.h"
#include "bpf/event.h"
#include "event/judge.h"

#define S 1000000000ULL
#define LATER (100 * S)
#define BEGIN_NS (50 * S)

static struct filter_value value;
static struct options options;

/* Takes one filter, with one value. Returns whether the call passes. */
static bool passes(enum pvm_who side, enum filter_field field, const char *text, uint32_t number,
		   bool exclude, const struct audit_who *who)
{
	struct audit_call call = audit_call__at(LATER);

	options = (struct options){ .rule_cnt = 1 };
	value = (struct filter_value){ .exclude = exclude, .text = text, .number = number };
	options.rules[0].filter[side][field] = (struct filter_list){ .values = &value, .cnt = 1 };
	return audit_who__rules(&options, &call, who, BEGIN_NS);
}

static const struct audit_who dumper = {
	.caller = { .known = true,
		    .pid = 4242,
		    .uid = { 1000 },
		    .process_uid = 1001,
		    .start_ns = 40 * S,
		    .comm = "dumper" },
	.target = { .known = true,
		    .pid = 990,
		    .ppid = 17,
		    .uid = { 5 },
		    .process_uid = 5,
		    .start_ns = 40 * S },
};

static void test_only_what_is_known_hides(void **state)
{
	static const struct audit_who nobody;
	static const struct {
		enum pvm_who side;
		enum filter_field field;
		const char *text;
		uint32_t number;
		bool exclude, known, unknown; /* whether it passes */
	} rows[] = {
		{ PVM_CALLER, FILTER_PID, NULL, 4242, false, true, true },
		{ PVM_CALLER, FILTER_PID, NULL, 4243, false, false, false },
		{ PVM_CALLER, FILTER_PID, NULL, 4242, true, false, true },
		{ PVM_CALLER, FILTER_UID, NULL, 1000, false, true, true },
		{ PVM_CALLER, FILTER_UID, NULL, 1001, false, true, true },
		{ PVM_CALLER, FILTER_UID, NULL, 1002, false, false, true },
		{ PVM_CALLER, FILTER_COMM, "dumper", 0, false, true, true },
		{ PVM_CALLER, FILTER_COMM, "other", 0, false, false, true },
		{ PVM_CALLER, FILTER_COMM, "dumper", 0, true, false, true },
		{ PVM_CALLER, FILTER_CGROUP, "/x", 0, false, true, true },
		{ PVM_TARGET, FILTER_PID, NULL, 990, false, true, true },
		{ PVM_TARGET, FILTER_PID, NULL, 990, true, false, true },
		{ PVM_TARGET, FILTER_PID, NULL, 991, false, false, true },
		{ PVM_TARGET, FILTER_PID, NULL, 17, false, true, true }, /* perhaps in its memory */
		{ PVM_TARGET, FILTER_UID, NULL, 5, false, true, true },
		{ PVM_TARGET, FILTER_UID, NULL, 6, false, false, true },
		{ PVM_TARGET, FILTER_COMM, "x", 0, false, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(passes(rows[i].side, rows[i].field, rows[i].text, rows[i].number,
					rows[i].exclude, &dumper),
				 rows[i].known);
		assert_int_equal(passes(rows[i].side, rows[i].field, rows[i].text, rows[i].number,
					rows[i].exclude, &nobody),
				 rows[i].unknown);
	}
}

static void test_what_is_known_can_hide(void **state)
{
	struct audit_call call = audit_call__at(LATER);
	struct audit_who who = dumper;

	(void)state;
	/* A number that began later is another process than was meant. */
	who.caller.start_ns = 60 * S;
	assert_false(passes(PVM_CALLER, FILTER_PID, NULL, 4242, false, &who));
	assert_true(passes(PVM_CALLER, FILTER_PID, NULL, 4242, true, &who));
	options = (struct options){ .rule_cnt = 1 };
	options.rules[0].ops = 1u << PVM_WRITE;
	assert_false(audit_who__rules(&options, &call, &who, BEGIN_NS));
	options.rules[0].ops = 0;
	options.rules[0].no_self = true;
	assert_true(audit_who__rules(&options, &call, &who, BEGIN_NS));
	who.target.pid = call.pid;
	assert_false(audit_who__rules(&options, &call, &who, BEGIN_NS));
}

/* The same holds of a recording. */
static void test_replayed(void **state)
{
	static const struct {
		enum filter_field field;
		const char *text;
		uint32_t number;
		bool known, unknown; /* whether it passes */
	} rows[] = {
		{ FILTER_PID, NULL, 4242, true, true },	  { FILTER_PID, NULL, 4243, false, false },
		{ FILTER_UID, NULL, 1000, true, true },	  { FILTER_UID, NULL, 1002, false, true },
		{ FILTER_COMM, "dumper", 0, true, true }, { FILTER_COMM, "other", 0, false, true },
		{ FILTER_CGROUP, "/x", 0, true, true },
	};
	struct pvm_call raw = {
		.flags = PVM_CALL_AUDIT,
		.phase = PVM_ORPHAN,
		.op = PVM_READ,
		.caller = { .pid = 4242, .uid = 1000, .process_uid = 1000, .comm = "dumper" }
	};
	const struct call_info call = { .raw = &raw,
					.outcome = PVM_UNKNOWN,
					.caller = { .task = &raw.caller, .bare = true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		options = (struct options){ .rule_cnt = 1 };
		value = (struct filter_value){ .text = rows[i].text, .number = rows[i].number };
		options.rules[0].filter[PVM_CALLER][rows[i].field] =
			(struct filter_list){ .values = &value, .cnt = 1 };
		raw.caller.flags = PVM_TASK_CREDS;
		assert_int_equal(!judge__call(&options, &call), !rows[i].known);
		raw.caller.flags = 0;
		assert_int_equal(!judge__call(&options, &call), !rows[i].unknown);
	}
	/* Its target is not known, and its outcome neither. */
	options = (struct options){ .rule_cnt = 1 };
	value = (struct filter_value){ .number = 7 };
	options.rules[0].filter[PVM_TARGET][FILTER_PID] =
		options.rules[0].filter[PVM_TARGET][FILTER_UID] =
			(struct filter_list){ .values = &value, .cnt = 1 };
	options.rules[0].outcome = PVM_SUCCEEDED;
	assert_true(judge__call(&options, &call));
	options.rules[0].ops = 1u << PVM_WRITE;
	assert_false(judge__call(&options, &call));
}

/* It is read of this very process. */
static void test_read(void **state)
{
	struct audit_call call = audit_call__at(UINT64_MAX / 2);
	struct audit_who who;
	struct pvm_task task;

	(void)state;
	call.pid = call.tid = (uint32_t)getpid();
	call.args[0] = (uint64_t)getppid() | 0xffffffff00000000ULL;
	audit_who__read(&call, &who);
	assert_true(who.caller.known && who.caller.pid == call.pid && who.caller.start_ns);
	audit_who__task(&call, &who, &task);
	assert_true(task.flags == PVM_TASK_CREDS && task.ppid == (uint32_t)getppid());
	assert_true(task.uid == getuid() && task.euid == geteuid() && task.egid == getegid());
	assert_memory_equal(task.comm, "test_who", sizeof("test_who"));
	/* Its numbers are ours unless it is in a namespace of its own. */
	assert_int_equal(who.target.known, who.caller.namespaces == 1);
	call.tid = 0x7fffffff;
	audit_who__read(&call, &who);
	audit_who__task(&call, &who, &task);
	assert_true(!who.caller.known && !task.flags && task.pid == call.pid && !task.comm[0]);
}

/* Processes end at any moment while they are read. */
static void test_read_amid_its_end(void **state)
{
	struct audit_call call = audit_call__at(UINT64_MAX / 2);
	struct audit_who who;
	pid_t child;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 200; i++) {
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			usleep((useconds_t)(i * 10));
			_exit(0);
		}
		call.pid = call.tid = (uint32_t)child;
		do {
			audit_who__read(&call, &who);
			if (who.caller.known)
				assert_true(who.caller.comm[0] && who.caller.start_ns);
		} while (!kill(child, 0));
	}
	signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_is_known_hides),
		cmocka_unit_test(test_what_is_known_can_hide),
		cmocka_unit_test(test_replayed),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_amid_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
