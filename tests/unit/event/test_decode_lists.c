/* SPDX-License-Identifier: Apache-2.0 */
/* These test what decode makes of the two lists of a call, and of the two looks at each. */
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

/* It is tested which count the kernel uses, and what becomes of lists that it refuses. */
static void test_counts(void **state)
{
	static const struct {
		uint64_t count;
		enum list_status local, remote;
	} cases[] = {
		{ 0, LIST_NONE, LIST_NONE },
		{ 1025, LIST_INVALID, LIST_INVALID },
		{ 1ULL << 32, LIST_NONE, LIST_INVALID },
		{ UINT64_MAX, LIST_INVALID, LIST_INVALID },
		{ (1ULL << 32) + 1025, LIST_INVALID, LIST_INVALID },
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
		/* A list that nobody could have read is not carried either. */
		fixture__data(&f, &elem, 16, NULL, 0, NULL, 0, NULL, 0);
		decoding__refuse(&f);
	}
	/* 2^32 + 1 is one element on the local side. */
	fixture__call(&f);
	f.call.local.count = (1ULL << 32) + 1;
	decoding__call(&f, &c);
	assert_int_equal(c.local.status, LIST_OK);
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

/* These are two looks at four elements of which the third lies on both pages: every mask, equal and different. */
struct two_looks {
	uint8_t flags, entry_ok, exit_ok;
	bool differ; /* the exit saw other lengths */
	enum list_status status;
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
	assert_int_equal(c.requested_known, t->status == LIST_OK || t->status == LIST_LATE);
}

static void test_two_looks(void **state)
{
	const uint8_t both = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	const struct two_looks cases[] = {
		{ both, 3, 3, false, LIST_OK, NO, 4, 15, 0, { 0, 0 } },
		{ both, 3, 3, true, LIST_OK, YES, 4, 15, 4, { 0, 0 } },
		{ both, 3, 1, true, LIST_OK, YES, 4, 15, 2, { 0, 0 } },
		{ both, 3, 0, true, LIST_OK, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ PVM_SIDE_ENTRY, 3, 0, false, LIST_OK, UNKNOWN, 4, 15, 0, { 0, 0 } },
		/* They are equal where both saw it, but not all was seen twice. */
		{ both, 1, 3, false, LIST_LATE, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 3, 1, false, LIST_OK, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 1, 1, false, LIST_PARTIAL, NO, 2, 3, 0, { 2, 2 } },
		/* What entry could not see is the exit's; both saw the first page, and there it
		 * changed. */
		{ both, 1, 3, true, LIST_LATE, YES, 4, 3 + 120, 4, { 0, 0 } },
		{ both, 0, 3, true, LIST_LATE, UNKNOWN, 4, 150, 0, { 0, 0 } },
		/* Each look has another page; the third element is put together of both. */
		{ both, 1, 2, false, LIST_LATE, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 2, 1, false, LIST_LATE, UNKNOWN, 4, 15, 0, { 0, 0 } },
		{ both, 2, 1, true, LIST_LATE, UNKNOWN, 4, 10 + 20 + 4 + 8, 0, { 0, 0 } },
		{ both, 1, 1, true, LIST_PARTIAL, YES, 2, 3, 2, { 2, 2 } },
		{ both, 2, 0, false, LIST_PARTIAL, UNKNOWN, 1, 8, 0, { 0, 3 } },
		{ both, 0, 2, false, LIST_PARTIAL, UNKNOWN, 1, 8, 0, { 0, 3 } },
		{ both, 0, 0, false, LIST_FAULT, UNKNOWN, 0, 0, 0, { 0, 4 } },
		{ PVM_SIDE_ENTRY, 0, 0, false, LIST_FAULT, UNKNOWN, 0, 0, 0, { 0, 4 } },
		/* Bits of pages that the list does not lie on say nothing. */
		{ both, 0xfc, 0xfc, true, LIST_FAULT, UNKNOWN, 0, 0, 0, { 0, 4 } },
		{ both, 0xff, 0xff, false, LIST_OK, NO, 4, 15, 0, { 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_two_looks(&cases[i]);
}

/* Decodes a long list of cnt elements { i + add, i }, looked at with these masks; NO_RECORD: none came. */
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
	assert_int_equal(c.remote.status, LIST_OK);
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
	assert_int_equal(c.remote.status, LIST_PARTIAL);
	assert_int_equal(c.remote.gap_cnt, 3);
	assert_int_equal(c.remote.gaps[0].first, 0);
	assert_int_equal(c.remote.gaps[0].cnt, 255);
	assert_int_equal(c.remote.iov[0].len, 255);
	assert_int_equal(c.remote.captured, 512);
	decode_long(9, both, 0, 1, 5, &c);
	assert_int_equal(c.remote.status, LIST_LATE);
	assert_int_equal(c.remote.iov[0].base, 5);
	assert_int_equal(c.remote.changed, UNKNOWN);
}

static void test_lost_arrays(void **state)
{
	const uint8_t both = PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
	struct call_info c;

	(void)state;
	decode_long(9, both | PVM_SIDE_ENTRY_LOST, NO_RECORD, 1, 0, &c);
	assert_int_equal(c.remote.status, LIST_LATE);
	assert_int_equal(c.remote.changed, UNKNOWN);
	decode_long(9, both | PVM_SIDE_ENTRY_LOST | PVM_SIDE_EXIT_LOST, NO_RECORD, NO_RECORD, 0,
		    &c);
	assert_int_equal(c.remote.status, LIST_LOST);
	assert_int_equal(c.remote.captured, 0);
	assert_false(c.remote.user);
	assert_false(c.requested_known);
	/* It is said to be sent, but not there: it was evicted meanwhile. */
	decode_long(9, both, NO_RECORD | 1, NO_RECORD | 1, 0, &c);
	assert_int_equal(c.remote.status, LIST_LOST);
	decode_long(9, both, 1, NO_RECORD | 1, 0, &c);
	assert_int_equal(c.remote.status, LIST_OK);
	assert_int_equal(c.remote.changed, UNKNOWN);
	/* Nothing was readable, so nothing was sent. */
	decode_long(9, both, NO_RECORD, NO_RECORD, 0, &c);
	assert_int_equal(c.remote.status, LIST_FAULT);
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
	assert_int_equal(c.remote.status, LIST_OK);
	assert_int_equal(c.remote.changed, UNKNOWN);
	assert_int_equal(c.local.status, LIST_FAULT);
	arrays__drop(decoding.arrays, f.call.caller.tid, f.call.entry_ns);
	f.call.remote.flags |= PVM_SIDE_EXIT_LOST;
	decoding__call(&f, &c);
	assert_int_equal(c.remote.status, LIST_LOST);
}

/* What only the audit saw has no look at its lists, and no more of its caller than /proc says. */
static void test_audit(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	f.call.phase = PVM_ORPHAN;
	f.call.flags = PVM_CALL_AUDIT;
	f.call.ret = 0;
	f.call.resolved = PVM_UNRESOLVED;
	f.call.local.flags = f.call.remote.flags = 0;
	f.call.caller.start_ns = 0;
	fixture__data(&f, NULL, 0, NULL, 0, NULL, 0, NULL, 0);
	decoding__call(&f, &c);
	assert_int_equal(c.local.status, LIST_LOST);
	assert_int_equal(c.remote.status, LIST_LOST);
	assert_true(c.outcome == PVM_UNKNOWN && !c.ret_known && !c.duration_known);
	assert_true(c.caller.bare && !c.caller.entity_id[0] && !c.caller.exe);
	f.call.phase = PVM_COMPLETE;
	decoding__refuse(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_total_saturates),
		cmocka_unit_test(test_two_looks),
		cmocka_unit_test(test_long_arrays),
		cmocka_unit_test(test_lost_arrays),
		cmocka_unit_test(test_orphan_long_array),
		cmocka_unit_test(test_audit),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
