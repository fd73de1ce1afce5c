/* SPDX-License-Identifier: Apache-2.0 */
/* test_replay - of each option, whether it is taken beside --replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "capture.h"
#include "options/command_line.h"
#include "options/table.h"
#include "scratch.h"

/* These change something where a recording is rendered; all others are refused. There are values for those that take one. */
static const struct {
	const char *name, *value, *with;
} with_replay[] = {
	{ "target-pid", "7", NULL },
	{ "caller-pid", "7", NULL },
	{ "target-comm", "x", NULL },
	{ "caller-comm", "x", NULL },
	{ "target-uid", "7", NULL },
	{ "caller-uid", "7", NULL },
	{ "target-cgroup", "/a", NULL },
	{ "caller-cgroup", "/a", NULL },
	{ "target-container", "4f", NULL },
	{ "caller-container", "4f", NULL },
	{ "target-unit", "x", NULL },
	{ "caller-unit", "x", NULL },
	{ "target-exe", "/x", NULL },
	{ "caller-exe", "/x", NULL },
	{ "target-ancestor-exe", "/x", NULL },
	{ "caller-ancestor-exe", "/x", NULL },
	{ "op", "read", NULL },
	{ "outcome", "success", NULL },
	{ "min-bytes", "7", NULL },
	{ "relation", "child", NULL },
	{ "no-self", NULL, NULL },
	{ "region", "heap", NULL },
	{ "format", "text", NULL },
	{ "output", "x", NULL },
	{ "allow-fifo", NULL, "--output=x" },
	{ "max-size", "1M", "--output=x" },
	{ "keep", "7", "--max-size=1M" },
	{ "args", "7", NULL },
	{ "data", "7", NULL },
	{ "iov-limit", "7", NULL },
	{ "omit", "host", NULL },
	{ "max-line", "2000", NULL },
	{ "count", "7", NULL },
	{ "no-sandbox", NULL, NULL },
	{ "replay", "x", NULL },
	{ "config", "conf", NULL },
	{ "check-config", NULL, NULL },
	{ "print-config", NULL, NULL },
	{ "quiet", NULL, NULL },
	{ "verbose", NULL, NULL },
	{ "schema", NULL, NULL },
	{ "version", NULL, NULL },
	{ "help", NULL, NULL },
};

static const struct {
	const char *name, *value;
} trace_only[] = {
	{ "stats-interval", "7" },   { "host-name", "x" },
	{ "machine-id", "x" },	     { "metrics", "x" },
	{ "in-flight-after", "7" },  { "aggregate", "7" },
	{ "duration", "7" },	     { "user", "7" },
	{ "fail-on-loss", NULL },    { "ring-size", "1M" },
	{ "array-ring-size", "1M" }, { "attach", "fentry" },
	{ "resolve", "walk" },	     { "btf", "x" },
	{ "record", "x" },	     { "probe", NULL },
	{ "health", "x" },	     { "audit", NULL },
	{ "ancestors", "7" },	     { "regions", "7" },
};

#define CNT(list) (sizeof(list) / sizeof((list)[0]))

/* Parses beside --replay; text gets what was said. */
static int parse_with_replay(const char *name, const char *value, const char *with, char *text)
{
	char word[64];
	const char *argv[] = { "pvmtrace", "--replay", "x", word, "--output=x", with, NULL };
	struct capture c;
	struct options o;
	int err;

	snprintf(word, sizeof(word), "--%s%s%s", name, value ? "=" : "", value ? value : "");
	capture__start(&c, STDERR_FILENO);
	err = options__parse(&o, with ? 6 : 4, (char **)argv);
	capture__end(&c, text);
	if (!err)
		options__free(&o);
	return err;
}

static void what_changes_a_replay_is_taken(void **state)
{
	char text[CAPTURE_SZ];

	(void)state;
	assert_int_equal(CNT(with_replay) + CNT(trace_only), options_table_cnt);
	write_file("conf", "# nothing\n");
	for (size_t i = 0; i < CNT(with_replay); i++) {
		if (parse_with_replay(with_replay[i].name, with_replay[i].value,
				      with_replay[i].with, text) ||
		    *text)
			fail_msg("--%s: %s", with_replay[i].name, text);
	}
}

/* Nothing is silently left undone. */
static void what_changes_no_replay_is_refused(void **state)
{
	char text[CAPTURE_SZ], word[64];

	(void)state;
	for (size_t i = 0; i < CNT(trace_only); i++) {
		int err = parse_with_replay(trace_only[i].name, trace_only[i].value, NULL, text);

		snprintf(word, sizeof(word), "--%s%s%s: ", trace_only[i].name,
			 trace_only[i].value ? " " : "",
			 trace_only[i].value ? trace_only[i].value : "");
		if (err != EX_USAGE || !strstr(text, word) || !strstr(text, "--replay"))
			fail_msg("--%s: status %d, said: %s", trace_only[i].name, err, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_changes_a_replay_is_taken, scratch__setup,
						scratch__teardown),
		cmocka_unit_test(what_changes_no_replay_is_refused),
	};

	return cmocka_run_group_tests_name("options beside --replay", tests, NULL, NULL);
}
