/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/names.h"
#include "random_call.h"
#include "render/fit.h"
#include "rendering.h"

#define ROUNDS 1500
#define MAX_LINE 65536

static uint64_t clamp(uint64_t value)
{
	return value < JSON_MAX_INT ? value : JSON_MAX_INT;
}

static void check_elements(const json_t *line, const char *side, const char *key,
			   const struct iov_elem *iov, uint32_t cnt)
{
	const json_t *elems = line__at(line, side, key), *e;
	char base[24];
	size_t i;

	assert_true(json_is_array(elems));
	assert_int_equal(json_array_size(elems) < cnt, line__cuts_in(line, side, key));
	json_array_foreach((json_t *)elems, i, e) {
		line__keys(e, "base len");
		snprintf(base, sizeof(base), "0x%llx", (unsigned long long)iov[i].base);
		assert_string_equal(json_string_value(json_object_get(e, "base")), base);
		assert_true(json_integer_value(json_object_get(e, "len")) ==
			    (json_int_t)clamp(iov[i].len));
	}
}

static void check_side(const json_t *line, const char *side, const struct list_info *a)
{
	bool more = !line__cuts_in(line, side, "*");

	if (line__cuts(line, side)) {
		assert_true(json_is_null(json_object_get(line, side)));
		return;
	}
	line__keys(
		json_object_get(line, side),
		more && !strcmp(side, "remote")
			? "addr count captured unread status origin toctou changed total_len iov "
			  "iov_exit confirmed pinned regions regions_exit regions_confirmed"
		: more ? "addr count captured unread status origin toctou changed total_len iov "
			 "iov_exit"
		       : "count captured status total_len iov");
	assert_true(json_integer_value(line__at(line, side, "count")) ==
		    (json_int_t)clamp(a->count));
	assert_int_equal(json_integer_value(line__at(line, side, "captured")), a->captured);
	assert_true(json_integer_value(line__at(line, side, "total_len")) ==
		    (json_int_t)clamp(a->total_len));
	check_elements(line, side, "iov", a->iov, a->captured);
	if (more && a->iov_exit)
		check_elements(line, side, "iov_exit", a->iov_exit, a->exit_cnt);
	else if (more)
		assert_true(json_is_null(line__at(line, side, "iov_exit")));
}

/* Writes a string's raw bytes as hex digits. */
static void hex_of(char *digits, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sprintf(digits + 2 * i, "%02x", (unsigned char)bytes[i]);
	digits[2 * len] = '\0';
}

/* A string is whole, or its ends, or null; what is not whole is named. Its hex is of what is shown, or named. */
static void check_text(const json_t *line, const json_t *task, const char *who, const char *key,
		       const char *bytes, size_t len)
{
	const json_t *v = json_object_get(task, key), *hex;
	bool cut = line__cuts_in(line, who, key);
	char hex_key[32], digits[10001];
	const char *shown;

	len = bytes ? strnlen(bytes, len) : 0;
	snprintf(hex_key, sizeof(hex_key), "%s_hex", key);
	hex = json_object_get(task, hex_key);
	assert_true(bytes || (json_is_null(v) && !cut));
	if (!bytes || json_is_null(v)) {
		assert_true(!hex && (!bytes || cut));
		return;
	}
	shown = json_string_value(v);
	if (!json__needs_hex(bytes, len)) {
		assert_true(!hex && !line__cuts_in(line, who, hex_key));
		if (cut)
			assert_true(text__is_shortened(bytes, len, shown, CUT_MARK));
		else
			assert_true(strlen(shown) == len && !memcmp(shown, bytes, len));
		return;
	}
	assert_int_equal(hex == NULL, line__cuts_in(line, who, hex_key));
	if (!hex)
		return;
	hex_of(digits, bytes, len);
	if (cut)
		assert_true(
			text__is_shortened(digits, 2 * len, json_string_value(hex), CUT_MARK_HEX));
	else
		assert_string_equal(json_string_value(hex), digits);
}

static void check_args(const json_t *line, const struct task_info *t)
{
	const json_t *args = line__at(line, "caller", "args");
	size_t cnt = 0, left = t->args_len;
	const char *arg = t->args;

	if (!arg) {
		assert_true(json_is_null(args));
		return;
	}
	while (left) {
		size_t len = strnlen(arg, left);
		const json_t *v = json_array_get(args, cnt++);

		if (v && !json__needs_hex(arg, len))
			assert_memory_equal(json_string_value(v), arg, len);
		len += len < left;
		arg += len;
		left -= len;
	}
	assert_true(json_array_size(args) <= cnt);
	assert_int_equal(json_array_size(args) < cnt, line__cuts(line, "caller.args"));
}

static void check_task(const json_t *line, const char *who, const struct task_info *t)
{
	const json_t *task = json_object_get(line, who);
	bool is_caller = !strcmp(who, "caller");

	if (!t->task) {
		assert_false(json_is_true(line__at(line, who, "resolved")));
		assert_true(line__cuts_in(line, who, "*") ||
			    json_is_null(line__at(line, who, "ns")));
		return;
	}
	assert_true(json_integer_value(line__at(line, who, "pid")) == t->task->pid);
	assert_true(json_integer_value(line__at(line, who, "tid")) == t->task->tid);
	assert_string_equal(json_string_value(line__at(line, who, "entity_id")), t->entity_id);
	if (line__cuts_in(line, who, "*")) {
		assert_null(line__at(line, who, "exe"));
		return;
	}
	check_text(line, task, who, "comm", t->task->comm, PVM_COMM_SZ);
	check_text(line, task, who, "pcomm", t->task->pcomm, PVM_COMM_SZ);
	check_text(line, task, who, "exe", t->exe, t->exe_len);
	check_text(line, task, who, "cgroup", t->cgroup, t->cgroup_len);
	assert_int_equal(json_is_null(line__at(line, who, "ns")), line__cuts_in(line, who, "ns"));
	if (is_caller)
		check_args(line, t);
}

/* Checks whose memory the target works in. */
static void check_owner(const json_t *line, const struct task_info *t)
{
	const json_t *owner = line__at(line, "target", "memory_of");

	if (!t->task || line__cuts(line, "target.*"))
		return;
	check_text(line, owner, "target.memory_of", "comm", t->task->comm, PVM_COMM_SZ);
	check_text(line, owner, "target.memory_of", "exe", t->exe, t->exe_len);
}

static void check_top(const json_t *line, const struct sample *s)
{
	bool more = !line__cuts(line, "*");

	line__keys(
		line,
		more ? "time schema type seq told run id phase op syscall abi audit outcome ret error "
		       "duration_ns bytes_requested bytes_transferred partial flags "
		       "flag_names target caller relation access rule local remote truncated host"
		     : "time schema type seq told run id phase op outcome ret error target caller "
		       "relation access rule local remote truncated host");
	assert_string_equal(json_string_value(json_object_get(line, "schema")), "pvmtrace/1");
	assert_true(json_integer_value(json_object_get(line, "seq")) ==
		    (json_int_t)clamp(s->r.seq));
	assert_int_equal(json_is_null(json_object_get(line, "host")), line__cuts(line, "host"));
	assert_int_equal(json_is_null(json_object_get(line, "relation")),
			 line__cuts(line, "relation"));
	assert_int_equal(json_is_null(json_object_get(line, "access")), line__cuts(line, "access"));
	assert_int_equal(json_is_null(json_object_get(line, "rule")),
			 line__cuts(line, "rule") || !s->r.call.rule);
}

/* Room that an element would still have had was not left unused; what a later part gives back when it is whole is
 * not given out again. */
static void check_used(const json_t *line, const struct sample *s, const struct render_opts *o)
{
	const struct list_info *a = &s->r.call.remote;
	size_t shown = json_array_size(line__at(line, "remote", "iov"));
	char text[80];

	if (!line__cuts(line, "remote.iov") || shown >= o->iov_limit || line__cuts(line, "local") ||
	    line__cuts(line, "remote.*"))
		return;
	snprintf(text, sizeof(text), "{\"base\":\"0x%llx\",\"len\":%llu}",
		 (unsigned long long)a->iov[shown].base,
		 (unsigned long long)clamp(a->iov[shown].len));
	assert_true(rendering.len + strlen(text) + 100 > o->max_line);
}

/* Without the counts of a list there are no elements, but for the first remote one. */
static void check_counts_first(const json_t *line)
{
	if (!line__cuts(line, "local") && !line__cuts(line, "remote.*"))
		return;
	assert_true(json_array_size(line__at(line, "remote", "iov")) <= 1);
	assert_int_equal(json_array_size(line__at(line, "remote", "iov_exit")), 0);
	assert_int_equal(json_array_size(line__at(line, "local", "iov")), 0);
	assert_int_equal(json_array_size(line__at(line, "local", "iov_exit")), 0);
}

static void check_minimum(const json_t *line, const struct sample *s, const struct render_opts *o)
{
	size_t shown = json_array_size(line__at(line, "remote", "iov"));
	uint32_t want = s->r.call.remote.captured;

	if (want > o->iov_limit)
		want = o->iov_limit;
	if (want > (o->max_line < FIT_LINE ? 1 : FIT_ELEMENTS))
		want = o->max_line < FIT_LINE ? 1 : FIT_ELEMENTS;
	assert_true(shown >= want);
}

static void check_call(const struct sample *s, const struct render_opts *o)
{
	json_t *line = rendering__line(&s->r, o);

	check_top(line, s);
	check_task(line, "caller", &s->r.call.caller);
	check_task(line, "target", &s->r.call.target);
	check_owner(line, &s->r.call.owner);
	check_side(line, "local", &s->r.call.local);
	check_side(line, "remote", &s->r.call.remote);
	check_counts_first(line);
	check_minimum(line, s, o);
	check_used(line, s, o);
	json_decref(line);
}

static void check_summary(const struct sample *s, const struct render_opts *o)
{
	const struct summary_info *sum = &s->r.summary;
	json_t *line = rendering__line(&s->r, o);

	line__keys(
		line,
		line__cuts(line, "*")
			? "time schema type seq told run id reason target caller relation rule op outcome calls "
			  "bytes_transferred first last duration_ns truncated host"
			: "time schema type seq told run id reason target caller relation rule op outcome calls "
			  "bytes_transferred first last duration_ns errors abis changed low high "
			  "truncated host");
	assert_int_equal(json_is_null(json_object_get(line, "relation")),
			 line__cuts(line, "relation"));
	assert_int_equal(json_is_null(json_object_get(line, "rule")),
			 line__cuts(line, "rule") || !s->r.call.rule);
	assert_string_equal(json_string_value(json_object_get(line, "type")), "process_vm_summary");
	assert_string_equal(json_string_value(json_object_get(line, "reason")),
			    reason_name(sum->reason));
	assert_true(json_integer_value(json_object_get(line, "calls")) ==
		    (json_int_t)clamp(sum->calls));
	assert_int_equal(json_is_null(json_object_get(line, "duration_ns")), !sum->sums_known);
	assert_int_equal(json_is_null(json_object_get(line, "bytes_transferred")),
			 !sum->sums_known);
	assert_int_equal(json_is_null(json_object_get(line, "host")), line__cuts(line, "host"));
	check_task(line, "caller", &sum->call.caller);
	check_task(line, "target", &sum->call.target);
	json_decref(line);
}

/* There is of each of five paths its end, of each cgroup its beginning too, none of them null. */
static void test_long_paths(void **state)
{
	struct sample *s = sample__new();
	struct render_opts o = { .iov_limit = 32 };
	struct call_info *c = &s->r.call;
	json_t *line;

	(void)state;
	sample__borrow(s);
	for (size_t i = 0; i < 3; i++)
		memset(s->exe[i], '\x01', 4096);
	for (size_t i = 0; i < 2; i++)
		memset(s->cgroup[i], '\x01', 4096);
	c->caller.exe_len = c->target.exe_len = c->owner.exe_len = 4096;
	c->caller.cgroup_len = c->target.cgroup_len = 4096;
	for (o.max_line = FIT_LINE; o.max_line < 20000; o.max_line += 500) {
		check_call(s, &o);
		line = rendering__line(&s->r, &o);
		assert_true(json_is_string(line__at(line, "caller", "exe")));
		assert_true(json_is_string(line__at(line, "target", "exe")));
		assert_true(json_is_string(
			json_object_get(line__at(line, "target", "memory_of"), "exe")));
		assert_true(json_is_string(line__at(line, "caller", "cgroup")));
		assert_true(json_is_string(line__at(line, "target", "cgroup")));
		assert_true(line__cuts(line, "target.memory_of.exe"));
		json_decref(line);
	}
	free(s);
}

/* A summary has the same lines: what is cut, is cut of its two processes and its host. */
static void test_random_summaries(void **state)
{
	(void)state;
	fixture__seed(8);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct sample *s = sample__new();
		struct render_opts o = { .iov_limit = 32, .max_line = MAX_LINE };

		random_summary(s);
		check_summary(s, &o);
		for (uint32_t n = 0; n < 4; n++) {
			o.max_line = 1024 + fixture__below(n < 2 ? 2000 : MAX_LINE - 1024);
			check_summary(s, &o);
		}
		o.max_line = 1024;
		check_summary(s, &o);
		free(s);
	}
}

static void test_random(void **state)
{
	static const uint32_t limits[] = { 0, 1, 32, UINT32_MAX };

	(void)state;
	fixture__seed(4);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct sample *s = sample__new();
		struct render_opts o = { .iov_limit = limits[fixture__below(4)] };

		random_call(s);
		o.max_line = MAX_LINE;
		check_call(s, &o);
		for (uint32_t n = 0; n < 4; n++) {
			o.max_line = 1024 + fixture__below(n < 2 ? 2000 : MAX_LINE - 1024);
			check_call(s, &o);
		}
		o.max_line = 1024;
		check_call(s, &o);
		free(s);
	}
}

/* It takes each length of line, so that each cut is made at its first and its last byte. */
static void test_each_length(void **state)
{
	struct sample *s = sample__long();
	struct render_opts o = { .iov_limit = 32 };

	(void)state;
	for (o.max_line = 1024; o.max_line < 6000; o.max_line++)
		check_call(s, &o);
	free(s);
}

/* What names the target stands where common readers of lines look at, whatever bytes the arguments have. */
static void test_arguments_push_nothing_out(void **state)
{
	static const char *const targets[] = { "\"target\":{\"arg\":", "\"Target\":{",
					       "},\"process\":{\"pid\":" };
	static const enum record_format formats[] = { FORMAT_JSON, FORMAT_ECS, FORMAT_OCSF };
	const struct render_opts o = { .iov_limit = 32, .max_line = 8000, .args_room = 1536 };
	struct sample *s = sample__new();
	const char *at;

	(void)state;
	s->r.call.caller.args = s->args;
	s->r.call.caller.args_len = 1024;
	for (size_t i = 0; i < 3; i++) {
		for (const char *byte = "\1\377\"a"; *byte; byte++) {
			memset(s->args, *byte, 1024);
			memcpy(s->args, "argv0", sizeof("argv0"));
			json_decref(rendering__line_in(formats[i], &s->r, &o));
			at = memmem(rendering.buf, rendering.len, targets[i], strlen(targets[i]));
			assert_true(at && at - rendering.buf < FIT_LINE - 1000);
			/* Such as are usual are there. */
			at = memmem(rendering.buf, rendering.len, "aaaaaaaa", 8);
			assert_int_equal(at != NULL, *byte == 'a');
		}
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments_push_nothing_out),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_random_summaries),
		cmocka_unit_test(test_each_length),
		cmocka_unit_test(test_long_paths),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
