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

#include "bpf/keys.h"
#include "event/identity.h"
#include "fixture.h"

/* Gives a literal with the NUL of its last name. */
#define NAMES(text) text, sizeof(text)
#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID64B "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

static _Alignas(8) uint8_t buf[8192];

/* This is what was to be forgotten. */
struct evictions {
	uint32_t pids[64];
	size_t pid_cnt;
	struct pvm_cgroup_key cgroups[64];
	size_t cgroup_cnt;
};

static void on_proc(void *ctx, uint32_t pid)
{
	struct evictions *e = ctx;

	assert_true(e->pid_cnt < 64);
	e->pids[e->pid_cnt++] = pid;
}

static void on_cgroup(void *ctx, const struct pvm_cgroup_key *key)
{
	struct evictions *e = ctx;

	assert_true(e->cgroup_cnt < 64);
	e->cgroups[e->cgroup_cnt++] = *key;
}

static struct identity *new_identity(struct evictions *e, size_t procs, size_t cgroups,
				     size_t bytes)
{
	struct identity_opts opts = {
		.proc_max = procs,
		.cgroup_max = cgroups,
		.bytes_max = bytes,
		.args_max = PVM_ARGS_MAX,
		.boot_id = FIXTURE_BOOT_ID,
		.on_evict_proc = e ? on_proc : NULL,
		.on_evict_cgroup = e ? on_cgroup : NULL,
		.ctx = e,
	};
	struct identity *id = identity__new(&opts);

	assert_non_null(id);
	return id;
}

static void task_of(struct pvm_task *task)
{
	struct fixture_call f;

	fixture__call(&f);
	*task = f.call.caller;
}

static int put_path(struct identity *id, uint16_t type, const struct pvm_task *task,
		    const char *names, size_t len, uint8_t flags)
{
	return identity__put_path(id, buf,
				  fixture__path(buf, type, task, names, (uint32_t)len, flags));
}

static int put_args(struct identity *id, const struct pvm_task *task, const char *args, size_t len,
		    uint32_t total)
{
	return identity__put_args(id, buf, fixture__args(buf, task, args, (uint32_t)len, total));
}

static void check_text(const char *text, size_t len, const char *expected)
{
	assert_non_null(text);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
}

static void check_exe(struct identity *id, const struct pvm_task *task, const char *expected)
{
	struct task_info t;

	identity__fill(id, task, false, &t);
	if (expected)
		check_text(t.exe, t.exe_len, expected);
	else
		assert_null(t.exe);
}

/* Checks which file it is, which comes with its path. */
static void check_file(struct identity *id, const struct pvm_task *task, bool vague)
{
	struct task_info info;

	identity__fill(id, task, true, &info);
	assert_non_null(info.file);
	assert_int_equal(info.file->ino, task->exe_ino);
	assert_int_equal(info.file->size, 123456);
	assert_int_equal(info.file_vague, vague);
}

static void test_paths(void **state)
{
	static const struct {
		const char *names;
		size_t len;
		uint8_t flags;
		const char *path;
	} cases[] = {
		{ NAMES("c\0b\0a"), 0, "/a/b/c" },
		{ NAMES("init"), 0, "/init" },
		{ "", 0, 0, "/" },
		{ NAMES("memfd:x"), PVM_PATH_NAME, "/memfd:x" },
		{ NAMES("memfd:../bin/su"), PVM_PATH_NAME, "/memfd:../bin/su" },
		{ NAMES("c\0b"), PVM_PATH_CUT, "[...]/b/c" },
		{ NAMES("c]"), PVM_PATH_CUT, "[...]/c]" },
		{ NAMES("c]"), 0, "/c]" },
		{ "", 0, PVM_PATH_CUT, "[...]/" },
		{ NAMES("file\0/"), PVM_PATH_NAME, "/file" },
		{ NAMES("\xff\n\0 "), 0, "/ /\xff\n" },
	};
	struct identity *id = new_identity(NULL, 4, 4, 4096);
	struct pvm_task task;

	(void)state;
	task_of(&task);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(put_path(id, PVM_EXE, &task, cases[i].names, cases[i].len,
					  cases[i].flags),
				 0);
		check_exe(id, &task, cases[i].path);
	}
	identity__free(id);
}

/* Only what belongs to exactly this executable of this process is told. */
static void test_exe_match(void **state)
{
	struct identity *id = new_identity(NULL, 4, 4, 4096);
	struct pvm_task task, other;

	(void)state;
	task_of(&task);
	check_exe(id, &task, NULL);
	assert_int_equal(put_path(id, PVM_EXE, &task, NAMES("dumper\0opt"), 0), 0);
	check_exe(id, &task, "/opt/dumper");
	check_file(id, &task, false);
	assert_int_equal(put_path(id, PVM_EXE, &task, NAMES("dumper\0opt"), PVM_PATH_VAGUE), 0);
	check_file(id, &task, true);
	other = task;
	other.exe_ino++;
	check_exe(id, &other, NULL);
	other = task;
	other.exe_dev++;
	check_exe(id, &other, NULL);
	other = task;
	other.start_ns++;
	check_exe(id, &other, NULL);
	other = task;
	other.pid++;
	check_exe(id, &other, NULL);
	other = task;
	other.flags &= (uint8_t)~PVM_TASK_EXE;
	check_exe(id, &other, NULL);
	other = task;
	other.tid++;
	other.flags |= PVM_TASK_EXE_DELETED;
	check_exe(id, &other, "/opt/dumper");
	check_exe(id, &task, "/opt/dumper");
	/* After an exec the new one holds, the old one is not told any more. */
	other = task;
	other.exe_ino = 55;
	assert_int_equal(put_path(id, PVM_EXE, &other, NAMES("ls\0bin"), 0), 0);
	check_exe(id, &other, "/bin/ls");
	check_exe(id, &task, NULL);
	identity__free(id);
}

static void test_args(void **state)
{
	struct identity *id = new_identity(NULL, 4, 4, 4096);
	struct pvm_task task;
	struct task_info t;

	(void)state;
	task_of(&task);
	assert_int_equal(put_args(id, &task, NAMES("./dumper\0-p\000991"), 16), 0);
	identity__fill(id, &task, true, &t);
	assert_int_equal(t.args_len, 16);
	assert_memory_equal(t.args, "./dumper\0-p\000991", 16);
	assert_false(t.args_cut);
	identity__fill(id, &task, false, &t);
	assert_null(t.args);
	task.exec_id++;
	identity__fill(id, &task, true, &t);
	assert_null(t.args);
	/* Known to be empty is not the same as not known. */
	assert_int_equal(put_args(id, &task, "", 0, 0), 0);
	identity__fill(id, &task, true, &t);
	assert_non_null(t.args);
	assert_int_equal(t.args_len, 0);
	assert_int_equal(put_args(id, &task, NAMES("abc"), 5), 0);
	identity__fill(id, &task, true, &t);
	assert_true(t.args_cut);
	/* What is told of the time before the exec has the arguments of that time. */
	task.exec_id--;
	identity__fill(id, &task, true, &t);
	assert_int_equal(t.args_len, 16);
	identity__free(id);
}

static void test_cgroups(void **state)
{
	struct identity *id = new_identity(NULL, 4, 4, 4096);
	struct pvm_task task;
	struct task_info t;
	size_t len;
	bool cut;

	(void)state;
	task_of(&task);
	assert_int_equal(put_path(id, PVM_CGROUP, &task,
				  NAMES("docker-" ID64 ".scope\0system.slice"), 0),
			 0);
	identity__fill(id, &task, true, &t);
	check_text(t.cgroup, t.cgroup_len, "/system.slice/docker-" ID64 ".scope");
	assert_int_equal(t.container_cnt, 1);
	check_text(t.containers[0].id, t.containers[0].len, ID64);
	assert_int_equal(t.container_end, t.cgroup_len);
	assert_false(t.cgroup_cut);
	task.hier = PVM_HIER_PIDS; /* the same number in another hierarchy */
	identity__fill(id, &task, true, &t);
	assert_null(t.cgroup);
	assert_int_equal(t.container_cnt, 0);
	assert_null(identity__cgroup(id, task.cgroup_id, PVM_HIER_PIDS, &len, &cut));
	assert_int_equal(put_path(id, PVM_CGROUP, &task, "", 0, 0), 0);
	identity__fill(id, &task, true, &t);
	check_text(t.cgroup, t.cgroup_len, "/");
	assert_int_equal(t.container_cnt, 0);
	check_text(identity__cgroup(id, task.cgroup_id, PVM_HIER_PIDS, &len, &cut), 1, "/");
	task.hier = 0;
	identity__fill(id, &task, true, &t);
	assert_null(t.cgroup);
	assert_int_equal(put_path(id, PVM_CGROUP, &task, "", 0, 0), -EBADMSG);
	identity__fill(id, NULL, true, &t);
	assert_null(t.task);
	assert_null(t.exe);
	assert_string_equal(t.entity_id, "");
	identity__free(id);
}

/* A stamp stands for one set of strings, in the whole program. */
static void test_stamps(void **state)
{
	struct identity *ids[2] = { new_identity(NULL, 4, 4, 4096),
				    new_identity(NULL, 4, 4, 4096) };
	struct pvm_task task;
	struct task_info t[3];

	(void)state;
	task_of(&task);
	identity__fill(ids[0], &task, true, &t[0]);
	assert_int_equal(t[0].stamp[0] | t[0].stamp[1], 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(put_path(ids[i], PVM_EXE, &task, NAMES("a"), 0), 0);
		assert_int_equal(put_path(ids[i], PVM_CGROUP, &task, NAMES("a"), 0), 0);
		identity__fill(ids[i], &task, true, &t[i]);
	}
	assert_true(t[0].stamp[0] && t[0].stamp[1]);
	assert_true(t[0].stamp[0] != t[1].stamp[0] && t[0].stamp[1] != t[1].stamp[1]);
	identity__fill(ids[1], &task, true, &t[2]);
	assert_memory_equal(t[1].stamp, t[2].stamp, sizeof(t[1].stamp));
	assert_int_equal(put_args(ids[1], &task, NAMES("x"), 2), 0);
	identity__fill(ids[1], &task, true, &t[2]);
	assert_true(t[1].stamp[0] != t[2].stamp[0] && t[1].stamp[1] == t[2].stamp[1]);
	identity__free(ids[0]);
	identity__free(ids[1]);
}

static void test_evict_count(void **state)
{
	struct evictions e = { .pid_cnt = 0 };
	struct identity *id = new_identity(&e, 3, 2, 4096);
	struct pvm_task task;

	(void)state;
	task_of(&task);
	for (task.pid = 1; task.pid <= 3; task.pid++)
		assert_int_equal(put_path(id, PVM_EXE, &task, NAMES("a"), 0), 0);
	task.pid = 1;
	check_exe(id, &task, "/a"); /* now 2 is the oldest */
	task.pid = 4;
	assert_int_equal(put_path(id, PVM_EXE, &task, NAMES("a"), 0), 0);
	assert_int_equal(e.pid_cnt, 1);
	assert_int_equal(e.pids[0], 2);
	assert_int_equal(identity__evicted(id), 1);
	task.pid = 2;
	check_exe(id, &task, NULL);
	/* What is replaced is not evicted. */
	task.pid = 4;
	assert_int_equal(put_path(id, PVM_EXE, &task, NAMES("b"), 0), 0);
	assert_int_equal(put_args(id, &task, NAMES("b"), 2), 0);
	assert_int_equal(put_args(id, &task, NAMES("c"), 2), 0);
	assert_int_equal(e.pid_cnt, 1);
	for (task.cgroup_id = 1; task.cgroup_id <= 3; task.cgroup_id++)
		assert_int_equal(put_path(id, PVM_CGROUP, &task, NAMES("a"), 0), 0);
	assert_int_equal(e.cgroup_cnt, 1);
	assert_int_equal(e.cgroups[0].id, 1);
	assert_int_equal(e.cgroups[0].hier, PVM_HIER_V2);
	identity__free(id);
}

static void test_evict_bytes(void **state)
{
	struct evictions e = { .pid_cnt = 0 };
	struct identity *id = new_identity(&e, 100, 100, 1000);
	char name[300];
	struct pvm_task task;

	(void)state;
	task_of(&task);
	memset(name, 'x', sizeof(name));
	name[299] = '\0';
	task.cgroup_id = 5;
	assert_int_equal(put_path(id, PVM_CGROUP, &task, name, 300, 0), 0);
	task.pid = 1;
	assert_int_equal(put_path(id, PVM_EXE, &task, name, 300, 0), 0);
	assert_int_equal(put_args(id, &task, name, 300, 300), 0);
	assert_int_equal(e.pid_cnt + e.cgroup_cnt, 0);
	/* The cgroup was used last the longest ago, whichever kind it is. */
	task.pid = 2;
	assert_int_equal(put_path(id, PVM_EXE, &task, name, 300, 0), 0);
	assert_int_equal(e.cgroup_cnt, 1);
	assert_int_equal(e.cgroups[0].id, 5);
	assert_int_equal(put_args(id, &task, name, 300, 300), 0);
	assert_int_equal(e.pid_cnt, 1);
	assert_int_equal(e.pids[0], 1);
	identity__free(id);
}

/* What does not fit at all is to be sent again, and is not kept. */
static void test_too_big(void **state)
{
	struct evictions e = { .pid_cnt = 0 };
	struct identity *id = new_identity(&e, 100, 100, 4);
	struct pvm_task task;

	(void)state;
	task_of(&task);
	put_path(id, PVM_EXE, &task, NAMES("longer"), 0);
	assert_int_equal(e.pid_cnt, 1);
	check_exe(id, &task, NULL);
	put_path(id, PVM_CGROUP, &task, NAMES("longer"), 0);
	assert_int_equal(e.cgroup_cnt, 1);
	identity__free(id);
}

static void test_malformed(void **state)
{
	static const char names[] = "dumper\0opt";
	struct identity *id = new_identity(NULL, 64, 64, 65536);
	struct pvm_task task;
	struct pvm_path *path;
	struct pvm_args *args;

	(void)state;
	task_of(&task);
	for (size_t size = 0; size < sizeof(*path) + sizeof(names); size++) {
		path = malloc(size + 1);
		assert_non_null(path);
		fixture__path(buf, PVM_EXE, &task, names, sizeof(names), 0);
		((struct pvm_path *)buf)->hdr.size = (uint32_t)size;
		memcpy(path, buf, size);
		assert_int_equal(identity__put_path(id, path, size), -EBADMSG);
		free(path);
		args = malloc(size + 1);
		assert_non_null(args);
		fixture__args(buf, &task, names, sizeof(names), sizeof(names));
		((struct pvm_args *)buf)->hdr.size = (uint32_t)size;
		memcpy(args, buf, size);
		if (size < sizeof(*args) + sizeof(names))
			assert_int_equal(identity__put_args(id, args, size), -EBADMSG);
		free(args);
	}
	/* The last name does not end; there are more flags than there are; there is less in total than here. */
	assert_int_equal(put_path(id, PVM_EXE, &task, names, sizeof(names) - 1, 0), -EBADMSG);
	assert_int_equal(put_path(id, PVM_EXE, &task, names, sizeof(names), 64), -EBADMSG);
	assert_int_equal(put_path(id, PVM_ARGS, &task, names, sizeof(names), 0), -EBADMSG);
	assert_int_equal(put_args(id, &task, names, sizeof(names), 3), -EBADMSG);
	check_exe(id, &task, NULL);
	identity__free(id);
}

static void test_mutations(void **state)
{
	static const char text[] = "dumper\0opt\0\0\0a\0bcdefg";
	struct identity *id = new_identity(NULL, 8, 8, 256);
	struct pvm_task task;
	struct task_info t;

	(void)state;
	task_of(&task);
	fixture__seed(2);
	for (uint32_t i = 0; i < 50000; i++) {
		bool is_path = fixture__below(2);
		size_t size;
		void *copy;

		if (is_path)
			size = fixture__path(buf, fixture__below(2) ? PVM_EXE : PVM_CGROUP, &task,
					     text, fixture__below(sizeof(text) + 1), 0);
		else
			size = fixture__args(buf, &task, text, sizeof(text), sizeof(text));
		for (uint32_t n = fixture__below(3); n > 0; n--)
			buf[fixture__below((uint32_t)size)] = (uint8_t)fixture__random();
		copy = malloc(size);
		assert_non_null(copy);
		memcpy(copy, buf, size);
		if (is_path)
			identity__put_path(id, copy, size);
		else
			identity__put_args(id, copy, size);
		free(copy);
		identity__fill(id, &task, true, &t);
	}
	identity__free(id);
}

/* The last names come from the last one upwards, then the first ones from the root down. */
static void test_gaps(void **state)
{
	static const struct {
		const char *names;
		size_t len;
		uint32_t gap;
		uint8_t flags;
		const char *path; /* NULL: malformed */
		bool cut;
	} cases[] = {
		{ NAMES("c\0a\0b"), 2, 0, "/a/b/c", false },
		{ NAMES("d\0c\0a\0b"), 4, PVM_PATH_GAP, "/a/b//[...]//c/d", true },
		{ NAMES("c\0a\0b"), 2, PVM_PATH_CUT | PVM_PATH_GAP, "[...]/a/b//[...]//c", true },
		{ NAMES("c\0b"), 0, PVM_PATH_CUT, "[...]/b/c", true },
		{ NAMES("c"), 2, 0, "/c", false },
		{ NAMES("c"), 2, PVM_PATH_GAP, "//[...]//c", true },
		{ NAMES("c\0a"), 1, 0, NULL, false },
		{ NAMES("c\0a"), 5, 0, NULL, false },
		{ NAMES("c\0a"), UINT32_MAX, PVM_PATH_GAP, NULL, false },
		{ NAMES("c\0a"), 0, PVM_PATH_GAP, NULL, false },
	};
	struct identity *id = new_identity(NULL, 4, 4, 4096);
	struct pvm_task task;
	struct task_info t;

	(void)state;
	task_of(&task);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = fixture__path(buf, PVM_CGROUP, &task, cases[i].names,
					    (uint32_t)cases[i].len, cases[i].flags);

		((struct pvm_path *)buf)->gap = cases[i].gap;
		assert_int_equal(identity__put_path(id, buf, size), cases[i].path ? 0 : -EBADMSG);
		if (!cases[i].path)
			continue;
		identity__fill(id, &task, true, &t);
		check_text(t.cgroup, t.cgroup_len, cases[i].path);
		assert_true(t.cgroup_cut == cases[i].cut);
	}
	identity__free(id);
}

/* All of them are there, with their own strings, which are made anew with the path. */
static void test_container_lists(void **state)
{
	struct identity *id = new_identity(NULL, 4, 4, 4096);
	struct pvm_task task;
	struct task_info t;

	(void)state;
	task_of(&task);
	assert_int_equal(put_path(id, PVM_CGROUP, &task,
				  NAMES(ID64 "\0docker\0payload\0machine-a\\x2db.scope"), 0),
			 0);
	identity__fill(id, &task, true, &t);
	assert_int_equal(t.container_cnt, 2);
	check_text(t.containers[0].id, t.containers[0].len, "a-b");
	check_text(t.containers[1].id, t.containers[1].len, ID64);
	assert_int_equal(t.container_end, t.cgroup_len);
	assert_int_equal(put_path(id, PVM_CGROUP, &task, NAMES("x\0" ID64B "\0docker"), 0), 0);
	identity__fill(id, &task, true, &t);
	assert_int_equal(t.container_cnt, 1);
	check_text(t.containers[0].id, t.containers[0].len, ID64B);
	assert_int_equal(t.container_end, t.cgroup_len - 2);
	assert_false(t.container_claimed);
	/* A user may call his cgroups what he likes. */
	assert_int_equal(put_path(id, PVM_CGROUP, &task,
				  NAMES(ID64B "\0docker\0user@1000.service\0user.slice"), 0),
			 0);
	identity__fill(id, &task, true, &t);
	assert_int_equal(t.container_cnt, 1);
	assert_true(t.container_claimed);
	assert_int_equal(put_path(id, PVM_CGROUP, &task, NAMES("x"), 0), 0);
	identity__fill(id, &task, true, &t);
	assert_int_equal(t.container_cnt, 0);
	assert_false(t.container_claimed);
	identity__free(id);
}

static void test_entity_id(void **state)
{
	char text[48];

	(void)state;
	entity_id(FIXTURE_BOOT_ID, 4242, 0x12a05f200, text, sizeof(text));
	assert_string_equal(text, "5f0c2b7e-1092-12a05f200");
	entity_id("", 0, 0, text, sizeof(text));
	assert_string_equal(text, "00000000-0-0");
	entity_id(FIXTURE_BOOT_ID, UINT32_MAX, UINT64_MAX, text, sizeof(text));
	assert_string_equal(text, "5f0c2b7e-ffffffff-ffffffffffffffff");
	entity_id(FIXTURE_BOOT_ID, 1, 2, text, 5);
	assert_string_equal(text, "5f0c");
}

/* What is kept of a command line is bounded by the options, also of one that was recorded with more. */
static void test_args_within_bounds(void **state)
{
	struct identity_opts opts = { .proc_max = 4,
				      .cgroup_max = 4,
				      .bytes_max = 4096,
				      .args_max = 5 };
	struct identity *id = identity__new(&opts);
	struct pvm_task task;
	struct task_info t;

	(void)state;
	task_of(&task);
	assert_int_equal(put_args(id, &task, NAMES("./dumper"), 9), 0);
	identity__fill(id, &task, true, &t);
	assert_int_equal(t.args_len, 5);
	assert_memory_equal(t.args, "./dum", 5);
	assert_true(t.args_cut);
	identity__free(id);
	opts.args_max = 0;
	id = identity__new(&opts);
	assert_int_equal(put_args(id, &task, NAMES("./dumper"), 9), 0);
	identity__fill(id, &task, true, &t);
	assert_null(t.args);
	identity__free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),	    cmocka_unit_test(test_exe_match),
		cmocka_unit_test(test_args),	    cmocka_unit_test(test_args_within_bounds),
		cmocka_unit_test(test_cgroups),	    cmocka_unit_test(test_stamps),
		cmocka_unit_test(test_evict_count), cmocka_unit_test(test_evict_bytes),
		cmocka_unit_test(test_too_big),	    cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_mutations),   cmocka_unit_test(test_entity_id),
		cmocka_unit_test(test_gaps),	    cmocka_unit_test(test_container_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
