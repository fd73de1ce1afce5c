/* SPDX-License-Identifier: Apache-2.0 */
/* test_ancestry - who is behind a process: what is remembered of it, within bounds, and how the JSON format shows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/identity.h"
#include "fixture.h"

static _Alignas(8) uint8_t buf[2048];
static uint64_t evicted;

static void on_evict(void *ctx, uint64_t id)
{
	(void)ctx;
	evicted = id;
}

static struct identity *new_identity(size_t max, size_t bytes)
{
	const struct identity_opts opts = { .proc_max = 8,
					    .cgroup_max = 8,
					    .bytes_max = 4096,
					    .ancestry_max = max,
					    .ancestry_bytes_max = bytes,
					    .boot_id = FIXTURE_BOOT_ID,
					    .on_evict_ancestry = on_evict };
	struct identity *id = identity__new(&opts);

	assert_non_null(id);
	return id;
}

static int put(struct identity *id, size_t size)
{
	return identity__put_ancestry(id, buf, size);
}

static void test_all_of_it(void **state)
{
	const struct pvm_task bash = { .start_ns = 1000004100,
				       .exe_ino = 5100,
				       .pid = 4100,
				       .exe_dev = 254 << 20,
				       .exec_id = 4100 % 7 };
	struct identity *id = new_identity(4, 1 << 16);
	const struct ancestry_info *a;

	(void)state;
	assert_int_equal(identity__put_path(id, buf,
					    fixture__path(buf, PVM_EXE, &bash, "bash\0bin",
							  sizeof("bash\0bin"), 0)),
			 0);
	assert_int_equal(put(id, fixture__ancestry(buf, 7, PVM_CALLER, 3)), 0);
	a = identity__ancestry(id, 7);
	assert_non_null(a);
	assert_int_equal(a->cnt, 3);
	assert_int_equal(a->ancestors[0].pid, 4100);
	assert_string_equal(a->ancestors[0].comm, "bash");
	assert_int_equal(a->ancestors[0].exe_len, strlen("/bin/bash"));
	assert_memory_equal(a->ancestors[0].exe, "/bin/bash", strlen("/bin/bash"));
	assert_string_equal(a->ancestors[0].entity_id, a->session->entity_id);
	assert_false(a->ancestors[0].lacks_exe);
	/* Of the others the paths did not come, and are to be asked for. */
	assert_null(a->ancestors[1].exe);
	assert_true(a->ancestors[1].lacks_exe);
	assert_int_equal(a->above, PVM_ABOVE_MORE);
	assert_string_equal(a->tracer->comm, "gdb");
	assert_int_equal(a->tty_dev, 136 << 20 | 3);
	assert_null(identity__ancestry(id, 8));
	assert_null(identity__ancestry(id, 0));
	/* Of a target there is the parent alone, or nobody. */
	assert_int_equal(put(id, fixture__ancestry(buf, 8, PVM_TARGET, 0)), 0);
	a = identity__ancestry(id, 8);
	assert_int_equal(a->cnt, 0);
	assert_null(a->session);
	assert_null(a->tracer);
	identity__free(id);
}

/* The least recently used goes first, and its id is told to the kernel half. */
static void test_bounds(void **state)
{
	struct identity *id = new_identity(2, 1 << 16);

	(void)state;
	evicted = 0;
	for (uint64_t n = 1; n <= 2; n++)
		assert_int_equal(put(id, fixture__ancestry(buf, n, PVM_CALLER, 1)), 0);
	assert_int_equal(evicted, 0);
	assert_non_null(identity__ancestry(id, 1));
	assert_int_equal(put(id, fixture__ancestry(buf, 3, PVM_CALLER, 1)), 0);
	assert_int_equal(evicted, 2);
	assert_null(identity__ancestry(id, 2));
	/* What came again takes the place of what was there. */
	assert_int_equal(put(id, fixture__ancestry(buf, 3, PVM_CALLER, 3)), 0);
	assert_int_equal(identity__ancestry(id, 3)->cnt, 3);
	assert_non_null(identity__ancestry(id, 1));
	identity__free(id);
	id = new_identity(100, 2000);
	for (uint64_t n = 1; n <= 100; n++)
		assert_int_equal(put(id, fixture__ancestry(buf, n, PVM_CALLER, 2)), 0);
	assert_null(identity__ancestry(id, 1));
	assert_non_null(identity__ancestry(id, 100));
	identity__free(id);
}

static void test_malformed(void **state)
{
	struct identity *id = new_identity(4, 1 << 16);
	struct pvm_ancestry *rec = (void *)buf;
	size_t size = fixture__ancestry(buf, 7, PVM_CALLER, 3);

	(void)state;
	assert_int_equal(put(id, size - 1), -EBADMSG);
	assert_int_equal(put(id, sizeof(*rec) - 8), -EBADMSG);
	rec->cnt = 4;
	assert_int_equal(put(id, size), -EBADMSG);
	rec->cnt = UINT16_MAX;
	assert_int_equal(put(id, size), -EBADMSG);
	size = fixture__ancestry(buf, 7, PVM_CALLER, 3);
	rec->above = PVM_ABOVE_MORE + 1;
	assert_int_equal(put(id, size), -EBADMSG);
	size = fixture__ancestry(buf, 0, PVM_CALLER, 3);
	assert_int_equal(put(id, size), -EBADMSG);
	size = fixture__ancestry(buf, 7, PVM_CALLER, 3);
	rec->hdr.version++;
	assert_int_equal(put(id, size), -EBADMSG);
	/* Names without an end are taken as they are. */
	size = fixture__ancestry(buf, 7, PVM_CALLER, 3);
	memset(rec->ancestors[0].comm, 'x', PVM_COMM_SZ);
	memset(rec->tty, 'y', PVM_TTY_SZ);
	assert_int_equal(put(id, size), 0);
	assert_null(identity__ancestry(id, 8));
	identity__free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
