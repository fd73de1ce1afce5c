/* SPDX-License-Identifier: Apache-2.0 */
/* test_rules - rules of configuration files: what they hold, what is refused, and that they can be printed and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "capture.h"
#include "options/command_line.h"
#include "options/table.h"
#include "scratch.h"

static char path[64];

static void put_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

/* Reads a file of this text, beside at most three words of the command line. */
static int parse(struct options *o, const char *file, const char *const words[3], char *said)
{
	const char *argv[] = { "pvmtrace", "--config", path, words[0], words[1], words[2], NULL };
	struct capture c;
	int argc = 3, err;

	while (argv[argc])
		argc++;
	put_file(file);
	capture__start(&c, STDERR_FILENO);
	err = options__parse(o, argc, (char **)argv);
	capture__end(&c, said);
	return err;
}

static int parse_file(struct options *o, const char *file, char *said)
{
	return parse(o, file, (const char *const[3]){ NULL }, said);
}

#define PROFILERS "rule profilers drop\ncaller-exe /usr/bin/perf\nop read\n"
#define WEB_FILTERS "target-unit nginx\nop !read\noutcome success\nmin-bytes 7\nno-self\n"
#define WEB "rule web-1.writes_A\t tell\n" WEB_FILTERS

static void each_rule_has_its_own_filters(void **state)
{
	struct options o;
	char said[CAPTURE_SZ];

	(void)state;
	assert_int_equal(
		parse_file(&o, "max-line 9000\n" PROFILERS WEB "rule rest aggregate", said), 0);
	assert_string_equal(said, "");
	assert_int_equal(o.rule_cnt, 3);
	assert_string_equal(o.rules[0].name, "profilers");
	assert_string_equal(o.rules[1].name, "web-1.writes_A");
	assert_string_equal(o.rules[2].name, "rest");
	assert_int_equal(o.rules[0].action, RULE_DROP);
	assert_int_equal(o.rules[1].action, RULE_TELL);
	assert_int_equal(o.rules[2].action, RULE_AGGREGATE);
	assert_int_equal(o.rules[0].filter[PVM_CALLER][FILTER_EXE].cnt, 1);
	assert_int_equal(o.rules[1].filter[PVM_CALLER][FILTER_EXE].cnt, 0);
	assert_string_equal(o.rules[1].filter[PVM_TARGET][FILTER_UNIT].values[0].text, "nginx");
	assert_int_equal(o.rules[0].ops, 1u << PVM_READ);
	assert_int_equal(o.rules[1].ops, 1u << PVM_WRITE);
	assert_int_equal(o.rules[1].outcome, PVM_SUCCEEDED);
	assert_int_equal(o.rules[0].outcome | o.rules[2].outcome | o.rules[2].ops, 0);
	assert_true(o.rules[1].min_bytes == 7 && !o.rules[0].min_bytes && !o.rules[2].min_bytes);
	assert_true(o.rules[1].no_self && !o.rules[0].no_self && !o.rules[2].no_self);
	assert_int_equal(o.max_line, 9000);
	options__free(&o);
}

/* What is wanted in one may be excluded in the next, and the other way round. */
static void choices_begin_anew(void **state)
{
	struct options o;
	char said[CAPTURE_SZ];

	(void)state;
	assert_int_equal(
		parse_file(&o,
			   "rule a tell\nop read\noutcome !success\nrelation self\ncaller-comm x\n"
			   "region heap\n"
			   "rule b tell\nop !read\noutcome success\nrelation !self\n"
			   "caller-comm !x\nregion !heap\n",
			   said),
		0);
	assert_string_equal(said, "");
	assert_int_equal(o.rules[1].ops, 1u << PVM_WRITE);
	assert_int_equal(o.rules[0].outcome, PVM_FAILED);
	assert_int_equal(o.rules[1].outcome, PVM_SUCCEEDED);
	assert_int_equal(o.rules[1].relation.excluded, 1u << PVM_KIN_SELF);
	assert_int_equal(o.rules[1].relation.wanted, 0);
	assert_true(o.rules[1].region.values[0].exclude && !o.rules[0].region.values[0].exclude);
	options__free(&o);
}

static void what_no_rule_holds_for_is_told_unless_one_tells(void **state)
{
	struct options o;
	char said[CAPTURE_SZ];

	(void)state;
	assert_int_equal(parse_file(&o, PROFILERS "rule r aggregate\nop write\n", said), 0);
	assert_int_equal(o.rule_cnt, 3);
	assert_null(o.rules[2].name);
	assert_int_equal(o.rules[2].action, RULE_TELL);
	assert_int_equal(o.rules[2].ops, 0);
	options__free(&o);
	assert_int_equal(parse_file(&o, PROFILERS WEB, said), 0);
	assert_int_equal(o.rule_cnt, 2);
	options__free(&o);
	/* Without rules it is as it was. */
	assert_int_equal(parse_file(&o, "op read\n", said), 0);
	assert_int_equal(o.rule_cnt, 1);
	assert_null(o.rules[0].name);
	assert_int_equal(o.rules[0].action, RULE_TELL);
	options__free(&o);
}

static void the_window(void **state)
{
	static const char *const given[3] = { "--aggregate=5" };
	struct options o;
	char said[CAPTURE_SZ];

	(void)state;
	assert_int_equal(parse_file(&o, "rule r aggregate\nop read\n", said), 0);
	assert_int_equal(o.aggregate_s, 60);
	options__free(&o);
	assert_int_equal(parse(&o, "aggregate 7\nrule r aggregate\nop read\n", given, said), 0);
	assert_int_equal(o.aggregate_s, 5);
	options__free(&o);
	assert_int_equal(parse_file(&o, PROFILERS, said), 0);
	assert_int_equal(o.aggregate_s, 0);
	options__free(&o);
	assert_int_equal(parse(&o, PROFILERS, given, said), EX_USAGE);
	assert_non_null(
		strstr(said, "--aggregate 5: no rule of the configuration file aggregates"));
	/* A recording has calls one by one; nothing is given that would change nothing. */
	assert_int_equal(parse(&o, "rule r aggregate\nop read\n",
			       (const char *const[3]){ "--replay=x" }, said),
			 0);
	options__free(&o);
}

/* Calls are judged by this when they are told: such a rule cannot aggregate, nor can those behind it. */
static void what_is_judged_late_stands_last(void **state)
{
	struct options o;
	char said[CAPTURE_SZ];

	(void)state;
	assert_int_equal(
		parse_file(&o, "rule a aggregate\nop read\nrule b drop\nregion heap\n", said), 0);
	options__free(&o);
	assert_int_equal(
		parse_file(&o, "rule a aggregate\nrelation other-user\nrelation !self\n", said), 0);
	options__free(&o);
	assert_int_equal(parse_file(&o, "rule a tell\nregion heap\n", said), 0);
	options__free(&o);
	assert_int_equal(parse(&o, "rule a tell\nregion !heap\n",
			       (const char *const[3]){ "--regions=0" }, said),
			 EX_USAGE);
	assert_non_null(strstr(said, "--region !heap: not together with --regions 0"));
}

#define LETTERS_16 "abcdefghijklmno1"
#define LETTERS_64 LETTERS_16 LETTERS_16 LETTERS_16 LETTERS_16

/* Each is refused with 78 and one line that holds both. */
static const struct {
	const char *file;
	const char *has[2];
} bad[] = {
	{ "rule\n", { ":1: rule: the value (NAME tell|aggregate|drop)", "missing" } },
	{ "rule a\n", { ":1: rule: 'a' does not say what becomes", "tell, aggregate or drop" } },
	{ "rule a \"b\"\n", { ":1: rule: the quotes", "" } },
	{ "rule a toll\n", { ":1: rule: 'a toll' does not end in", "tell, aggregate or drop" } },
	{ "rule a tell drop\n", { ":1: rule: 'a tell drop' does not end in", "" } },
	{ "rule a b tell\n", { ":1: rule: 'a b tell' does not end in", "" } },
	{ "rule a/b tell\n", { ":1: rule: 'a/b tell' has a name of other characters", "letters" } },
	{ "rule \xc3\xa4 tell\n", { ":1: rule: ", "other characters" } },
	{ "rule " LETTERS_64 "x tell\n", { ":1: rule: ", "more than 64" } },
	{ "rule a tell\nop read\n\nrule a drop\n", { ":4: rule: 'a drop' is the second", "" } },
	{ "rule a tell\nmax-line 9000\n", { ":2: 'max-line' is no filter: it stands before", "" } },
	{ "rule a tell\nquiet\n", { ":2: 'quiet' is no filter: it stands before", "" } },
	{ "rule a tell\nhelp\n", { ":2: 'help' is for the command line only", "" } },
	{ "no-self\nrule a tell\nop read\nrule b tell\n",
	  { ":2: rule: 'a tell' stands behind no-self of line 1", "in no rule" } },
	{ "rule a tell\ncaller-comm x\ncaller-comm !x\n", { ":3: --caller-comm: '!x'", "both" } },
	{ "rule a tell\nop read\nrule b drop\nop read\nop !read\n",
	  { ":5: --op: '!read'", "both" } },
	{ "rule b drop\ntarget-cgroup /a/b\ntarget-cgroup !/a\n",
	  { ":3: --target-cgroup", "/a/b" } },
	{ "#\nrule a drop\nop read\n\nrule b tell\nno-self\ntarget-pid 7\ncaller-pid 7\n",
	  { ":5: rule b: --no-self: with --caller-pid 7", "no call can match" } },
	{ "rule b tell\noutcome failure\nmin-bytes 1\n",
	  { ":1: rule b: --min-bytes 1", "no call" } },
	{ "rule a drop\nop read\nrule b aggregate\nregion heap\n",
	  { ":3: rule b: aggregate: not with region", "call by call" } },
	{ "rule b aggregate\nrelation other-container\n",
	  { ":1: rule b: aggregate: not with relation other-container", "" } },
	{ "rule b aggregate\nrelation !other-container\n",
	  { ":1: rule b: aggregate: not with relation other-container", "" } },
	{ "rule a tell\nregion heap\nrule b aggregate\n",
	  { ":3: rule b: aggregate: not behind rule a: its region", "before that one" } },
	{ "rule a tell\nop read\nrule b tell\nrelation other-container\nrule c aggregate\n",
	  { ":5: rule c: aggregate: not behind rule b: its relation", "before that one" } },
	{ "rule a tell\nrule b drop\nop read\n",
	  { ":2: rule b: it stands behind rule a", "no filters" } },
	{ "rule a drop\n", { ":1: rule a: it has no filters", "all calls" } },
	{ "rule a drop\nop read\nop write\n", { ":1: rule a: it has no filters", "all calls" } },
	{ "rule a tell\nop read\nop write\nrule b drop\nop read\n",
	  { ":4: rule b: it stands behind rule a", "no filters" } },
	{ "rule a drop\nop read\nrule b drop\n", { ":3: rule b: it has no filters", "all calls" } },
};

static void bad_rules(void **state)
{
	struct options o;
	char said[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int err = parse_file(&o, bad[i].file, said);

		if (err != EX_CONFIG || !strstr(said, path) || !strstr(said, bad[i].has[0]) ||
		    !strstr(said, bad[i].has[1]) || strchr(said, '\n') != said + strlen(said) - 1)
			fail_msg("case %zu: status %d, said: %s", i, err, said);
	}
}

/* Puts so many rules, of which none is without filters. */
static void many_rules(unsigned int cnt, char *text, size_t sz)
{
	size_t len = 0;

	for (unsigned int i = 0; i < cnt; i++)
		len += (size_t)snprintf(text + len, sz - len, "rule r%u drop\ncaller-uid %u\n", i,
					i);
}

static void fifteen_and_no_more(void **state)
{
	char text[1024], said[CAPTURE_SZ];
	struct options o;

	(void)state;
	many_rules(15, text, sizeof(text));
	assert_int_equal(parse_file(&o, text, said), 0);
	assert_int_equal(o.rule_cnt, 16);
	assert_string_equal(o.rules[14].name, "r14");
	assert_null(o.rules[15].name);
	options__free(&o);
	many_rules(16, text, sizeof(text));
	assert_int_equal(parse_file(&o, text, said), EX_CONFIG);
	assert_non_null(strstr(said, ":31: rule: 'r15 drop' is one too many: there can be 15"));
	assert_int_equal(parse_file(&o, "rule " LETTERS_64 " tell\n", said), 0);
	assert_string_equal(o.rules[0].name, LETTERS_64);
	options__free(&o);
}

static void the_command_line_has_none(void **state)
{
	static const char *const words[][3] = {
		{ "--no-self" },	{ "-p", "1" },	     { "--caller-comm=a" },
		{ "--min-bytes", "1" }, { "--region=heap" },
	};
	static const char *const told[] = { "--no-self: ", "--target-pid 1: ", "--caller-comm a: ",
					    "--min-bytes 1: ", "--region heap: " };
	struct options o;
	char said[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(parse(&o, WEB, words[i], said), EX_USAGE);
		if (!strstr(said, told[i]) || !strstr(said, "not together with the rules") ||
		    strstr(said, path))
			fail_msg("case %zu: %s", i, said);
	}
	assert_int_equal(parse(&o, WEB, (const char *const[3]){ "--max-line=2000" }, said), 0);
	assert_int_equal(o.max_line, 2000);
	assert_int_equal(o.rules[0].min_bytes, 7);
	options__free(&o);
	assert_int_equal(parse(&o, "", (const char *const[3]){ "--rule", "a tell" }, said),
			 EX_USAGE);
	assert_non_null(strstr(said, "'--rule': rules stand in a configuration file only"));
	assert_int_equal(parse(&o, "", (const char *const[3]){ "--rule=a tell" }, said), EX_USAGE);
	assert_non_null(strstr(said, "'--rule': rules stand in a configuration file only"));
}

static void print(const struct options *o, char *text)
{
	struct capture c;
	int err;

	capture__start(&c, STDOUT_FILENO);
	err = options__print(o);
	capture__end(&c, text);
	assert_int_equal(err, 0);
}

static void what_is_printed_can_be_read_again(void **state)
{
	static const char *const words[3] = { "--max-line=2000", "-v" };
	char once[CAPTURE_SZ], twice[CAPTURE_SZ], said[CAPTURE_SZ];
	struct options o;

	(void)state;
	assert_int_equal(parse(&o,
			       "max-line 9000\n" PROFILERS "caller-comm \" x\"\n" WEB
			       "rule rest aggregate\ncaller-uid !0\ncaller-uid !1\n",
			       words, said),
			 0);
	print(&o, once);
	options__free(&o);
	for (const char *const *p =
		     (const char *const[]){ "\nmax-line 2000\n", "\nverbose\n", "\n#op ",
					    "\n#no-self\n", "\n#min-bytes N\n", NULL };
	     *p; p++) {
		if (!strstr(once, *p))
			fail_msg("'%s' is not in: %s", *p, once);
	}
	assert_null(strstr(once, "#rule"));
	assert_non_null(strstr(once, "\n" PROFILERS
				     "caller-comm \" x\"\n\nrule web-1.writes_A tell\n" WEB_FILTERS
				     "\nrule rest aggregate\ncaller-uid !0\ncaller-uid !1\n"));
	assert_int_equal(parse_file(&o, once, said), 0);
	assert_int_equal(o.rule_cnt, 3);
	assert_true(o.rules[1].no_self && o.rules[1].min_bytes == 7);
	print(&o, twice);
	assert_string_equal(once, twice);
	options__free(&o);
	assert_int_equal(parse_file(&o, "no-self\n", said), 0);
	print(&o, once);
	assert_non_null(strstr(once, "\n#rule NAME tell|aggregate|drop\n"));
	options__free(&o);
}

static void the_help_has_them(void **state)
{
	char help[CAPTURE_SZ];
	struct capture c;

	(void)state;
	capture__start(&c, STDOUT_FILENO);
	options__help();
	capture__end(&c, help);
	assert_non_null(strstr(help, "\n  rule NAME tell|aggregate|drop\n"));
	assert_null(strstr(help, "--rule"));
}

static int set_up(void **state)
{
	if (scratch__setup(state))
		return -1;
	snprintf(path, sizeof(path), "%s/conf", scratch);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_has_its_own_filters),
		cmocka_unit_test(choices_begin_anew),
		cmocka_unit_test(what_no_rule_holds_for_is_told_unless_one_tells),
		cmocka_unit_test(the_window),
		cmocka_unit_test(what_is_judged_late_stands_last),
		cmocka_unit_test(bad_rules),
		cmocka_unit_test(fifteen_and_no_more),
		cmocka_unit_test(the_command_line_has_none),
		cmocka_unit_test(what_is_printed_can_be_read_again),
		cmocka_unit_test(the_help_has_them),
	};

	return cmocka_run_group_tests_name("rules", tests, set_up, scratch__teardown);
}
