/* SPDX-License-Identifier: Apache-2.0 */
/* test_access - by what right a call is told to have been permitted, and for want of what denied: each way in, each way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "decoding.h"
#include "event/names.h"

#define KNOWN (PVM_ACCESS_KNOWN | PVM_ACCESS_DUMPABLE)
#define COVERED PVM_ACCESS_COVERED
#define CAPABLE PVM_ACCESS_CAPABLE
#define AT_EXEC PVM_ACCESS_CAPABLE_EXEC
#define TRACED PVM_ACCESS_TRACED
#define DEEP PVM_ACCESS_DEEP
#define YES_SEEN PVM_ACCESS_ASKED
#define NO_SEEN (PVM_ACCESS_ASKED | PVM_ACCESS_REFUSED)

struct way {
	bool same_user;
	uint16_t flags;
	uint8_t dumpable, yama, kinship;
	int64_t ret;
	const char *by, *denied;
	enum tristate inferred;
};

/* A call of a process on another one, as far as the rule goes. */
static void set_up(struct fixture_call *f, const struct way *w)
{
	fixture__call(f);
	if (w->same_user) {
		struct pvm_task *t = &f->call.target;

		t->uid = t->euid = t->suid = f->call.caller.uid;
		t->gid = t->egid = t->sgid = f->call.caller.gid;
	}
	f->call.flags |= PVM_CALL_MEMORY_KNOWN;
	f->call.kinship = w->kinship;
	f->call.access.flags = w->flags;
	f->call.access.dumpable = w->dumpable;
	f->call.access.yama = w->yama;
	f->call.access.user_ns_owner = 1000;
	f->call.ret = w->ret;
}

static bool is(const char *text, const char *wanted)
{
	return text && wanted ? !strcmp(text, wanted) : text == wanted;
}

static void check(const struct way *ways, size_t cnt)
{
	struct fixture_call f;
	struct call_info c;

	for (size_t i = 0; i < cnt; i++) {
		const struct way *w = &ways[i];

		set_up(&f, w);
		decoding__call(&f, &c);
		if (!is(access_name(c.access.by), w->by) ||
		    !is(denied_name(c.access.denied_by), w->denied) ||
		    c.access.inferred != w->inferred)
			fail_msg("way %zu: by %s, denied_by %s, inferred %d", i,
				 access_name(c.access.by), denied_name(c.access.denied_by),
				 c.access.inferred);
	}
}

#define CHECK(ways) check(ways, sizeof(ways) / sizeof((ways)[0]))
#define CHILD PVM_KIN_CHILD
#define NONE PVM_KIN_NONE

static void test_ways_in(void **state)
{
	static const struct way ways[] = {
		{ true, KNOWN | COVERED, 1, 0, NONE, 4096, "same_user", NULL, YES },
		{ true, KNOWN | COVERED | YES_SEEN, 1, 0, NONE, 4096, "same_user", NULL, NO },
		{ true, KNOWN | COVERED | CAPABLE, 1, 0, NONE, 4096, "same_user", NULL, YES },
		/* The ids alone do not do: a setuid program, a memory that is not dumpable, more capabilities. */
		{ false, KNOWN | COVERED | CAPABLE, 1, 0, NONE, 1, "cap_sys_ptrace", NULL, YES },
		{ true, KNOWN | COVERED | CAPABLE | AT_EXEC, 0, 0, NONE, 1, "cap_sys_ptrace", NULL,
		  YES },
		{ true, KNOWN | COVERED | CAPABLE | AT_EXEC, 2, 0, NONE, 1, "cap_sys_ptrace", NULL,
		  YES },
		{ true, KNOWN | CAPABLE, 1, 0, NONE, 1, "cap_sys_ptrace", NULL, YES },
		{ false, KNOWN | CAPABLE, 1, 0, NONE, 1, "cap_sys_ptrace", NULL, YES },
		/* A target that had given up its memory by then. */
		{ true, PVM_ACCESS_KNOWN | COVERED, 0, 0, NONE, 1, "same_user", NULL, YES },
		/* What the rule would not let pass. */
		{ false, KNOWN | COVERED, 1, 0, NONE, 1, "other", NULL, YES },
		{ true, KNOWN | COVERED, 0, 0, NONE, 1, "other", NULL, YES },
		{ true, KNOWN, 1, 0, NONE, 1, "other", NULL, YES },
		{ false, KNOWN | COVERED | YES_SEEN, 1, 0, NONE, 1, "other", NULL, NO },
	};

	(void)state;
	CHECK(ways);
}

static void test_ways_out(void **state)
{
	static const struct way ways[] = {
		{ false, KNOWN | COVERED, 1, 0, NONE, -EPERM, NULL, "user", YES },
		{ false, KNOWN, 0, 0, NONE, -EPERM, NULL, "user", YES },
		{ true, KNOWN | COVERED, 0, 0, NONE, -EPERM, NULL, "dumpable", YES },
		/* A capability in the namespace of the program is asked for, not in the target's own. */
		{ true, KNOWN | COVERED | CAPABLE, 2, 0, NONE, -EPERM, NULL, "dumpable", YES },
		{ true, KNOWN, 1, 0, NONE, -EPERM, NULL, "cap", YES },
		{ true, KNOWN | NO_SEEN, 1, 0, NONE, -EPERM, NULL, "cap", NO },
		/* A module, or something that the target gave up meanwhile: who saw no answer does not know. */
		{ true, KNOWN | COVERED, 1, 0, NONE, -EPERM, NULL, NULL, UNKNOWN },
		{ true, KNOWN | COVERED | NO_SEEN, 1, 0, NONE, -EPERM, NULL, "lsm", NO },
		{ false, KNOWN | COVERED | CAPABLE, 1, 0, NONE, -EPERM, NULL, NULL, UNKNOWN },
		/* The modules are asked last: what comes before them did let it pass. */
		{ false, KNOWN | COVERED | NO_SEEN, 1, 0, NONE, -EPERM, NULL, "lsm", NO },
	};

	(void)state;
	CHECK(ways);
}

static void test_yama(void **state)
{
	static const struct way ways[] = {
		{ true, KNOWN | COVERED, 1, PVM_YAMA_DISABLED, NONE, 1, "same_user", NULL, YES },
		{ true, KNOWN | COVERED, 1, PVM_YAMA_RELATIONAL, CHILD, 1, "same_user", NULL, YES },
		/* The target made an exception for the caller; it did not. */
		{ true, KNOWN | COVERED, 1, PVM_YAMA_RELATIONAL, NONE, 1, "same_user", NULL, YES },
		{ true, KNOWN | COVERED, 1, PVM_YAMA_RELATIONAL, NONE, -EPERM, NULL, "lsm", YES },
		{ true, KNOWN | COVERED | CAPABLE, 1, PVM_YAMA_RELATIONAL, NONE, 1,
		  "cap_sys_ptrace", NULL, YES },
		/* A process that the caller traces is as good as a descendant. */
		{ true, KNOWN | COVERED | CAPABLE | TRACED, 1, PVM_YAMA_RELATIONAL, NONE, 1,
		  "same_user", NULL, YES },
		{ true, KNOWN | COVERED | TRACED, 1, PVM_YAMA_RELATIONAL, NONE, -EPERM, NULL, NULL,
		  UNKNOWN },
		{ true, KNOWN | COVERED | CAPABLE | TRACED, 1, PVM_YAMA_CAPABILITY, NONE, 1,
		  "cap_sys_ptrace", NULL, YES },
		/* One of more generations than were looked at may be a descendant. */
		{ true, KNOWN | COVERED | CAPABLE | DEEP, 1, PVM_YAMA_RELATIONAL, NONE, 1, NULL,
		  NULL, UNKNOWN },
		{ false, KNOWN | COVERED | CAPABLE | DEEP, 1, PVM_YAMA_RELATIONAL, NONE, 1,
		  "cap_sys_ptrace", NULL, YES },
		{ true, KNOWN | COVERED | DEEP, 1, PVM_YAMA_RELATIONAL, NONE, 1, "same_user", NULL,
		  YES },
		{ true, KNOWN | COVERED | DEEP, 1, PVM_YAMA_RELATIONAL, NONE, -EPERM, NULL, "lsm",
		  YES },
		{ true, KNOWN | COVERED | CAPABLE, 1, PVM_YAMA_CAPABILITY, CHILD, 1,
		  "cap_sys_ptrace", NULL, YES },
		{ true, KNOWN | COVERED, 1, PVM_YAMA_CAPABILITY, CHILD, -EPERM, NULL, "lsm", YES },
		{ true, KNOWN | COVERED | CAPABLE, 1, PVM_YAMA_NO_ATTACH, CHILD, -EPERM, NULL,
		  "lsm", YES },
		{ true, KNOWN | COVERED | CAPABLE, 1, PVM_YAMA_NO_ATTACH, CHILD, 1, "other", NULL,
		  YES },
		/* Who is asked first refuses first. */
		{ false, KNOWN | COVERED, 1, PVM_YAMA_NO_ATTACH, NONE, -EPERM, NULL, "user", YES },
	};

	(void)state;
	CHECK(ways);
}

/* Where the kernel does not come to ask, nothing is said; nor where nothing is known. */
static void test_not_asked(void **state)
{
	static const struct way ways[] = {
		{ true, KNOWN | COVERED, 1, 0, NONE, 0, NULL, NULL, UNKNOWN },
		{ true, KNOWN | COVERED, 1, 0, NONE, -ESRCH, NULL, NULL, UNKNOWN },
		{ true, KNOWN | COVERED, 1, 0, NONE, -EINVAL, NULL, NULL, UNKNOWN },
		{ true, KNOWN | COVERED, 1, 0, NONE, -EINTR, NULL, NULL, UNKNOWN },
		{ true, 0, 0, 0, NONE, 4096, NULL, NULL, UNKNOWN },
		{ true, 0, 0, 0, NONE, -EPERM, NULL, NULL, UNKNOWN },
		{ true, YES_SEEN, 0, 0, NONE, 4096, NULL, NULL, UNKNOWN },
		{ true, NO_SEEN, 0, 0, NONE, -EPERM, NULL, NULL, UNKNOWN },
		/* Both lists were there, so it was the memory that they name which was not. */
		{ true, KNOWN | COVERED, 1, 0, NONE, -EFAULT, "same_user", NULL, YES },
	};
	const size_t cnt = sizeof(ways) / sizeof(ways[0]);
	struct fixture_call f;
	struct call_info c;

	(void)state;
	CHECK(ways);
	set_up(&f, &ways[cnt - 1]);
	f.call.remote.flags = PVM_SIDE_ENTRY;
	f.call.remote.entry_ok = 0;
	fixture__data(&f, f.bytes + sizeof(f.call), 16, NULL, 0, NULL, 0, NULL, 0);
	decoding__call(&f, &c);
	assert_int_equal(c.access.by, ACCESS_BY_NONE);
	assert_int_equal(c.access.inferred, UNKNOWN);
	assert_int_equal(c.access.cap_sys_ptrace, NO);
}

/* What it was decided from is told, of whatever became of the call; nothing of what was not read. */
static void test_facts(void **state)
{
	static const uint16_t flags[] = { 0, CAPABLE, COVERED, TRACED, CAPABLE | COVERED | TRACED };
	struct way w = { .same_user = true, .dumpable = 1, .kinship = NONE, .ret = -ENOMEM };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		w.flags = KNOWN | flags[i];
		w.yama = (uint8_t)i;
		set_up(&f, &w);
		decoding__call(&f, &c);
		assert_int_equal(c.access.cap_sys_ptrace, flags[i] & CAPABLE ? YES : NO);
		assert_int_equal(c.access.caps_covered, flags[i] & COVERED ? YES : NO);
		assert_int_equal(c.access.traces_target, flags[i] & TRACED ? YES : NO);
		assert_int_equal(c.access.yama, i);
	}
	f.call.access.flags = 0;
	decoding__call(&f, &c);
	assert_int_equal(c.access.caps_covered, UNKNOWN);
	assert_int_equal(c.access.traces_target, UNKNOWN);
	assert_int_equal(c.access.yama, PVM_YAMA_NONE);
}

/* Where the argument may have named another process when the kernel looked it up, nothing is said of the one that was found. */
static void test_another_target(void **state)
{
	static const uint16_t flags[] = { PVM_CALL_TARGET_MOVED, PVM_CALL_TARGET_GONE,
					  PVM_CALL_TARGET_UNSURE, PVM_CALL_TARGET_EXECED, 0 };
	const struct way w = { true, KNOWN | COVERED, 1, 0, NONE, 4096, NULL, NULL, UNKNOWN };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		set_up(&f, &w);
		f.call.flags |= flags[i];
		f.call.resolved = flags[i] ? PVM_RESOLVED_ENTRY : PVM_RESOLVED_EXIT;
		decoding__call(&f, &c);
		assert_int_equal(c.access.by, ACCESS_BY_NONE);
		assert_int_equal(c.access.inferred, UNKNOWN);
		f.call.kinship = PVM_KIN_SELF;
		decoding__call(&f, &c);
		assert_int_equal(c.access.by, ACCESS_BY_NONE);
		f.call.ret = -EPERM;
		decoding__call(&f, &c);
		assert_int_equal(c.access.denied_by, ACCESS_DENIED_NONE);
		f.call.kinship = PVM_KIN_NONE;
		f.call.ret = 4096;
		f.call.flags |= PVM_CALL_TARGET_CONFIRMED;
		decoding__call(&f, &c);
		assert_int_equal(c.access.by, ACCESS_BY_USER);
	}
}

/* A fault proves that the call was permitted only if nothing of what comes ahead of that can have been its cause. */
static void test_fault(void **state)
{
	static const struct {
		struct iov_elem local;
		uint8_t abi;
		bool same_user, late, confirmed, proves;
	} cases[] = {
		{ { 0x7ffd12345000, 4096 }, PVM_ABI_X86_64, true, false, false, true },
		{ { 0xffff800000000000, 4096 }, PVM_ABI_X86_64, true, false, false, false },
		{ { 0x0000800000000000, 0 }, PVM_ABI_X86_64, true, false, false, false },
		{ { 0x00007fffffffe000, 4097 }, PVM_ABI_X86_64, true, false, false, false },
		{ { 0x00007fffffffe000, 4096 }, PVM_ABI_X86_64, true, false, false, true },
		{ { 0x0000ffffffffe000, 4096 }, PVM_ABI_ARM64, true, false, false, true },
		{ { 0xffff000000000000, 4096 }, PVM_ABI_ARM64, true, false, false, false },
		{ { 0x7ffd12345000, 4096 }, PVM_ABI_X86_64, true, true, false, false },
		/* Who would be denied is not let pass by what he chose himself. */
		{ { 0x7ffd12345000, 4096 }, PVM_ABI_X86_64, false, false, false, false },
		{ { 0xffff800000000000, 4096 }, PVM_ABI_X86_64, false, false, true, true },
	};
	const struct iov_elem remote = { 0x55d0c0de0000, 4096 };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct way w = { cases[i].same_user,
				       KNOWN | COVERED,
				       1,
				       0,
				       NONE,
				       -EFAULT,
				       NULL,
				       NULL,
				       UNKNOWN };

		set_up(&f, &w);
		fixture__data(&f, &cases[i].local, 16, &remote, 16, NULL, 0, NULL, 0);
		f.call.abi = cases[i].abi;
		f.call.flags |= cases[i].confirmed ? PVM_CALL_TARGET_CONFIRMED : 0;
		if (cases[i].late) {
			fixture__data(&f, NULL, 0, &remote, 16, &cases[i].local, 16, NULL, 0);
			f.call.local.flags = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
			f.call.local.entry_ok = 0;
		}
		decoding__call(&f, &c);
		if ((c.access.by != ACCESS_BY_NONE) != cases[i].proves ||
		    c.access.denied_by != ACCESS_DENIED_NONE)
			fail_msg("case %zu: by %s", i, access_name(c.access.by));
	}
}

/* Of a call whose result is not known, what the rule says, but where it leaves that open. */
static void test_no_result(void **state)
{
	static const struct {
		struct way way;
		uint8_t phase;
	} cases[] = {
		{ { true, KNOWN | COVERED, 1, 0, NONE, 0, "same_user", NULL, YES }, PVM_IN_FLIGHT },
		{ { false, KNOWN | COVERED, 1, 0, NONE, 0, NULL, "user", YES }, PVM_UNFINISHED },
		{ { true, KNOWN | COVERED | NO_SEEN, 1, 0, NONE, 0, NULL, "lsm", NO }, PVM_ENDED },
		/* It may have been the next call of the thread that was let pass. */
		{ { true, KNOWN | COVERED | YES_SEEN, 1, 0, NONE, 0, "same_user", NULL, YES },
		  PVM_ENDED },
		{ { false, KNOWN | COVERED | YES_SEEN, 1, 0, NONE, 0, NULL, "user", YES },
		  PVM_ENDED },
		{ { true, KNOWN | COVERED, 1, PVM_YAMA_RELATIONAL, NONE, 0, NULL, NULL, UNKNOWN },
		  PVM_IN_FLIGHT },
		{ { true, KNOWN | COVERED | YES_SEEN, 1, PVM_YAMA_RELATIONAL, NONE, 0, "same_user",
		    NULL, NO },
		  PVM_IN_FLIGHT },
		/* What seccomp refused was never asked for. */
		{ { true, KNOWN | COVERED, 1, 0, NONE, -EPERM, NULL, NULL, UNKNOWN }, PVM_ORPHAN },
	};
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct way *w = &cases[i].way;

		set_up(&f, w);
		f.call.phase = cases[i].phase;
		decoding__call(&f, &c);
		if (!is(access_name(c.access.by), w->by) ||
		    !is(denied_name(c.access.denied_by), w->denied) ||
		    c.access.inferred != w->inferred)
			fail_msg("case %zu", i);
	}
}

/* Both are let pass before anything is asked. */
static void test_own_memory(void **state)
{
	const struct way w = { false, KNOWN, 0, PVM_YAMA_NO_ATTACH, NONE, 4096, NULL, NULL, YES };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	set_up(&f, &w);
	f.call.flags |= PVM_CALL_SAME_MEMORY;
	decoding__call(&f, &c);
	assert_int_equal(c.access.by, ACCESS_BY_MEMORY);
	f.call.kinship = PVM_KIN_SELF;
	f.call.access = (struct pvm_access){ .flags = 0 };
	decoding__call(&f, &c);
	assert_int_equal(c.access.by, ACCESS_BY_SELF);
	assert_int_equal(c.access.cap_sys_ptrace, UNKNOWN);
	f.call.resolved = PVM_UNRESOLVED;
	decoding__call(&f, &c);
	assert_int_equal(c.access.by, ACCESS_BY_NONE);
	assert_int_equal(c.access.inferred, UNKNOWN);
}

static void test_bad_records(void **state)
{
	struct fixture_call f;

	(void)state;
	fixture__call(&f);
	f.call.access.flags = PVM_ACCESS_DEEP << 1;
	decoding__refuse(&f);
	fixture__call(&f);
	f.call.access.yama = PVM_YAMA_NO_ATTACH + 1;
	decoding__refuse(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),	   cmocka_unit_test(test_ways_in),
		cmocka_unit_test(test_ways_out),   cmocka_unit_test(test_yama),
		cmocka_unit_test(test_not_asked),  cmocka_unit_test(test_another_target),
		cmocka_unit_test(test_fault),	   cmocka_unit_test(test_no_result),
		cmocka_unit_test(test_own_memory), cmocka_unit_test(test_bad_records),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
