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

struct json rendering;
const struct render_opts rendering_defaults = { .iov_limit = 32, .max_line = 8000 };

/* There is one of each format, as a run has; NULL: not yet asked for. */
static struct renderer *renderers[FORMAT_TEXT + 1];

#define RENDERER_CNT (sizeof(renderers) / sizeof(renderers[0]))

int rendering__teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < RENDERER_CNT; i++) {
		renderer__free(renderers[i]);
		renderers[i] = NULL;
	}
	json__free(&rendering);
	return 0;
}

void render_in(enum record_format format, const struct record *r, const struct render_opts *o)
{
	if (!renderers[format])
		renderers[format] = renderer__new(format);
	assert_non_null(renderers[format]);
	assert_int_equal(renderer__render(renderers[format], r, o, &rendering), 0);
}

json_t *rendering__line(const struct record *r, const struct render_opts *o)
{
	return rendering__line_in(FORMAT_JSON, r, o);
}

json_t *rendering__line_in(enum record_format format, const struct record *r,
			   const struct render_opts *o)
{
	json_error_t error;
	json_t *line;

	render_in(format, r, o);
	if (rendering.len > o->max_line)
		fail_msg("%zu bytes, more than %u: %.*s", rendering.len, o->max_line,
			 (int)rendering.len, rendering.buf);
	assert_int_equal(rendering.buf[rendering.len - 1], '\n');
	assert_null(memchr(rendering.buf, '\n', rendering.len - 1));
	assert_null(memchr(rendering.buf, '\0', rendering.len));
	line = json_loadb(rendering.buf, rendering.len - 1, JSON_REJECT_DUPLICATES, &error);
	if (!line)
		fail_msg("%s at %d: %.*s", error.text, error.position, (int)rendering.len,
			 rendering.buf);
	return line;
}

void rendering__expect(const char *expected)
{
	size_t len = strlen(expected);

	if (rendering.len != len + 1 || memcmp(rendering.buf, expected, len))
		fail_msg("\n%.*s\ninstead of\n%s\n", (int)rendering.len, rendering.buf, expected);
}

void line__keys(const json_t *object, const char *expected)
{
	char keys[1024];
	size_t len = 0;

	assert_true(json_is_object(object));
	for (void *i = json_object_iter((json_t *)object); i;
	     i = json_object_iter_next((json_t *)object, i))
		len += (size_t)snprintf(keys + len, sizeof(keys) - len, "%s%s", len ? " " : "",
					json_object_iter_key(i));
	assert_string_equal(keys, expected);
}

static void sample_side(struct list_info *a, struct iov_elem *iov)
{
	*a = (struct list_info){
		.count = 1,
		.status = LIST_OK,
		.user = true,
		.changed = NO,
		.captured = 1,
		.iov = iov,
		.total_len = 4096,
	};
}

static const struct container httpd_container = { ID64, 64 };

const struct rule rendering_rule = { .name = ID64 };

struct sample *sample__new(void)
{
	static const char args[] = "./dumper\0-p\000991";
	struct sample *s = calloc(1, sizeof(*s));
	struct call_info *c;

	assert_non_null(s);
	fixture__call(&s->f);
	s->r = (struct record){ .type = REC_CALL,
				.real_ns = START_NS,
				.told_ns = TOLD_NS,
				.run = FIXTURE_RUN_ID,
				.seq = 12,
				.host = &fixture_host };
	c = &s->r.call;
	c->raw = &s->f.call;
	c->confirmed = UNKNOWN;
	c->outcome = PVM_SUCCEEDED;
	c->ret_known = c->duration_known = c->requested_known = c->transferred_known = true;
	c->ret = 4096;
	c->duration_ns = 1830;
	c->requested = c->transferred = 4096;
	c->target_arg = 991;
	c->same_pid_ns = c->same_mnt_ns = YES;
	c->access = (struct access_info){ .by = ACCESS_BY_CAP, .inferred = YES };
	c->access.cap_sys_ptrace = c->access.caps_covered = YES;
	c->access.yama = PVM_YAMA_RELATIONAL;
	strcpy(c->id, FIXTURE_RUN_ID "-1093-165a0bc00");
	memcpy(s->args, args, sizeof(args));
	c->caller = (struct task_info){
		.task = &s->f.call.caller,
		.exe = strcpy(s->exe[0], "/opt/dumper"),
		.exe_len = 11,
		.args = s->args,
		.args_len = sizeof(args),
		.cgroup = strcpy(s->cgroup[0], "/user.slice"),
		.cgroup_len = 11,
		.real_start_ns = START_NS - 1000000000,
		.entity_id = "5f0c2b7e-1092-12a05f200",
	};
	c->target = (struct task_info){
		.task = &s->f.call.target,
		.exe = strcpy(s->exe[1], "/usr/sbin/httpd"),
		.exe_len = 15,
		.cgroup = strcpy(s->cgroup[1], "/docker/" ID64),
		.cgroup_len = 72,
		.containers = &httpd_container,
		.container_cnt = 1,
		.container_end = 72,
		.real_start_ns = START_NS - 3000000000,
		.entity_id = "5f0c2b7e-3df-b2d05e00",
	};
	c->regions_confirmed = UNKNOWN;
	sample_side(&c->local, s->iov[0]);
	sample_side(&c->remote, s->iov[1]);
	c->local.addr = 0x7ffd12340000;
	c->remote.addr = 0x7ffd12340010;
	s->iov[0][0] = (struct iov_elem){ 0x7ffd12345000, 4096 };
	s->iov[1][0] = (struct iov_elem){ 0x55d0c0de0000, 4096 };
	return s;
}

void rendering__set_relation(struct sample *s, enum tristate value)
{
	struct call_info *c = &s->r.call;

	c->same_uid = c->same_user = c->same_container = value;
	c->same_pid_ns = c->same_mnt_ns = c->same_memory = value;
	c->access = (struct access_info){ .inferred = value, .cap_sys_ptrace = value };
	c->access.caps_covered = c->access.traces_target = value;
}

void sample__borrow(struct sample *s)
{
	s->owner = (struct pvm_task){ .pid = 99, .comm = "victim", .flags = PVM_TASK_EXE };
	s->r.call.owner = (struct task_info){
		.task = &s->owner,
		.exe = strcpy(s->exe[2], "/usr/bin/victim"),
		.exe_len = 15,
		.entity_id = "5f0c2b7e-63-b2d05e00",
	};
}

void sample__map(struct sample *s)
{
	struct call_info *c = &s->r.call;

	for (int exit = 0; exit < 2; exit++) {
		for (uint16_t i = 0; i <= PVM_REGIONS_MAX; i++) {
			s->region[exit][i] = (struct pvm_region){
				.start = 0x55d0c0d00000,
				.end = 0x55d0c0e00000,
				.first = i,
				.cnt = 1,
				.kind = PVM_REGION_HEAP,
				.perms = PVM_REGION_READ | PVM_REGION_WRITE,
			};
			s->regions[exit][i] = (struct region_info){ .raw = &s->region[exit][i] };
		}
	}
	strcpy(s->mapped, "/usr/lib/libc.so.6");
	c->regions = (struct regions_info){ .known = true, .cnt = 1, .at = s->regions[0] };
	c->regions_exit.at = s->regions[1];
}

struct sample *sample__long(void)
{
	struct sample *s = sample__new();

	s->r.call.rule = &rendering_rule;
	s->r.call.local.captured = s->r.call.remote.captured = 20;
	s->r.call.local.count = s->r.call.remote.count = 20;
	s->r.call.remote.changed = YES;
	s->r.call.remote.iov_exit = s->iov[3];
	s->r.call.remote.exit_cnt = 20;
	memcpy(s->f.call.caller.comm, "\xff\xfe", 3);
	s->args[2] = '\xff';
	s->exe[1][3] = '\xff';
	return s;
}

void sample__summarise(struct sample *s)
{
	struct summary_info *sum = &s->r.summary;
	struct call_info *c = &sum->call;

	s->r.type = REC_SUMMARY;
	c->ret_known = c->duration_known = c->requested_known = false;
	c->partial = UNKNOWN;
	c->error = NULL;
	memset(&c->local, 0, sizeof(c->local));
	memset(&c->remote, 0, sizeof(c->remote));
	sum->reason = PVM_OVERFLOW;
	sum->calls = 7;
	sum->sums_known = true;
	sum->bytes = 28672;
	sum->duration_ns = 12810;
	sum->first_ns = START_NS - 1500000000;
	sum->last_ns = START_NS;
	sum->error_cnt = 2;
	sum->errors[0] = (struct error_count){ "EPERM", 2 };
	sum->errors[1] = (struct error_count){ "EFAULT", 5 };
	sum->abi_cnt = 1;
	sum->abis[0] = (struct abi_count){ PVM_ABI_X86_64, 7 };
	sum->changed = YES;
	sum->range_known = true;
	sum->low = 0x1000;
	sum->high = 0x7fffffffefff;
}

bool text__is_shortened(const char *whole, size_t whole_len, const char *part, const char *mark)
{
	const char *at = part;

	for (; (at = strstr(at, mark)); at++) {
		const char *tail = at + strlen(mark);
		size_t head_len = (size_t)(at - part), tail_len = strlen(tail);

		if (head_len + tail_len < whole_len && !memcmp(whole, part, head_len) &&
		    !memcmp(whole + whole_len - tail_len, tail, tail_len))
			return true;
	}
	return false;
}

bool line__cuts(const json_t *line, const char *name)
{
	const json_t *names = json_object_get(line, "truncated"), *v;
	size_t i;

	json_array_foreach((json_t *)names, i, v) {
		if (!strcmp(json_string_value(v), name))
			return true;
	}
	return false;
}

json_t *line__at(const json_t *line, const char *object, const char *key)
{
	return json_object_get(json_object_get(line, object), key);
}

bool line__cuts_in(const json_t *line, const char *object, const char *key)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", object, key);
	return line__cuts(line, name);
}
