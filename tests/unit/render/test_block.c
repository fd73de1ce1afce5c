/* SPDX-License-Identifier: Apache-2.0 */
/* test_block - a renderer that has seen others' calls before writes what one writes that has seen nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/keys.h"
#include "render/parts.h"
#include "rendering.h"

#define ROUNDS 3000
#define KINDS \
	3 /* of each thing that can be another one: so few that many calls are like an earlier one */

/* A sequence that is the same in every run. */
static uint32_t next(uint32_t below)
{
	static uint64_t seed = 42;

	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

/* Whose strings are others has another stamp. */
static void vary_task(struct task_info *t, struct pvm_task *task, char *exe, char *cgroup)
{
	const uint32_t who = next(KINDS);

	task->pid = task->tid = 4000 + who;
	task->start_ns = 1000 + who;
	if (!next(8))
		task->euid = next(KINDS);
	task->uid = next(2);
	task->comm[0] = (char)('a' + next(KINDS));
	exe[1] = (char)('a' + next(KINDS));
	cgroup[1] = (char)('a' + next(KINDS));
	t->stamp[0] = next(16) ? 1000 * (who + 1) + (unsigned char)exe[1] : 0;
	t->stamp[1] = 2000 + (unsigned char)cgroup[1];
	t->real_start_ns = START_NS + next(2);
}

static void vary_ancestry(struct ancestry_info *a, struct relative_info relatives[3])
{
	static uint64_t stamp;

	stamp++;
	for (uint32_t i = 0; i < 3; i++) {
		relatives[i] = (struct relative_info){ .pid = 100 + next(KINDS),
						       .comm = "sh",
						       .entity_id = "5f0c2b7e-63-b2d05e00",
						       .real_start_ns = START_NS + next(KINDS) };
		relatives[i].comm[1] = (char)('a' + next(KINDS));
	}
	*a = (struct ancestry_info){ .ancestors = relatives,
				     .cnt = next(3),
				     .above = (enum pvm_above)next(3),
				     .session = next(2) ? &relatives[2] : NULL,
				     .tracer = next(2) ? &relatives[2] : NULL,
				     .stamp = stamp,
				     .clock = 1 };
}

static enum tristate any(void)
{
	static const enum tristate values[] = { YES, NO, UNKNOWN };

	return values[next(3)];
}

static void vary_verdict(struct sample *s)
{
	struct call_info *c = &s->r.call;

	rendering__set_relation(s, any());
	c->same_user = any();
	c->access.by = (enum access_by)next(ACCESS_BY_OTHER + 1);
	c->access.traces_target = any();
	s->f.call.kinship = (uint8_t)next(PVM_KIN_NONE + 1);
}

static void vary_region(struct sample *s)
{
	struct pvm_region *r = &s->region[0][0];
	struct region_info *info = &s->regions[0][0];

	r->kind = (uint8_t)(next(2) ? PVM_REGION_FILE : PVM_REGION_HEAP);
	r->flags = r->kind == PVM_REGION_FILE ? PVM_REGION_BACKED : 0;
	r->offset = next(100);
	r->ino = next(KINDS);
	r->dev = next(2);
	r->perms = (uint8_t)next(4);
	s->mapped[1] = (char)('a' + next(KINDS));
	info->text = next(2) ? s->mapped : NULL;
	info->text_len = info->text ? 3 + next(14) : 0;
	info->runs_on = any();
}

/* Whatever a part is, the lines before had it, or had it not. */
static void vary_options(struct render_opts *o)
{
	const unsigned int part = next(FIT_CNT);
	const bool named = fit_rows[part].in[FIT_JSON].names;

	*o = rendering_defaults;
	o->omit = named && next(2) ? parts__with_siblings(FIT_BIT(part)) : 0;
	o->max_line = next(2) ? o->max_line : 1200 + next(2000);
	o->iov_limit = next(2) ? o->iov_limit : next(2);
	o->args_room = next(40);
	o->data = next(2) * PVM_DATA_MAX;
	o->width = next(2) * (40 + next(200));
	o->color = next(2);
	o->args = next(2);
}

static void compare(struct renderer *old, enum record_format format, const struct record *r,
		    const struct render_opts *o)
{
	struct renderer *new = renderer__new(format);
	struct json a, b;

	assert_non_null(new);
	json__init(&a);
	json__init(&b);
	assert_int_equal(renderer__render(old, r, o, &a), 0);
	assert_int_equal(renderer__render(new, r, o, &b), 0);
	if (a.len != b.len || memcmp(a.buf, b.buf, a.len))
		fail_msg("%.*s\ninstead of\n%.*s", (int)a.len, a.buf, (int)b.len, b.buf);
	json__free(&a);
	json__free(&b);
	renderer__free(new);
}

static void run(enum record_format format)
{
	struct render_opts o = rendering_defaults;
	struct renderer *old = renderer__new(format);
	struct sample *s = sample__new();
	struct ancestry_info behind[2][KINDS];
	struct relative_info relatives[2][KINDS][3];

	assert_non_null(old);
	sample__map(s);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct call_info *c = &s->r.call;
		const uint32_t which[2] = { next(KINDS), next(KINDS) };

		if (i % 100 == 0)
			for (uint32_t k = 0; k < 2 * KINDS; k++)
				vary_ancestry(&behind[k % 2][k / 2], relatives[k % 2][k / 2]);
		vary_task(&c->caller, &s->f.call.caller, s->exe[0], s->cgroup[0]);
		vary_task(&c->target, &s->f.call.target, s->exe[1], s->cgroup[1]);
		for (int who = 0; who < 2; who++)
			c->ancestry[who] = next(4) ? &behind[who][which[who]] : NULL;
		vary_verdict(s);
		vary_region(s);
		if (!next(8))
			vary_options(&o);
		s->r.seq = i;
		compare(old, format, &s->r, &o);
	}
	free(s);
	renderer__free(old);
}

/* Of many targets, each told by a renderer that has seen none, some have the caller's hash: still neither side has the other's
 * keys. */
static void neither_is_taken_for_the_other(void **state)
{
	static const enum record_format formats[] = { FORMAT_JSON, FORMAT_ECS, FORMAT_OCSF };
	static const char caller[] = "\"caller\":{";
	struct sample *s = sample__new();

	(void)state;
	s->r.call.caller.stamp[0] = s->r.call.caller.stamp[1] = 1;
	s->r.call.target.stamp[0] = s->r.call.target.stamp[1] = 2;
	for (uint64_t i = 0; i < 1000; i++) {
		struct renderer *new = renderer__new(formats[i % 3]);
		struct json line;
		const char *at;

		assert_non_null(new);
		json__init(&line);
		s->f.call.target.start_ns = i;
		assert_int_equal(renderer__render(new, &s->r, &rendering_defaults, &line), 0);
		at = memmem(line.buf, line.len, caller, strlen(caller));
		if (!at ||
		    memmem(at + 1, line.len - (size_t)(at + 1 - line.buf), caller, strlen(caller)))
			fail_msg("%.*s", (int)line.len, line.buf);
		json__free(&line);
		renderer__free(new);
	}
	free(s);
}

static void json(void **state)
{
	(void)state;
	run(FORMAT_JSON);
}

static void ecs(void **state)
{
	(void)state;
	run(FORMAT_ECS);
}

static void ocsf(void **state)
{
	(void)state;
	run(FORMAT_OCSF);
}

static void text(void **state)
{
	(void)state;
	run(FORMAT_TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neither_is_taken_for_the_other),
		cmocka_unit_test(json),
		cmocka_unit_test(ecs),
		cmocka_unit_test(ocsf),
		cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
