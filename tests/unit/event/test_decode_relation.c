/* SPDX-License-Identifier: Apache-2.0 */
/* test_decode_relation - what is said of the two processes of a call together, and of whose memory the target's is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoding.h"

#define PAGE 4096

static void test_relation(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.target.uid = f.call.caller.uid;
	decoding__call(&f, &c);
	assert_int_equal(c.same_uid, YES);
	assert_int_equal(c.same_user, NO);
	assert_int_equal(c.same_pid_ns, YES);
	assert_int_equal(c.same_mnt_ns, YES);
	assert_int_equal(c.same_memory, UNKNOWN);
	f.call.target.ns_mnt = 0;
	f.call.flags = PVM_CALL_MEMORY_KNOWN | PVM_CALL_SAME_MEMORY;
	decoding__call(&f, &c);
	assert_int_equal(c.same_mnt_ns, UNKNOWN);
	assert_int_equal(c.same_memory, YES);
	assert_null(c.owner.task);
	f.call.target.flags &= (uint8_t)~PVM_TASK_CREDS;
	decoding__call(&f, &c);
	assert_int_equal(c.same_uid, UNKNOWN);
	f.call.resolved = PVM_UNRESOLVED;
	decoding__call(&f, &c);
	assert_null(c.target.task);
	assert_int_equal(c.same_uid, UNKNOWN);
	assert_int_equal(c.same_container, UNKNOWN);
}

#define NAMES(text) text, sizeof(text)
#define ID_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* Puts a cgroup; names go from the last one upwards. */
static void put_cgroup(const struct pvm_task *task, const char *names, size_t len, uint8_t flags)
{
	static _Alignas(8) uint8_t path[512];
	size_t size = fixture__path(path, PVM_CGROUP, task, names, (uint32_t)len, flags);

	assert_int_equal(identity__put_path(decoding.identity, path, size), 0);
}

static void test_same_container(void **state)
{
	static const struct {
		const char *caller;
		size_t caller_len;
		uint8_t caller_flags;
		const char *target;
		size_t target_len;
		bool other_pids, other_mnt;
		enum tristate same;
	} cases[] = {
		{ NAMES("a"), 0, NAMES("b"), false, false, YES },
		{ NAMES("a"), 0, NAMES("b"), true, false, UNKNOWN },
		{ NAMES("a"), 0, NAMES("a"), false, true, UNKNOWN },
		{ NAMES(ID_A "\0docker"), 0, NAMES(ID_A "\0docker"), true, true, YES },
		{ NAMES("x\0" ID_A "\0docker"), 0, NAMES("y\0" ID_A "\0docker"), false, false,
		  YES },
		{ NAMES(ID_A "\0docker"), 0, NAMES(ID_B "\0docker"), false, false, NO },
		{ NAMES(ID_A "\0docker"), 0, NAMES("b"), false, false, NO },
		{ NAMES("a"), 0, NAMES(ID_A "\0docker"), true, true, NO },
		/* In a container, and in one that is in it. */
		{ NAMES(ID_B "\0docker\0" ID_A "\0docker"), 0, NAMES(ID_A "\0docker"), true, true,
		  NO },
		/* One of them is an impostor. */
		{ NAMES(ID_A "\0user@1.service"), 0, NAMES(ID_A "\0docker"), false, false,
		  UNKNOWN },
		/* What is missing may be a container. */
		{ NAMES(ID_A "\0docker"), PVM_PATH_CUT, NAMES(ID_A "\0docker"), false, false,
		  UNKNOWN },
		{ NAMES("a"), PVM_PATH_CUT, NAMES("b"), false, false, UNKNOWN },
	};
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture__call(&f);
		f.call.target.ns_pid += cases[i].other_pids;
		f.call.target.ns_mnt += cases[i].other_mnt;
		put_cgroup(&f.call.caller, cases[i].caller, cases[i].caller_len,
			   cases[i].caller_flags);
		put_cgroup(&f.call.target, cases[i].target, cases[i].target_len, 0);
		decoding__call(&f, &c);
		if (c.same_container != cases[i].same)
			fail_msg("case %zu: %d", i, c.same_container);
	}
	f.call.caller.ns_mnt = f.call.target.ns_mnt = 0;
	put_cgroup(&f.call.caller, NAMES("a"), 0);
	put_cgroup(&f.call.target, NAMES("a"), 0);
	decoding__call(&f, &c);
	assert_int_equal(c.same_container, UNKNOWN);
}

/* Each of the six ids counts. */
static void test_same_user(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (int wrong = -1; wrong < 6; wrong++) {
		uint32_t *ids[] = { &f.call.target.uid, &f.call.target.euid, &f.call.target.suid,
				    &f.call.target.gid, &f.call.target.egid, &f.call.target.sgid };

		fixture__call(&f);
		for (int i = 0; i < 6; i++)
			*ids[i] = (i < 3 ? f.call.caller.uid : f.call.caller.gid) + (i == wrong);
		decoding__call(&f, &c);
		assert_int_equal(c.same_user, wrong < 0 ? YES : NO);
	}
}

static void test_owner(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.flags = PVM_CALL_MEMORY_KNOWN | PVM_CALL_OWNER;
	f.call.owner = (struct pvm_owner){ .pid = 99, .start_ns = 0xb2d05e00, .comm = "victim" };
	decoding__call(&f, &c);
	assert_int_equal(c.same_memory, NO);
	assert_int_equal(c.owner.task->pid, 99);
	assert_string_equal(c.owner.task->comm, "victim");
	assert_string_equal(c.owner.entity_id, "5f0c2b7e-63-b2d05e00");
	f.call.owner.flags = 0x80;
	decoding__refuse(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relation),
		cmocka_unit_test(test_same_container),
		cmocka_unit_test(test_same_user),
		cmocka_unit_test(test_owner),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
