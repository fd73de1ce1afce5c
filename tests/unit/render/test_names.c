/* SPDX-License-Identifier: Apache-2.0 */
/* test_names - who it was, and whom it was done to, stands where common readers of lines look, whatever else is long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render/fit.h"
#include "rendering.h"

#define LONGEST 4096 /* bytes of a path, of a cgroup's, and of arguments */

/* Each of their bytes takes six, so that what stands in the line can be told by its number. */
enum {
	CALLER_COMM = 1,
	TARGET_COMM,
	CALLER_EXE,
	TARGET_EXE,
	OTHER,
};

static const enum record_format formats[] = { FORMAT_JSON, FORMAT_ECS, FORMAT_OCSF };
static const uint32_t max_lines[] = { 8000, 20000, 65536, 1 << 20 };

#define FORMAT_CNT (sizeof(formats) / sizeof(formats[0]))
#define MAX_LINES (sizeof(max_lines) / sizeof(max_lines[0]))

/* This is a call of which all is as long as it can be. */
struct longest {
	struct sample *s;
	struct ancestry_info behind[2];
	struct relative_info relatives[PVM_ANCESTORS_MAX];
	char exe[LONGEST];
	struct host host;
};

static void lengthen(struct task_info *t, struct pvm_task *task, char *exe, int exe_byte,
		     int comm_byte)
{
	memset(exe, exe_byte, LONGEST);
	t->exe_len = LONGEST;
	t->cgroup_len = LONGEST;
	memset(task->comm, comm_byte, PVM_COMM_SZ - 1);
	memset(task->pcomm, OTHER, PVM_COMM_SZ - 1);
}

static void fill(struct longest *l)
{
	struct call_info *c;

	memset(l, 0, sizeof(*l));
	l->s = sample__new();
	c = &l->s->r.call;
	sample__borrow(l->s);
	lengthen(&c->caller, &l->s->f.call.caller, l->s->exe[0], CALLER_EXE, CALLER_COMM);
	lengthen(&c->target, &l->s->f.call.target, l->s->exe[1], TARGET_EXE, TARGET_COMM);
	memset(l->s->exe[2], OTHER, LONGEST);
	c->owner.exe_len = LONGEST;
	memset(l->s->cgroup, OTHER, sizeof(l->s->cgroup));
	memset(l->s->args, OTHER, LONGEST);
	c->caller.args_len = LONGEST;
	memset(l->exe, OTHER, sizeof(l->exe));
	for (size_t i = 0; i < PVM_ANCESTORS_MAX; i++) {
		l->relatives[i] = (struct relative_info){ .pid = i ? 50 + (uint32_t)i : 4100,
							  .exe = l->exe,
							  .exe_len = sizeof(l->exe),
							  .real_start_ns = START_NS,
							  .entity_id = "5f0c2b7e-63-b2d05e00" };
		memset(l->relatives[i].comm, OTHER, PVM_COMM_SZ - 1);
	}
	for (size_t i = 0; i < 2; i++) {
		l->behind[i] = (struct ancestry_info){ .ancestors = l->relatives,
						       .cnt = i ? 1 : PVM_ANCESTORS_MAX };
		c->ancestry[i] = &l->behind[i];
	}
	l->host = fixture_host;
	memset(l->host.name, OTHER, sizeof(l->host.name) - 1);
	l->s->r.host = &l->host;
}

/* Expects a text within the bytes that such readers look at. */
static void expect(enum record_format format, uint32_t max_line, const char *text)
{
	const size_t looked_at = rendering.len < FIT_LINE ? rendering.len : FIT_LINE;

	if (!memmem(rendering.buf, looked_at, text, strlen(text)))
		fail_msg("%s, --max-line %u: no %s in the first %d bytes: %.*s",
			 format_names[format], max_line, text, FIT_LINE, (int)looked_at,
			 rendering.buf);
}

static void expect_bytes(enum record_format format, uint32_t max_line, int byte)
{
	char text[sizeof("\\u00XX\\u00XX")];

	snprintf(text, sizeof(text), "\\u%04x\\u%04x", (unsigned int)byte, (unsigned int)byte);
	expect(format, max_line, text);
}

/* target: what names it. */
static void check(struct longest *l, const char *const target[FORMAT_CNT], bool resolved)
{
	static const char *const start[][2] = {
		{ "2026-11-21T19:28:10.123456789Z", "2026-11-21T19:28:08.123456789Z" },
		{ "2026-11-21T19:28:10.123456789Z", "2026-11-21T19:28:08.123456789Z" },
		{ "1795289290123", "1795289288123" },
	};

	for (size_t f = 0; f < FORMAT_CNT; f++) {
		for (size_t i = 0; i < MAX_LINES; i++) {
			const struct render_opts o = { .iov_limit = 32,
						       .max_line = max_lines[i],
						       .args_room = LONGEST / 2 * 3,
						       .names_within = FIT_LINE };

			json_decref(rendering__line_in(formats[f], &l->s->r, &o));
			expect(formats[f], o.max_line, target[f]);
			expect(formats[f], o.max_line, "\"pid\":4242");
			expect(formats[f], o.max_line, start[f][0]);
			expect(formats[f], o.max_line, "5f0c2b7e-1092-12a05f200");
			expect_bytes(formats[f], o.max_line, CALLER_COMM);
			expect_bytes(formats[f], o.max_line, CALLER_EXE);
			if (!resolved)
				continue;
			expect(formats[f], o.max_line, start[f][1]);
			expect(formats[f], o.max_line, "5f0c2b7e-3df-b2d05e00");
			expect_bytes(formats[f], o.max_line, TARGET_COMM);
			expect_bytes(formats[f], o.max_line, TARGET_EXE);
		}
	}
}

static void test_both_sides(void **state)
{
	static const char *const target[] = { "\"pid\":991", "\"pid\":991", "\"pid\":991" };
	struct longest l;

	(void)state;
	fill(&l);
	check(&l, target, true);
	sample__summarise(l.s);
	check(&l, target, true);
	free(l.s);
}

/* Of a target that was not found there is what the call named. */
static void test_not_resolved(void **state)
{
	static const char *const target[] = { "\"arg\":991", "\"arg\":991",
					      "\"unresolved:pid:991\"" };
	struct longest l;

	(void)state;
	fill(&l);
	memset(&l.s->r.call.target, 0, sizeof(l.s->r.call.target));
	memset(&l.s->r.call.owner, 0, sizeof(l.s->r.call.owner));
	l.s->r.call.ancestry[PVM_TARGET] = NULL;
	check(&l, target, false);
	free(l.s);
}

/* The order of keys alone does it for a target: neither arguments nor a path of the caller's is cut for that. */
static void test_the_target_costs_the_caller_nothing(void **state)
{
	const struct render_opts o = { .iov_limit = 32,
				       .max_line = 1 << 20,
				       .args_room = 6 * LONGEST,
				       .names_within = FIT_LINE };
	struct longest l;
	json_t *line;

	(void)state;
	fill(&l);
	l.s->r.call.target.exe_len = l.s->r.call.target.cgroup_len = 20;
	memset(&l.s->r.call.owner, 0, sizeof(l.s->r.call.owner));
	for (size_t f = 0; f < FORMAT_CNT; f++) {
		line = rendering__line_in(formats[f], &l.s->r, &o);
		assert_non_null(memmem(rendering.buf, rendering.len, "\"truncated\":[]",
				       sizeof("\"truncated\":[]") - 1));
		assert_true(rendering.len > 6 * 3 * LONGEST);
		json_decref(line);
	}
	free(l.s);
}

/* Lists have the room that is left, however long the paths are. */
static void test_lists_are_not_cut_for_names(void **state)
{
	const struct render_opts o = { .iov_limit = UINT32_MAX,
				       .max_line = 1 << 20,
				       .names_within = FIT_LINE };
	struct longest l;
	json_t *line;

	(void)state;
	fill(&l);
	l.s->r.call.remote.count = l.s->r.call.remote.captured = 1024;
	line = rendering__line(&l.s->r, &o);
	assert_true(line__cuts(line, "target.exe"));
	assert_int_equal(json_array_size(line__at(line, "remote", "iov")), 1024);
	json_decref(line);
	free(l.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides),
		cmocka_unit_test(test_not_resolved),
		cmocka_unit_test(test_the_target_costs_the_caller_nothing),
		cmocka_unit_test(test_lists_are_not_cut_for_names),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
