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

#define MUTATIONS 200000

static void test_type(void **state)
{
	struct pvm_hdr hdr = { .size = sizeof(hdr), .version = PVM_WIRE_VERSION };

	(void)state;
	for (int type = 0; type < 20; type++) {
		hdr.type = (uint16_t)type;
		assert_int_equal(decode__type(&hdr, sizeof(hdr)),
				 type >= PVM_CALL && type <= PVM_SUMMARY ? type : -EBADMSG);
	}
	hdr.type = PVM_CALL;
	for (size_t size = 0; size < sizeof(hdr); size++)
		assert_int_equal(decode__type(&hdr, size), -EBADMSG);
	hdr.version = PVM_WIRE_VERSION + 1;
	assert_int_equal(decode__type(&hdr, sizeof(hdr)), -EBADMSG);
	hdr = (struct pvm_hdr){ .size = 9, .type = PVM_CALL, .version = PVM_WIRE_VERSION };
	assert_int_equal(decode__type(&hdr, sizeof(hdr)), -EBADMSG);
}

static void test_truncated(void **state)
{
	struct fixture_call f;
	struct call_info out;

	(void)state;
	fixture__call(&f);
	for (uint32_t size = 0; size < sizeof(f); size++) {
		if (size == sizeof(f.call) + 32)
			continue;
		fixture__call(&f);
		assert_int_equal(decoding__copy(&f, size, &out), -EBADMSG);
		f.call.hdr.size = size;
		assert_int_equal(decoding__copy(&f, size, &out), -EBADMSG);
	}
}

static void test_contradictions(void **state)
{
	const uint8_t same = PVM_SIDE_ENTRY | PVM_SIDE_EXIT | PVM_SIDE_SAME;
	static const struct {
		size_t at;
		uint8_t bad;
	} bytes[] = {
		{ offsetof(struct pvm_call, phase), 0 },
		{ offsetof(struct pvm_call, phase), PVM_ENDED + 1 },
		{ offsetof(struct pvm_call, abi), 0 },
		{ offsetof(struct pvm_call, abi), PVM_ABI_ARM + 1 },
		{ offsetof(struct pvm_call, op), 0 },
		{ offsetof(struct pvm_call, op), PVM_WRITE + 1 },
		{ offsetof(struct pvm_call, kind), 0 },
		{ offsetof(struct pvm_call, kind), PVM_KIND_PIDFD + 1 },
		{ offsetof(struct pvm_call, resolved), PVM_RESOLVED_EXIT + 1 },
		{ offsetof(struct pvm_call, kinship), PVM_KIN_PARENT + 1 },
		{ offsetof(struct pvm_call, flags) + 1, 2 },
		{ offsetof(struct pvm_call, flags), PVM_CALL_OWNER }, /* there is none */
		{ offsetof(struct pvm_call, flags), PVM_CALL_PINS },  /* there are none */
		{ offsetof(struct pvm_call, local.flags), 0x80 },
		{ offsetof(struct pvm_call, local.flags), same | PVM_SIDE_RING },
		{ offsetof(struct pvm_call, local.flags), PVM_SIDE_ENTRY | PVM_SIDE_SAME },
		{ offsetof(struct pvm_call, local.flags), PVM_SIDE_EXIT | PVM_SIDE_SAME },
		{ offsetof(struct pvm_call, local.flags), PVM_SIDE_ENTRY | PVM_SIDE_ENTRY_LOST },
		{ offsetof(struct pvm_call, local.entry_len), 15 },
		{ offsetof(struct pvm_call, local.count), 2 },
		{ offsetof(struct pvm_call, caller.flags), 0x80 },
		{ offsetof(struct pvm_call, caller.flags), PVM_TASK_MNT_HOST | PVM_TASK_MNT_OTHER },
		{ offsetof(struct pvm_call, caller.hier), 4 },
		{ offsetof(struct pvm_call, target.flags), 0xff },
	};
	struct fixture_call f;
	struct call_info out;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		fixture__call(&f);
		f.bytes[bytes[i].at] = bytes[i].bad;
		decoding__refuse(&f);
	}
	/* It is not aligned, as no ring hands it out. */
	fixture__call(&f);
	assert_int_equal(decode__call(decoding.decoder, f.bytes + 1, f.call.hdr.size,
				      decoding.arrays, decoding.identity, &decoding.clock, &out),
			 -EBADMSG);
}

static void test_extremes(void **state)
{
	static const uint64_t values[] = {
		0, 1, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX, 0xffffffff, 0x100000000
	};
	struct fixture_call f;
	struct call_info out;

	(void)state;
	for (size_t at = 0; at < sizeof(f.call); at++) {
		for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
			for (size_t width = 1; width <= 8; width *= 2) {
				if (at % width)
					continue;
				fixture__call(&f);
				memcpy(f.bytes + at, &values[v], width);
				if (!decoding__copy(&f, sizeof(f.call) + 32, &out))
					decoding__check(&out);
			}
		}
	}
}

static void mutate(struct fixture_call *f)
{
	uint32_t cnt = 1 + fixture__below(4);

	fixture__call(f);
	/* Records are mostly plausible: of some shape, of which a few bytes are then made random. */
	f->call.phase = (uint8_t)(1 + fixture__below(4));
	f->call.abi = (uint8_t)(1 + fixture__below(5));
	f->call.local.count = fixture__below(10);
	f->call.remote.count = fixture__below(10);
	f->call.local.addr = fixture__random() >> fixture__below(64);
	f->call.remote.addr = fixture__random() >> fixture__below(64);
	f->call.local.flags = (uint8_t)fixture__below(8);
	f->call.remote.flags = (uint8_t)fixture__below(8);
	f->call.local.entry_ok = (uint8_t)fixture__below(4);
	f->call.remote.exit_ok = (uint8_t)fixture__below(4);
	fixture__random_bytes(f->call.data, 4 * PVM_INLINE_SZ);
	if (fixture__below(2)) {
		uint16_t elem = f->call.abi == PVM_ABI_X86_64 || f->call.abi == PVM_ABI_ARM64 ? 16
											      : 8;
		uint16_t local = (uint16_t)(f->call.local.count % 9 * elem);
		uint16_t remote = (uint16_t)(f->call.remote.count % 9 * elem);

		f->call.local.entry_len = local;
		f->call.remote.entry_len = remote;
		f->call.local.exit_len = fixture__below(2) ? local : 0;
		f->call.remote.exit_len = fixture__below(2) ? remote : 0;
	}
	f->call.hdr.size = (uint32_t)sizeof(f->call) + f->call.local.entry_len +
			   f->call.remote.entry_len + f->call.local.exit_len +
			   f->call.remote.exit_len;
	if (fixture__below(2)) {
		struct pvm_pins pins = { .pages = fixture__below(20) };

		fixture__pins(f, &pins);
	}
	while (fixture__below(2) && cnt--)
		f->bytes[fixture__below(sizeof(f->call))] = (uint8_t)fixture__random();
}

static void test_mutations(void **state)
{
	struct fixture_call f;
	struct call_info out;
	uint32_t good = 0;

	(void)state;
	fixture__seed(1);
	for (uint32_t i = 0; i < MUTATIONS; i++) {
		uint32_t size;

		mutate(&f);
		size = f.call.hdr.size;
		if (size > sizeof(f))
			size = fixture__below(sizeof(f));
		if (decoding__copy(&f, size, &out))
			continue;
		decoding__check(&out);
		good++;
	}
	assert_true(good > MUTATIONS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_type),	       cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_contradictions), cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
