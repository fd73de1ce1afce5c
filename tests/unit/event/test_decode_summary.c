/* SPDX-License-Identifier: Apache-2.0 */
/* These test what decode makes of calls told together, and which records it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decoding.h"

#define MUTATIONS 200000

/* Decodes a copy that ends where the record ends, so that the sanitizer sees a read beyond it. */
static int decode(const void *data, size_t size, struct summary_info *out)
{
	void *copy = malloc(size ? size : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, data, size);
	memset(out, 0xa5, sizeof(*out));
	err = decode__summary(decoding.decoder, copy, size, decoding.identity, &decoding.clock,
			      out);
	free(copy); /* what is decoded must not point there */
	return err;
}

static void make(struct pvm_summary *sum)
{
	struct fixture_call f;

	fixture__call(&f);
	fixture__summary(sum, &f.call);
}

static void test_sums(void **state)
{
	struct summary_info out;
	struct pvm_summary sum;

	(void)state;
	make(&sum);
	sum.tally.calls = UINT64_MAX;
	sum.tally.bytes = 1ULL << 60;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.reason, PVM_OVERFLOW);
	assert_true(out.calls == UINT64_MAX && out.bytes == 1ULL << 60);
	assert_int_equal(out.duration_ns, sum.tally.duration_ns);
	assert_true(out.sums_known);
	assert_int_equal(out.first_ns, sum.tally.first_ns + 2000);
	assert_int_equal(out.last_ns, sum.tally.last_ns + 2000);
	assert_int_equal(out.call.outcome, PVM_SUCCEEDED);
	assert_int_equal(out.call.raw->op, PVM_READ);
	assert_int_equal(out.call.caller.task->pid, 4242);
	assert_int_equal(out.call.target.task->pid, 991);
	assert_int_equal(out.call.target_arg, 991);
	sum.tally.reason = PVM_AGGREGATE;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.reason, PVM_AGGREGATE);
}

/* What is the first call's alone is not said of all of them. */
static void test_not_the_first_calls(void **state)
{
	struct summary_info out;
	struct pvm_summary sum;

	(void)state;
	make(&sum);
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_false(out.call.ret_known || out.call.duration_known || out.call.requested_known);
	assert_int_equal(out.call.partial, UNKNOWN);
	assert_int_equal(out.call.local.captured + out.call.remote.captured, 0);
	assert_int_equal(out.call.local.gap_cnt + out.call.remote.gap_cnt, 0);
	assert_null(out.call.local.iov_exit);
	/* A replay's --min-bytes has nothing else to go by. */
	assert_true(out.call.transferred_known);
	assert_int_equal(out.call.transferred, sum.tally.bytes);
}

static void test_outcomes(void **state)
{
	struct summary_info out;
	struct pvm_summary sum;
	struct fixture_call f;

	(void)state;
	fixture__call(&f);
	f.call.ret = -1;
	fixture__summary(&sum, &f.call);
	sum.tally.outcome = PVM_FAILED;
	sum.tally.bytes = 0;
	sum.tally.errors[PVM_USUAL_EPERM] = 3;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.call.outcome, PVM_FAILED);
	assert_null(out.call.error);
	assert_true(out.sums_known && out.bytes == 0);
	fixture__call(&f);
	f.call.phase = PVM_ORPHAN;
	f.call.resolved = PVM_UNRESOLVED;
	fixture__summary(&sum, &f.call);
	sum.tally.outcome = PVM_UNKNOWN;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.call.outcome, PVM_UNKNOWN);
	assert_false(out.sums_known || out.call.transferred_known);
	assert_null(out.call.target.task);
}

/* What failed is counted by name; of an unusual errno it is all that there are. */
static void test_errors(void **state)
{
	struct summary_info out;
	struct pvm_summary sum;
	struct fixture_call f;

	(void)state;
	fixture__call(&f);
	f.call.ret = -EFAULT;
	fixture__summary(&sum, &f.call);
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.error_cnt, 0); /* the sum is of calls that succeeded */
	sum.tally.outcome = PVM_FAILED;
	sum.tally.errors[PVM_USUAL_EFAULT] = 2;
	sum.tally.errors[PVM_USUAL_ESRCH] = 1;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.error_cnt, 2);
	assert_string_equal(out.errors[0].name, "ESRCH");
	assert_int_equal(out.errors[0].calls, 1);
	assert_string_equal(out.errors[1].name, "EFAULT");
	assert_int_equal(out.errors[1].calls, 2);
	f.call.ret = -EACCES;
	fixture__summary(&sum, &f.call);
	sum.tally.outcome = PVM_FAILED;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.error_cnt, 1);
	assert_string_equal(out.errors[0].name, "EACCES");
	assert_int_equal(out.errors[0].calls, 3);
}

static void test_kinds(void **state)
{
	struct summary_info out;
	struct pvm_summary sum;

	(void)state;
	make(&sum);
	sum.tally.abis[PVM_ABI_I386] = 1;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.abi_cnt, 2);
	assert_int_equal(out.abis[0].abi, PVM_ABI_X86_64);
	assert_int_equal(out.abis[1].abi, PVM_ABI_I386);
	assert_int_equal(out.changed, NO);
	assert_true(out.range_known && out.low == sum.tally.low && out.high == sum.tally.high);
	sum.tally.uncompared = 1;
	sum.tally.unranged = 1;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.changed, UNKNOWN);
	assert_false(out.range_known);
	sum.tally.changed = 1;
	sum.tally.unranged = 0;
	sum.tally.low = UINT64_MAX;
	sum.tally.high = 0;
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.changed, YES);
	assert_false(out.range_known);
}

static void expect_refused(const struct pvm_summary *sum)
{
	struct summary_info out;

	assert_int_equal(decode(sum, sizeof(*sum), &out), -EBADMSG);
}

static void test_sizes(void **state)
{
	uint64_t room[sizeof(struct pvm_summary) / 8 + 2];
	struct summary_info out;
	struct pvm_summary sum;

	(void)state;
	make(&sum);
	memset(room, 0, sizeof(room));
	memcpy(room, &sum, sizeof(sum));
	for (uint32_t size = 0; size <= sizeof(room); size++) {
		int want = size == sizeof(sum) ? 0 : -EBADMSG;

		assert_int_equal(decode(room, size, &out), want);
		((struct pvm_hdr *)room)->size = size;
		assert_int_equal(decode(room, size, &out), want);
		((struct pvm_hdr *)room)->size = sizeof(sum);
	}
	/* It is not aligned, as no map hands it out. */
	memmove((char *)room + 1, &sum, sizeof(sum));
	assert_int_equal(decode__summary(decoding.decoder, (char *)room + 1, sizeof(sum),
					 decoding.identity, &decoding.clock, &out),
			 -EBADMSG);
}

static void test_contradictions(void **state)
{
#define TALLY(f) offsetof(struct pvm_summary, tally.f)
#define FIRST(f) (offsetof(struct pvm_summary, call) + offsetof(struct pvm_call, f))
	static const struct {
		size_t at;
		uint8_t bad;
	} bytes[] = {
		{ offsetof(struct pvm_summary, hdr.type), PVM_CALL },
		{ offsetof(struct pvm_summary, hdr.version), PVM_WIRE_VERSION + 1 },
		{ TALLY(calls), 0 },
		{ TALLY(outcome), 0 },
		{ TALLY(outcome), PVM_UNKNOWN + 1 },
		{ TALLY(reason), 0 },
		{ TALLY(reason), PVM_AGGREGATE + 1 },
		{ FIRST(phase), 0 },
		{ FIRST(phase), PVM_ENDED + 1 },
		{ FIRST(abi), 0 },
		{ FIRST(abi), PVM_ABI_ARM + 1 },
		{ FIRST(op), 0 },
		{ FIRST(op), PVM_WRITE + 1 },
		{ FIRST(kind), 0 },
		{ FIRST(kind), PVM_KIND_PIDFD + 1 },
		{ FIRST(resolved), PVM_RESOLVED_EXIT + 1 },
		{ FIRST(kinship), PVM_KIN_PARENT + 1 },
		{ FIRST(flags) + 1, 0x80 },
		{ FIRST(flags), PVM_CALL_OWNER }, /* there is none */
		{ FIRST(caller.flags), 0x80 },
		{ FIRST(caller.hier), 4 },
		{ FIRST(target.flags), 0xff },
	};
	struct pvm_summary sum;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		make(&sum);
		((uint8_t *)&sum)[bytes[i].at] = bytes[i].bad;
		expect_refused(&sum);
	}
}

/* The first call's header and sides mean nothing, whatever stands there. */
static void test_no_matter(void **state)
{
	struct summary_info out;
	struct pvm_summary sum;
	struct pvm_call *call = (struct pvm_call *)sum.call;

	(void)state;
	make(&sum);
	memset(&call->hdr, 0xff, sizeof(call->hdr));
	memset(&call->local, 0xff, sizeof(call->local));
	memset(&call->remote, 0xff, sizeof(call->remote));
	assert_int_equal(decode(&sum, sizeof(sum), &out), 0);
	assert_int_equal(out.call.local.captured + out.call.remote.captured, 0);
}

static void check_sane(const struct summary_info *out)
{
	const struct call_info *c = &out->call;

	assert_true(out->calls > 0);
	assert_true(c->outcome == PVM_SUCCEEDED || c->outcome == PVM_FAILED ||
		    c->outcome == PVM_UNKNOWN);
	assert_int_equal(out->sums_known, c->outcome != PVM_UNKNOWN);
	assert_int_equal(c->local.captured + c->remote.captured, 0);
	assert_true(strnlen(c->id, sizeof(c->id)) < sizeof(c->id));
	assert_true(strnlen(c->caller.entity_id, sizeof(c->caller.entity_id)) <
		    sizeof(c->caller.entity_id));
}

static void test_mutations(void **state)
{
	struct summary_info out;
	struct pvm_summary sum;
	uint32_t good = 0;

	(void)state;
	fixture__seed(9);
	for (uint32_t i = 0; i < MUTATIONS; i++) {
		make(&sum);
		for (uint32_t n = fixture__below(6); n > 0; n--)
			((uint8_t *)&sum)[fixture__below(sizeof(sum))] = (uint8_t)fixture__random();
		if (decode(&sum, sizeof(sum), &out))
			continue;
		check_sane(&out);
		good++;
	}
	assert_in_range(good, MUTATIONS / 20, MUTATIONS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),	       cmocka_unit_test(test_not_the_first_calls),
		cmocka_unit_test(test_outcomes),       cmocka_unit_test(test_errors),
		cmocka_unit_test(test_kinds),	       cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_contradictions), cmocka_unit_test(test_no_matter),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
