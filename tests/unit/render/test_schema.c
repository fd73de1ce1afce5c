/* SPDX-License-Identifier: Apache-2.0 */
/* test_schema - what the json rendering writes, of records as they happen and as they hardly can, at
 * many lengths of line, against the published schema. Runs where make does, in the root of the
 * sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "books.h"
#include "bpf/control.h"
#include "child.h"
#include "own_record.h"
#include "random_call.h"
#include "render/schema.h"

#define SCHEMA "docs/pvmtrace-event.schema.json"
#define VALIDATOR "tests/live/pvm_schema.py" /* 0, 1, or 77: it cannot */
#define ROUNDS 120

static void test_is_the_file(void **state)
{
	FILE *f = fopen(SCHEMA, "re");
	const char *text;
	size_t len, got;
	char *file;

	(void)state;
	if (!f) {
		skip_for("to run in the root of the sources");
		return; /* it jumped out of the test, which cppcheck does not know */
	}
	text = schema__text(&len);
	file = malloc(len + 2);
	assert_non_null(file);
	got = fread(file, 1, len + 2, f);
	fclose(f);
	assert_int_equal(got, len);
	assert_memory_equal(file, text, len);
	free(file);
}

static int run_validator(FILE *lines)
{
	char python[] = "python3", no_cache[] = "-B", script[] = VALIDATOR;
	char *argv[] = { python, no_cache, script, NULL };
	int status;
	pid_t pid;

	fflush(lines);
	rewind(lines);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (dup2(fileno(lines), STDIN_FILENO) == STDIN_FILENO) {
			/* Debian's own comes first: its packages are ours. */
			execv("/usr/bin/python3", argv);
			execvp(python, argv);
		}
		_exit(77);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void check(FILE *lines)
{
	int status = run_validator(lines);

	fclose(lines);
	if (status == 77)
		skip_for("python3 and python3-fastjsonschema");
	assert_int_equal(status, 0);
}

static void put(FILE *lines, const struct record *r, uint32_t max_line)
{
	const struct render_opts o = { .iov_limit = 4,
				       .max_line = max_line,
				       .data = max_line % 2 ? 64 : 0 };

	render_in(FORMAT_JSON, r, &o);
	assert_int_equal(fwrite(rendering.buf, 1, rendering.len, lines), rendering.len);
}

/* A random call has anything in its fields; some things the schema says are sure to hold. */
static void be_consistent(struct sample *s)
{
	struct call_info *c = &s->r.call;
	uint64_t ret = (uint64_t)c->ret & INT64_MAX;
	enum tristate both = c->target.task ? YES : UNKNOWN;

	s->r.seq |= 1;
	c->ret_known = c->transferred_known = c->outcome != PVM_UNKNOWN;
	c->ret = c->outcome == PVM_FAILED ? -1 - (int64_t)(ret & 4095) : (int64_t)ret;
	s->f.call.phase = c->outcome == PVM_UNKNOWN ? PVM_IN_FLIGHT : PVM_COMPLETE;
	if (c->outcome == PVM_UNKNOWN)
		c->partial = UNKNOWN;
	rendering__set_relation(s, both);
	if (!c->owner.exe_len)
		c->owner.exe = NULL;
	if (!c->caller.exe_len)
		c->caller.exe = NULL;
	if (!c->caller.cgroup_len)
		c->caller.cgroup = NULL;
	if (!c->target.exe_len)
		c->target.exe = NULL;
	if (!c->target.cgroup_len)
		c->target.cgroup = NULL;
}

static void test_calls(void **state)
{
	FILE *lines = tmpfile();

	(void)state;
	assert_non_null(lines);
	fixture__seed(7);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct sample *s = sample__new();

		if (i)
			random_call(s);
		be_consistent(s);
		put(lines, &s->r, 65536);
		put(lines, &s->r, 1024 + fixture__below(2500));
		free(s);
	}
	check(lines);
}

/* There is one call at each length where something else is cut. */
static void test_lengths(void **state)
{
	struct sample *s = sample__new();
	FILE *lines = tmpfile();
	size_t len = 0;

	(void)state;
	assert_non_null(lines);
	memcpy(s->f.call.caller.comm, "\xff\xfe", 3);
	s->args[2] = s->exe[1][3] = '\xff';
	s->r.call.rule = &rendering_rule;
	for (uint32_t max = 1024; max < 3200; max++) {
		const struct render_opts o = { .iov_limit = 32,
					       .max_line = max,
					       .data = max % 2 ? 64 : 0 };

		render_in(FORMAT_JSON, &s->r, &o);
		if (rendering.len != len)
			assert_int_equal(fwrite(rendering.buf, 1, rendering.len, lines),
					 rendering.len);
		len = rendering.len;
	}
	free(s);
	check(lines);
}

static void test_own_records(void **state)
{
	const struct pvm_counts kernel = { .n = { 5, 4, 1 } };
	const struct books_user user = { .emitted = 3, .lost_output = 1 };
	FILE *lines = tmpfile();
	struct own_records own;
	struct books books;

	(void)state;
	assert_non_null(lines);
	own_records__fill(&own);
	books__fill(&books, &kernel, &user);
	own.options.iov_limit = PVM_IOV_MAX;
	own.r[0].start.counters = own.r[2].stats.counters = own.r[5].stop.stats.counters =
		books.counters;
	own.r[0].start.counter_cnt = own.r[2].stats.counter_cnt = own.r[5].stop.stats.counter_cnt =
		books.cnt;
	own.r[3].lost.by = books.causes;
	own.r[3].lost.by_cnt = books.cause_cnt;
	for (size_t i = 0; i < OWN_RECORDS; i++) {
		for (uint32_t max = 1024; max < 4200; max += 61)
			put(lines, &own.r[i], max);
		put(lines, &own.r[i], 8000);
	}
	own.r[4].error.since_ns = 0;
	own.r[5].stop.signal = NULL;
	own_records__rules(&own);
	for (uint32_t max = 1024; max < 8200; max += 61) {
		put(lines, &own.r[0], max);
		put(lines, &own.r[2], max);
		put(lines, &own.r[5], max);
	}
	own.r[0].start.options = NULL;
	put(lines, &own.r[4], 8000);
	put(lines, &own.r[5], 8000);
	check(lines);
}

/* The validator refuses at all: a valid line, but for one digit of its time. */
static void test_refuses(void **state)
{
	FILE *lines = tmpfile();
	struct sample *s = sample__new();
	int status;

	(void)state;
	assert_non_null(lines);
	render_in(FORMAT_JSON, &s->r, &rendering_defaults);
	*strchr(rendering.buf, '.') = ',';
	assert_int_equal(fwrite(rendering.buf, 1, rendering.len, lines), rendering.len);
	free(s);
	status = run_validator(lines);
	fclose(lines);
	if (status == 77)
		skip_for("python3 and python3-fastjsonschema");
	assert_int_equal(status, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_the_file), cmocka_unit_test(test_calls),
		cmocka_unit_test(test_lengths),	    cmocka_unit_test(test_own_records),
		cmocka_unit_test(test_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
