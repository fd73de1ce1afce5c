/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuts.h"
#include "own_record.h"
#include "random_call.h"
#include "render/fit.h"

#define WHOLE (1u << 24)
#define PATH_SZ 128
#define ROUNDS 600
#define DEFAULT_LINE 8000

/* This is what is compared. */
struct pair {
	const struct cuts_format *f;
	const json_t *line;
	uint32_t max_line;
	unsigned int found; /* cuts that the line has */
};

json_t *cuts__at(const json_t *line, const char *path)
{
	char key[PATH_SZ];
	size_t len;

	while (line && *path) {
		len = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		line = json_object_get(line, key);
		path += len + (path[len] == '.');
	}
	return (json_t *)line;
}

void expect_text(const json_t *line, const char *path, const char *expected)
{
	const json_t *v = cuts__at(line, path);

	if (!json_is_string(v))
		fail_msg("no string at %s: %.*s", path, (int)rendering.len, rendering.buf);
	assert_string_equal(json_string_value(v), expected);
}

void expect_number(const json_t *line, const char *path, json_int_t expected)
{
	const json_t *v = cuts__at(line, path);

	assert_true(json_is_integer(v));
	assert_int_equal(json_integer_value(v), expected);
}

static const json_t *names_of(const struct cuts_format *f, const json_t *line)
{
	return json_object_get(*f->rest ? json_object_get(line, f->rest) : line, "truncated");
}

/* A name stands for itself, for all below it, "x.*" for all below x, and "*" for the rest of what stands nowhere below. */
static bool covers(const char *name, const char *path)
{
	size_t len = strlen(name);

	if (!strcmp(name, "*"))
		return !strchr(path, '.');
	if (len > 2 && !strcmp(name + len - 2, ".*"))
		return !strncmp(name, path, len - 1);
	if (strncmp(name, path, len) != 0)
		return false;
	/* Whether there are more of a list is not known of one that is not there (docs/events.md). */
	return path[len] == '\0' || path[len] == '.' || !strcmp(path + len, "_cut");
}

bool cuts__names(const struct cuts_format *f, const json_t *line, const char *path)
{
	const json_t *name;
	size_t i;

	json_array_foreach((json_t *)names_of(f, line), i, name) {
		if (!strcmp(json_string_value(name), path))
			return true;
	}
	return false;
}

static void expect_named(struct pair *p, const char *path)
{
	const json_t *name;
	size_t i;

	json_array_foreach((json_t *)names_of(p->f, p->line), i, name) {
		if (covers(json_string_value(name), path)) {
			p->found++;
			return;
		}
	}
	fail_msg("%s, --max-line %u: %s is missing and not named: %.*s", format_names[p->f->format],
		 p->max_line, path, (int)rendering.len, rendering.buf);
}

static bool is_prefix(const json_t *whole, const json_t *part)
{
	size_t len = json_string_length(part);

	return json_string_length(whole) >= len &&
	       !memcmp(json_string_value(whole), json_string_value(part), len);
}

/* Returns whether there are of a path its ends, and in hex what is shown of it. */
static bool is_shortened(const json_t *whole, const json_t *part, const char *path)
{
	size_t len = strlen(path);
	bool hex = len > 4 && !strcmp(path + len - 4, "_hex");

	return json_is_string(whole) &&
	       text__is_shortened(json_string_value(whole), json_string_length(whole),
				  json_string_value(part), hex ? CUT_MARK_HEX : CUT_MARK);
}

/* Returns whether it is a path that the format says is cut short, or its hex. */
static bool is_named_or_hex(const struct pair *p, const char *path)
{
	const json_t *name;
	size_t i;

	if (strstr(path, "_hex"))
		return true;
	json_array_foreach((json_t *)names_of(p->f, p->line), i, name) {
		if (covers(json_string_value(name), path))
			return true;
	}
	return false;
}

static void compare(struct pair *p, const json_t *whole, const json_t *part, const char *path);

static void compare_objects(struct pair *p, const json_t *whole, const json_t *part,
			    const char *path)
{
	char below[PATH_SZ];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)whole, key, value) {
		int len = snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", key);

		assert_true(len > 0 && (size_t)len < sizeof(below));
		if (!strcmp(key, "truncated") || !strcmp(key, "pad"))
			continue;
		if (json_object_get(part, key))
			compare(p, value, json_object_get(part, key), below);
		else
			expect_named(p, below);
	}
	json_object_foreach((json_t *)part, key, value) {
		if (!json_object_get(whole, key))
			fail_msg("%s: %s.%s is not in the whole line", format_names[p->f->format],
				 path, key);
	}
}

/* Elements are cut from the end, or keys in them: what is there is what was there. */
static void compare_arrays(struct pair *p, const json_t *whole, const json_t *part,
			   const char *path)
{
	size_t cnt = json_array_size(part);

	if (cnt < json_array_size(whole))
		expect_named(p, path);
	assert_true(cnt <= json_array_size(whole));
	for (size_t i = 0; i < cnt; i++)
		compare(p, json_array_get(whole, i), json_array_get(part, i), path);
}

static void compare(struct pair *p, const json_t *whole, const json_t *part, const char *path)
{
	if (p->f->nulls && json_is_null(part)) {
		if (!json_is_null(whole))
			expect_named(p, path);
		return;
	}
	assert_int_equal(json_typeof(whole), json_typeof(part));
	assert_false(json_is_null(whole));
	if (json_is_object(whole)) {
		compare_objects(p, whole, part, path);
	} else if (json_is_array(whole)) {
		compare_arrays(p, whole, part, path);
	} else if (!json_equal(whole, part) && is_shortened(whole, part, path)) {
		if (!is_named_or_hex(p, path))
			fail_msg("%s: %s is cut short and not named", format_names[p->f->format],
				 path);
		p->found++;
	} else if (!json_equal(whole, part)) {
		if (!p->f->prefix_of || strcmp(path, p->f->prefix_of) || !is_prefix(whole, part))
			fail_msg("%s: %s has another value", format_names[p->f->format], path);
		expect_named(p, path);
	}
}

static void check_without(uint64_t omit, const struct cuts_format *f, const struct record *r,
			  uint32_t iov_limit, const uint32_t *limits, size_t limit_cnt)
{
	struct render_opts o = { .iov_limit = UINT32_MAX,
				 .max_line = WHOLE,
				 .data = PVM_DATA_MAX,
				 .omit = omit };
	json_t *whole = rendering__line_in(f->format, r, &o), *line;

	assert_true(json_is_array(names_of(f, whole)));
	assert_int_equal(json_array_size(names_of(f, whole)), 0);
	o.iov_limit = iov_limit;
	for (size_t i = 0; i < limit_cnt; i++) {
		struct pair p = { .f = f, .max_line = limits[i] };

		o.max_line = limits[i];
		line = rendering__line_in(f->format, r, &o);
		p.line = line;
		compare(&p, whole, line, "");
		assert_int_equal(p.found > 0, json_array_size(names_of(f, line)) > 0);
		json_decref(line);
	}
	json_decref(whole);
}

void cuts__check(const struct cuts_format *f, const struct record *r, uint32_t iov_limit,
		 const uint32_t *limits, size_t limit_cnt)
{
	check_without(0, f, r, iov_limit, limits, limit_cnt);
}

/* In every other round no part, else any of those that have a name. */
static uint64_t random_omission(unsigned int round)
{
	uint64_t parts = 0;

	for (unsigned int part = 0; part < FIT_CNT && round % 2; part++) {
		if (fit_rows[part].in[FIT_JSON].names && !fixture__below(4))
			parts |= FIT_BIT(part);
	}
	return parts__with_siblings(parts);
}

static void check_random(const struct cuts_format *f, void (*make)(struct sample *s))
{
	static const uint32_t iov_limits[] = { 0, 1, 32, UINT32_MAX };
	uint32_t limits[6] = { 1024, 8000 };

	fixture__seed(6);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct sample *s = sample__new();

		make(s);
		for (size_t i = 2; i < 6; i++)
			limits[i] = 1024 + fixture__below(i < 4 ? 2500 : 100000);
		check_without(random_omission(round), f, &s->r, iov_limits[fixture__below(4)],
			      limits, 6);
		free(s);
	}
}

void cuts__random(void **state)
{
	check_random(*state, random_call);
}

void cuts__random_summaries(void **state)
{
	check_random(*state, random_summary);
}

static void fill_limits(uint32_t *limits, uint32_t from, size_t cnt, uint32_t step)
{
	for (size_t i = 0; i < cnt; i++)
		limits[i] = from + (uint32_t)i * step;
}

void cuts__each_length(void **state)
{
	const struct cuts_format *f = *state;
	struct sample *s = sample__long();
	uint32_t limits[5000];

	fill_limits(limits, 1024, 5000, 1);
	cuts__check(f, &s->r, 15, limits, 5000);
	free(s);
}

static const struct container longest = { ID64, 64 };

static void longest_task(struct task_info *t, struct pvm_task *task)
{
	memset(task, 0xff, sizeof(*task));
	task->loginuid = task->sessionid = UINT32_MAX - 1;
	memset(task->comm, '\x01', PVM_COMM_SZ);
	memset(task->pcomm, '\xff', PVM_COMM_SZ);
	memset(t->entity_id, 'f', sizeof(t->entity_id) - 1);
	t->real_start_ns = UINT64_MAX;
	t->containers = &longest;
	t->container_cnt = 1;
}

static void longest_side(struct list_info *a, struct iov_elem *iov)
{
	*a = (struct list_info){
		.addr = UINT64_MAX,
		.count = UINT64_MAX,
		.status = LIST_PARTIAL,
		.user = true,
		.changed = NO,
		.captured = PVM_IOV_MAX,
		.iov = iov,
		.gap_cnt = LIST_GAPS_MAX,
		.total_len = UINT64_MAX,
	};
	for (size_t i = 0; i < PVM_IOV_MAX; i++)
		iov[i] = (struct iov_elem){ UINT64_MAX, UINT64_MAX };
}

static void longest_call(struct sample *s, struct host *host)
{
	struct call_info *c = &s->r.call;

	memset(host, 0, sizeof(*host));
	memset(host->name, '\x01', sizeof(host->name) - 1);
	memset(host->machine_id, 'f', sizeof(host->machine_id) - 1);
	memset(host->boot_id, 'f', sizeof(host->boot_id) - 1);
	s->r.host = host;
	s->r.seq = s->r.real_ns = UINT64_MAX;
	s->f.call.op = PVM_WRITE;
	s->f.call.phase = PVM_UNFINISHED;
	s->f.call.kind = PVM_KIND_PIDFD;
	c->outcome = PVM_FAILED;
	c->error = "EPROTONOSUPPORT";
	c->ret = INT64_MIN;
	c->duration_ns = c->requested = c->transferred = c->flags = UINT64_MAX;
	c->target_arg = INT32_MIN;
	c->rule = &rendering_rule;
	c->id[CALL_ID_MAX] = '\0';
	memset(c->id, 'f', CALL_ID_MAX);
	longest_task(&c->caller, &s->f.call.caller);
	longest_task(&c->target, &s->f.call.target);
	longest_side(&c->local, s->iov[0]);
	longest_side(&c->remote, s->iov[1]);
	for (size_t i = 0; i < 2; i++) {
		memset(s->exe[i], '\xff', 4096);
		memset(s->cgroup[i], '\x7f', 4096);
	}
	memset(s->args, '\xff', 4096);
	c->caller.exe_len = c->target.exe_len = c->caller.args_len = 4096;
	c->caller.cgroup_len = c->target.cgroup_len = 4096;
}

static void longest_summary(struct sample *s)
{
	struct summary_info *sum = &s->r.summary;

	sample__summarise(s);
	sum->reason = PVM_AGGREGATE;
	sum->calls = sum->bytes = sum->duration_ns = sum->first_ns = sum->last_ns = UINT64_MAX;
}

void cuts__longest(void **state)
{
	const struct cuts_format *f = *state;
	struct sample *s = sample__new();
	uint32_t limits[400];
	struct host host;

	longest_call(s, &host);
	fill_limits(limits, 1024, 300, 7);
	fill_limits(limits + 300, 3500, 100, 500);
	cuts__check(f, &s->r, UINT32_MAX, limits, 400);
	memset(&s->r.call.target, 0, sizeof(s->r.call.target));
	cuts__check(f, &s->r, UINT32_MAX, limits, 400);
	memset(host.machine_id, 0, sizeof(host.machine_id));
	cuts__check(f, &s->r, UINT32_MAX, limits, 400);
	free(s);
	s = sample__new();
	longest_call(s, &host);
	longest_summary(s);
	cuts__check(f, &s->r, UINT32_MAX, limits, 400);
	free(s);
}

void cuts__own(void **state)
{
	const struct cuts_format *f = *state;
	struct own_records own;
	uint32_t limits[800];
	struct host host;

	own_records__fill(&own);
	own_records__rules(&own);
	fill_limits(limits, 1024, 800, 3);
	memset(&host, 'f', sizeof(host));
	host.name[64] = host.machine_id[32] = host.boot_id[36] = '\0';
	host.kernel[64] = host.kernel_version[64] = host.arch[60] = '\0';
	for (size_t i = 0; i < OWN_RECORDS; i++) {
		cuts__check(f, &own.r[i], 32, limits, 800);
		own.r[i].host = &host;
		own.r[i].seq = UINT64_MAX;
		cuts__check(f, &own.r[i], 32, limits, 800);
		if (own.r[i].type == REC_START || own.r[i].type == REC_REOPEN)
			assert_true(rendering.len >= 1024);
	}
}

void cuts__order(void **state)
{
	const struct cuts_format *f = *state;
	struct sample *s = sample__new();
	struct render_opts o = { .iov_limit = 32, .max_line = 8000 };
	char local[PATH_SZ], remote[PATH_SZ];
	json_t *line;

	snprintf(local, sizeof(local), "%s.local.iov", f->rest);
	snprintf(remote, sizeof(remote), "%s.remote.iov", f->rest);
	s->r.call.local.captured = s->r.call.remote.captured = 32;
	s->r.call.caller.args_len = 4096;
	for (size_t i = 0; i < 4096; i++)
		s->args[i] = i % 8 ? 'a' : '\0';
	for (uint32_t i = 0; i < 32; i++)
		s->iov[0][i] = s->iov[1][i] = (struct iov_elem){ 0x7ffd12345000, 4096 };
	line = rendering__line_in(f->format, &s->r, &o);
	assert_true(cuts__names(f, line, f->args));
	assert_false(cuts__names(f, line, local) || cuts__names(f, line, remote));
	json_decref(line);
	o.max_line = 4900;
	line = rendering__line_in(f->format, &s->r, &o);
	assert_true(cuts__names(f, line, local) && !cuts__names(f, line, remote));
	json_decref(line);
	o.max_line = FIT_LINE;
	line = rendering__line_in(f->format, &s->r, &o);
	assert_true(cuts__names(f, line, f->args));
	assert_true(json_array_size(cuts__at(line, local)) >= FIT_ELEMENTS);
	assert_true(json_array_size(cuts__at(line, remote)) > 2 * FIT_ELEMENTS);
	json_decref(line);
	free(s);
}

/* Expects what a list has to show: its minimum, or as much of it as there is and may be shown. */
static void expect_minimum(const struct cuts_format *f, const json_t *line, const char *list,
			   uint32_t cnt, const struct render_opts *o)
{
	uint32_t want = cnt < o->iov_limit ? cnt : o->iov_limit;
	char path[PATH_SZ];
	size_t shown;

	snprintf(path, sizeof(path), "%s%s%s", f->rest, *f->rest ? "." : "", list);
	shown = json_array_size(cuts__at(line, path));
	if (o->max_line < FIT_LINE)
		want = want > 0;
	else if (want > FIT_ELEMENTS)
		want = FIT_ELEMENTS;
	if (shown < want || (shown < cnt && !cuts__names(f, line, path)))
		fail_msg("%s, --max-line %u: %s shows %zu of %u, %u at least, not named: %.*s",
			 format_names[f->format], o->max_line, path, shown, cnt, want,
			 (int)rendering.len, rendering.buf);
}

/* Expects the end of the path that the memory's owner executes, and as much as a minimum is. */
static void expect_owner(const struct cuts_format *f, const json_t *line, const struct call_info *c,
			 const struct render_opts *o)
{
	char path[PATH_SZ];
	const json_t *exe;
	size_t len;

	if (!c->target.task || !c->owner.exe || o->max_line < DEFAULT_LINE)
		return;
	snprintf(path, sizeof(path), "%s.target.memory_of.exe", f->rest);
	exe = cuts__at(line, path);
	if (!exe)
		fail_msg("%s, --max-line %u: no %s: %.*s", format_names[f->format], o->max_line,
			 path, (int)rendering.len, rendering.buf);
	len = json_string_length(exe);
	/* A byte of it may take six when it is escaped, and what is no text becomes three. */
	if (cuts__names(f, line, path))
		assert_true(len >= FIT_TEXT / 6 - sizeof(",\"exe\":\"\""));
}

static void check_minimums(const struct cuts_format *f, const struct record *r)
{
	struct render_opts o = { .iov_limit = 32 };

	for (unsigned int n = 0; n < 12; n++) {
		json_t *line;

		o.max_line = n < 4   ? 1024 + fixture__below(FIT_LINE - 1024)
			     : n < 8 ? FIT_LINE + fixture__below(6000)
				     : FIT_LINE + fixture__below(60000);
		o.iov_limit = n % 4 ? 32 : UINT32_MAX;
		line = rendering__line_in(f->format, r, &o);
		expect_minimum(f, line, "remote.iov", r->call.remote.captured, &o);
		expect_owner(f, line, &r->call, &o);
		json_decref(line);
	}
}

void cuts__minimums(void **state)
{
	const struct cuts_format *f = *state;
	struct sample *s;
	struct host host;

	fixture__seed(9);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		s = sample__new();
		random_call(s);
		if (round % 3 == 0)
			longest_call(s, &host);
		if (round % 6 == 0) {
			sample__borrow(s);
			memset(s->exe[2], '\x01', 4096);
			s->r.call.owner.exe_len = 4096;
		}
		check_minimums(f, &s->r);
		free(s);
	}
}

void cuts__host(void **state)
{
	const struct cuts_format *f = *state;
	struct sample *s = sample__new();
	struct host host = fixture_host;
	struct own_records own;
	uint32_t limits[400];
	char path[PATH_SZ];
	json_t *line;

	strcpy(host.name, "w\xff\xc2\x85");
	snprintf(path, sizeof(path), "%s.host.name_hex", f->rest);
	fill_limits(limits, 1024, 400, 5);
	s->r.host = &host;
	line = rendering__line_in(f->format, &s->r, &rendering_defaults);
	expect_text(line, path, "77ffc285");
	json_decref(line);
	memset(host.name, 0xff, sizeof(host.name) - 1);
	cuts__check(f, &s->r, 32, limits, 400);
	sample__summarise(s);
	cuts__check(f, &s->r, 32, limits, 400);
	own_records__fill(&own);
	for (size_t i = 0; i < OWN_RECORDS; i++) {
		own.r[i].host = &host;
		line = rendering__line_in(f->format, &own.r[i], &rendering_defaults);
		assert_true(json_is_string(cuts__at(line, path)));
		json_decref(line);
	}
	free(s);
}
