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

static struct cuts_format ecs = { .format = FORMAT_ECS,
				  .rest = "pvmtrace",
				  .args = "process.args" };

static void expect_list(const json_t *line, const char *path, const char *only)
{
	const json_t *v = cuts__at(line, path);

	assert_int_equal(json_array_size(v), 1);
	assert_string_equal(json_string_value(json_array_get(v, 0)), only);
}

static void test_call(void **state)
{
	struct sample *s = sample__new();
	json_t *line = rendering__line_in(FORMAT_ECS, &s->r, &rendering_defaults);

	(void)state;
	line__keys(line, "@timestamp ecs event Target process host pvmtrace");
	expect_text(line, "@timestamp", "2026-11-21T19:28:11.123456789Z");
	line__keys(json_object_get(line, "event"),
		   "sequence created id module dataset kind category type action outcome duration "
		   "provider");
	expect_number(line, "event.sequence", 12);
	expect_number(line, "event.duration", 1830);
	expect_list(line, "event.category", "process");
	expect_list(line, "event.type", "access");
	expect_text(line, "event.action", "process_vm_readv");
	expect_text(line, "event.outcome", "success");
	expect_text(line, "event.id", s->r.call.id);
	expect_text(line, "event.created", "2026-11-21T19:28:11.623456789Z");
	expect_text(line, "pvmtrace.run", FIXTURE_RUN_ID);
	line__keys(
		json_object_get(line, "process"),
		"pid name entity_id thread vpid start user real_user saved_user group real_group "
		"saved_group executable parent args args_count");
	expect_number(line, "process.pid", 4242);
	expect_number(line, "process.thread.id", 4243);
	expect_number(line, "process.parent.pid", 4100);
	expect_number(line, "process.args_count", 3);
	expect_text(line, "process.name", "dumper");
	expect_text(line, "process.executable", "/opt/dumper");
	expect_text(line, "process.start", "2026-11-21T19:28:10.123456789Z");
	expect_text(line, "process.user.id", "0");
	expect_text(line, "process.real_user.id", "1000");
	expect_text(line, "process.group.id", "1001");
	line__keys(
		cuts__at(line, "Target.process"),
		"pid name entity_id thread vpid start user real_user saved_user group real_group "
		"saved_group executable parent");
	expect_text(line, "Target.process.executable", "/usr/sbin/httpd");
	expect_text(line, "host.boot.id", FIXTURE_BOOT_ID);
	expect_text(line, "pvmtrace.target.container_id", ID64);
	line__keys(
		json_object_get(line, "pvmtrace"),
		"run phase abi audit ret bytes_requested bytes_transferred partial flags flag_names "
		"target caller relation access local remote truncated");
	expect_text(line, "pvmtrace.remote.status", "ok");
	json_decref(line);
	free(s);
}

static void test_failure(void **state)
{
	static const struct container nested[] = { { ID64, 64 }, { "web1", 4 } };
	struct sample *s = sample__new();
	struct call_info *c = &s->r.call;
	json_t *line;

	(void)state;
	s->f.call.op = PVM_WRITE;
	s->f.call.kind = PVM_KIND_PIDFD;
	s->f.call.caller.flags = 0;
	memset(&c->target, 0, sizeof(c->target));
	memcpy(s->f.call.caller.comm, "\xff\x01\"", 4);
	c->caller.containers = nested;
	c->caller.container_cnt = 2;
	c->outcome = PVM_FAILED;
	c->ret = -3;
	c->error = "ESRCH";
	line = rendering__line_in(FORMAT_ECS, &s->r, &rendering_defaults);
	line__keys(line, "@timestamp ecs event process container error host pvmtrace");
	expect_list(line, "event.type", "change");
	expect_text(line, "event.action", "process_vm_writev");
	expect_text(line, "event.outcome", "failure");
	expect_text(line, "error.code", "ESRCH");
	expect_text(line, "container.id", ID64);
	assert_int_equal(json_array_size(cuts__at(line, "pvmtrace.caller.containers")), 2);
	expect_text(line, "process.name", "\xef\xbf\xbd\x01\"");
	expect_text(line, "pvmtrace.caller.comm_hex", "ff0122");
	assert_null(cuts__at(line, "process.user"));
	line__keys(cuts__at(line, "pvmtrace.target"), "arg kind resolved");
	expect_text(line, "pvmtrace.target.kind", "pidfd");
	json_decref(line);
	free(s);
}

/* Calls told together are one event that lasts from the first to the last. */
static void test_summary(void **state)
{
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	sample__summarise(s);
	line = rendering__line_in(FORMAT_ECS, &s->r, &rendering_defaults);
	line__keys(line, "@timestamp ecs event Target process host pvmtrace");
	line__keys(cuts__at(line, "event"),
		   "sequence created id module dataset kind category type action outcome "
		   "start end provider");
	expect_text(line, "event.id", FIXTURE_RUN_ID "-s12");
	expect_text(line, "event.dataset", "pvmtrace.calls");
	expect_text(line, "event.action", "process_vm_readv");
	expect_text(line, "event.start", "2026-11-21T19:28:09.623456789Z");
	expect_text(line, "event.end", "2026-11-21T19:28:11.123456789Z");
	expect_number(line, "Target.process.pid", 991);
	line__keys(cuts__at(line, "pvmtrace"),
		   "run reason calls bytes_transferred duration_ns first last "
		   "target caller relation errors abis changed low high truncated");
	expect_number(line, "pvmtrace.errors.EFAULT", 5);
	expect_text(line, "pvmtrace.low", "0x0000000000001000");
	expect_number(line, "pvmtrace.calls", 7);
	json_decref(line);
	s->r.summary.sums_known = false;
	s->r.summary.error_cnt = 0;
	s->r.summary.changed = UNKNOWN;
	s->r.summary.range_known = false;
	s->r.call.outcome = PVM_UNKNOWN;
	memset(&s->r.call.target, 0, sizeof(s->r.call.target));
	line = rendering__line_in(FORMAT_ECS, &s->r, &rendering_defaults);
	expect_text(line, "event.outcome", "unknown");
	line__keys(cuts__at(line, "pvmtrace"),
		   "run reason calls first last target caller abis truncated");
	line__keys(cuts__at(line, "pvmtrace.target"), "arg kind resolved");
	assert_null(json_object_get(line, "Target"));
	json_decref(line);
	free(s);
}

static void test_own(void **state)
{
	static const char *const actions[] = { "start", "reopen", "stats", "lost", "error", "stop" };
	struct own_records own;
	json_t *line;

	(void)state;
	own_records__fill(&own);
	for (size_t i = 0; i < OWN_RECORDS; i++) {
		line = rendering__line_in(FORMAT_ECS, &own.r[i], &rendering_defaults);
		expect_text(line, "event.action", actions[i]);
		expect_text(line, "event.kind", own.r[i].type == REC_STATS ? "metric" : "event");
		expect_list(line, "event.category", "host");
		expect_text(line, "host.id", fixture_host.machine_id);
		expect_text(line, "event.created", "2026-11-21T19:28:11.623456789Z");
		expect_text(line, "event.id", FIXTURE_RUN_ID "-s12");
		expect_text(line, "pvmtrace.run", FIXTURE_RUN_ID);
		json_decref(line);
	}
	line = rendering__line_in(FORMAT_ECS, &own.r[5], &rendering_defaults);
	expect_text(line, "event.outcome", "failure");
	expect_number(line, "pvmtrace.counters.seen", 10);
	expect_number(line, "pvmtrace.counters.ended", (json_int_t)JSON_MAX_INT);
	json_decref(line);
	line = rendering__line_in(FORMAT_ECS, &own.r[4], &rendering_defaults);
	expect_text(line, "error.message", "say \"why\"");
	expect_text(line, "event.start", "2026-11-21T19:28:11.123455789Z");
	json_decref(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_own),
		CUTS_TESTS(&ecs),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
