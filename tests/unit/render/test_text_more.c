/* SPDX-License-Identifier: Apache-2.0 */
/* The format for people: the user of a call, and what stands there on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "rendering.h"

static void render(const struct record *r, const struct render_opts *o)
{
	render_in(FORMAT_TEXT, r, o);
	assert_true(rendering.len > 0 && rendering.len <= o->max_line);
}

/* The user is always there, the arguments on demand: each seen as one, whatever it holds, and not cut at the
 * terminal's edge. */
static void test_user_and_arguments(void **state)
{
	/* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what it is here for */
	static const char args[] = "./dumper\0two words\0\0a\"b\0\x1b[31m\xe2\x80\xae";
	struct render_opts o = { .iov_limit = 32, .max_line = 8000, .width = 80, .args = true };
	static const char end[] =
		"  args: ./dumper \"two words\" \"\" \"a\\\"b\" \\x1b[31m\\u{202e} ...\n";
	struct sample *s = sample__new();

	(void)state;
	memcpy(s->args, args, sizeof(args));
	s->r.call.caller.args_len = sizeof(args);
	s->r.call.caller.args_cut = true;
	s->f.call.caller.flags &= (uint8_t)~PVM_TASK_CREDS;
	render(&s->r, &rendering_defaults);
	assert_non_null(memmem(rendering.buf, rendering.len, " uid=? ", 7));
	assert_null(memmem(rendering.buf, rendering.len, "args:", 5));
	s->f.call.caller.flags |= PVM_TASK_CREDS;
	s->f.call.caller.uid = 61001;
	render(&s->r, &o);
	assert_non_null(memmem(rendering.buf, rendering.len, " uid=61001 ", 11));
	assert_memory_equal(rendering.buf + rendering.len - strlen(end), end, strlen(end));
	sample__summarise(s);
	render(&s->r, &o);
	assert_memory_equal(rendering.buf + rendering.len - strlen(end), end, strlen(end));
	s->r.call.caller.args = NULL;
	render(&s->r, &o);
	assert_null(memmem(rendering.buf, rendering.len, "args:", 5));
	free(s);
}

/* Whoever is behind the caller stands there on demand, ahead of what the caller can make longer. */
static void test_who_is_behind(void **state)
{
	const struct render_opts o = { .iov_limit = 32, .max_line = 8000, .args = true };
	struct relative_info line[] = { { .pid = 300, .comm = "status.cgi" },
					{ .pid = 200, .gone = true },
					{ .pid = 1, .comm = "a\x1b[31m" } };
	struct ancestry_info behind = { .ancestors = line, .cnt = 3, .above = PVM_ABOVE_NONE };
	static const char end[] = "  behind: status.cgi(300) (200) a\\x1b[31m(1)  args: ./upd\n";
	static const char more[] =
		"  behind: status.cgi(300) (200) a\\x1b[31m(1) ...  args: ./upd\n";
	struct sample *s = sample__new();

	(void)state;
	memcpy(s->args, "./upd", 6);
	s->r.call.caller.args_len = 6;
	s->r.call.ancestry[PVM_CALLER] = &behind;
	render(&s->r, &o);
	assert_memory_equal(rendering.buf + rendering.len - strlen(end), end, strlen(end));
	behind.above = PVM_ABOVE_MORE;
	render(&s->r, &o);
	assert_memory_equal(rendering.buf + rendering.len - strlen(more), more, strlen(more));
	render(&s->r, &rendering_defaults);
	assert_null(memmem(rendering.buf, rendering.len, "behind", 6));
	free(s);
}

/* What a person would ask about a call that is told as permitted: by what right, by whose will, and on what. */
static void test_right_and_tracer(void **state)
{
	struct relative_info gdb = { .pid = 77, .comm = "gdb" };
	const struct ancestry_info behind = { .tracer = &gdb };
	struct render_opts o = rendering_defaults;
	struct sample *s = sample__new();
	static const char end[] = ", maybe moved, traced, by no known right, mapped anew\n";

	(void)state;
	o.max_line = 8000;
	render(&s->r, &o);
	assert_non_null(memmem(rendering.buf, rendering.len, ", by CAP_SYS_PTRACE", 19));
	assert_null(memmem(rendering.buf, rendering.len, "traced", 6));
	assert_null(memmem(rendering.buf, rendering.len, "moved", 5));
	rendering__set_relation(s, YES);
	s->f.call.caller.uid = s->f.call.target.uid;
	s->r.call.same_memory = UNKNOWN;
	s->r.call.local.changed = YES;
	s->r.call.access.by = ACCESS_BY_OTHER;
	s->r.call.ancestry[PVM_CALLER] = &behind;
	s->r.call.regions_exit.known = true;
	s->f.call.resolved = PVM_RESOLVED_EXIT;
	render(&s->r, &o);
	assert_memory_equal(rendering.buf + rendering.len - strlen(end), end, strlen(end));
	s->r.call.access.by = ACCESS_BY_USER;
	s->f.call.flags |= PVM_CALL_TARGET_CONFIRMED;
	render(&s->r, &o);
	assert_non_null(memmem(rendering.buf, rendering.len, "changed, traced, mapped anew\n", 29));
	o.args = true;
	s->r.call.caller.args = NULL;
	render(&s->r, &o);
	assert_non_null(memmem(rendering.buf, rendering.len, "  traced by: gdb(77)\n", 21));
	sample__summarise(s);
	render(&s->r, &rendering_defaults);
	assert_non_null(memmem(rendering.buf, rendering.len, "traced", 6));
	assert_null(memmem(rendering.buf, rendering.len, "known right", 11));
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_user_and_arguments),
		cmocka_unit_test(test_who_is_behind),
		cmocka_unit_test(test_right_and_tracer),
	};

	return cmocka_run_group_tests_name("text, on demand", tests, NULL, rendering__teardown);
}
