/* SPDX-License-Identifier: Apache-2.0 */
/* test_map_check - filters and verdicts against what was put there, and which hooks see calls of our own. What the kernel half
 * says of its maps is stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "bpf/control.h"
#include "kernel/map.h"
#include "kernel/map_check.h"
#include "kernel/own_hooks.h"
#include "kernel/tamper.h"

static struct pvm_checked there[PVM_CHECKED_CNT];

int kernel_map__begin(const struct bpf_link *iterator)
{
	(void)iterator;
	return open("/dev/null", O_RDONLY);
}

long kernel_map__read(int fd, void *out, size_t size)
{
	(void)fd;
	memcpy(out, there, size);
	return (long)size;
}

/* It holds what was put there. */
static void agree(const struct map_check *c)
{
	memcpy(there, c->wanted, sizeof(there));
}

static struct map_check check;
static struct tamper found;

static int begin(void **state)
{
	(void)state;
	check = (struct map_check){ .iterator = (const struct bpf_link *)&check };
	found = (struct tamper){ .cnt = 0 };
	memset(there, 0, sizeof(there));
	return 0;
}

static int end(void **state)
{
	(void)state;
	map_check__close(&check);
	return 0;
}

static void test_filters(void **state)
{
	const struct pvm_uid_key key = { .who = PVM_CALLER, .uid = 7 };
	const uint32_t one = 1, both = 3;
	struct pvm_checked once;

	(void)state;
	map_check__put(&check, PVM_CHECKED_UID, &key, sizeof(key), &both, sizeof(both), NULL);
	once = check.wanted[PVM_CHECKED_UID];
	begin(NULL);
	map_check__put(&check, PVM_CHECKED_UID, &key, sizeof(key), &one, sizeof(one), NULL);
	map_check__put(&check, PVM_CHECKED_UID, &key, sizeof(key), &both, sizeof(both), &one);
	assert_memory_equal(&once, &check.wanted[PVM_CHECKED_UID], sizeof(once));
	agree(&check);
	assert_int_equal(map_check__look(&check, &found), 0);
	there[PVM_CHECKED_UID].sum++;
	assert_int_equal(map_check__look(&check, &found), 1 << PVM_CHECKED_UID);
	assert_non_null(strstr(tamper__take(&found), "wrote to pvm_filter_uid: it holds 1 "));
	/* It is told once. */
	assert_int_equal(map_check__look(&check, &found), 0);
	assert_null(tamper__take(&found));
}

static void test_verdicts(void **state)
{
	const struct pvm_cgroup_key a = { .id = 1, .hier = 1 }, b = { .id = 2, .hier = 1 };
	const struct pvm_cgroup_val yes = { .decided = 3, .left = { { 1 } } };
	const struct pvm_cgroup_val no = { .decided = 3 };
	struct pvm_checked first;

	(void)state;
	map_check__judged(&check, &a, &yes);
	first = check.wanted[PVM_CHECKED_CGROUP];
	map_check__judged(&check, &b, &no);
	map_check__judged(&check, &b, &yes); /* another verdict in its place */
	assert_int_equal(check.wanted[PVM_CHECKED_CGROUP].cnt, 2);
	map_check__forgot(&check, &b);
	map_check__forgot(&check, &b);
	assert_memory_equal(&first, &check.wanted[PVM_CHECKED_CGROUP], sizeof(first));
	agree(&check);
	there[PVM_CHECKED_CGROUP].cnt++;
	assert_int_equal(map_check__look(&check, &found), 1 << PVM_CHECKED_CGROUP);
	map_check__emptied(&check, 1 << PVM_CHECKED_CGROUP);
	memset(there, 0, sizeof(there));
	assert_int_equal(map_check__look(&check, &found), 0);
	assert_int_equal(found.cnt, 1);
}

/* The addresses that files are kept by are not ours to know. */
static void test_files(void **state)
{
	(void)state;
	there[PVM_CHECKED_EXE] = (struct pvm_checked){ .sum = 99, .cnt = 1 };
	check.bound = true;
	assert_int_equal(map_check__look(&check, &found), 0);
	assert_int_equal(map_check__look(&check, &found), 0);
	there[PVM_CHECKED_EXE].sum++;
	assert_int_equal(map_check__look(&check, &found), 1 << PVM_CHECKED_EXE);
	assert_int_equal(found.cnt, 1);
}

static void look(struct own_hooks *h, uint32_t saw, bool off)
{
	own_hooks__saw(h, saw);
	own_hooks__end(h, off, &found);
}

static void test_own_hooks(void **state)
{
	const uint32_t all = PVM_SAW_ENTER | PVM_SAW_BEGIN | PVM_SAW_EXIT;
	struct own_hooks h = { .ever = 0 };

	(void)state;
	look(&h, all, false);
	assert_false(own_hooks__all(&h));
	own_hooks__saw(&h, PVM_SAW_ENTER | PVM_SAW_EXIT);
	assert_false(own_hooks__all(&h));
	own_hooks__saw(&h, PVM_SAW_BEGIN);
	assert_true(own_hooks__all(&h));
	own_hooks__end(&h, false, &found);
	/* Two looks that miss one are chance, or others' doing that is over. */
	look(&h, PVM_SAW_ENTER | PVM_SAW_EXIT, false);
	look(&h, PVM_SAW_ENTER | PVM_SAW_EXIT, false);
	look(&h, all, false);
	look(&h, PVM_SAW_ENTER | PVM_SAW_EXIT, false);
	look(&h, PVM_SAW_ENTER | PVM_SAW_EXIT, false);
	assert_int_equal(found.cnt, 0);
	look(&h, PVM_SAW_ENTER | PVM_SAW_EXIT, false);
	assert_int_equal(found.cnt, 1);
	assert_non_null(strstr(tamper__take(&found), "the hook on the begins does not see"));
	for (int i = 0; i < 5; i++)
		look(&h, PVM_SAW_ENTER | PVM_SAW_EXIT, false);
	assert_int_equal(found.cnt, 0);
}

/* What a switch of the kernel stops is told by those who look at the switch. */
static void test_own_hooks_switched_off(void **state)
{
	struct own_hooks h = { .ever = 0 };

	(void)state;
	look(&h, PVM_SAW_ENTER | PVM_SAW_BEGIN | PVM_SAW_EXIT, false);
	for (int i = 0; i < 5; i++)
		look(&h, PVM_SAW_ENTER | PVM_SAW_EXIT, true);
	assert_int_equal(found.cnt, 0);
	for (int i = 0; i < 3; i++)
		look(&h, PVM_SAW_ENTER, true);
	assert_int_equal(found.cnt, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_filters, begin, end),
		cmocka_unit_test_setup_teardown(test_verdicts, begin, end),
		cmocka_unit_test_setup_teardown(test_files, begin, end),
		cmocka_unit_test_setup_teardown(test_own_hooks, begin, end),
		cmocka_unit_test_setup_teardown(test_own_hooks_switched_off, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
