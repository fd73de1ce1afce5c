/* SPDX-License-Identifier: Apache-2.0 */
/* What lies at the remote elements, in every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rendering.h"

#define LIBC "/usr/lib/libc.so.6"

/* The first region becomes one of libc's code. */
static void map_file(struct sample *s)
{
	sample__map(s);
	s->region[0][0].kind = PVM_REGION_FILE;
	s->region[0][0].perms = PVM_REGION_READ | PVM_REGION_EXEC;
	s->region[0][0].flags = PVM_REGION_BACKED;
	s->region[0][0].offset = 0x26123;
	s->region[0][0].ino = 77;
	s->region[0][0].dev = 254u << 20 | 1;
	s->regions[0][0].text = s->mapped;
	s->regions[0][0].text_len = strlen(s->mapped);
}

static void expect(const struct record *r, enum record_format format, const char *part)
{
	render_in(format, r, &rendering_defaults);
	if (!memmem(rendering.buf, rendering.len, part, strlen(part)))
		fail_msg("'%s' is not in %.*s", part, (int)rendering.len, rendering.buf);
}

static void test_all_keys(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	sample__map(s);
	expect(&s->r, FORMAT_JSON,
	       "\"regions\":[{\"elements\":[0,1],\"kind\":\"heap\",\"perms\":\"rw-p\","
	       "\"start\":\"0x55d0c0d00000\",\"end\":\"0x55d0c0e00000\",\"runs_on\":false,\"offset\":null,\"file\":null,\"dev\":null,"
	       "\"ino\":null,\"deleted\":null,\"name\":null}],\"regions_exit\":null,\"regions_confirmed\":null}");
	map_file(s);
	s->r.call.regions_confirmed = YES;
	expect(&s->r, FORMAT_JSON,
	       "\"regions\":[{\"elements\":[0,1],\"kind\":\"file\",\"perms\":\"r-xp\","
	       "\"start\":\"0x55d0c0d00000\",\"end\":\"0x55d0c0e00000\",\"runs_on\":false,\"offset\":\"0x26123\",\"file\":\"" LIBC
	       "\",\"dev\":\"fe:01\",\"ino\":77,\"deleted\":false,\"name\":null}],\"regions_exit\":null,"
	       "\"regions_confirmed\":\"pages\"}");
	free(s);
}

static void test_kinds(void **state)
{
	static const struct {
		uint8_t kind;
		const char *json, *text;
	} all[] = {
		{ PVM_REGION_UNKNOWN, "null", "+4096         other" },
		{ PVM_REGION_NONE, "\"none\"", "+4096 nothing mapped " },
		{ PVM_REGION_HEAP, "\"heap\"", "+4096 [heap] " },
		{ PVM_REGION_STACK, "\"stack\"", "+4096 [stack] " },
		{ PVM_REGION_FILE, "\"file\"", "+4096 file rw- " },
		{ PVM_REGION_ANON, "\"anon\"", "+4096 anon rw- " },
		{ PVM_REGION_SHARED, "\"shared\"", "+4096 shared rw- " },
		{ PVM_REGION_VDSO, "\"vdso\"", "+4096 [vdso] " },
		{ PVM_REGION_VVAR, "\"vvar\"", "+4096 [vvar] " },
	};
	struct sample *s = sample__new();
	char part[64];

	(void)state;
	sample__map(s);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		s->region[0][0].kind = all[i].kind;
		snprintf(part, sizeof(part), "\"kind\":%s,\"perms\":%s,", all[i].json,
			 all[i].kind > PVM_REGION_NONE ? "\"rw-p\"" : "null");
		expect(&s->r, FORMAT_JSON, part);
		expect(&s->r, FORMAT_TEXT, all[i].text);
	}
	free(s);
}

/* A file by its path, all else by its name; and bytes that are no text are told twice. */
static void test_texts(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	map_file(s);
	expect(&s->r, FORMAT_TEXT, "+4096 libc.so.6 r-x ");
	s->region[0][0].flags |= PVM_REGION_DELETED;
	expect(&s->r, FORMAT_TEXT, "+4096 libc.so.6 r-x (deleted) ");
	expect(&s->r, FORMAT_JSON, "\"deleted\":true");
	s->mapped[1] = '\xff';
	expect(&s->r, FORMAT_JSON, "\"file_hex\":\"2fff");
	s->region[0][0].kind = PVM_REGION_ANON;
	s->region[0][0].flags = 0;
	strcpy(s->mapped, "pool");
	s->regions[0][0].text_len = 4;
	expect(&s->r, FORMAT_TEXT, "+4096 anon:pool r-x ");
	expect(&s->r, FORMAT_JSON, "\"deleted\":null,\"name\":\"pool\"}");
	expect(&s->r, FORMAT_JSON, "\"file\":null,");
	s->mapped[1] = '\xff';
	expect(&s->r, FORMAT_JSON, "\"name_hex\":\"70ff6f6c\"");
	free(s);
}

/* What a process calls its files does not read like what this program says of a mapping. */
static void test_misleading(void **state)
{
	static const struct {
		const char *path, *text;
	} all[] = {
		{ "/tmp/[heap]", "+4096 \"[heap]\" r-x " },
		{ "/tmp/anon:pool", "+4096 \"anon:pool\" r-x " },
		{ "/tmp/shared", "+4096 \"shared\" r-x " },
		{ "/tmp/file", "+4096 \"file\" r-x " },
		{ "/tmp/x r-x (deleted)", "+4096 \"x r-x (deleted)\" r-x " },
		{ "/tmp/nothing mapped", "+4096 \"nothing mapped\" r-x " },
		{ "/tmp/(+2)", "+4096 \"(+2)\" r-x " },
		{ "/tmp/a\" r-x b", "+4096 \"a\\\" r-x b\" r-x " },
		{ "/tmp/x\u00a0rwx", "+4096 \"x" },
		{ "/tmp/", "+4096 \"\" r-x " },
		{ "/tmp/x", "+4096 x r-x " },
		{ "/tmp/?", "+4096 \"?\" r-x " },
		{ "/memfd:x", "+4096 memfd:x r-x " },
		{ "/memfd:x/libc.so.6", "+4096 memfd:x/libc.so.6 r-x " },
		{ "/memfd:", "+4096 memfd: r-x " },
	};
	struct sample *s = sample__new();

	(void)state;
	map_file(s);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(s->mapped, sizeof(s->mapped), "%s", all[i].path);
		s->regions[0][0].text_len = strlen(s->mapped);
		expect(&s->r, FORMAT_TEXT, all[i].text);
	}
	s->region[0][0].kind = PVM_REGION_ANON;
	s->region[0][0].flags = 0;
	strcpy(s->mapped, "x rwx");
	s->regions[0][0].text_len = strlen(s->mapped);
	expect(&s->r, FORMAT_TEXT, "+4096 anon:\"x rwx\" r-x ");
	free(s);
}

/* Absent is what is null; and no list of lists. */
static void test_other_formats(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	map_file(s);
	for (enum record_format format = FORMAT_ECS; format <= FORMAT_OCSF; format++)
		expect(&s->r, format,
		       "\"regions\":[{\"elements\":{\"first\":0,\"count\":1},\"kind\":\"file\",\"perms\":\"r-xp\","
		       "\"start\":\"0x55d0c0d00000\",\"end\":\"0x55d0c0e00000\",\"runs_on\":false,\"offset\":\"0x26123\",\"file\":\"" LIBC
		       "\",\"dev\":\"fe:01\",\"ino\":77,\"deleted\":false}]");
	free(s);
}

/* What is told of the first place is not all, wherever that is. */
static void test_runs_on(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	map_file(s);
	s->regions[0][0].runs_on = YES;
	expect(&s->r, FORMAT_TEXT, "+4096 libc.so.6 r-x runs on ");
	for (enum record_format format = FORMAT_JSON; format <= FORMAT_OCSF; format++)
		expect(&s->r, format, "\"end\":\"0x55d0c0e00000\",\"runs_on\":true,\"offset\"");
	s->regions[0][0].runs_on = NO;
	s->regions[0][2].runs_on = YES;
	s->r.call.regions.cnt = 3;
	expect(&s->r, FORMAT_TEXT, "+4096 libc.so.6 r-x (+2) runs on ");
	s->region[0][0].kind = PVM_REGION_NONE;
	s->regions[0][0].runs_on = UNKNOWN;
	expect(&s->r, FORMAT_JSON, "\"end\":null,\"runs_on\":null,\"offset\":");
	free(s);
}

static void test_more_than_one(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	sample__map(s);
	s->r.call.regions.cnt = 3;
	s->r.call.regions_exit.known = true;
	s->r.call.regions_exit.cnt = 1;
	s->region[1][0].kind = PVM_REGION_NONE;
	expect(&s->r, FORMAT_TEXT, "+4096 [heap] (+2) ");
	s->region[0][0].kind = PVM_REGION_UNKNOWN;
	expect(&s->r, FORMAT_TEXT, "+4096 ? (+2) ");
	s->region[0][0].kind = PVM_REGION_HEAP;
	expect(&s->r, FORMAT_JSON,
	       "\"regions_exit\":[{\"elements\":[0,1],\"kind\":\"none\",\"perms\":null,\"start\":null,\"end\":null,");
	free(s);
}

/* In a line that is too long the first one stays, with the end of its path; it is said that others are missing. */
static void test_cut(void **state)
{
	struct render_opts o = { .iov_limit = 32, .max_line = 4000 };
	struct sample *s = sample__new();
	json_t *line, *regions;

	(void)state;
	map_file(s);
	memset(s->mapped, 'a', 4096);
	s->regions[0][0].text_len = 4096;
	s->r.call.regions.cnt = PVM_REGIONS_MAX + 1;
	line = rendering__line(&s->r, &o);
	regions = line__at(line, "remote", "regions");
	assert_true(json_array_size(regions) > 1 && json_array_size(regions) <= PVM_REGIONS_MAX);
	assert_int_equal(
		strlen(json_string_value(json_object_get(json_array_get(regions, 0), "file"))),
		strlen(CUT_MARK) + 256);
	assert_true(line__cuts(line, "remote.regions"));
	json_decref(line);
	o.max_line = 1 << 20;
	line = rendering__line(&s->r, &o);
	assert_int_equal(json_array_size(line__at(line, "remote", "regions")), PVM_REGIONS_MAX + 1);
	assert_false(line__cuts(line, "remote.regions"));
	json_decref(line);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),      cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_texts),	      cmocka_unit_test(test_other_formats),
		cmocka_unit_test(test_more_than_one), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_misleading),    cmocka_unit_test(test_runs_on),
	};

	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
