/* SPDX-License-Identifier: Apache-2.0 */
/* test_predict - the prediction against a model that does what the kernel does, page by page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "bpf/rules.h"
#include "event/predict.h"
#include "fixture.h"

#define PAGE 4096ULL
#define CHUNK 1024 /* pages */
#define PAGES_MAX 20000
#define NEVER UINT64_MAX
#define BASE 0x7f0000000000ULL

static const struct pin_key key = { { 0x0123456789abcdef, 0xfedcba9876543210 }, 12, 0 };

/* This is one call, and what came of it. */
struct model {
	struct iov_elem iov[PVM_IOV_MAX];
	uint32_t cnt;
	uint64_t local_total;
	uint64_t local_fault;  /* after so many bytes */
	uint64_t remote_fault; /* after so many pages */
	uint64_t pages[PAGES_MAX];
	uint32_t held;
	uint64_t copied;
	int64_t ret;
};

/* Copies from one chunk. Returns false if the call ends. */
static bool copy_chunk(struct model *m, uint64_t bytes)
{
	uint64_t room = m->local_total - m->copied;

	if (bytes > room)
		bytes = room;
	if (m->copied + bytes > m->local_fault) {
		m->copied = m->local_fault;
		return false;
	}
	m->copied += bytes;
	return true;
}

static bool run_element(struct model *m, const struct iov_elem *e)
{
	uint64_t at = e->base & ~(PAGE - 1), off = e->base & (PAGE - 1), left = e->len;
	uint64_t pages = left ? (off + left + PAGE - 1) / PAGE : 0;

	while (pages && m->copied < m->local_total) {
		uint64_t got = pages < CHUNK ? pages : CHUNK, bytes;

		if (got > m->remote_fault - m->held)
			got = m->remote_fault - m->held;
		if (!got)
			return false;
		for (uint64_t i = 0; i < got; i++) {
			assert_true(m->held < PAGES_MAX);
			m->pages[m->held++] = at + i * PAGE;
		}
		bytes = got * PAGE - off < left ? got * PAGE - off : left;
		if (!copy_chunk(m, bytes))
			return false;
		left -= bytes;
		off = 0;
		pages -= got;
		at += got * PAGE;
	}
	return true;
}

static void run(struct model *m)
{
	m->held = 0;
	m->copied = 0;
	for (uint32_t i = 0; i < m->cnt && m->copied < m->local_total; i++) {
		if (!run_element(m, &m->iov[i]))
			break;
	}
	m->ret = m->copied ? (int64_t)m->copied : -EFAULT;
}

/* Sums up as the kernel half does: by runs of pages. */
static struct pvm_pins pins_of(const struct model *m)
{
	struct pvm_pins pins = { .pages = m->held };
	uint32_t from = 0;

	if (!m->held)
		return pins;
	pins.first = m->pages[0];
	pins.last = m->pages[m->held - 1];
	for (uint32_t i = 1; i <= m->held; i++) {
		if (i < m->held && m->pages[i] == m->pages[i - 1] + PAGE)
			continue;
		pins.sum = pvm_pins_add(pins.sum, m->pages[from], i - from, key.key[0], key.key[1]);
		from = i;
	}
	return pins;
}

static enum tristate check(const struct model *m)
{
	const struct pvm_pins pins = pins_of(m);

	return predict__check(&key, &pins, m->iov, m->cnt, m->local_total, m->ret);
}

static struct model m; /* too large for a stack */

/* Takes elements up to a NULL base and no length, and runs it. */
static void set(const struct iov_elem *iov, uint32_t cnt, uint64_t local_total)
{
	memcpy(m.iov, iov, cnt * sizeof(*iov));
	m.cnt = cnt;
	m.local_total = local_total;
	m.local_fault = m.remote_fault = NEVER;
	run(&m);
}

#define SET(local_total, ...)                                                           \
	set((const struct iov_elem[]){ __VA_ARGS__ },                                   \
	    sizeof((const struct iov_elem[]){ __VA_ARGS__ }) / sizeof(struct iov_elem), \
	    local_total)

static void test_whole(void **state)
{
	(void)state;
	SET(64, { BASE + 10, 64 });
	assert_int_equal(m.held, 1);
	assert_int_equal(check(&m), YES);
	SET(64, { BASE + PAGE - 1, 64 });
	assert_int_equal(m.held, 2);
	assert_int_equal(check(&m), YES);
	/* It has the same page twice, an element of nothing between, and pages that go on. */
	SET(4 * PAGE, { BASE, PAGE }, { BASE + 1, 10 }, { 0, 0 }, { BASE + PAGE, 2 * PAGE });
	assert_int_equal(check(&m), YES);
	m.iov[0].base += PAGE;
	assert_int_equal(check(&m), NO);
}

static void test_order_and_count(void **state)
{
	(void)state;
	SET(2 * PAGE, { BASE, PAGE }, { BASE + 8 * PAGE, PAGE });
	m.iov[0].base = BASE + 8 * PAGE;
	m.iov[1].base = BASE;
	assert_int_equal(check(&m), NO);
	/* There is one element more, or less, than what was there. */
	SET(3 * PAGE, { BASE, PAGE }, { BASE + 8 * PAGE, PAGE }, { BASE + 16 * PAGE, PAGE });
	m.cnt = 2;
	assert_int_equal(check(&m), NO);
	SET(3 * PAGE, { BASE, PAGE }, { BASE + 8 * PAGE, PAGE });
	m.iov[m.cnt++] = (struct iov_elem){ BASE + 16 * PAGE, PAGE };
	m.local_total = 2 * PAGE;
	assert_int_equal(check(&m), YES); /* used up before it */
	/* Within a page nothing is proven. */
	SET(64, { BASE, 64 });
	m.iov[0].base += 100;
	assert_int_equal(check(&m), YES);
}

/* The page that a long element's next bytes lie on stays untouched where the local side ends at its brink. */
static void test_brink(void **state)
{
	(void)state;
	SET(PAGE, { BASE, PAGE / 2 }, { BASE + 4 * PAGE, PAGE / 2 });
	m.iov[0].len = PAGE;
	assert_int_equal(check(&m), NO);
	m.local_total = LOCAL_UNKNOWN;
	assert_int_equal(check(&m), YES); /* it may have ended by a fault */
}

static void test_chunks(void **state)
{
	(void)state;
	for (uint64_t pages = CHUNK - 2; pages <= 3 * CHUNK + 2; pages++) {
		SET(pages * PAGE, { BASE, pages * PAGE });
		assert_int_equal(check(&m), YES);
		/* The chunk is held whole, and copied from in part. */
		SET(10, { BASE + 5, pages * PAGE - 5 });
		assert_int_equal(m.held, pages < CHUNK ? pages : CHUNK);
		assert_int_equal(check(&m), YES);
		m.iov[0].base += PAGE;
		assert_int_equal(check(&m), NO);
	}
}

static void test_faults(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < 3 * PAGE; at += 100) {
		SET(4 * PAGE, { BASE + 7, PAGE }, { BASE + 9 * PAGE, 2 * PAGE }, { BASE, PAGE });
		m.local_fault = at;
		run(&m);
		assert_int_equal(check(&m), YES);
	}
	for (uint64_t pages = 0; pages < 5; pages++) {
		SET(4 * PAGE, { BASE + 7, PAGE }, { BASE + 9 * PAGE, 2 * PAGE }, { BASE, PAGE });
		m.remote_fault = pages;
		run(&m);
		assert_int_equal(check(&m), pages ? YES : UNKNOWN);
	}
}

static void test_nothing_to_say(void **state)
{
	struct pvm_pins pins = { .pages = 1, .first = BASE, .last = BASE };
	const struct iov_elem e = { BASE, 3 * PAGE };

	(void)state;
	/* There are more bytes than fit on what was seen: a run of a hook was skipped. */
	assert_int_equal(predict__check(&key, &pins, &e, 1, 3 * PAGE, 3 * PAGE), UNKNOWN);
	pins.pages = 0;
	assert_int_equal(predict__check(&key, &pins, &e, 1, 3 * PAGE, -EPERM), UNKNOWN);
	/* There are fewer bytes in the list than moved. */
	pins.pages = 4;
	assert_int_equal(predict__check(&key, &pins, &e, 1, 4 * PAGE, 4 * PAGE), NO);
	/* The list is around the end of all addresses, and far too long. */
	pins = (struct pvm_pins){ .pages = UINT32_MAX, .first = ~0ULL & ~(PAGE - 1) };
	for (uint64_t len = 1; len; len <<= 1) {
		const struct iov_elem wild[] = { { ~0ULL, len }, { len, ~0ULL }, { ~0ULL, ~0ULL } };

		assert_int_equal(predict__check(&key, &pins, wild, 3, len, 1), NO);
	}
}

/* Fewer pages than the list needs mean another list, or, where one cause can blind both hooks, pages that were missed. */
static void test_pages_that_may_lack(void **state)
{
	const struct pvm_pins pins = {
		.sum = pvm_pins_add(0, BASE, 1, key.key[0], key.key[1]),
		.first = BASE,
		.last = BASE,
		.pages = 1,
	};
	const struct iov_elem e[] = { { BASE, 1 }, { BASE + 9 * PAGE, 1 } };
	const struct iov_elem other = { BASE + PAGE, 1 };
	const struct iov_elem more[] = { { BASE - PAGE, 1 }, { BASE, 1 }, { BASE + PAGE, 1 } };
	struct pin_key lacking = key;

	(void)state;
	lacking.may_lack = 1;
	assert_int_equal(predict__check(&key, &pins, e, 2, 2, 2), NO);
	assert_int_equal(predict__check(&lacking, &pins, e, 2, 2, 2), UNKNOWN);
	assert_int_equal(predict__check(&lacking, &pins, e, 1, 1, 1), YES);
	assert_int_equal(predict__check(&lacking, &pins, &other, 1, 1, 1), NO);
	/* Half of the list was held, and the pages of it lack: nobody knows which half. */
	assert_int_equal(predict__check(&key, &pins, more, 3, 3, 1), NO);
	assert_int_equal(predict__check(&lacking, &pins, more, 3, 3, 1), UNKNOWN);
}

static void random_model(void)
{
	uint32_t cnt = 1 + fixture__below(fixture__below(4) ? 6 : 60);
	uint64_t total = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		uint64_t len = fixture__below(5) ? fixture__below(3 * PAGE)
						 : fixture__below((uint32_t)(1200 * PAGE));

		if (cnt > 6)
			len %= 4 * PAGE;
		if (!fixture__below(6))
			len = 0;
		m.iov[i] = (struct iov_elem){ BASE + fixture__below(1 << 20), len };
		total += len;
	}
	m.cnt = cnt;
	m.local_total = fixture__below(2) ? total : 1 + fixture__below((uint32_t)total + 1000);
	m.local_fault = fixture__below(3) ? NEVER : fixture__below((uint32_t)total + 1);
	m.remote_fault = fixture__below(3) ? NEVER : fixture__below(2000);
	run(&m);
}

/* Returns the first element of which something was held, or -1. */
static int first_touched(void)
{
	for (uint32_t i = 0; i < m.cnt; i++) {
		if (m.iov[i].len)
			return m.held ? (int)i : -1;
	}
	return -1;
}

static void test_random(void **state)
{
	(void)state;
	fixture__seed(11);
	for (int n = 0; n < 20000; n++) {
		int i;

		random_model();
		assert_int_equal(check(&m), m.held ? YES : UNKNOWN);
		m.local_total = LOCAL_UNKNOWN;
		assert_int_equal(check(&m), m.held ? YES : UNKNOWN);
		i = first_touched();
		if (i < 0)
			continue;
		m.iov[i].base ^= PAGE << fixture__below(20);
		assert_int_equal(check(&m), NO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_order_and_count),
		cmocka_unit_test(test_brink),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_nothing_to_say),
		cmocka_unit_test(test_pages_that_may_lack),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
