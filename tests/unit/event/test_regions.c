/* SPDX-License-Identifier: Apache-2.0 */
/* From the kernel half's looks at what is mapped to what is said of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "decoding.h"

#define TEXT 0x1234

static const struct pvm_region heap = {
	.start = 0x55d0c0d00000,
	.end = 0x55d0c0e00000,
	.cnt = 1,
	.kind = PVM_REGION_HEAP,
	.perms = PVM_REGION_READ | PVM_REGION_WRITE,
};

static const struct pvm_region file = {
	.start = 0x7f0000000000,
	.end = 0x7f0000001000,
	.offset = 0x123,
	.text = TEXT,
	.first = 1,
	.cnt = 1,
	.kind = PVM_REGION_FILE,
	.perms = PVM_REGION_READ,
	.flags = PVM_REGION_BACKED,
};

static void looked(struct fixture_call *f, const struct pvm_region *region)
{
	fixture__call(f);
	f->call.look = PVM_LOOK_TAKEN;
	f->call.region = *region;
	f->call.region_cnt = 1;
}

static void two_elements(struct fixture_call *f)
{
	static const struct iov_elem elems[2] = { { 0x55d0c0de0000, 8 }, { 0x7f0000000123, 8 } };

	looked(f, &heap);
	f->call.args[PVM_ARG_REMOTE_CNT] = f->call.remote.count = 2;
	f->call.args[PVM_ARG_LOCAL_CNT] = f->call.local.count = 2;
	fixture__data(f, elems, sizeof(elems), elems, sizeof(elems), NULL, 0, NULL, 0);
	f->call.look |= PVM_LOOK_RING;
	f->call.region_cnt = 2;
}

static void test_one(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	looked(&f, &heap);
	decoding__call(&f, &c);
	assert_true(c.regions.known && !c.regions_exit.known);
	assert_int_equal(c.regions.cnt, 1);
	assert_memory_equal(c.regions.at[0].raw, &heap, sizeof(heap));
	assert_null(c.regions.at[0].text);
}

/* There is no region where all elements are empty; where another one has bytes, or some moved, it is not known which. */
static void test_empty(void **state)
{
	static struct iov_elem elems[3];
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		looked(&f, &heap);
		f.call.args[PVM_ARG_REMOTE_CNT] = f.call.remote.count = 3;
		f.call.region_cnt = 0;
		f.call.ret = kind == 1;
		elems[1].len = kind == 2;
		fixture__data(&f, elems, sizeof(elems[0]), elems, sizeof(elems), NULL, 0, NULL, 0);
		decoding__call(&f, &c);
		assert_int_equal(c.regions.known, !kind);
		assert_int_equal(c.regions.cnt, 0);
	}
}

static void test_not_known(void **state)
{
	struct fixture_call f;
	struct call_info c;

	(void)state;
	fixture__call(&f);
	decoding__call(&f, &c);
	assert_false(c.regions.known);
	/* Of nobody. */
	looked(&f, &heap);
	f.call.resolved = PVM_UNRESOLVED;
	memset(&f.call.target, 0, sizeof(f.call.target));
	decoding__call(&f, &c);
	assert_false(c.regions.known);
	/* They found no room, or are not there. */
	two_elements(&f);
	decoding__call(&f, &c);
	assert_false(c.regions.known);
	f.call.look = PVM_LOOK_TAKEN | PVM_LOOK_LOST;
	decoding__call(&f, &c);
	assert_false(c.regions.known);
}

/* Paths and names come once, by an id; a label is told as it is. */
static void test_texts(void **state)
{
	static uint64_t buf[64];
	struct pvm_path *rec = (struct pvm_path *)buf;
	const struct pvm_task nobody = { 0 };
	struct pvm_region at = file;
	struct fixture_call f;
	struct call_info c;
	size_t size;

	(void)state;
	at.first = 0;
	looked(&f, &at);
	decoding__call(&f, &c);
	assert_null(c.regions.at[0].text);
	size = fixture__path(buf, PVM_MAPPED, &nobody, "libc.so.6\0lib", sizeof("libc.so.6\0lib"),
			     0);
	rec->id = TEXT;
	assert_int_equal(identity__put_path(decoding.identity, buf, size), 0);
	decoding__call(&f, &c);
	assert_int_equal(c.regions.at[0].text_len, strlen("/lib/libc.so.6"));
	assert_memory_equal(c.regions.at[0].text, "/lib/libc.so.6", strlen("/lib/libc.so.6"));
	size = fixture__path(buf, PVM_LABEL, &nobody, "a/b", sizeof("a/b"), 0);
	rec->id = TEXT;
	assert_int_equal(identity__put_path(decoding.identity, buf, size), 0);
	decoding__call(&f, &c);
	assert_int_equal(c.regions.at[0].text_len, 3);
	assert_memory_equal(c.regions.at[0].text, "a/b", 3);
	size = fixture__path(buf, PVM_MAPPED, &nobody, "[eventfd]", sizeof("[eventfd]"),
			     PVM_PATH_ANON_INODE | PVM_PATH_NAME);
	rec->id = TEXT;
	assert_int_equal(identity__put_path(decoding.identity, buf, size), 0);
	decoding__call(&f, &c);
	assert_memory_equal(c.regions.at[0].text, "anon_inode:[eventfd]", c.regions.at[0].text_len);
	/* Of nothing in particular. */
	rec->id = 0;
	assert_int_equal(identity__put_path(decoding.identity, buf, size), -EBADMSG);
}

static void put_path(struct identity *id, uint64_t text, const char *names, uint32_t len)
{
	static uint64_t buf[1024];
	struct pvm_path *rec = (struct pvm_path *)buf;
	const struct pvm_task nobody = { 0 };
	size_t size = fixture__path(buf, PVM_MAPPED, &nobody, names, len, 0);

	rec->id = text;
	assert_int_equal(identity__put_path(id, buf, size), 0);
}

static void note(void *ctx, uint64_t id)
{
	*(uint64_t *)ctx = id;
}

/* So many, and so many bytes of them: of more the oldest goes, and the kernel half is told so that it sends it again. */
static void test_bounded(void **state)
{
	uint64_t forgotten = 0;
	const struct identity_opts opts = { .proc_max = 1,
					    .cgroup_max = 1,
					    .bytes_max = 1024,
					    .text_max = 3,
					    .text_bytes_max = 2048,
					    .on_evict_text = note,
					    .ctx = &forgotten };
	struct identity *id = identity__new(&opts);
	char longest[2000] = { 0 };
	size_t len;

	(void)state;
	assert_non_null(id);
	for (uint64_t text = 1; text <= 3; text++)
		put_path(id, text, "x", sizeof("x"));
	/* Told once more, it counts once. */
	put_path(id, 3, "x", sizeof("x"));
	assert_int_equal(forgotten, 0);
	put_path(id, 4, "x", sizeof("x"));
	assert_int_equal(forgotten, 1);
	assert_null(identity__text(id, 1, &len));
	assert_non_null(identity__text(id, 4, &len));
	memset(longest, 'y', sizeof(longest) - 1);
	put_path(id, 5, longest, sizeof(longest));
	assert_non_null(identity__text(id, 5, &len));
	assert_int_equal(len, sizeof(longest));
	put_path(id, 6, longest, sizeof(longest));
	assert_null(identity__text(id, 5, &len));
	assert_null(identity__text(id, 4, &len));
	assert_non_null(identity__text(id, 6, &len));
	assert_int_equal(forgotten, 5);
	identity__free(id);
}

/* What the kernel half cannot have told. */
static void test_nonsense(void **state)
{
	struct pvm_region bad[8];
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		bad[i] = heap;
	bad[0].kind = PVM_REGION_KIND_CNT;
	bad[1].perms = 16;
	bad[2].flags = 4;
	bad[3].cnt = 0;
	bad[4].cnt = 2;
	bad[5].first = 1;
	bad[6].end = bad[6].start;
	bad[7].kind = PVM_REGION_NONE;
	for (size_t i = 0; i < 8; i++) {
		looked(&f, &bad[i]);
		decoding__call(&f, &c);
		assert_false(c.regions.known);
	}
	looked(&f, &heap);
	f.call.look |= 64;
	decoding__refuse(&f);
	fixture__call(&f);
	f.call.region_cnt = 1;
	decoding__refuse(&f);
}

static void put_regions(const struct fixture_call *f, bool at_exit,
			const struct pvm_region *regions, uint32_t cnt)
{
	static uint64_t buf[1024];
	size_t size = fixture__array(buf, &f->call, PVM_ARRAY_REGIONS, at_exit, regions,
				     cnt * (uint32_t)sizeof(*regions), 0);

	assert_int_equal(arrays__put(decoding.arrays, buf, size), 0);
}

static void test_more(void **state)
{
	const struct pvm_region both[] = { heap, file }, swapped[] = { file, heap };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	two_elements(&f);
	put_regions(&f, false, both, 2);
	decoding__call(&f, &c);
	assert_true(c.regions.known);
	assert_int_equal(c.regions.cnt, 2);
	assert_memory_equal(c.regions.at[1].raw, &file, sizeof(file));
	/* One of another look, and in no order. */
	f.call.look |= PVM_LOOK_AT_EXIT;
	decoding__call(&f, &c);
	assert_false(c.regions.known);
	f.call.look &= ~PVM_LOOK_AT_EXIT;
	put_regions(&f, false, swapped, 2);
	decoding__call(&f, &c);
	assert_false(c.regions.known);
	put_regions(&f, false, both, 1);
	decoding__call(&f, &c);
	assert_false(c.regions.known);
}

/* A second look is told where it gave another answer. */
static void test_again(void **state)
{
	struct pvm_region other = heap;
	struct fixture_call f;
	struct call_info c;

	(void)state;
	other.perms = PVM_REGION_READ;
	looked(&f, &heap);
	f.call.look |= PVM_LOOK_AGAIN;
	put_regions(&f, true, &heap, 1);
	decoding__call(&f, &c);
	assert_true(c.regions.known && !c.regions_exit.known);
	put_regions(&f, true, &other, 1);
	decoding__call(&f, &c);
	assert_true(c.regions.known && c.regions_exit.known);
	assert_int_equal(c.regions_exit.at[0].raw->perms, PVM_REGION_READ);
}

#define LONG_NS 10000000

/* Held pages confirm a region only if bytes of all of its elements moved. */
static void test_confirmed(void **state)
{
	const struct pvm_pins one = fixture__one_page(&decoding_key, 0x55d0c0de0000);
	static const struct iov_elem elems[2] = { { 0x55d0c0de0000, 8 }, { 8, 8 } };
	struct pvm_region both[] = { heap, { .first = 1, .cnt = 1, .kind = PVM_REGION_NONE } };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	looked(&f, &heap);
	fixture__pins(&f, &one);
	decoding__call(&f, &c);
	assert_int_equal(c.regions_confirmed, YES);
	/* The second element is where nothing is mapped, or of it nothing moved. */
	for (int i = 0; i < 3; i++) {
		looked(&f, &heap);
		f.call.args[PVM_ARG_REMOTE_CNT] = f.call.remote.count = 2;
		f.call.args[PVM_ARG_LOCAL_CNT] = f.call.local.count = 2;
		fixture__data(&f, elems, sizeof(elems), elems, sizeof(elems), NULL, 0, NULL, 0);
		f.call.ret = 8;
		if (i < 2) {
			f.call.look |= PVM_LOOK_RING;
			f.call.region_cnt = 2;
			put_regions(&f, false, both, 2);
		} else {
			f.call.region.cnt = 2;
		}
		fixture__pins(&f, &one);
		decoding__call(&f, &c);
		assert_true(c.regions.known);
		assert_int_equal(c.confirmed, YES);
		assert_int_equal(c.regions_confirmed, UNKNOWN);
		both[1] = file;
	}
}

/* That no later look gave another answer is known only of a call so short that there was none, or if there was one. */
static void test_confirmed_later(void **state)
{
	const struct pvm_pins one = fixture__one_page(&decoding_key, 0x55d0c0de0000);
	struct pvm_region other = heap;
	struct fixture_call f;
	struct call_info c;

	(void)state;
	other.perms = PVM_REGION_READ;
	looked(&f, &heap);
	fixture__pins(&f, &one);
	f.call.exit_ns = f.call.entry_ns + LONG_NS - 1;
	decoding__call(&f, &c);
	assert_int_equal(c.regions_confirmed, YES);
	f.call.exit_ns++;
	decoding__call(&f, &c);
	assert_int_equal(c.regions_confirmed, UNKNOWN);
	f.call.look |= PVM_LOOK_AGAIN_LOST;
	decoding__call(&f, &c);
	assert_int_equal(c.regions_confirmed, UNKNOWN);
	f.call.look ^= PVM_LOOK_AGAIN_LOST | PVM_LOOK_AGAIN;
	decoding__call(&f, &c); /* its record is not there */
	assert_int_equal(c.regions_confirmed, UNKNOWN);
	put_regions(&f, true, &other, 1);
	decoding__call(&f, &c);
	assert_int_equal(c.regions_confirmed, UNKNOWN);
	put_regions(&f, true, &heap, 1);
	decoding__call(&f, &c);
	assert_int_equal(c.regions_confirmed, YES);
	f.call.exit_ns = f.call.entry_ns + 1;
	f.call.look ^= PVM_LOOK_AGAIN_LOST | PVM_LOOK_AGAIN;
	decoding__call(&f, &c);
	assert_int_equal(c.regions_confirmed, UNKNOWN);
}

/* Where bytes moved something was mapped, if it is the list that the kernel got. */
static void test_none(void **state)
{
	struct pvm_region none = { .cnt = 1, .kind = PVM_REGION_NONE };
	struct fixture_call f;
	struct call_info c;

	(void)state;
	looked(&f, &none);
	decoding__call(&f, &c);
	assert_int_equal(c.regions.at[0].raw->kind, PVM_REGION_UNKNOWN);
	f.call.ret = -EFAULT;
	decoding__call(&f, &c);
	assert_int_equal(c.regions.at[0].raw->kind, PVM_REGION_NONE);
	two_elements(&f);
	none.first = 1;
	put_regions(&f, false, (struct pvm_region[]){ heap, none }, 2);
	f.call.ret = 8;
	decoding__call(&f, &c);
	assert_int_equal(c.regions.at[1].raw->kind, PVM_REGION_NONE);
	f.call.ret = 9;
	decoding__call(&f, &c);
	assert_int_equal(c.regions.at[1].raw->kind, PVM_REGION_UNKNOWN);
}

/* Bytes of an element lie behind the mapping that it begins in. */
static void test_runs_on(void **state)
{
	static const struct {
		uint64_t base, len;
		enum pvm_abi abi;
		enum tristate want;
	} cases[] = {
		{ 0x7f0000000fff, 1, PVM_ABI_X86_64, NO },
		{ 0x7f0000000fff, 2, PVM_ABI_X86_64, YES },
		{ 0x7f0000000000, 0x1000, PVM_ABI_X86_64, NO },
		{ 0x7f0000000000, UINT64_MAX, PVM_ABI_X86_64, YES },
		{ 0x7f0000000fff, 0, PVM_ABI_X86_64, NO },
		/* arm64: with a tag. */
		{ 0xab007f0000000fff, 1, PVM_ABI_ARM64, NO },
		{ 0xab007f0000000fff, 2, PVM_ABI_ARM64, YES },
	};
	struct iov_elem elems[2] = { { 0x55d0c0de0000, 8 } };
	struct pvm_region all = file;
	struct fixture_call f;
	struct call_info c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		two_elements(&f);
		f.call.abi = (uint8_t)cases[i].abi;
		elems[1] = (struct iov_elem){ cases[i].base, cases[i].len };
		fixture__data(&f, elems, sizeof(elems), elems, sizeof(elems), NULL, 0, NULL, 0);
		put_regions(&f, false, (struct pvm_region[]){ heap, file }, 2);
		decoding__call(&f, &c);
		assert_int_equal(c.regions.at[0].runs_on, NO);
		if (c.regions.at[1].runs_on != cases[i].want)
			fail_msg("case %zu", i);
	}
	/* One of them is enough. */
	all.first = 0;
	all.cnt = 2;
	for (int first = 0; first < 2; first++) {
		elems[first] = (struct iov_elem){ 0x7f0000000fff, 2 };
		elems[!first] = (struct iov_elem){ 0x7f0000000000, 8 };
		looked(&f, &all);
		f.call.args[PVM_ARG_REMOTE_CNT] = f.call.remote.count = 2;
		f.call.args[PVM_ARG_LOCAL_CNT] = f.call.local.count = 2;
		fixture__data(&f, elems, sizeof(elems), elems, sizeof(elems), NULL, 0, NULL, 0);
		decoding__call(&f, &c);
		assert_int_equal(c.regions.at[0].runs_on, YES);
	}
	/* Where there is no mapping it is not known. */
	looked(&f, &(struct pvm_region){ .cnt = 1, .kind = PVM_REGION_NONE });
	f.call.ret = -EFAULT;
	decoding__call(&f, &c);
	assert_int_equal(c.regions.at[0].runs_on, UNKNOWN);
}

/* Of a long list that was read at exit, what lies there is told beside the list of that moment only. */
static void test_of_another_list(void **state)
{
	static struct iov_elem elems[9];
	static uint64_t buf[64];
	struct pvm_region all = heap;
	struct fixture_call f;
	struct call_info c;

	(void)state;
	all.cnt = 9;
	for (int i = 0; i < 9; i++)
		elems[i] = (struct iov_elem){ 0x55d0c0de0000, 8 };
	for (int changed = 0; changed < 2; changed++) {
		looked(&f, &all);
		f.call.look |= PVM_LOOK_AT_EXIT;
		f.call.args[PVM_ARG_REMOTE_CNT] = f.call.remote.count = 9;
		fixture__data(&f, elems, sizeof(*elems), NULL, 0, NULL, 0, NULL, 0);
		f.call.remote.flags = PVM_SIDE_RING | PVM_SIDE_ENTRY | PVM_SIDE_EXIT;
		for (int at_exit = 0; at_exit < 2; at_exit++) {
			elems[0].base += at_exit && changed ? 8 : 0;
			assert_int_equal(arrays__put(decoding.arrays, buf,
						     fixture__array(buf, &f.call, PVM_ARRAY_REMOTE,
								    at_exit, elems, sizeof(elems),
								    1)),
					 0);
		}
		decoding__call(&f, &c);
		assert_int_equal(c.remote.changed, changed ? YES : NO);
		assert_int_equal(c.regions.known, !changed);
	}
}

/* A file that is written to has another id, and the same path. */
static void test_same_path(void **state)
{
	struct pvm_region at = file, again;
	struct fixture_call f;
	struct call_info c;

	(void)state;
	at.first = 0;
	again = at;
	again.text = TEXT + 1;
	looked(&f, &at);
	f.call.look |= PVM_LOOK_AGAIN;
	put_regions(&f, true, &again, 1);
	put_path(decoding.identity, TEXT, "x", sizeof("x"));
	for (int same = 0; same < 2; same++) {
		put_path(decoding.identity, TEXT + 1, same ? "x" : "y", sizeof("x"));
		decoding__call(&f, &c);
		assert_int_equal(c.regions_exit.known, !same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_not_known),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_confirmed_later),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_runs_on),
		cmocka_unit_test(test_of_another_list),
		cmocka_unit_test(test_same_path),
	};

	return cmocka_run_group_tests(tests, decoding__setup, decoding__teardown);
}
