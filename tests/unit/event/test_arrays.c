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

#include "event/arrays.h"
#include "fixture.h"

/* Returns how many of the first threads' remote lists at entry are there. */
static size_t held(const struct arrays *a, uint32_t tids)
{
	size_t cnt = 0;

	for (uint32_t tid = 1; tid <= tids; tid++)
		cnt += arrays__find(a, tid, 1, true, false) != NULL;
	return cnt;
}

static void test_held(void **state)
{
	static _Alignas(8) uint8_t buf[sizeof(struct pvm_array) + 4096 + 160];
	struct arrays *few = arrays__new(2000);
	struct pvm_array *rec = (struct pvm_array *)buf;
	struct pvm_call call = { .entry_ns = 1, .caller = { .tid = 1 } };
	uint8_t bytes[160];
	uint64_t evicted;
	size_t size;

	(void)state;
	memset(bytes, 7, sizeof(bytes));
	for (uint32_t tid = 1; tid <= 20; tid++) {
		call.caller.tid = tid;
		size = fixture__array(buf, &call, true, false, bytes, sizeof(bytes), 1);
		assert_int_equal(arrays__put(few, buf, size), 0);
		assert_true(held(few, tid) * size <= 2000);
		assert_non_null(arrays__find(few, tid, 1, PVM_ARRAY_REMOTE, false));
		assert_null(arrays__find(few, tid, 1, PVM_ARRAY_LOCAL, false));
		assert_null(arrays__find(few, tid, 2, PVM_ARRAY_REMOTE, false));
	}
	assert_true(arrays__evicted(few) > 0);
	assert_null(arrays__find(few, 1, 1, PVM_ARRAY_REMOTE, false));
	/* The data may begin further in. */
	size = fixture__array(buf, &call, false, true, bytes, sizeof(bytes), 1);
	memmove(rec->data + 96, rec->data, sizeof(bytes));
	rec->off = 96;
	rec->hdr.size = (uint32_t)(size += 96);
	assert_int_equal(arrays__put(few, buf, size), 0);
	assert_int_equal(arrays__put(few, buf, size), 0); /* in place of the first */
	rec = (struct pvm_array *)arrays__find(few, 20, 1, PVM_ARRAY_LOCAL, true);
	assert_non_null(rec);
	assert_memory_equal(rec->data + rec->off, bytes, sizeof(bytes));
	size = fixture__moved(buf, &call, bytes, 9);
	assert_int_equal(arrays__put(few, buf, size), 0);
	assert_int_equal(arrays__find(few, 20, 1, PVM_ARRAY_DATA, false)->len, 9);
	assert_null(arrays__find(few, 20, 1, PVM_ARRAY_DATA, true));
	/* A drop record forgets all of the call. */
	rec = (struct pvm_array *)buf;
	rec->hdr.type = PVM_ARRAY_DROP;
	rec->hdr.size = sizeof(*rec);
	assert_int_equal(arrays__put(few, buf, sizeof(*rec)), 0);
	assert_null(arrays__find(few, 20, 1, PVM_ARRAY_LOCAL, true));
	assert_null(arrays__find(few, 20, 1, PVM_ARRAY_REMOTE, false));
	assert_null(arrays__find(few, 20, 1, PVM_ARRAY_DATA, false));
	for (uint32_t tid = 1; tid <= 20; tid++)
		arrays__drop(few, tid, 1);
	assert_int_equal(held(few, 20), 0);
	/* What is forgotten takes no room. */
	evicted = arrays__evicted(few);
	size = fixture__array(buf, &call, true, false, bytes, sizeof(bytes), 1);
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(arrays__put(few, buf, size), 0);
		arrays__drop(few, 20, 1);
	}
	assert_int_equal(arrays__evicted(few), evicted);
	arrays__free(few);
}

static void test_malformed(void **state)
{
	struct arrays *few = arrays__new(1 << 16);
	struct pvm_call call = { .entry_ns = 1, .caller = { .tid = 1 } };
	uint8_t bytes[160] = { 0 };
	static _Alignas(8) uint8_t buf[sizeof(struct pvm_array) + sizeof(bytes)];
	struct pvm_array *rec;
	void *copy;
	size_t size;

	(void)state;
	fixture__seed(3);
	for (uint32_t i = 0; i < 50000; i++) {
		size = sizeof(*rec) + fixture__below(200);
		rec = calloc(1, sizeof(*rec) + sizeof(bytes));
		assert_non_null(rec);
		fixture__array(rec, &call, true, false, bytes, sizeof(bytes), 1);
		for (uint32_t n = fixture__below(3); n > 0; n--)
			((uint8_t *)rec)[fixture__below(sizeof(*rec))] = (uint8_t)fixture__random();
		if (size > sizeof(*rec) + sizeof(bytes))
			size = fixture__below(sizeof(*rec));
		if (fixture__below(2))
			rec->hdr.size = (uint32_t)size;
		copy = malloc(size ? size : 1);
		assert_non_null(copy);
		memcpy(copy, rec, size);
		arrays__put(few, copy, size);
		free(copy);
		free(rec);
	}
	/* It works as before. */
	size = fixture__array(buf, &call, true, false, bytes, sizeof(bytes), 1);
	assert_int_equal(arrays__put(few, buf, size), 0);
	assert_non_null(arrays__find(few, 1, 1, true, false));
	arrays__free(few);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
