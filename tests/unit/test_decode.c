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

#include "decoding.h"

#define PAGE 4096

static void test_plain(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	decoding__call(&f, &c);
	assert_int_equal(c.outcome, OUTCOME_SUCCEEDED);
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
	assert_int_equal(c.local.status, ARRAY_OK);
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

	/* The right pages with a sum of another key. */
	right.sum ^= 1;
	fixture__call(&f);
	fixture__pins(&f, &right);
	decoding__call(&f, &c);
	assert_int_equal(c.confirmed, NO);

	/* The array was not read whole: what was held is told, and nothing else. */
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

	/* The same of one that stayed as it was: it was used up before the second page. */
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
		enum outcome outcome;
		const char *error;
		bool known;
		int64_t transferred;
		enum tristate partial;
		bool duration;
	} cases[] = {
		{ PVM_COMPLETE, 4096, OUTCOME_SUCCEEDED, NULL, true, 4096, NO, true },
		{ PVM_COMPLETE, 100, OUTCOME_SUCCEEDED, NULL, true, 100, YES, true },
		{ PVM_COMPLETE, 0, OUTCOME_SUCCEEDED, NULL, true, 0, NO, true },
		{ PVM_COMPLETE, -1, OUTCOME_FAILED, "EPERM", true, 0, NO, true },
		{ PVM_COMPLETE, -4095, OUTCOME_FAILED, "E4095", true, 0, NO, true },
		{ PVM_COMPLETE, -4096, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_COMPLETE, INT64_MIN, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_COMPLETE, INT64_MAX, OUTCOME_SUCCEEDED, NULL, true, INT64_MAX, NO, true },
		{ PVM_IN_FLIGHT, 4096, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_IN_FLIGHT, -1, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_UNFINISHED, 4096, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, true },
		{ PVM_ORPHAN, -13, OUTCOME_FAILED, "EACCES", true, 0, NO, false },
		{ PVM_ORPHAN, -38, OUTCOME_FAILED, "ENOSYS", true, 0, NO, false },
		{ PVM_ORPHAN, 0, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, false },
		{ PVM_ORPHAN, 310, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, false },
		{ PVM_ORPHAN, -5000, OUTCOME_UNKNOWN, NULL, false, 0, UNKNOWN, false },
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
		assert_int_equal(c.local.status, ARRAY_OK);
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

/* Which count the kernel uses, and what becomes of arrays it refuses. */
static void test_counts(void **state)
{
	static const struct {
		uint64_t count;
		enum array_status local, remote;
	} cases[] = {
		{ 0, ARRAY_NONE, ARRAY_NONE },
		{ 1025, ARRAY_INVALID, ARRAY_INVALID },
		{ 1ULL << 32, ARRAY_NONE, ARRAY_INVALID },
		{ UINT64_MAX, ARRAY_INVALID, ARRAY_INVALID },
		{ (1ULL << 32) + 1025, ARRAY_INVALID, ARRAY_INVALID },
	};
	static const struct iov_elem elem = { 1, 2 };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture__call(&f);
		f.call.local.flags = f.call.remote.flags = 0;
		f.call.local.count = f.call.remote.count = cases[i].count;
		fixture__data(&f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
		decoding__call(&f, &c);
		assert_int_equal(c.local.status, cases[i].local);
		assert_int_equal(c.remote.status, cases[i].remote);
		assert_true(c.local.count == cases[i].count);
		assert_int_equal(c.local.captured, 0);
		assert_int_equal(c.local.changed, UNKNOWN);
		assert_false(c.local.user);
		assert_int_equal(c.requested_known, cases[i].count == 0);
		assert_int_equal(c.requested, 0);
		/* An array nobody could have read is not carried either. */
		fixture__data(&f, &elem, 16, NULL, 0, NULL, 0, NULL, 0);
		decoding__refuse(&f);
	}
	/* 2^32 + 1 is one element on the local side. */
	fixture__call(&f);
	f.call.local.count = (1ULL << 32) + 1;
	decoding__call(&f, &c);
	assert_int_equal(c.local.status, ARRAY_OK);
	assert_int_equal(c.local.captured, 1);
	f.call.remote.count = (1ULL << 32) + 1;
	decoding__refuse(&f);
}

static void test_32_bit(void **state)
{
	static const uint32_t words[4] = { 0xfffff000, 0xffffffff, 8, 16 };
	static const uint8_t abis[] = { PVM_ABI_I386, PVM_ABI_X32, PVM_ABI_ARM };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(abis); i++) {
		fixture__call(&f);
		f.call.abi = abis[i];
		f.call.local.count = f.call.remote.count = 2;
		fixture__data(&f, words, 16, words, 16, NULL, 0, NULL, 0);
		decoding__call(&f, &c);
		assert_int_equal(c.local.captured, 2);
		assert_true(c.local.iov[0].base == 0xfffff000 && c.local.iov[0].len == 0xffffffff);
		assert_true(c.local.iov[1].base == 8 && c.local.iov[1].len == 16);
		assert_true(c.local.total_len == 0xffffffffULL + 16);
		f.call.abi = PVM_ABI_ARM64;
		decoding__refuse(&f);
	}
}

static void test_total_saturates(void **state)
{
	static const struct iov_elem elems[2] = { { 0, UINT64_MAX - 1 }, { 0, 2 } };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.remote.count = 2;
	fixture__data(&f, elems, 16, elems, 32, NULL, 0, NULL, 0);
	decoding__call(&f, &c);
	assert_true(c.remote.total_len == UINT64_MAX);
	assert_true(c.local.total_len == UINT64_MAX - 1);
	assert_true(c.requested == UINT64_MAX - 1);
}

/* Two looks at four elements of which the third lies on both pages: every mask, equal and
 * different. */
struct two_looks {
	uint8_t flags, entry_ok, exit_ok;
	bool differ; /* the exit saw other lengths */
	enum array_status status;
	enum tristate changed;
	uint32_t captured;
	uint64_t total; /* entry's lengths are 1, 2, 4, 8; the exit's ten times that */
	uint32_t exit_cnt;
	struct iov_gap gap;
};

static void check_two_looks(const struct two_looks *t)
{
	const struct iov_elem entry[4] = { { 1, 1 }, { 2, 2 }, { 3, 4 }, { 4, 8 } };
	struct iov_elem exit[4];
	struct fixture_call f;
	struct call_info c;

	memcpy(exit, entry, sizeof(exit));
	for (size_t i = 0; i < 4 && t->differ; i++)
		exit[i].len *= 10;
	fixture__call(&f);
	f.call.remote.addr = 3 * PAGE - 40;
	f.call.remote.count = 4;
	f.call.remote.flags = t->flags;
	f.call.remote.entry_ok = t->entry_ok;
	f.call.remote.exit_ok = t->exit_ok;
	fixture__data(&f, entry, 16, entry, 64, NULL, 0, exit,
		      t->flags & PVM_SIDE_EXIT && t->exit_ok ? 64 : 0);
	decoding__call(&f, &c);
	assert_int_equal(c.remote.status, t->status);
	assert_int_equal(c.remote.changed, t->changed);
	assert_int_equal(c.remote.captured, t->captured);
	assert_int_equal(c.remote.total_len, t->total);
	assert_int_equal(c.remote.user, t->captured > 0);
	if (t->changed == YES)
		assert_non_null(c.remote.iov_exit);
	else
		assert_null(c.remote.iov_exit);
	assert_int_equal(c.remote.exit_cnt, t->exit_cnt);
	assert_int_equal(c.remote.gap_cnt, t->gap.cnt > 0);
	if (t->gap.cnt)
		assert_memory_equal(&c.remote.gaps[0], &t->gap, sizeof(t->gap));
	assert_int_equal(c.requested_known, t->status == ARRAY_OK || t->status == ARRAY_LATE);
}

static void test_two_looks(void **state)
{
	const uint8_t both = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	const struct two_looks cases[] = {
		{ both, 3, 3, false, ARRAY_OK, NO, 4, 15, 0, { 0, 0 } },
		{ both, 3, 3, true, ARRAY_OK, YES, 4, 15, 4, { 0, 0 } },
		{ both, 3, 1, true, ARRAY_OK, YES, 4, 15, 2, { 0, 0 } },
		{ both, 3, 0, true, ARRAY_OK, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ PVM_SIDE_ENTRY, 3, 0, false, ARRAY_OK, UNKNOWN, 4, 15, 0, { 0, 0 } },
		/* Equal where both saw it, but not all was seen twice. */
		{ both, 1, 3, false, ARRAY_LATE, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 3, 1, false, ARRAY_OK, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 1, 1, false, ARRAY_PARTIAL, NO, 2, 3, 0, { 2, 2 } },
		/* What entry could not see is the exit's; both saw the first page, and there it
		 * changed. */
		{ both, 1, 3, true, ARRAY_LATE, YES, 4, 3 + 120, 4, { 0, 0 } },
		{ both, 0, 3, true, ARRAY_LATE, UNKNOWN, 4, 150, 0, { 0, 0 } },
		/* Each look has another page; the third element is put together of both. */
		{ both, 1, 2, false, ARRAY_LATE, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 2, 1, false, ARRAY_LATE, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 2, 1, true, ARRAY_LATE, UNKNOWN, 4, 10 + 20 + 4 + 8, 0, { 0, 0 } },
		{ both, 1, 1, true, ARRAY_PARTIAL, YES, 2, 3, 2, { 2, 2 } },
		{ both, 2, 0, false, ARRAY_PARTIAL, UNKNOWN, 1, 8, 0, { 0, 3 } },
		{ both, 0, 2, false, ARRAY_PARTIAL, UNKNOWN, 1, 8, 0, { 0, 3 } },
		{ both, 0, 0, false, ARRAY_FAULT, UNKNOWN, 0, 0, 0, { 0, 4 } },
		{ PVM_SIDE_ENTRY, 0, 0, false, ARRAY_FAULT, UNKNOWN, 0, 0, 0, { 0, 4 } },
		/* Bits of pages that the array does not lie on say nothing. */
		{ both, 0xfc, 0xfc, true, ARRAY_FAULT, UNKNOWN, 0, 0, 0, { 0, 4 } },
		{ both, 0xff, 0xff, false, ARRAY_OK, NO, 4, 15, 0, { 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_two_looks(&cases[i]);
}

/* A long array of cnt elements { i + add, i }, looked at with these masks; NO_RECORD: none came. */
#define NO_RECORD 0x100

static void put_long(const struct pvm_call *call, bool at_exit, uint32_t cnt, uint64_t add,
		     unsigned int ok)
{
	static _Alignas(8) uint8_t buf[sizeof(struct pvm_array) + PVM_IOV_MAX * 16];
	struct iov_elem elems[PVM_IOV_MAX];
	size_t size;

	if (ok & NO_RECORD)
		return;
	for (uint32_t i = 0; i < cnt; i++)
		elems[i] = (struct iov_elem){ .base = i + add, .len = i };
	size = fixture__array(buf, call, true, at_exit, elems, cnt * 16, (uint8_t)ok);
	assert_int_equal(arrays__put(decoding.arrays, buf, size), 0);
}

static void decode_long(uint32_t cnt, uint8_t flags, unsigned int entry_ok, unsigned int exit_ok,
			uint64_t exit_add, struct call_info *c)
{
	struct fixture_call f;

	fixture__call(&f);
	f.call.remote.addr = 0x1000010;
	f.call.remote.count = cnt;
	f.call.remote.flags = PVM_SIDE_RING | flags;
	f.call.remote.entry_ok = (uint8_t)entry_ok;
	f.call.remote.exit_ok = (uint8_t)exit_ok;
	fixture__data(&f, f.call.data, 16, NULL, 0, NULL, 0, NULL, 0);
	arrays__drop(decoding.arrays, f.call.caller.tid, f.call.entry_ns);
	put_long(&f.call, false, cnt, 0, entry_ok);
	put_long(&f.call, true, cnt, exit_add, exit_ok);
	decoding__call(&f, c);
}

static void test_long_arrays(void **state)
{
	const uint8_t both = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	struct call_info c;

	(void)state;
	decode_long(1024, both, 0x1f, 0x1f, 0, &c);
	assert_int_equal(c.remote.status, ARRAY_OK);
	assert_int_equal(c.remote.captured, 1024);
	assert_int_equal(c.remote.total_len, 1023 * 512);
	assert_int_equal(c.remote.changed, NO);
	decode_long(1024, both, 0x1f, 0x1f, 7, &c);
	assert_int_equal(c.remote.changed, YES);
	assert_int_equal(c.remote.exit_cnt, 1024);
	assert_int_equal(c.remote.iov_exit[1023].base, 1030);
	assert_int_equal(c.remote.iov[1023].base, 1023);
	/* Pages 0, 2 and 4 are missing: 3 gaps; an element on the border belongs to both of its
	 * pages. */
	decode_long(1024, PVM_SIDE_ENTRY, 0x0a, 0, 0, &c);
	assert_int_equal(c.remote.status, ARRAY_PARTIAL);
	assert_int_equal(c.remote.gap_cnt, 3);
	assert_int_equal(c.remote.gaps[0].first, 0);
	assert_int_equal(c.remote.gaps[0].cnt, 255);
	assert_int_equal(c.remote.iov[0].len, 255);
	assert_int_equal(c.remote.captured, 512);
	decode_long(9, both, 0, 1, 5, &c);
	assert_int_equal(c.remote.status, ARRAY_LATE);
	assert_int_equal(c.remote.iov[0].base, 5);
	assert_int_equal(c.remote.changed, UNKNOWN);
}

static void test_lost_arrays(void **state)
{
	const uint8_t both = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	struct call_info c;

	(void)state;
	decode_long(9, both | PVM_SIDE_ENTRY_LOST, NO_RECORD, 1, 0, &c);
	assert_int_equal(c.remote.status, ARRAY_LATE);
	assert_int_equal(c.remote.changed, UNKNOWN);
	decode_long(9, both | PVM_SIDE_ENTRY_LOST | PVM_SIDE_EXIT_LOST, NO_RECORD, NO_RECORD, 0,
		    &c);
	assert_int_equal(c.remote.status, ARRAY_LOST);
	assert_int_equal(c.remote.captured, 0);
	assert_false(c.remote.user);
	assert_false(c.requested_known);
	/* Said to be sent, but not there: evicted meanwhile. */
	decode_long(9, both, NO_RECORD | 1, NO_RECORD | 1, 0, &c);
	assert_int_equal(c.remote.status, ARRAY_LOST);
	decode_long(9, both, 1, NO_RECORD | 1, 0, &c);
	assert_int_equal(c.remote.status, ARRAY_OK);
	assert_int_equal(c.remote.changed, UNKNOWN);
	/* Nothing was readable, so nothing was sent. */
	decode_long(9, both, NO_RECORD, NO_RECORD, 0, &c);
	assert_int_equal(c.remote.status, ARRAY_FAULT);
}

static void test_orphan_long_array(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.phase = PVM_ORPHAN;
	f.call.remote.addr = 0x1000000;
	f.call.remote.count = 300;
	f.call.remote.flags = PVM_SIDE_RING | PVM_SIDE_EXIT;
	f.call.remote.exit_ok = 3;
	f.call.local.flags = PVM_SIDE_EXIT;
	f.call.local.exit_ok = 0;
	fixture__data(&f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
	put_long(&f.call, true, 300, 0, 3);
	decoding__call(&f, &c);
	assert_int_equal(c.remote.status, ARRAY_OK);
	assert_int_equal(c.remote.changed, UNKNOWN);
	assert_int_equal(c.local.status, ARRAY_FAULT);
	arrays__drop(decoding.arrays, f.call.caller.tid, f.call.entry_ns);
	f.call.remote.flags |= PVM_SIDE_EXIT_LOST;
	decoding__call(&f, &c);
	assert_int_equal(c.remote.status, ARRAY_LOST);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(errno_name(1), "EPERM");
	assert_string_equal(errno_name(14), "EFAULT");
	assert_string_equal(errno_name(133), "EHWPOISON");
	assert_string_equal(errno_name(41), "E41");
	assert_string_equal(errno_name(58), "E58");
	assert_string_equal(errno_name(134), "E134");
	assert_string_equal(errno_name(512), "E512");
	assert_string_equal(errno_name(0), "E0");
	/* The C library knows the same ones, but for the second name of ENOTSUP. */
	for (int err = 1; err <= 133; err++) {
		if (strerrorname_np(err) && err != EOPNOTSUPP)
			assert_string_equal(errno_name(err), strerrorname_np(err));
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
}

static void test_relation(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.target.uid = f.call.caller.uid;
	decoding__call(&f, &c);
	assert_int_equal(c.same_uid, YES);
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

/* Names from the last one upwards. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_pins_beyond_a_local_list),
		cmocka_unit_test(test_room_behind_the_data),
		cmocka_unit_test(test_outcomes),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_total_saturates),
		cmocka_unit_test(test_two_looks),
		cmocka_unit_test(test_long_arrays),
		cmocka_unit_test(test_lost_arrays),
		cmocka_unit_test(test_orphan_long_array),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_relation),
		cmocka_unit_test(test_same_container),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
