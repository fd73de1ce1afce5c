/* SPDX-License-Identifier: Apache-2.0 */
/* What a call moved first: as much of what was read as its result says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "decoding.h"

static const char secret[512] = "0123456789abcdef";

/* Decodes a call of this result, of which len bytes were read. */
static void decode_moved(struct fixture_call *f, uint32_t len, struct call_info *c)
{
	static _Alignas(8) uint8_t buf[sizeof(struct pvm_array) + 512];
	size_t size = fixture__moved(buf, &f->call, secret, len);

	arrays__drop(decoding.arrays, f->call.caller.tid, f->call.entry_ns);
	assert_int_equal(arrays__put(decoding.arrays, buf, size), 0);
	decoding__call(f, c);
}

static const struct {
	enum pvm_op op;
	enum pvm_phase phase;
	int64_t ret;
	uint32_t read, told;
} calls[] = {
	{ PVM_READ, PVM_COMPLETE, 4096, 16, 16 }, { PVM_WRITE, PVM_COMPLETE, 4096, 16, 16 },
	{ PVM_WRITE, PVM_COMPLETE, 5, 16, 5 },	  { PVM_WRITE, PVM_COMPLETE, 16, 7, 7 },
	{ PVM_WRITE, PVM_COMPLETE, 0, 16, 0 },	  { PVM_WRITE, PVM_COMPLETE, -14, 16, 0 },
	{ PVM_WRITE, PVM_IN_FLIGHT, 0, 16, 16 },  { PVM_WRITE, PVM_UNFINISHED, 0, 16, 16 },
	{ PVM_WRITE, PVM_ENDED, 0, 16, 16 },
};

static void what_moved_is_what_the_result_says(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fixture__call(&f);
		f.call.op = (uint8_t)calls[i].op;
		f.call.phase = (uint8_t)calls[i].phase;
		f.call.ret = calls[i].ret;
		decode_moved(&f, calls[i].read, &c);
		assert_int_equal(c.data_len, calls[i].told);
		assert_int_equal(c.data != NULL, calls[i].told > 0);
		if (c.data)
			assert_memory_equal(c.data, secret, c.data_len);
	}
}

static void without_a_record_nothing_is_known(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	arrays__drop(decoding.arrays, f.call.caller.tid, f.call.entry_ns);
	decoding__call(&f, &c);
	assert_null(c.data);
	f.call.flags |= PVM_CALL_DATA;
	decoding__call(&f, &c);
	assert_null(c.data);
	assert_int_equal(c.data_len, 0);
	/* More than there can be. */
	decode_moved(&f, 257, &c);
	assert_null(c.data);
}

/* What could not be read at entry is that of the exit; what could, is not what stands there by then. */
static void the_rest_is_of_the_exit(void **state)
{
	static const char later[512] = "FEDCBA9876543210";
	static _Alignas(8) uint8_t buf[sizeof(struct pvm_array) + 512];
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (uint32_t len = 5; len <= 16; len += 11) {
		fixture__call(&f);
		f.call.op = PVM_WRITE;
		f.call.flags |= PVM_CALL_DATA_MORE;
		decode_moved(&f, 7, &c);
		assert_int_equal(c.data_len, 7); /* it is not there */
		assert_int_equal(arrays__put(decoding.arrays, buf,
					     fixture__array(buf, &f.call, PVM_ARRAY_DATA, true,
							    later, len, 0)),
				 0);
		decoding__call(&f, &c);
		assert_int_equal(c.data_len, len > 7 ? len : 7);
		assert_memory_equal(c.data, len > 7 ? "0123456876543210" : "0123456", c.data_len);
	}
	f.call.ret = 9;
	decoding__call(&f, &c);
	assert_int_equal(c.data_len, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_moved_is_what_the_result_says),
		cmocka_unit_test(without_a_record_nothing_is_known),
		cmocka_unit_test(the_rest_is_of_the_exit),
	};

	return cmocka_run_group_tests_name("what was moved", tests, decoding__setup,
					   decoding__teardown);
}
