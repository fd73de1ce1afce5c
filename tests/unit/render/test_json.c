/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rendering.h"

/* What is told of a target that is not resolved, behind what the call named. */
#define NOBODY                                                                                          \
	"\"confirmed\":null,\"dumpable\":null,\"user_ns_owner\":null,\"pid\":null,\"tid\":null,"        \
	"\"ppid\":null,\"pid_ns\":null,\"comm\":null,\"pcomm\":null,\"uid\":null,\"gid\":null,"         \
	"\"euid\":null,\"egid\":null,\"suid\":null,\"sgid\":null,\"loginuid\":null,\"sessionid\":null," \
	"\"caps_effective\":null,\"start\":null,\"entity_id\":null,\"exe\":null,\"exe_dev\":null,"      \
	"\"exe_ino\":null,\"exe_deleted\":null,\"exe_subvol\":null,\"exe_gen\":null,\"exe_size\":null," \
	"\"exe_ctime\":null,\"cgroup\":null,\"cgroup_id\":null,\"container_id\":null,"                  \
	"\"containers\":null,\"ns\":null,\"memory_of\":null,\"parent\":null,\"args\":null,"             \
	"\"args_cut\":null},"

#define JSON_STR(s) s, sizeof(s) - 1

static void test_golden_plain(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	json_decref(rendering__line(&s->r, &rendering_defaults));
	rendering__expect(HEAD(
		"process_vm_access") "\"id\":\"5f0c2b7e9d3a4c61-1093-165a0bc00\","
				     "\"phase\":\"complete\",\"op\":\"read\",\"syscall\":\"process_vm_readv\","
				     "\"abi\":\"x86_64\",\"audit\":false,\"outcome\":\"success\",\"ret\":4096,\"error\":null,"
				     "\"duration_ns\":1830,\"bytes_requested\":4096,\"bytes_transferred\":4096,"
				     "\"partial\":false,\"flags\":\"0x0\",\"flag_names\":[],"
				     "\"target\":{\"arg\":991,\"kind\":\"pid\",\"resolved\":true,\"resolved_at\":\"entry\",\"moved\":false,"
				     "\"confirmed\":null,\"dumpable\":true,\"user_ns_owner\":65534,\"pid\":991,\"tid\":991,"
				     "\"ppid\":1,\"pid_ns\":991,\"comm\":\"httpd\",\"pcomm\":\"systemd\",\"uid\":33,\"gid\":33,"
				     "\"euid\":33,\"egid\":33,\"suid\":33,\"sgid\":33,\"loginuid\":null,\"sessionid\":null,"
				     "\"caps_effective\":\"0x0\",\"start\":\"2026-11-21T19:28:08.123456789Z\","
				     "\"entity_id\":\"5f0c2b7e-3df-b2d05e00\",\"exe\":\"/usr/sbin/httpd\",\"exe_dev\":\"08:01\","
				     "\"exe_ino\":77,\"exe_deleted\":false,\"exe_subvol\":null,\"exe_gen\":null,\"exe_size\":null,"
				     "\"exe_ctime\":null,\"cgroup\":\"/docker/" ID64
				     "\",\"cgroup_id\":99,"
				     "\"container_id\":\"" ID64 "\",\"containers\":[\"" ID64 "\"],"
				     "\"ns\":{\"pid\":4026531836,\"mnt\":4026531841,\"user\":4026531837},\"memory_of\":null,"
				     "\"parent\":null,\"args\":null,\"args_cut\":null},"
				     "\"caller\":{\"pid\":4242,\"tid\":4243,\"ppid\":4100,\"pid_ns\":7,\"comm\":\"dumper\",\"pcomm\":\"bash\","
				     "\"uid\":1000,\"gid\":1001,\"euid\":0,\"egid\":1001,\"suid\":0,\"sgid\":1002,\"loginuid\":1000,"
				     "\"sessionid\":3,\"caps_effective\":\"0x1ffffffffff\",\"cap_sys_ptrace\":true,"
				     "\"start\":\"2026-11-21T19:28:10.123456789Z\",\"entity_id\":\"5f0c2b7e-1092-12a05f200\","
				     "\"exe\":\"/opt/dumper\",\"exe_dev\":\"fe:00\",\"exe_ino\":1234,\"exe_deleted\":false,"
				     "\"exe_subvol\":null,\"exe_gen\":null,\"exe_size\":null,\"exe_ctime\":null,"
				     "\"cgroup\":\"/user.slice\",\"cgroup_id\":8123,\"container_id\":null,\"containers\":[],"
				     "\"ns\":{\"pid\":4026531836,\"mnt\":4026531841,\"user\":4026531837},\"session_leader\":null,"
				     "\"tty\":null,\"ancestors\":null,\"ancestors_cut\":null,\"traced_by\":null,"
				     "\"args\":[\"./dumper\",\"-p\",\"991\"],\"args_cut\":false},"
				     "\"relation\":{\"kinship\":\"none\",\"same_uid\":false,\"same_user\":false,\"same_container\":false,"
				     "\"same_pid_ns\":true,\"same_mnt_ns\":true,\"same_memory\":false},"
				     "\"access\":{\"by\":\"cap_sys_ptrace\",\"denied_by\":null,\"inferred\":true,\"cap_sys_ptrace\":true,"
				     "\"caps_covered\":true,\"traces_target\":false,\"yama_scope\":1},\"rule\":null,"
				     "\"local\":{\"addr\":\"0x7ffd12340000\",\"count\":1,\"captured\":1,\"unread\":[],"
				     "\"status\":\"ok\",\"origin\":\"user\",\"toctou\":true,\"changed\":false,"
				     "\"total_len\":4096,\"iov\":[{\"base\":\"0x7ffd12345000\",\"len\":4096}],"
				     "\"iov_exit\":null},"
				     "\"remote\":{\"addr\":\"0x7ffd12340010\",\"count\":1,\"captured\":1,\"unread\":[],"
				     "\"status\":\"ok\",\"origin\":\"user\",\"toctou\":true,\"changed\":false,"
				     "\"total_len\":4096,\"iov\":[{\"base\":\"0x55d0c0de0000\",\"len\":4096}],"
				     "\"iov_exit\":null,\"confirmed\":null,\"pinned\":null,"
				     "\"regions\":null,\"regions_exit\":null,\"regions_confirmed\":null},"
				     "\"truncated\":[]," HOST_JSON);
	free(s);
}

static void expect_has(const struct record *r, const char *part)
{
	json_decref(rendering__line(r, &rendering_defaults));
	if (!memmem(rendering.buf, rendering.len, part, strlen(part)))
		fail_msg("'%s' is not in %.*s", part, (int)rendering.len, rendering.buf);
}

static void test_memory_of(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	sample__borrow(s);
	expect_has(&s->r,
		   "\"memory_of\":{\"pid\":99,\"comm\":\"victim\",\"exe\":\"/usr/bin/victim\","
		   "\"entity_id\":\"5f0c2b7e-63-b2d05e00\"},\"parent\":null,");
	memcpy(s->owner.comm, "\xff", 2);
	s->r.call.owner.exe = NULL;
	expect_has(&s->r,
		   "\"comm\":\"\xef\xbf\xbd\",\"comm_hex\":\"ff\",\"exe\":null,\"entity_id\"");
	sample__summarise(s);
	expect_has(&s->r, "\"memory_of\":{\"pid\":99,");
	free(s);
}

/* Only of two looks that both found a process it can be said whether it was the same. */
static void test_moved(void **state)
{
	static const struct {
		uint16_t flags;
		const char *says;
	} cases[] = {
		{ 0, "\"moved\":false" },
		{ PVM_CALL_TARGET_MOVED, "\"moved\":true" },
		{ PVM_CALL_TARGET_GONE, "\"moved\":null" },
		{ PVM_CALL_TARGET_UNSURE, "\"moved\":null" },
		{ PVM_CALL_TARGET_EXECED, "\"moved\":null" },
	};
	struct sample *s = sample__new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		s->f.call.flags = cases[i].flags;
		json_decref(rendering__line(&s->r, &rendering_defaults));
		assert_non_null(
			memmem(rendering.buf, rendering.len, cases[i].says, strlen(cases[i].says)));
	}
	free(s);
}

/* Where it is known which file it is, the call's own numbers give way; a device that it shares with others is none. */
static void test_file(void **state)
{
	const struct pvm_file_id file = {
		.ino = 257,
		.dev = 41,
		.subvol = 256,
		.gen = 9,
		.size = 1ULL << 60,
		.ctime_ns = START_NS,
	};
	static const char known[] =
		"\"exe_dev\":\"00:29\",\"exe_ino\":257,\"exe_deleted\":false,\"exe_subvol\":256,"
		"\"exe_gen\":9,\"exe_size\":null,\"exe_ctime\":\"2026-11-21T19:28:11.123456789Z\"";
	static const char vague[] = "\"exe_dev\":null,\"exe_ino\":257,";
	struct sample *s = sample__new();

	(void)state;
	s->r.call.caller.file = &file;
	json_decref(rendering__line(&s->r, &rendering_defaults));
	assert_non_null(memmem(rendering.buf, rendering.len, known, strlen(known)));
	s->r.call.caller.file_vague = true;
	s->r.call.caller.stamp[0]++;
	json_decref(rendering__line(&s->r, &rendering_defaults));
	assert_non_null(memmem(rendering.buf, rendering.len, vague, strlen(vague)));
	free(s);
}

static void test_summary(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	memset(&s->r.call.target, 0, sizeof(s->r.call.target));
	sample__summarise(s);
	json_decref(rendering__line(&s->r, &rendering_defaults));
	rendering__expect(
		HEAD("process_vm_summary") OWN_ID
		"\"reason\":\"overflow\","
		"\"target\":{\"arg\":991,\"kind\":\"pid\",\"resolved\":false,\"resolved_at\":null,\"moved\":null," NOBODY
		"\"caller\":{\"pid\":4242,\"tid\":4243,\"ppid\":4100,\"pid_ns\":7,\"comm\":\"dumper\",\"pcomm\":\"bash\","
		"\"uid\":1000,\"gid\":1001,\"euid\":0,\"egid\":1001,\"suid\":0,\"sgid\":1002,\"loginuid\":1000,"
		"\"sessionid\":3,\"caps_effective\":\"0x1ffffffffff\",\"cap_sys_ptrace\":true,"
		"\"start\":\"2026-11-21T19:28:10.123456789Z\",\"entity_id\":\"5f0c2b7e-1092-12a05f200\","
		"\"exe\":\"/opt/dumper\",\"exe_dev\":\"fe:00\",\"exe_ino\":1234,\"exe_deleted\":false,"
		"\"exe_subvol\":null,\"exe_gen\":null,\"exe_size\":null,\"exe_ctime\":null,"
		"\"cgroup\":\"/user.slice\",\"cgroup_id\":8123,\"container_id\":null,\"containers\":[],"
		"\"ns\":{\"pid\":4026531836,\"mnt\":4026531841,\"user\":4026531837},\"session_leader\":null,"
		"\"tty\":null,\"ancestors\":null,\"ancestors_cut\":null,\"traced_by\":null,"
		"\"args\":[\"./dumper\",\"-p\",\"991\"],\"args_cut\":false},"
		"\"relation\":{\"kinship\":null,\"same_uid\":false,\"same_user\":false,\"same_container\":false,"
		"\"same_pid_ns\":true,\"same_mnt_ns\":true,\"same_memory\":false},\"rule\":null,"
		"\"op\":\"read\",\"outcome\":\"success\",\"calls\":7,"
		"\"bytes_transferred\":28672,"
		"\"first\":\"2026-11-21T19:28:09.623456789Z\","
		"\"last\":\"2026-11-21T19:28:11.123456789Z\",\"duration_ns\":12810,"
		"\"errors\":{\"EPERM\":2,\"EFAULT\":5},\"abis\":[{\"abi\":\"x86_64\",\"calls\":7}],"
		"\"changed\":true,\"low\":\"0x0000000000001000\","
		"\"high\":\"0x00007fffffffefff\","
		"\"truncated\":[]," HOST_JSON);
	s->r.summary.error_cnt = 0;
	s->r.summary.changed = UNKNOWN;
	s->r.summary.range_known = false;
	s->f.call.op = PVM_WRITE;
	s->r.call.outcome = PVM_UNKNOWN;
	s->r.summary.sums_known = false;
	json_decref(rendering__line(&s->r, &rendering_defaults));
	assert_non_null(memmem(
		rendering.buf, rendering.len,
		JSON_STR(
			"\"op\":\"write\",\"outcome\":\"unknown\",\"calls\":7,\"bytes_transferred\":null")));
	assert_non_null(memmem(
		rendering.buf, rendering.len,
		JSON_STR(
			"\"duration_ns\":null,\"errors\":{},"
			"\"abis\":[{\"abi\":\"x86_64\",\"calls\":7}],\"changed\":null,\"low\":null,"
			"\"high\":null,\"truncated\"")));
	free(s);
}

static void hostile_tasks(struct sample *s)
{
	static const char args[] = "\xff\"\\\n\0\0plain\0\xc3\xa4";
	struct task_info *t = &s->r.call.caller;

	memcpy(s->f.call.caller.comm, "\x01\"\\\x7f\xffx\xed\xa0\x80\xf4\x90\x80\x80yz", 16);
	memcpy(s->f.call.caller.pcomm, "\xf0\x9f\x90\xa7\xc0\xaf", 7);
	s->f.call.caller.flags = PVM_TASK_EXE | PVM_TASK_EXE_DELETED;
	s->f.call.caller.exe_ino = 1ULL << 60;
	s->f.call.caller.exe_dev = 0xfff00001;
	s->f.call.caller.pid_ns = 0;
	s->f.call.caller.ns_mnt = 0;
	s->f.call.caller.hier = 0;
	t->exe_len = (size_t)sprintf(s->exe[0], "/memfd:\x80\t");
	memcpy(s->args, args, sizeof(args));
	t->args_len = sizeof(args) - 1;
	t->args_cut = true;
	t->cgroup = NULL;
	t->cgroup_len = 0;
	memset(&s->f.call.target, 0, sizeof(s->f.call.target));
	memset(&s->r.call.target, 0, sizeof(s->r.call.target));
	s->f.call.resolved = PVM_UNRESOLVED;
}

static void hostile_arrays(struct sample *s)
{
	struct call_info *c = &s->r.call;

	c->local = (struct list_info){ .addr = UINT64_MAX,
				       .count = UINT64_MAX,
				       .status = LIST_INVALID,
				       .changed = UNKNOWN,
				       .iov = s->iov[0] };
	c->remote.count = 3;
	c->remote.status = LIST_PARTIAL;
	c->remote.changed = YES;
	c->remote.captured = 1;
	c->remote.iov_exit = s->iov[3];
	c->remote.exit_cnt = 2;
	c->remote.gap_cnt = 2;
	c->remote.gaps[0] = (struct iov_gap){ 0, 1 };
	c->remote.gaps[1] = (struct iov_gap){ 2, 1 };
	c->remote.total_len = UINT64_MAX;
	s->iov[1][0] = (struct iov_elem){ UINT64_MAX, UINT64_MAX };
}

static void hostile_call(struct sample *s)
{
	struct call_info *c = &s->r.call;

	s->f.call.op = PVM_WRITE;
	s->f.call.kind = PVM_KIND_PIDFD;
	s->f.call.abi = PVM_ABI_I386;
	c->outcome = PVM_FAILED;
	c->ret = -1;
	c->error = "EPERM";
	c->requested_known = false;
	c->transferred = 0;
	c->partial = UNKNOWN;
	c->flags = 0xff;
	c->target_arg = -2147483647 - 1;
	rendering__set_relation(s, UNKNOWN);
}

static void test_golden_hostile(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	hostile_tasks(s);
	hostile_arrays(s);
	hostile_call(s);
	json_decref(rendering__line(&s->r, &rendering_defaults));
	rendering__expect(HEAD(
		"process_vm_access") "\"id\":\"5f0c2b7e9d3a4c61-1093-165a0bc00\","
				     "\"phase\":\"complete\",\"op\":\"write\",\"syscall\":\"process_vm_writev\","
				     "\"abi\":\"i386\",\"audit\":false,\"outcome\":\"failure\",\"ret\":-1,\"error\":\"EPERM\","
				     "\"duration_ns\":1830,\"bytes_requested\":null,\"bytes_transferred\":0,"
				     "\"partial\":null,\"flags\":\"0xff\","
				     "\"flag_names\":[\"PROCESS_VM_PIDFD\",\"PROCESS_VM_NOWAIT\",\"0xfc\"],"
				     "\"target\":{\"arg\":-2147483648,\"kind\":\"pidfd\",\"resolved\":false,\"resolved_at\":null,\"moved\":null," NOBODY
				     "\"caller\":{\"pid\":4242,\"tid\":4243,\"ppid\":4100,\"pid_ns\":null,"
				     "\"comm\":\"\\u0001\\\"\\\\\\u007f\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdyz\","
				     "\"comm_hex\":\"01225c7fff78eda080f4908080797a\","
				     "\"pcomm\":\"\xf0\x9f\x90\xa7\xef\xbf\xbd\xef\xbf\xbd\",\"pcomm_hex\":\"f09f90a7c0af\","
				     "\"uid\":null,\"gid\":null,\"euid\":null,\"egid\":null,\"suid\":null,\"sgid\":null,"
				     "\"loginuid\":1000,\"sessionid\":3,\"caps_effective\":null,\"cap_sys_ptrace\":null,"
				     "\"start\":\"2026-11-21T19:28:10.123456789Z\",\"entity_id\":\"5f0c2b7e-1092-12a05f200\","
				     "\"exe\":\"/memfd:\xef\xbf\xbd\\u0009\",\"exe_hex\":\"2f6d656d66643a8009\","
				     "\"exe_dev\":\"fff:01\",\"exe_ino\":null,\"exe_deleted\":true,\"exe_subvol\":null,"
				     "\"exe_gen\":null,\"exe_size\":null,\"exe_ctime\":null,\"cgroup\":null,\"cgroup_id\":null,"
				     "\"container_id\":null,\"containers\":null,"
				     "\"ns\":{\"pid\":4026531836,\"mnt\":null,\"user\":4026531837},\"session_leader\":null,"
				     "\"tty\":null,\"ancestors\":null,\"ancestors_cut\":null,\"traced_by\":null,"
				     "\"args\":[\"\xef\xbf\xbd\\\"\\\\\\u000a\",\"\",\"plain\",\"\xc3\xa4\"],"
				     "\"args_hex\":[\"ff225c0a\",\"\",\"706c61696e\",\"c3a4\"],\"args_cut\":true},"
				     "\"relation\":{\"kinship\":null,\"same_uid\":null,\"same_user\":null,\"same_container\":null,"
				     "\"same_pid_ns\":null,\"same_mnt_ns\":null,\"same_memory\":null},"
				     "\"access\":{\"by\":null,\"denied_by\":null,\"inferred\":null,\"cap_sys_ptrace\":null,"
				     "\"caps_covered\":null,\"traces_target\":null,\"yama_scope\":null},\"rule\":null,"
				     "\"local\":{\"addr\":\"0xffffffffffffffff\",\"count\":9007199254740991,"
				     "\"captured\":0,\"unread\":[],\"status\":\"invalid\",\"origin\":null,"
				     "\"toctou\":null,\"changed\":null,\"total_len\":0,\"iov\":[],\"iov_exit\":null},"
				     "\"remote\":{\"addr\":\"0x7ffd12340010\",\"count\":3,\"captured\":1,"
				     "\"unread\":[[0,1],[2,1]],\"status\":\"partial\",\"origin\":\"user\","
				     "\"toctou\":true,\"changed\":true,\"total_len\":9007199254740991,"
				     "\"iov\":[{\"base\":\"0xffffffffffffffff\",\"len\":9007199254740991}],"
				     "\"iov_exit\":[{\"base\":\"0x0\",\"len\":0},{\"base\":\"0x0\",\"len\":0}],\"confirmed\":null,\"pinned\":null,"
				     "\"regions\":null,\"regions_exit\":null,\"regions_confirmed\":null},"
				     "\"truncated\":[]," HOST_JSON);
	free(s);
}

static void test_confirmed(void **state)
{
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	s->pins = (struct pvm_pins){ .first = 0x55d0c0de0000, .last = 0x55d0c0de1000, .pages = 2 };
	s->f.call.flags = PVM_CALL_TARGET_CONFIRMED | PVM_CALL_PINS;
	s->r.call.pins = &s->pins;
	s->r.call.confirmed = YES;
	line = rendering__line(&s->r, &rendering_defaults);
	assert_true(json_is_true(line__at(line, "target", "confirmed")));
	assert_string_equal(json_string_value(line__at(line, "remote", "confirmed")), "pages");
	line__keys(line__at(line, "remote", "pinned"), "first last pages");
	assert_null(line__at(line, "local", "confirmed"));
	json_decref(line);

	/* The kernel held other pages than the list says: there is no second list to show. */
	s->r.call.confirmed = NO;
	s->r.call.remote.changed = YES;
	line = rendering__line(&s->r, &rendering_defaults);
	assert_true(json_is_null(line__at(line, "remote", "confirmed")));
	assert_true(json_is_true(line__at(line, "remote", "changed")));
	assert_true(json_is_null(line__at(line, "remote", "iov_exit")));
	assert_non_null(strstr(rendering.buf, "\"pinned\":{\"first\":\"0x55d0c0de0000\","
					      "\"last\":\"0x55d0c0de1000\",\"pages\":2}"));
	json_decref(line);

	s->pins.pages = 0;
	line = rendering__line(&s->r, &rendering_defaults);
	assert_true(json_is_null(line__at(line, "remote", "pinned")));
	json_decref(line);
	free(s);
}

static void test_limit(void **state)
{
	struct sample *s = sample__new();
	struct render_opts o = { .iov_limit = 2, .max_line = 8000 };
	json_t *line;

	(void)state;
	s->r.call.local.captured = 3;
	s->r.call.remote.captured = 2;
	line = rendering__line(&s->r, &o);
	assert_int_equal(json_array_size(line__at(line, "local", "iov")), 2);
	assert_int_equal(json_array_size(line__at(line, "remote", "iov")), 2);
	assert_true(line__cuts(line, "local.iov"));
	assert_int_equal(json_array_size(json_object_get(line, "truncated")), 1);
	json_decref(line);
	free(s);
}

/* Of an executable's path its end is kept, of a cgroup's its beginning and its end. */
static void test_paths_in_part(void **state)
{
	struct sample *s = sample__new();
	const char *exe, *cgroup;
	json_t *line;

	(void)state;
	memset(s->exe[0], '\x01', 4000);
	memcpy(s->exe[0] + 4000, "/sshd", 6);
	s->r.call.caller.exe_len = 4005;
	memset(s->cgroup[0], '\x02', 4000);
	memcpy(s->cgroup[0], "/system.slice/", 14);
	memcpy(s->cgroup[0] + 4000, "/leaf", 6);
	s->r.call.caller.cgroup_len = 4005;
	line = rendering__line(&s->r, &rendering_defaults);
	exe = json_string_value(line__at(line, "caller", "exe"));
	cgroup = json_string_value(line__at(line, "caller", "cgroup"));
	assert_true(text__is_shortened(s->exe[0], 4005, exe, CUT_MARK));
	assert_true(!strncmp(exe, CUT_MARK "\x01", 6) && strstr(exe, "\x01/sshd"));
	assert_true(text__is_shortened(s->cgroup[0], 4005, cgroup, CUT_MARK));
	assert_true(!strncmp(cgroup, "/system.slice/\x02", 15) && strstr(cgroup, "\x02/leaf"));
	assert_true(line__cuts(line, "caller.exe") && line__cuts(line, "caller.cgroup"));
	assert_false(line__cuts(line, "remote.iov") || line__cuts(line, "target.exe"));
	/* What is left is used. */
	assert_true(rendering.len > rendering_defaults.max_line - 20);
	json_decref(line);
	free(s);
}

/* There are 1,000 arguments that take six bytes for one, and a list whose last element tells what was read. */
static void test_arguments_crowd_nobody_out(void **state)
{
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	for (size_t i = 0; i < 4096; i++)
		s->args[i] = i % 4 ? '\x01' : '\0';
	s->r.call.caller.args_len = 4096;
	s->r.call.remote.captured = s->r.call.remote.count = 32;
	for (uint32_t i = 0; i < 32; i++)
		s->iov[1][i] = (struct iov_elem){ 0x7ffd12345000 + i, i == 31 };
	line = rendering__line(&s->r, &rendering_defaults);
	assert_int_equal(json_array_size(line__at(line, "remote", "iov")), 32);
	assert_int_equal(json_array_size(json_object_get(line, "truncated")), 1);
	assert_true(line__cuts(line, "caller.args"));
	assert_true(json_array_size(line__at(line, "caller", "args")) > 20);
	json_decref(line);
	free(s);
}

/* A rendered task is used again only for the same one. */
static void test_cache(void **state)
{
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		s->r.call.caller.stamp[0] = s->r.call.caller.stamp[1] = 1000000 + i / 2;
		s->exe[0][5] = (char)('a' + i / 2);
		line = rendering__line(&s->r, &rendering_defaults);
		assert_string_equal(json_string_value(line__at(line, "caller", "exe")), s->exe[0]);
		json_decref(line);
	}
	s->f.call.caller.euid = 77;
	line = rendering__line(&s->r, &rendering_defaults);
	assert_int_equal(json_integer_value(line__at(line, "caller", "euid")), 77);
	json_decref(line);
	s->r.call.caller.stamp[0] = 0; /* nobody vouches for it */
	s->exe[0][5] = 'z';
	line = rendering__line(&s->r, &rendering_defaults);
	assert_string_equal(json_string_value(line__at(line, "caller", "exe")), s->exe[0]);
	json_decref(line);
	free(s);
}

#define BREAKOUT "\",\"x\":{},\n\\"

/* Puts the names of an object and of all in it, one after the other. */
static void put_keys(const json_t *object, char *to, size_t size)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)object, key, v) {
		snprintf(to + strlen(to), size - strlen(to), "%s ", key);
		put_keys(v, to, size);
	}
}

static void break_out(struct sample *s, struct host *host)
{
	*host = fixture_host;
	s->r.host = host;
	strcpy(host->name, BREAKOUT);
	strcpy(host->machine_id, BREAKOUT);
	strcpy(host->boot_id, BREAKOUT);
	strcpy(s->r.call.id, BREAKOUT);
	strcpy(s->r.call.caller.entity_id, BREAKOUT);
	strcpy(s->r.call.target.entity_id, BREAKOUT);
	s->r.call.error = BREAKOUT;
	s->r.call.outcome = PVM_FAILED;
}

/* Whatever a string holds, and whoever should have checked it: it is one string. */
static void test_no_string_makes_keys(void **state)
{
	static const enum record_format formats[] = { FORMAT_JSON, FORMAT_ECS, FORMAT_OCSF };
	struct sample *s = sample__new();
	char keys[2][4096];
	struct host host;
	json_t *line;

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct sample *bad = sample__new();

		s->r.call.error = "EPERM";
		s->r.call.outcome = PVM_FAILED;
		break_out(bad, &host);
		memset(keys, 0, sizeof(keys));
		line = rendering__line_in(formats[i], &s->r, &rendering_defaults);
		put_keys(line, keys[0], sizeof(keys[0]));
		json_decref(line);
		line = rendering__line_in(formats[i], &bad->r, &rendering_defaults);
		put_keys(line, keys[1], sizeof(keys[1]));
		json_decref(line);
		assert_string_equal(keys[0], keys[1]);
		free(bad);
	}
	free(s);
}

static void test_table(void **state)
{
	(void)state;
	assert_string_equal(format_names[FORMAT_JSON], "json");
	assert_string_equal(format_names[FORMAT_ECS], "ecs");
	assert_string_equal(format_names[FORMAT_OCSF], "ocsf");
	assert_string_equal(format_names[FORMAT_TEXT], "text");
	assert_null(format_names[FORMAT_TEXT + 1]);
}

/* What was rendered before, by it or by another one, changes nothing in what a renderer writes. */
static void test_instances(void **state)
{
	struct sample *s[] = { sample__new(), sample__long() };
	struct json used = {}, fresh = {};

	(void)state;
	s[1]->r.real_ns += 61000000000;
	s[1]->r.call.caller.stamp[0] = s[1]->r.call.caller.stamp[1] = 7;
	for (enum record_format f = FORMAT_JSON; f <= FORMAT_TEXT; f++) {
		struct renderer *r = renderer__new(f);

		for (unsigned int i = 0; i < 32; i++) {
			const struct render_opts o = { .iov_limit = 32,
						       .max_line = i & 4 ? 1024 : 8000 };
			struct renderer *new = renderer__new(f);
			const struct record *rec = &s[i & 1]->r;

			assert_non_null(new);
			s[0]->r.told_ns += 700000000;
			assert_int_equal(renderer__render(r, rec, &o, &used), 0);
			assert_int_equal(renderer__render(new, rec, &o, &fresh), 0);
			assert_int_equal(used.len, fresh.len);
			assert_memory_equal(used.buf, fresh.buf, used.len);
			renderer__free(new);
		}
		renderer__free(r);
	}
	json__free(&used);
	json__free(&fresh);
	free(s[0]);
	free(s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_plain),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_golden_hostile),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_confirmed),
		cmocka_unit_test(test_paths_in_part),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_arguments_crowd_nobody_out),
		cmocka_unit_test(test_memory_of),
		cmocka_unit_test(test_moved),
		cmocka_unit_test(test_no_string_makes_keys),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
