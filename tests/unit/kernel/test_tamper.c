/* SPDX-License-Identifier: Apache-2.0 */
/* test_tamper - how what was found is told; and the place at which a ring is read, of a ring that is a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/ring_place.h"
#include "kernel/tamper.h"

static void test_the_first_is_named(void **state)
{
	struct tamper t = { .cnt = 0 };

	(void)state;
	assert_null(tamper__take(&t));
	tamper__find(&t, "a is %d", 1);
	assert_string_equal(tamper__take(&t), "a is 1: calls may be missing");
	assert_null(tamper__take(&t));
	tamper__find(&t, "b is %d", 2);
	tamper__find(&t, "c is %d", 3);
	tamper__find(&t, "d is %d", 4);
	assert_string_equal(tamper__take(&t), "b is 2, and 2 more like it: calls may be missing");
}

static void test_a_place_that_is_moved(void **state)
{
	const long page = sysconf(_SC_PAGESIZE);
	const int fd = memfd_create("ring", 0);
	struct ring_place p = { .reader = NULL };
	unsigned long *writer, moved_to = 0;

	(void)state;
	assert_true(fd >= 0 && !ftruncate(fd, 2 * page));
	writer = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page);
	assert_true(writer != MAP_FAILED);
	assert_int_equal(ring_place__map(&p, fd), 0);
	assert_false(ring_place__put_back(&p, &moved_to));
	*p.reader = 8; /* as we read */
	ring_place__leave(&p);
	assert_false(ring_place__put_back(&p, &moved_to));
	*writer = 96;
	*p.reader = 16;
	assert_true(ring_place__put_back(&p, &moved_to));
	assert_int_equal(moved_to, 16);
	assert_int_equal(*p.reader, 96);
	assert_false(ring_place__put_back(&p, &moved_to));
	ring_place__unmap(&p);
	assert_null(p.reader);
	munmap(writer, (size_t)page);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_is_named),
		cmocka_unit_test(test_a_place_that_is_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
