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

struct decoding decoding = { .clock = { .steps = { { 0, 2000 } }, .cnt = 1 } };

const struct pin_key decoding_key = { { 7, 77 }, 12, 0 };

int decoding__setup(void **state)
{
	struct identity_opts opts = { .proc_max = 16,
				      .cgroup_max = 16,
				      .bytes_max = 65536,
				      .text_max = 16,
				      .text_bytes_max = 65536,
				      .args_max = PVM_ARGS_MAX };

	(void)state;
	memcpy(opts.boot_id, FIXTURE_BOOT_ID, sizeof(opts.boot_id));
	decoding.decoder = decoder__new(FIXTURE_RUN_ID);
	decoding.identity = identity__new(&opts);
	decoding.arrays = arrays__new(1 << 20);
	if (decoding.decoder)
		decoder__set_key(decoding.decoder, &decoding_key);
	return decoding.decoder && decoding.identity && decoding.arrays ? 0 : -1;
}

int decoding__teardown(void **state)
{
	(void)state;
	decoder__free(decoding.decoder);
	identity__free(decoding.identity);
	arrays__free(decoding.arrays);
	return 0;
}

int decoding__copy(const void *data, size_t size, struct call_info *out)
{
	static void *copy;
	int err;

	free(copy);
	copy = malloc(size ? size : 1);
	assert_non_null(copy);
	memcpy(copy, data, size);
	memset(out, 0xa5, sizeof(*out));
	err = decode__call(decoding.decoder, copy, size, decoding.arrays, decoding.identity,
			   &decoding.clock, out);
	if (err) {
		free(copy);
		copy = NULL;
	}
	return err;
}

void decoding__call(const struct fixture_call *f, struct call_info *out)
{
	assert_int_equal(decoding__copy(f, f->call.hdr.size, out), 0);
}

void decoding__refuse(const struct fixture_call *f)
{
	struct call_info out;

	assert_int_equal(decoding__copy(f, f->call.hdr.size, &out), -EBADMSG);
}

void decoding__check(const struct call_info *c)
{
	const struct list_info *sides[2] = { &c->local, &c->remote };

	assert_true(strnlen(c->id, sizeof(c->id)) < sizeof(c->id));
	assert_true(strnlen(c->caller.entity_id, sizeof(c->caller.entity_id)) <
		    sizeof(c->caller.entity_id));
	for (size_t i = 0; i < 2; i++) {
		const struct list_info *a = sides[i];
		uint32_t missing = 0;
		uint64_t total = 0;

		assert_true(a->captured <= PVM_IOV_MAX && a->exit_cnt <= PVM_IOV_MAX);
		assert_true(a->gap_cnt <= LIST_GAPS_MAX);
		assert_true(!a->iov_exit || a->changed == YES);
		for (uint32_t e = 0; e < a->captured; e++) {
			if (__builtin_add_overflow(total, a->iov[e].len, &total))
				total = UINT64_MAX;
			if (total == UINT64_MAX)
				break;
		}
		assert_true(a->total_len == total);
		for (uint32_t g = 0; g < a->gap_cnt; g++)
			missing += a->gaps[g].cnt;
		if (a->status != LIST_NONE && a->status != LIST_INVALID)
			assert_int_equal(a->captured + missing, (uint32_t)a->count);
	}
}
