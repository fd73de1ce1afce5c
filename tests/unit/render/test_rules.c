/* SPDX-License-Identifier: Apache-2.0 */
/* test_rules - which rule a call is told by, which there are, and what became of their calls, in each format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cuts.h"
#include "own_record.h"
#include "render/parts.h"

static const struct rule web = { .name = "web-1.w_A" };
static const struct rule unnamed = { .action = RULE_TELL };

/* Returns what the record is in this format, with this rule. */
/* The last line has no NUL behind it. */
static bool line_has(const char *text)
{
	return memmem(rendering.buf, rendering.len, text, strlen(text)) != NULL;
}

static json_t *line_by(struct sample *s, enum record_format format, const struct rule *rule)
{
	s->r.call.rule = rule;
	return rendering__line_in(format, &s->r, &rendering_defaults);
}

static void expect_rule(struct sample *s)
{
	json_t *line = line_by(s, FORMAT_JSON, &web);

	expect_text(line, "rule", "web-1.w_A");
	json_decref(line);
	line = line_by(s, FORMAT_ECS, &web);
	line__keys(json_object_get(line, "rule"), "name");
	expect_text(line, "rule.name", "web-1.w_A");
	assert_null(cuts__at(line, "pvmtrace.rule"));
	json_decref(line);
	line = line_by(s, FORMAT_OCSF, &web);
	expect_text(line, "unmapped.rule", "web-1.w_A");
	assert_null(cuts__at(line, "rule"));
	json_decref(line);
	s->r.call.rule = &web;
	render_in(FORMAT_TEXT, &s->r, &rendering_defaults);
	assert_true(line_has(" [web-1.w_A]\n"));
}

static void expect_none(struct sample *s, const struct rule *rule)
{
	json_t *line = line_by(s, FORMAT_JSON, rule);

	assert_true(json_is_null(json_object_get(line, "rule")));
	json_decref(line);
	line = line_by(s, FORMAT_ECS, rule);
	assert_null(cuts__at(line, "rule"));
	json_decref(line);
	line = line_by(s, FORMAT_OCSF, rule);
	assert_null(cuts__at(line, "unmapped.rule"));
	json_decref(line);
	render_in(FORMAT_TEXT, &s->r, &rendering_defaults);
	assert_null(memmem(rendering.buf, rendering.len, " [", 2));
}

static void which_rule(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	expect_rule(s);
	expect_none(s, NULL);
	expect_none(s, &unnamed);
	sample__summarise(s);
	expect_rule(s);
	expect_none(s, NULL);
	expect_none(s, &unnamed);
	free(s);
}

/* What a caller can lengthen at will stands behind it. */
static void before_arguments(void **state)
{
	struct render_opts o = rendering_defaults;
	struct sample *s = sample__new();

	(void)state;
	o.args = true;
	s->r.call.rule = &web;
	render_in(FORMAT_TEXT, &s->r, &o);
	assert_true(line_has(" [web-1.w_A]  args: "));
	free(s);
}

static void it_can_be_omitted(void **state)
{
	struct render_opts o = rendering_defaults;
	struct sample *s = sample__new();
	json_t *line;

	(void)state;
	o.omit = parts__with_siblings(parts__named("rule"));
	assert_true(o.omit);
	s->r.call.rule = &web;
	line = rendering__line(&s->r, &o);
	assert_true(json_is_null(json_object_get(line, "rule")));
	assert_true(json_is_true(json_object_get(line, "omitted")));
	json_decref(line);
	line = rendering__line_in(FORMAT_ECS, &s->r, &o);
	assert_null(cuts__at(line, "rule"));
	json_decref(line);
	free(s);
}

#define RULES_JSON                                                                                      \
	"\"rules\":[{\"name\":\"profilers\",\"action\":\"drop\",\"filters\":{\"target\":{\"exe\":["     \
	"\"!stra\\\"ce\"]}}},{\"name\":\"web\",\"action\":\"tell\",\"filters\":{\"caller\":{\"comm\":[" \
	"\"!stra\\\"ce\"]},\"op\":[\"read\"],\"relation\":[\"child\",\"!other-user\"],"                 \
	"\"outcome\":\"failure\",\"min_bytes\":7,\"no_self\":true,\"region\":[\"heap\"]}},"             \
	"{\"name\":\"" ID64 "\",\"action\":\"aggregate\",\"filters\":{}},{"
#define TELLS_JSON "\"action\":\"tell\",\"filters\":{}}]"
#define NO_FILTERS                                                                                                  \
	"\"filters\":{\"caller\":{\"pid\":[],\"comm\":[],\"uid\":[],\"cgroup\":[],\"container\":[],"                \
	"\"exe\":[],\"unit\":[],\"ancestor_exe\":[]},\"target\":{\"pid\":[],\"comm\":[],\"uid\":[],"                \
	"\"cgroup\":[],\"container\":[],\"exe\":[],\"unit\":[],\"ancestor_exe\":[]},\"files\":[],\"files_more\":0," \
	"\"op\":[],\"relation\":[],"

static void the_start_has_them(void **state)
{
	struct own_records own;

	(void)state;
	own_records__fill(&own);
	render_in(FORMAT_JSON, &own.r[0], &rendering_defaults);
	assert_true(line_has("\"rules\":[],"));
	render_in(FORMAT_ECS, &own.r[0], &rendering_defaults);
	assert_false(line_has("\"rules\""));
	own_records__rules(&own);
	render_in(FORMAT_JSON, &own.r[0], &rendering_defaults);
	assert_true(line_has("," RULES_JSON "\"name\":null," TELLS_JSON ","));
	assert_true(line_has(NO_FILTERS
			     "\"outcome\":null,\"min_bytes\":0,\"no_self\":false,\"region\":[]},"));
	for (int format = FORMAT_ECS; format <= FORMAT_OCSF; format++) {
		render_in((enum record_format)format, &own.r[0], &rendering_defaults);
		assert_true(line_has("," RULES_JSON TELLS_JSON ","));
		assert_true(
			line_has(NO_FILTERS "\"min_bytes\":0,\"no_self\":false,\"region\":[]},"));
	}
	render_in(FORMAT_TEXT, &own.r[0], &rendering_defaults);
	assert_non_null(strstr(
		rendering.buf,
		"; rule profilers drop --target-exe !stra\"ce; rule web tell --caller-comm "
		"!stra\"ce --op read --relation child --relation !other-user --outcome failure "
		"--min-bytes 7 --no-self --region heap; rule " ID64 " aggregate;"));
}

#define FATES_JSON                                                                            \
	"\"rules\":[{\"name\":\"profilers\",\"action\":\"drop\",\"told\":0,\"summarised\":0," \
	"\"dropped\":3},{\"name\":\"web\",\"action\":\"tell\",\"told\":2,\"summarised\":0,"   \
	"\"dropped\":0},{\"name\":\"" ID64                                                    \
	"\",\"action\":\"aggregate\",\"told\":0,\"summarised\":"
#define REST_TOLD "\"action\":\"tell\",\"told\":0,\"summarised\":0,\"dropped\":0}]"

static void what_became_of_their_calls(void **state)
{
	static const size_t with_stats[] = { 2, 5 };
	struct own_records own;

	(void)state;
	own_records__fill(&own);
	own_records__rules(&own);
	for (size_t i = 0; i < 2; i++) {
		const struct record *r = &own.r[with_stats[i]];

		render_in(FORMAT_JSON, r, &rendering_defaults);
		/* A larger number than all readers of JSON take is the largest that they do. */
		assert_true(line_has("\"in_flight\":5," FATES_JSON "9007199254740991,"
				     "\"dropped\":0},{\"name\":null," REST_TOLD ","));
		for (int format = FORMAT_ECS; format <= FORMAT_OCSF; format++) {
			render_in((enum record_format)format, r, &rendering_defaults);
			assert_true(line_has(FATES_JSON));
			assert_true(line_has("{" REST_TOLD ","));
		}
		render_in(FORMAT_TEXT, r, &rendering_defaults);
		assert_true(line_has(", rule profilers dropped 3, rule web told 2, rule " ID64
				     " summarised 18446744073709551615\n"));
	}
}

/* They go before counters do, and it is said. */
static void they_are_cut(void **state)
{
	static const size_t with_rules[] = { 0, 2, 5 };
	struct render_opts o = { .iov_limit = 32, .max_line = 1024 };
	struct own_records own;

	(void)state;
	own_records__fill(&own);
	own_records__rules(&own);
	for (size_t i = 0; i < RULES_MAX; i++)
		own.options.rules[i] = rendering_rule;
	own.r[2].stats.rule_cnt = own.r[5].stop.stats.rule_cnt = RULES_MAX;
	for (size_t i = 0; i < 3; i++) {
		json_t *line = rendering__line(&own.r[with_rules[i]], &o);

		assert_int_equal(json_array_size(json_object_get(line, "rules")), 0);
		assert_true(line__cuts(line, "rules") && !line__cuts(line, "counters"));
		json_decref(line);
		line = rendering__line_in(FORMAT_ECS, &own.r[with_rules[i]], &o);
		assert_null(cuts__at(line, "pvmtrace.rules"));
		json_decref(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_rule),
		cmocka_unit_test(before_arguments),
		cmocka_unit_test(it_can_be_omitted),
		cmocka_unit_test(the_start_has_them),
		cmocka_unit_test(what_became_of_their_calls),
		cmocka_unit_test(they_are_cut),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, rendering__teardown);
}
