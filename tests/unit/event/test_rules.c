/* SPDX-License-Identifier: Apache-2.0 */
/* What both halves understand alike (bpf/rules.h) is held against what the kernel does (lib/iov_iter.c,
 * include/linux/err.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/types.h>

#include "bpf/rules.h"

static void arguments_are_what_the_kernel_takes_them_for(void **state)
{
	__u64 args[PVM_ARG_CNT] = { [PVM_ARG_PID] = 0xdeadbeefffffffffULL };

	(void)state;
	assert_int_equal(pvm_target_arg(args), -1);
	assert_int_equal(pvm_kind_of(args), PVM_KIND_PID);
	args[PVM_ARG_FLAGS] = PVM_FLAG_NOWAIT;
	assert_int_equal(pvm_kind_of(args), PVM_KIND_PID);
	args[PVM_ARG_FLAGS] = UINT64_MAX;
	assert_int_equal(pvm_kind_of(args), PVM_KIND_PIDFD);
}

static void an_element_is_two_words_of_the_abi(void **state)
{
	static const unsigned int sizes[PVM_ABI_CNT] = {
		[PVM_ABI_X86_64] = 16, [PVM_ABI_ARM64] = 16, [PVM_ABI_I386] = 8,
		[PVM_ABI_X32] = 8,     [PVM_ABI_ARM] = 8,
	};

	(void)state;
	for (unsigned int abi = PVM_ABI_X86_64; abi < PVM_ABI_CNT; abi++)
		assert_int_equal(pvm_element_sz(abi), sizes[abi]);
}

static void only_the_local_count_is_cut_to_32_bits(void **state)
{
	const struct pvm_side side = { .count = 0x100000002ULL };

	(void)state;
	assert_int_equal(pvm_used_count(&side, 0), 2);
	assert_int_equal(pvm_used_count(&side, 1), 0x100000002ULL);
}

static void pages_are_those_that_the_bytes_lie_on(void **state)
{
	static const struct {
		__u64 addr;
		__u32 len;
		unsigned int mask;
	} cases[] = {
		{ 0, 1, 1 },
		{ 4095, 1, 1 },
		{ 4095, 2, 3 },
		{ 0x7fff00000000ULL, 4096, 1 },
		{ 1, 4096, 3 },
		{ 0, PVM_IOV_MAX * PVM_ELEMENT_MAX, 15 },
		{ 4088, PVM_IOV_MAX * PVM_ELEMENT_MAX, 31 },
		{ UINT64_MAX - 7, 16, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pvm_page_mask(cases[i].addr, cases[i].len), cases[i].mask);
}

static void a_result_proves_what_its_phase_lets_it(void **state)
{
	static const struct {
		__u8 phase;
		__s64 ret;
		unsigned int outcome;
	} cases[] = {
		{ PVM_COMPLETE, 0, PVM_SUCCEEDED },	{ PVM_COMPLETE, INT64_MAX, PVM_SUCCEEDED },
		{ PVM_COMPLETE, -1, PVM_FAILED },	{ PVM_COMPLETE, -4095, PVM_FAILED },
		{ PVM_COMPLETE, -4096, PVM_UNKNOWN },	{ PVM_COMPLETE, INT64_MIN, PVM_UNKNOWN },
		{ PVM_ORPHAN, -EPERM, PVM_FAILED },	{ PVM_ORPHAN, 310, PVM_UNKNOWN },
		{ PVM_ORPHAN, -4095, PVM_FAILED },	{ PVM_ORPHAN, -4096, PVM_UNKNOWN },
		{ PVM_IN_FLIGHT, -EPERM, PVM_UNKNOWN }, { PVM_UNFINISHED, 8, PVM_UNKNOWN },
		{ PVM_ENDED, 8, PVM_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pvm_outcome_of(cases[i].phase, cases[i].ret), cases[i].outcome);
}

static void filters_by_result_hide_known_ones_only(void **state)
{
	static const struct {
		__u8 phase;
		__s64 ret;
		bool success, failure, bytes; /* what lets it pass: bytes by 64 of them */
	} cases[] = {
		{ PVM_COMPLETE, 0, true, false, false },
		{ PVM_COMPLETE, 63, true, false, false },
		{ PVM_COMPLETE, 64, true, false, true },
		{ PVM_COMPLETE, INT64_MAX, true, false, true },
		{ PVM_COMPLETE, -1, false, true, false },
		{ PVM_COMPLETE, -4095, false, true, false },
		{ PVM_COMPLETE, -4096, true, true, true },
		{ PVM_ORPHAN, -1, false, true, false },
		{ PVM_ORPHAN, -4095, false, true, false },
		{ PVM_ORPHAN, -4096, true, true, true },
		{ PVM_ORPHAN, INT64_MIN, true, true, true },
		{ PVM_ORPHAN, 0, true, true, true },
		{ PVM_UNFINISHED, -1, true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		__u8 outcome = pvm_outcome_of(cases[i].phase, cases[i].ret);
		__u64 moved = (__u64)cases[i].ret;

		assert_int_equal(pvm_result_passes(PVM_SUCCEEDED, 0, outcome, moved),
				 cases[i].success);
		assert_int_equal(pvm_result_passes(PVM_FAILED, 0, outcome, moved),
				 cases[i].failure);
		assert_int_equal(pvm_result_passes(0, 64, outcome, moved), cases[i].bytes);
		assert_true(pvm_result_passes(0, 0, outcome, moved));
	}
}

static void looks_stand_behind_each_other(void **state)
{
	static const struct {
		__u16 entry[2], exit[2];
		__u32 at[2][2], len; /* [remote][at exit] */
	} cases[] = {
		{ { 0, 0 }, { 0, 0 }, { { 0, 0 }, { 0, 0 } }, 0 },
		{ { 16, 32 }, { 0, 0 }, { { 0, 48 }, { 16, 48 } }, 48 },
		{ { 16, 32 }, { 16, 0 }, { { 0, 48 }, { 16, 64 } }, 64 },
		{ { 16, 32 }, { 0, 32 }, { { 0, 48 }, { 16, 48 } }, 80 },
		{ { 0, 0 }, { 128, 128 }, { { 0, 0 }, { 0, 128 } }, 256 },
		{ { 128, 128 }, { 128, 128 }, { { 0, 256 }, { 128, 384 } }, 512 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pvm_call call = {
			.local = { .entry_len = cases[i].entry[0], .exit_len = cases[i].exit[0] },
			.remote = { .entry_len = cases[i].entry[1], .exit_len = cases[i].exit[1] },
		};

		for (int remote = 0; remote < 2; remote++)
			for (int at_exit = 0; at_exit < 2; at_exit++)
				assert_int_equal(pvm_data_at(&call, remote, at_exit),
						 cases[i].at[remote][at_exit]);
		assert_int_equal(pvm_data_len(&call), cases[i].len);
	}
}

static void usual_errors_have_this_machine_s_numbers(void **state)
{
	(void)state;
	assert_int_equal(pvm_usual_of(EPERM), PVM_USUAL_EPERM);
	assert_int_equal(pvm_usual_of(ESRCH), PVM_USUAL_ESRCH);
	assert_int_equal(pvm_usual_of(EINTR), PVM_USUAL_EINTR);
	assert_int_equal(pvm_usual_of(ENOMEM), PVM_USUAL_ENOMEM);
	assert_int_equal(pvm_usual_of(EFAULT), PVM_USUAL_EFAULT);
	assert_int_equal(pvm_usual_of(EINVAL), PVM_USUAL_EINVAL);
	assert_int_equal(pvm_usual_of(EACCES), PVM_USUAL_CNT);
	assert_int_equal(pvm_usual_of(0), PVM_USUAL_CNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_are_what_the_kernel_takes_them_for),
		cmocka_unit_test(an_element_is_two_words_of_the_abi),
		cmocka_unit_test(only_the_local_count_is_cut_to_32_bits),
		cmocka_unit_test(pages_are_those_that_the_bytes_lie_on),
		cmocka_unit_test(a_result_proves_what_its_phase_lets_it),
		cmocka_unit_test(filters_by_result_hide_known_ones_only),
		cmocka_unit_test(looks_stand_behind_each_other),
		cmocka_unit_test(usual_errors_have_this_machine_s_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
