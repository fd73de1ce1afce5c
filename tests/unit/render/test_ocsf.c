/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cuts.h"
#include "own_record.h"

static struct cuts_format ocsf = {
	.format = FORMAT_OCSF,
	.rest = "unmapped",
	.args = "actor.process.cmd_line",
	.prefix_of = "actor.process.cmd_line",
};

static void test_call(void **state)
{
	struct sample *s = sample__new();
	json_t *line = rendering__line_in(FORMAT_OCSF, &s->r, &rendering_defaults);

	(void)state;
	line__keys(line, "time category_uid class_uid activity_id type_uid severity_id status_id "
			 "status status_code metadata device process actor base_address size "
			 "unmapped");
	expect_number(line, "time", 1795289291123);
	expect_number(line, "class_uid", 1004);
	expect_number(line, "activity_id", 7);
	expect_number(line, "type_uid", 100407);
	expect_number(line, "status_id", 1);
	expect_text(line, "metadata.original_time", "2026-11-21T19:28:11.123456789Z");
	expect_number(line, "metadata.logged_time", TOLD_NS / 1000000);
	expect_number(line, "metadata.sequence", 12);
	expect_text(line, "metadata.uid", s->r.call.id);
	expect_text(line, "metadata.event_code", "process_vm_readv");
	line__keys(cuts__at(line, "actor.process"), "pid uid name ptid namespace_pid created_time "
						    "user session file parent_process cmd_line");
	expect_number(line, "actor.process.pid", 4242);
	expect_text(line, "actor.process.cmd_line", "./dumper -p 991");
	expect_text(line, "actor.process.file.name", "dumper");
	expect_text(line, "actor.process.file.path", "/opt/dumper");
	expect_text(line, "actor.user.uid", "1000");
	expect_number(line, "process.pid", 991);
	expect_text(line, "process.container.uid", ID64);
	expect_text(line, "base_address", "0x55d0c0de0000");
	expect_number(line, "size", 4096);
	line__keys(
		json_object_get(line, "unmapped"),
		"run phase abi audit ret duration_ns bytes_requested bytes_transferred partial flags "
		"flag_names target caller relation access local remote truncated");
	expect_number(line, "unmapped.duration_ns", 1830);
	expect_number(line, "unmapped.caller.euid", 0);
	expect_text(line, "unmapped.caller.start", "2026-11-21T19:28:10.123456789Z");
	assert_int_equal(json_array_size(cuts__at(line, "unmapped.caller.args")), 3);
	json_decref(line);
	free(s);
}

static void test_failure(void **state)
{
	struct sample *s = sample__new();
	struct call_info *c = &s->r.call;
	json_t *line;

	(void)state;
	s->f.call.op = PVM_WRITE;
	memset(&c->target, 0, sizeof(c->target));
	c->target_arg = -2147483647 - 1;
	c->outcome = PVM_FAILED;
	c->ret = -1;
	c->error = "EPERM";
	c->requested_known = false;
	line = rendering__line_in(FORMAT_OCSF, &s->r, &rendering_defaults);
	expect_number(line, "activity_id", 8);
	expect_number(line, "type_uid", 100408);
	expect_number(line, "status_id", 2);
	expect_text(line, "status_code", "EPERM");
	line__keys(json_object_get(line, "process"), "uid");
	expect_text(line, "process.uid", "unresolved:pid:-2147483648");
	assert_null(cuts__at(line, "size"));
	json_decref(line);
	free(s);
}

/* It is the first element that has bytes in it, wherever it stands and whatever is cut. */
static void test_base_address(void **state)
{
	struct render_opts o = { .iov_limit = 1, .max_line = 1024 };
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	s->r.call.remote.captured = 4;
	memset(s->iov[1], 0, sizeof(s->iov[1]));
	line = rendering__line_in(FORMAT_OCSF, &s->r, &o);
	assert_null(cuts__at(line, "base_address"));
	json_decref(line);
	s->iov[1][3] = (struct iov_elem){ 0xabc, 1 };
	line = rendering__line_in(FORMAT_OCSF, &s->r, &o);
	expect_text(line, "base_address", "0xabc");
	json_decref(line);
	free(s);
}

/* It is one string of many: what of it is replaced or escaped does not end it. */
static void test_cmd_line(void **state)
{
	static const char args[] = "a\0\0\xff\"\\\n\0b";
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	memcpy(s->args, args, sizeof(args));
	s->r.call.caller.args_len = sizeof(args);
	line = rendering__line_in(FORMAT_OCSF, &s->r, &rendering_defaults);
	expect_text(line, "actor.process.cmd_line", "a  \xef\xbf\xbd\"\\\n b");
	assert_int_equal(json_array_size(cuts__at(line, "unmapped.caller.args_hex")), 4);
	json_decref(line);
	free(s);
}

/* Calls told together are one event with a count, from the first to the last. */
static void test_summary(void **state)
{
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	sample__summarise(s);
	line = rendering__line_in(FORMAT_OCSF, &s->r, &rendering_defaults);
	line__keys(line,
		   "time category_uid class_uid activity_id type_uid severity_id status_id status "
		   "status_code count start_time end_time metadata device process actor unmapped");
	expect_number(line, "class_uid", 1004);
	expect_number(line, "count", 7);
	expect_number(line, "end_time", (json_int_t)(START_NS / 1000000));
	expect_number(line, "start_time", (json_int_t)(START_NS / 1000000) - 1500);
	expect_text(line, "metadata.uid", FIXTURE_RUN_ID "-s12");
	expect_text(line, "metadata.event_code", "process_vm_readv");
	line__keys(cuts__at(line, "unmapped"),
		   "run reason calls bytes_transferred duration_ns first last "
		   "target caller relation errors abis changed low high truncated");
	expect_number(line, "unmapped.errors.EPERM", 2);
	expect_text(line, "unmapped.high", "0x00007fffffffefff");
	json_decref(line);
	s->r.summary.sums_known = false;
	s->r.summary.error_cnt = 0;
	s->r.summary.changed = UNKNOWN;
	s->r.summary.range_known = false;
	s->r.call.outcome = PVM_UNKNOWN;
	memset(&s->r.call.target, 0, sizeof(s->r.call.target));
	line = rendering__line_in(FORMAT_OCSF, &s->r, &rendering_defaults);
	expect_text(line, "status", "Unknown");
	expect_text(line, "process.uid", "unresolved:pid:991");
	line__keys(cuts__at(line, "unmapped"),
		   "run reason calls first last target caller abis truncated");
	json_decref(line);
	free(s);
}

static void test_own(void **state)
{
	static const char *const names[] = { "start", "reopen", "stats", "lost", "error", "stop" };
	struct host nameless = fixture_host;
	struct own_records own;
	json_t *line;

	(void)state;
	own_records__fill(&own);
	for (size_t i = 0; i < OWN_RECORDS; i++) {
		line = rendering__line_in(FORMAT_OCSF, &own.r[i], &rendering_defaults);
		expect_number(line, "class_uid", 0);
		expect_number(line, "type_uid", 99);
		expect_text(line, "activity_name", names[i]);
		expect_text(line, "metadata.uid", FIXTURE_RUN_ID "-s12");
		expect_number(line, "metadata.logged_time", TOLD_NS / 1000000);
		expect_text(line, "unmapped.run", FIXTURE_RUN_ID);
		expect_number(line, "status_id", i < 3 ? 1 : 2);
		json_decref(line);
	}
	/* What is not known is not there, and does not have a name that says so. */
	nameless.machine_id[0] = '\0';
	own.r[4].host = &nameless;
	line = rendering__line_in(FORMAT_OCSF, &own.r[4], &rendering_defaults);
	assert_null(cuts__at(line, "device.uid"));
	expect_text(line, "device.instance_uid", FIXTURE_BOOT_ID);
	expect_text(line, "status_code", "hooks_silent");
	expect_text(line, "message", "say \"why\"");
	json_decref(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_base_address),
		cmocka_unit_test(test_cmd_line),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_own),
		CUTS_TESTS(&ocsf),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
