/* SPDX-License-Identifier: Apache-2.0 */
/* What names the target stands within the bytes of a line that common readers look at, whatever others can lengthen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cuts.h"
#include "random_call.h"

#define ROUNDS 1500
#define FRONT 5000

/* Of what names a target, the key that is the last; each string stands behind the one before it, and in no text of a process,
 * where a quote is escaped. */
static const struct front {
	struct cuts_format f;
	const char *at[4];
	const char *ancestors;
	const char *exe; /* of the target */
} formats[] = {
	{ { FORMAT_JSON, "", "caller.args", NULL },
	  { "\"target\":{\"arg\":", ",\"uid\":", ",\"entity_id\":" },
	  "caller.ancestors",
	  "target.exe" },
	{ { FORMAT_ECS, "pvmtrace", "process.args", NULL },
	  { "\"Target\":{\"process\":{\"pid\":", ",\"saved_user\":", "}" },
	  "pvmtrace.caller.ancestors",
	  "Target.process.executable" },
	{ { FORMAT_OCSF, "unmapped", "actor.process.cmd_line", NULL },
	  { "},\"process\":{\"pid\":", ",\"user\":{\"uid\":", "}" },
	  "unmapped.caller.ancestors",
	  "process.file.path" },
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

/* Returns how much of the last line there is up to the end of that key. */
static size_t end_of(const struct front *f)
{
	const char *at = rendering.buf, *end = rendering.buf + rendering.len;

	for (size_t i = 0; at && f->at[i]; i++) {
		at = memmem(at, (size_t)(end - at), f->at[i], strlen(f->at[i]));
		at = at ? at + strlen(f->at[i]) : NULL;
	}
	at = at ? memchr(at, ',', (size_t)(end - at)) : NULL;
	if (!at)
		fail_msg("%s: no target: %.*s", format_names[f->f.format], (int)rendering.len,
			 rendering.buf);
	return at ? (size_t)(at - rendering.buf) : SIZE_MAX;
}

static const json_t *names_of(const struct front *f, const json_t *line)
{
	const char *rest = f->f.rest;

	return json_object_get(*rest ? json_object_get(line, rest) : line, "truncated");
}

static bool is_cut(const struct front *f, const json_t *line, const char *wanted)
{
	const json_t *name;
	size_t i;

	json_array_foreach((json_t *)names_of(f, line), i, name) {
		if (!strcmp(json_string_value(name), wanted))
			return true;
	}
	return false;
}

static void check_front(const struct front *f, const struct record *r, uint32_t max_line)
{
	const struct render_opts o = { .iov_limit = 32, .max_line = max_line, .front = FRONT };
	json_t *line = rendering__line_in(f->f.format, r, &o);

	assert_true(!r->call.target.exe_len || !r->call.target.exe ||
		    json_is_string(cuts__at(line, f->exe)));
	if (end_of(f) > FRONT)
		fail_msg("%s, --max-line %u: %zu: %.*s", format_names[f->f.format], max_line,
			 end_of(f), (int)rendering.len, rendering.buf);
	json_decref(line);
}

static const struct container longest = { ID64, 64 };

static void make_hostile_task(struct task_info *t, struct pvm_task *task, char *exe, char *cgroup,
			      char byte)
{
	memset(task, 0xff, sizeof(*task));
	task->loginuid = task->sessionid = UINT32_MAX - 1;
	memset(task->comm, byte, PVM_COMM_SZ);
	memset(task->pcomm, byte, PVM_COMM_SZ);
	memset(exe, byte, 4096);
	memset(cgroup, byte, 4096);
	t->exe_len = t->cgroup_len = 4096;
	t->containers = &longest;
	t->container_cnt = 1;
}

/* All that any process can choose is this byte, as often as it can be. */
static void make_hostile(struct sample *s, char byte, size_t arg_sz)
{
	struct call_info *c = &s->r.call;

	make_hostile_task(&c->caller, &s->f.call.caller, s->exe[0], s->cgroup[0], byte);
	make_hostile_task(&c->target, &s->f.call.target, s->exe[1], s->cgroup[1], byte);
	sample__borrow(s);
	memset(s->owner.comm, byte, PVM_COMM_SZ);
	memset(s->exe[2], byte, 4096);
	c->owner.exe_len = 4096;
	memset(s->args, byte, 4096);
	for (size_t i = arg_sz; i < 4096; i += arg_sz + 1)
		s->args[i] = '\0';
	c->caller.args_len = 4096;
	memset(s->behind_exe, byte, sizeof(s->behind_exe) - 1);
	for (size_t who = 0; who < 2; who++) {
		for (size_t i = 0; i < PVM_ANCESTORS_MAX + 2; i++) {
			struct relative_info *r = &s->relatives[who][i];

			r->pid = UINT32_MAX;
			r->exe = s->behind_exe;
			r->exe_len = sizeof(s->behind_exe) - 1;
			memset(r->comm, byte, PVM_COMM_SZ);
			strcpy(r->entity_id, "5f0c2b7e-ffffffff-ffffffffffffffff");
		}
		s->behind[who] = (struct ancestry_info){
			.ancestors = s->relatives[who],
			.cnt = who == PVM_CALLER ? PVM_ANCESTORS_MAX : 1,
		};
		c->ancestry[who] = &s->behind[who];
	}
	s->behind[0].session = s->behind[0].tracer = &s->relatives[0][PVM_ANCESTORS_MAX];
}

static void test_hostile_bytes(void **state)
{
	static const char bytes[] = { '\x01', '\xff', '"', 'a', '\x7f' };

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		for (size_t arg_sz = 1; arg_sz < 5000; arg_sz *= 16) {
			struct sample *s = sample__new();

			make_hostile(s, bytes[i], arg_sz);
			for (size_t f = 0; f < FORMATS; f++) {
				check_front(&formats[f], &s->r, FRONT);
				check_front(&formats[f], &s->r, 8000);
				check_front(&formats[f], &s->r, 1 << 20);
			}
			free(s);
		}
	}
}

/* At the defaults: a kilobyte of arguments that takes six of a line is cut, and says so; nothing else is but their copy. */
static void test_arguments_alone(void **state)
{
	const struct render_opts o = { .iov_limit = 32, .max_line = 8000, .front = FRONT };

	(void)state;
	for (size_t f = 0; f < FORMATS; f++) {
		struct sample *s = sample__new();
		json_t *line;

		memset(s->args, '\x01', 1024);
		s->args[100] = s->args[700] = '\0';
		s->r.call.caller.args_len = 1024;
		line = rendering__line_in(formats[f].f.format, &s->r, &o);
		assert_true(end_of(&formats[f]) <= FRONT);
		assert_true(is_cut(&formats[f], line, formats[f].f.args));
		assert_int_equal(json_array_size(names_of(&formats[f], line)),
				 1 + is_cut(&formats[f], line, "unmapped.caller.args"));
		json_decref(line);
		free(s);
	}
}

/* Of ancestors the nearest stay. */
static void test_ancestors_in_part(void **state)
{
	const struct render_opts o = { .iov_limit = 32, .max_line = 8000, .front = FRONT };

	(void)state;
	for (size_t f = 0; f < FORMATS; f++) {
		struct sample *s = sample__new();
		json_t *line, *shown;

		make_hostile(s, '\x01', 100);
		for (uint32_t i = 0; i < PVM_ANCESTORS_MAX; i++)
			s->relatives[PVM_CALLER][i].pid = 100 + i;
		line = rendering__line_in(formats[f].f.format, &s->r, &o);
		shown = cuts__at(line, formats[f].ancestors);
		assert_true(json_array_size(shown) > 0);
		assert_true(json_array_size(shown) < PVM_ANCESTORS_MAX);
		assert_int_equal(
			json_integer_value(json_object_get(json_array_get(shown, 0), "pid")), 100);
		assert_true(is_cut(&formats[f], line, formats[f].ancestors));
		json_decref(line);
		free(s);
	}
}

static void test_random(void **state)
{
	(void)state;
	fixture__seed(11);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct sample *s = sample__new();

		random_call(s);
		s->f.call.target.flags |= PVM_TASK_CREDS;
		if (round % 4 == 0)
			sample__summarise(s);
		for (size_t f = 0; f < FORMATS && s->r.call.target.task; f++) {
			check_front(&formats[f], &s->r, 8000);
			check_front(&formats[f], &s->r, FRONT + fixture__below(60000));
		}
		free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_arguments_alone),
		cmocka_unit_test(test_ancestors_in_part),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("the target's place in a line", tests, NULL,
					   rendering__teardown);
}
