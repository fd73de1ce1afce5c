/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/rules.h"
#include "decoding.h"

static void test_plain(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	decoding__call(&f, &c);
	assert_int_equal(c.outcome, PVM_SUCCEEDED);
	assert_true(c.ret_known);
	assert_int_equal(c.ret, 4096);
	assert_null(c.error);
	assert_true(c.duration_known);
	assert_int_equal(c.duration_ns, 1830);
	assert_true(c.requested_known);
	assert_int_equal(c.requested, 4096);
	assert_int_equal(c.transferred, 4096);
	assert_int_equal(c.partial, NO);
	assert_int_equal(c.flags, 0);
	assert_int_equal(c.target_arg, 991);
	assert_string_equal(c.id, FIXTURE_RUN_ID "-1093-165a0bc00");
	assert_int_equal(c.same_uid, NO);
	assert_int_equal(c.same_container, UNKNOWN);
	assert_int_equal(c.caller.real_start_ns, 5000002000);
	assert_string_equal(c.caller.entity_id, "5f0c2b7e-1092-12a05f200");
	assert_int_equal(c.local.status, LIST_OK);
	assert_true(c.local.user);
	assert_int_equal(c.local.changed, NO);
	assert_int_equal(c.local.captured, 1);
	assert_int_equal(c.local.iov[0].base, 0x7ffd12345000);
	assert_int_equal(c.local.total_len, 4096);
	assert_null(c.local.iov_exit);
	assert_int_equal(c.remote.iov[0].base, 0x55d0c0de0000);
	assert_int_equal(c.remote.gap_cnt, 0);
}

static void test_pins(void **state)
{
	struct pvm_pins right = fixture__one_page(&decoding_key, 0x55d0c0de0000),
			wrong = fixture__one_page(&decoding_key, 0x55d0c0de1000);
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	decoding__call(&f, &c);
	assert_null(c.pins);
	assert_int_equal(c.confirmed, UNKNOWN);

	fixture__pins(&f, &right);
	decoding__call(&f, &c);
	assert_int_equal(c.pins->pages, 1);
	assert_int_equal(c.confirmed, YES);
	assert_int_equal(c.remote.changed, NO);

	fixture__call(&f);
	fixture__pins(&f, &wrong);
	decoding__call(&f, &c);
	assert_int_equal(c.pins->first, 0x55d0c0de1000);
	assert_int_equal(c.confirmed, NO);
	assert_int_equal(c.remote.changed, YES);
	assert_null(c.remote.iov_exit);

	/* These are the right pages with a sum of another key. */
	right.sum ^= 1;
	fixture__call(&f);
	fixture__pins(&f, &right);
	decoding__call(&f, &c);
	assert_int_equal(c.confirmed, NO);

	/* The list was not read whole: what was held is told, and nothing else. */
	fixture__call(&f);
	fixture__data(&f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
	f.call.remote.flags = f.call.local.flags = 0;
	fixture__pins(&f, &wrong);
	decoding__call(&f, &c);
	assert_non_null(c.pins);
	assert_int_equal(c.confirmed, UNKNOWN);
	assert_int_equal(c.remote.changed, UNKNOWN);

	fixture__call(&f);
	f.call.phase = PVM_ORPHAN;
	fixture__pins(&f, &wrong);
	decoding__call(&f, &c);
	assert_null(c.pins);
}

/* The local list was another one than was seen, and so the transfer ended early: that says nothing of the remote one. */
static void test_pins_beyond_a_local_list(void **state)
{
	const struct iov_elem local = { 4096, 50 }, later = { 4096, 100 };
	const struct iov_elem remote[] = { { 0x10000, 50 }, { 0x20000, 50 } };
	const struct pvm_pins two = {
		.sum = pvm_pins_add(pvm_pins_add(0, 0x10000, 1, decoding_key.key[0],
						 decoding_key.key[1]),
				    0x20000, 1, decoding_key.key[0], decoding_key.key[1]),
		.first = 0x10000,
		.last = 0x20000,
		.pages = 2,
	};
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.remote.count = 2;
	f.call.ret = 50;
	f.call.local.flags = f.call.remote.flags = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	fixture__data(&f, &local, 16, remote, 32, &later, 16, remote, 32);
	fixture__pins(&f, &two);
	decoding__call(&f, &c);
	assert_int_equal(c.local.changed, YES);
	assert_int_equal(c.remote.changed, NO);
	assert_int_equal(c.confirmed, YES);

	/* One that stayed as it was says the same: it was used up before the second page. */
	fixture__data(&f, &local, 16, remote, 32, &local, 16, remote, 32);
	fixture__pins(&f, &two);
	decoding__call(&f, &c);
	assert_int_equal(c.local.changed, NO);
	assert_int_equal(c.confirmed, NO);
}

/* A sweep takes more room than it may need; nobody else does. */
static void test_room_behind_the_data(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.hdr.size += 32;
	decoding__refuse(&f);
	f.call.phase = PVM_IN_FLIGHT;
	decoding__call(&f, &c);
	assert_int_equal(c.local.iov[0].len, 4096);
}

static void test_outcomes(void **state)
{
	static const struct {
		uint8_t phase;
		int64_t ret;
		enum pvm_outcome outcome;
		const char *error;
		bool known;
		int64_t transferred;
		enum tristate partial;
		bool duration;
	} cases[] = {
		{ PVM_COMPLETE, 4096, PVM_SUCCEEDED, NULL, true, 4096, NO, true },
		{ PVM_COMPLETE, 100, PVM_SUCCEEDED, NULL, true, 100, YES, true },
		{ PVM_COMPLETE, 0, PVM_SUCCEEDED, NULL, true, 0, NO, true },
		{ PVM_COMPLETE, -1, PVM_FAILED, "EPERM", true, 0, NO, true },
		{ PVM_COMPLETE, -4095, PVM_FAILED, "E4095", true, 0, NO, true },
		{ PVM_COMPLETE, -4096, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_COMPLETE, INT64_MIN, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_COMPLETE, INT64_MAX, PVM_SUCCEEDED, NULL, true, INT64_MAX, NO, true },
		{ PVM_IN_FLIGHT, 4096, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_IN_FLIGHT, -1, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_UNFINISHED, 4096, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_ENDED, 4096, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, false },
		{ PVM_ENDED, -1, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, false },
		{ PVM_ORPHAN, -13, PVM_FAILED, "EACCES", true, 0, NO, false },
		{ PVM_ORPHAN, -38, PVM_FAILED, "ENOSYS", true, 0, NO, false },
		{ PVM_ORPHAN, 0, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, false },
		{ PVM_ORPHAN, 310, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, false },
		{ PVM_ORPHAN, -5000, PVM_UNKNOWN, NULL, false, 0, UNKNOWN, false },
	};
	static const struct iov_elem elem = { 4096, 4096 };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture__call(&f);
		f.call.phase = cases[i].phase;
		f.call.ret = cases[i].ret;
		if (cases[i].phase == PVM_ORPHAN) {
			f.call.local.flags = f.call.remote.flags = PVM_SIDE_EXIT;
			fixture__data(&f, NULL, 0, NULL, 0, &elem, 16, &elem, 16);
		}
		decoding__call(&f, &c);
		assert_int_equal(c.outcome, cases[i].outcome);
		assert_int_equal(c.ret_known, cases[i].known);
		assert_int_equal(c.transferred_known, cases[i].known);
		if (cases[i].known) {
			assert_int_equal(c.ret, cases[i].ret);
			assert_int_equal(c.transferred, cases[i].transferred);
		}
		if (cases[i].error)
			assert_string_equal(c.error, cases[i].error);
		else
			assert_null(c.error);
		assert_int_equal(c.partial, cases[i].partial);
		assert_int_equal(c.duration_known, cases[i].duration);
		assert_int_equal(c.local.status, LIST_OK);
		assert_int_equal(c.local.changed, cases[i].phase == PVM_ORPHAN ? UNKNOWN : NO);
	}
}

static void test_arguments(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.args[0] = 0xdeadbeefffffffffULL;
	f.call.args[5] = UINT64_MAX;
	f.call.exit_ns = f.call.entry_ns - 1;
	decoding__call(&f, &c);
	assert_int_equal(c.target_arg, -1);
	assert_true(c.flags == UINT64_MAX);
	assert_false(c.duration_known);
}

static void test_names(void **state)
{
	char other[ERRNO_NAME_SZ], another[ERRNO_NAME_SZ];
	const char *unknown = errno_name(512, another);

	(void)state;
	assert_string_equal(errno_name(1, other), "EPERM");
	assert_string_equal(errno_name(14, other), "EFAULT");
	assert_string_equal(errno_name(133, other), "EHWPOISON");
	assert_string_equal(errno_name(41, other), "E41");
	assert_string_equal(errno_name(58, other), "E58");
	assert_string_equal(errno_name(134, other), "E134");
	assert_string_equal(errno_name(512, other), "E512");
	assert_string_equal(errno_name(0, other), "E0");
	assert_string_equal(errno_name(-PVM_ERRNO_MAX, other), "E-4095");
	/* What one was given stays. */
	assert_string_equal(unknown, "E512");
	/* The C library knows the same ones, but for the second name of ENOTSUP. */
	for (int err = 1; err <= 133; err++) {
		if (strerrorname_np(err) && err != EOPNOTSUPP)
			assert_string_equal(errno_name(err, other), strerrorname_np(err));
	}
	assert_string_equal(abi_name(PVM_ABI_X86_64), "x86_64");
	assert_string_equal(abi_name(PVM_ABI_I386), "i386");
	assert_string_equal(abi_name(PVM_ABI_X32), "x32");
	assert_string_equal(abi_name(PVM_ABI_ARM64), "arm64");
	assert_string_equal(abi_name(PVM_ABI_ARM), "arm");
	assert_string_equal(phase_name(PVM_COMPLETE), "complete");
	assert_string_equal(phase_name(PVM_IN_FLIGHT), "in_flight");
	assert_string_equal(phase_name(PVM_UNFINISHED), "unfinished");
	assert_string_equal(phase_name(PVM_ORPHAN), "orphan");
	assert_string_equal(phase_name(PVM_ENDED), "ended");
	assert_true(pvm_has_exit(PVM_COMPLETE) && pvm_has_exit(PVM_ORPHAN));
	assert_false(pvm_has_exit(PVM_ENDED) || pvm_has_exit(PVM_UNFINISHED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_pins_beyond_a_local_list),
		cmocka_unit_test(test_room_behind_the_data),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
