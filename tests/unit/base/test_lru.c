/* SPDX-License-Identifier: Apache-2.0 */
/* test_lru - entries are found by their key, and the one that was used least recently is known, whatever was found,
 * made and removed before: by comparison with a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/lru.h"

#define KEYS 64
#define STEPS 20000

struct key {
	uint64_t high;
	uint32_t low, more;
};

struct element {
	struct lru_node node;
	struct key key;
	unsigned int filled;
};

static struct key key_of(unsigned int n)
{
	return (struct key){ .high = n / 7, .low = n % 7, .more = n };
}

static void begin(struct lru *t, uint64_t *tick)
{
	lru__init(t, sizeof(struct element), offsetof(struct element, key), sizeof(struct key),
		  tick);
}

static struct element *find(struct lru *t, unsigned int n)
{
	const struct key key = key_of(n);

	return lru__find(t, &key, sizeof(key));
}

static struct element *get(struct lru *t, unsigned int n)
{
	const struct key key = key_of(n);

	return lru__get(t, &key);
}

static void drop(struct lru *t, struct element *e)
{
	lru__remove(t, &e->node);
	free(e);
}

/* Returns the key that was not used for the longest. used: when each key was used last, 0 if it is not there. */
static unsigned int oldest(const unsigned int *used)
{
	unsigned int found = KEYS;

	for (unsigned int n = 0; n < KEYS; n++)
		if (used[n] && (found == KEYS || used[n] < used[found]))
			found = n;
	return found;
}

static void test_order(void **state)
{
	unsigned int used[KEYS] = { 0 }, cnt = 0;
	uint64_t tick = 0;
	struct lru t;

	(void)state;
	begin(&t, &tick);
	srandom(3);
	for (unsigned int step = 1; step <= STEPS; step++) {
		const unsigned int n = (unsigned int)random() % KEYS, what = random() % 3;
		struct element *e = what == 1 ? get(&t, n) : find(&t, n);

		assert_true(!e == (what != 1 && !used[n]));
		if (e && !used[n]) {
			assert_int_equal(e->filled, 0);
			e->filled = n + 1;
			cnt++;
		}
		if (e) {
			assert_int_equal(e->filled, n + 1);
			used[n] = step;
		}
		if (e && what == 2) {
			drop(&t, e);
			used[n] = 0;
			cnt--;
		}
		assert_int_equal(lru__cnt(&t), cnt);
		e = lru__oldest(&t);
		assert_true(!e == !cnt);
		if (e)
			assert_int_equal(e->key.more, oldest(used));
	}
	for (struct element *e; (e = lru__oldest(&t)); drop(&t, e)) {
		assert_int_equal(e->key.more, oldest(used));
		used[e->key.more] = 0;
	}
	assert_int_equal(lru__cnt(&t), 0);
}

static uint64_t used_at(const struct element *e)
{
	return e ? e->node.used : 0;
}

/* Of two tables it can be said whose oldest was not used for longer. */
static void test_a_shared_tick(void **state)
{
	struct element *first, *second;
	struct lru one, other;
	uint64_t tick = 0;

	(void)state;
	begin(&one, &tick);
	begin(&other, &tick);
	first = get(&one, 1);
	second = get(&other, 1);
	assert_true(used_at(first) && used_at(first) < used_at(second));
	assert_ptr_equal(find(&one, 1), first);
	assert_true(used_at(first) > used_at(second));
	drop(&one, first);
	drop(&other, second);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_a_shared_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
