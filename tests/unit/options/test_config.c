/* SPDX-License-Identifier: Apache-2.0 */
/* test_config - configuration files: good, bad and hostile ones, what wins, and that what is printed can be
 * read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "capture.h"
#include "fixture.h"
#include "options/command_line.h"
#include "options/table.h"
#include "scratch.h"

#define ARGS_MAX 12

static char path[64];

static void put_file(const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int parse_args(struct options *o, const char *const *args, char *text)
{
	char *argv[ARGS_MAX + 4] = { (char *)"pvmtrace", (char *)"--config", path };
	struct capture c;
	int argc = 3, err;

	while (args[argc - 3]) {
		assert_true(argc < ARGS_MAX + 3);
		argv[argc] = (char *)args[argc - 3];
		argc++;
	}
	capture__start(&c, STDERR_FILENO);
	err = options__parse(o, argc, argv);
	capture__end(&c, text);
	return err;
}

#define PARSE(o, text, ...) parse_args(o, (const char *const[]){ __VA_ARGS__, NULL }, text)
#define PARSE_FILE(o, text) parse_args(o, (const char *const[]){ NULL }, text)
#define PUT(s) put_file(s, sizeof(s) - 1)

static void all_ways_to_write_it(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	PUT("\xef\xbb\xbf# a comment\n\n  \t\n\t# another\nmax-line 9000\niov-limit=all\n"
	    "stats-interval = 7\r\n  in-flight-after\t =20  \nno-self\ncaller-comm \"#x\"\n"
	    "caller-comm \" y \"\ncaller-comm \"\"\"\ncaller-comm \"c # d\"\ncaller-comm e#f\n"
	    "target-cgroup =/=a b\nop !read\nverbose\nverbose\n"
	    "output \"/a \"b\"\"");
	assert_int_equal(PARSE_FILE(&o, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(o.max_line, 9000);
	assert_int_equal(o.iov_limit, PVM_IOV_LIMIT_ALL);
	assert_int_equal(o.stats_interval_s, 7);
	assert_int_equal(o.in_flight_after_ms, 20);
	assert_true(o.rules[0].no_self);
	assert_int_equal(o.verbose, 2);
	assert_int_equal(o.rules[0].ops, 1u << 2);
	assert_int_equal(o.rules[0].filter[0][FILTER_COMM].cnt, 5);
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[0].text, "#x");
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[3].text, "c # d");
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[4].text, "e#f");
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[1].text, " y ");
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[2].text, "\"");
	assert_string_equal(o.rules[0].filter[1][FILTER_CGROUP].values[0].text, "/=a b");
	assert_string_equal(o.output, "/a \"b\"");
	options__free(&o);
	options__free(&o); /* twice does no harm */
}

static void the_command_line_wins(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	PUT("max-line 9000\niov-limit 3\nno-self\ntarget-pid 7\ntarget-pid !8\ncaller-comm a\n"
	    "op read\noutcome failure\nquiet\n");
	assert_int_equal(PARSE(&o, text, "--max-line=2000", "-p", "8", "--op=!read", "-v"), 0);
	assert_string_equal(text, "");
	assert_int_equal(o.max_line, 2000);
	assert_int_equal(o.iov_limit, 3);
	assert_true(o.rules[0].no_self);
	assert_int_equal(o.rules[0].filter[1][FILTER_PID].cnt, 1);
	assert_int_equal(o.rules[0].filter[1][FILTER_PID].values[0].number, 8);
	assert_false(o.rules[0].filter[1][FILTER_PID].values[0].exclude);
	assert_int_equal(o.rules[0].filter[0][FILTER_COMM].cnt, 1);
	assert_int_equal(o.rules[0].ops, 1u << 2);
	assert_int_equal(o.rules[0].outcome, PVM_FAILED);
	assert_true(!o.quiet && o.verbose == 1);
	assert_true(options__on_command_line(&o, "max-line"));
	assert_false(options__on_command_line(&o, "iov-limit"));
	options__free(&o);
}

/* Each is refused with 78 and one line that holds both. %s: the file. */
static const struct {
	const char *file;
	const char *has[2];
} bad[] = {
	{ "\n\nmax-line 12x\n", { ":3: --max-line: '12x'", "1024 to 16777216" } },
	{ "max-line\n", { ":1: max-line: the value (BYTES)", "missing" } },
	{ "max-line =\n", { ":1: --max-line: ''", "1024 to" } },
	/* Where a comment may stand. */
	{ "max-line 8000 # why", { ":1: max-line: a comment", "line of its own" } },
	{ "max-line 8000\t#why", { ":1: max-line: a comment", "line of its own" } },
	{ "max-line = # why", { ":1: max-line: a comment", "line of its own" } },
	{ "no-self # why", { ":1: no-self: a comment", "line of its own" } },
	{ "no-self #why", { ":1: no-self: a comment", "line of its own" } },
	{ "\ncaller-comm !a # why", { ":2: caller-comm: a comment", "quotes" } },
	{ "caller-comm \"a\" # why", { ":1: caller-comm: a comment", "quotes" } },
	{ "caller-comm \"a\" # \"why\"", { ":1: caller-comm: a comment", "quotes" } },
	{ "caller-comm #", { ":1: caller-comm: a comment", "quotes" } },
	{ "caller-comm #x", { ":1: caller-comm: a comment", "quotes" } },
	{ "caller-comm=#x y", { ":1: caller-comm: a comment", "quotes" } },
	{ "output #/var/log/x", { ":1: output: a comment", "quotes" } },
	{ "caller-comm \"a", { ":1: caller-comm: the quotes", "whole value" } },
	{ "caller-comm a\"", { ":1: caller-comm: the quotes", "whole value" } },
	{ "caller-comm \"", { ":1: caller-comm: the quotes", "whole value" } },
	{ "caller-comm \"a\" b", { ":1: caller-comm: the quotes", "whole value" } },
	{ "caller-comm a \"b\"", { ":1: caller-comm: the quotes", "whole value" } },
	{ "caller-comm a\"b", { ":1: caller-comm: the quotes", "whole value" } },
	{ "caller-comm !\"a\"", { ":1: caller-comm: the quotes", "whole value" } },
	{ "max-line \"9000", { ":1: max-line: the quotes", "whole value" } },
	{ "output /var/log/x # where to", { ":1: output: a comment", "quotes" } },
	{ "caller-comm \"\"", { ":1: --caller-comm: ''", "1 to 15" } },
	{ "caller-unit a/b\n", { ":1: --caller-unit: 'a/b'", "without '/'" } },
	{ "caller-exe strace\n", { ":1: --caller-exe: 'strace'", "an absolute path" } },
	{ "target-ancestor-exe !/bin/\n",
	  { ":1: --target-ancestor-exe: '!/bin/'", "absolute path" } },
	{ "relation kin\n", { ":1: --relation: 'kin'", "none, self, child, parent, other-user" } },
	{ "relation self\nrelation !self\n", { ":2: --relation: '!self'", "no call can match" } },
	{ "relation !none\nrelation !self\nrelation !child\nrelation !parent\n",
	  { ":4: --relation: '!parent'", "the last one left" } },
	{ "iov-limit ALL\n", { ":1: --iov-limit: 'ALL'", "0 to 1024, or all" } },
	{ "iov-limit 1025\n", { ":1: --iov-limit: '1025'", "0 to 1024, or all" } },
	{ "args all\n", { ":1: --args: 'all'", "0 to 4096, or none" } },
	{ "regions all\n", { ":1: --regions: 'all'", "0 to 64" } },
	{ "no-self yes\n", { ":1: no-self: takes no value, but 'yes'", "given" } },
	{ "no-self=\n", { ":1: no-self: takes no value, but ''", "given" } },
	{ "max-lin 8000", { ":1: 'max-lin' is not an option", "--help" } },
	{ "--max-line 8000", { ":1: '--max-line' is not an option", "without dashes" } },
	{ "-p 7", { ":1: '-p' is not an option", "without dashes" } },
	{ "= 7", { ":1: '' is not an option", "--help" } },
	{ "MAX-LINE 8000", { ":1: 'MAX-LINE' is not an option", "--help" } },
	{ "[pvmtrace]\n", { ":1: '[pvmtrace]' is not an option", "--help" } },
	{ "config other", { ":1: 'config' is for the command line only", "" } },
	{ "replay x", { ":1: 'replay' is for the command line only", "" } },
	{ "record x", { ":1: 'record' is for the command line only", "" } },
	{ "#\nhelp", { ":2: 'help' is for the command line only", "" } },
	{ "version\n", { ":1: 'version' is for the command line only", "" } },
	{ "schema\n", { ":1: 'schema' is for the command line only", "" } },
	{ "check-config\n", { ":1: 'check-config' is for the command line only", "" } },
	{ "probe", { ":1: 'probe' is for the command line only", "" } },
	{ "print-config\n", { ":1: 'print-config' is for the command line only", "" } },
	{ "caller-comm a\ncaller-comm !a", { ":2: --caller-comm: '!a'", "both" } },
	{ "op read\n\nop !read", { ":3: --op: '!read'", "both" } },
	{ "caller-uid nosuchone\n", { ":1: --caller-uid: 'nosuchone'", "no such account" } },
	{ "user nosuchone\n", { ":1: --user: 'nosuchone'", "not an account" } },
	{ "output a\rb\n", { ":1: the line holds a control character", "" } },
	{ "output a\033[31mb\n", { ":1: the line holds a control character", "" } },
	{ "output a\xc2\x9b"
	  "31mb\n",
	  { ":1: the line holds a control character", "" } },
};

static void bad_files(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int err;

		put_file(bad[i].file, strlen(bad[i].file));
		err = PARSE_FILE(&o, text);
		if (err != EX_CONFIG || !strstr(text, path) || !strstr(text, bad[i].has[0]) ||
		    !strstr(text, bad[i].has[1]) || strchr(text, '\n') != text + strlen(text) - 1)
			fail_msg("case %zu: status %d, said: %s", i, err, text);
	}
}

static void a_bad_value_that_is_overridden_is_still_told(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	PUT("max-line 1\n");
	assert_int_equal(PARSE(&o, text, "--max-line=2000"), EX_CONFIG);
	assert_non_null(strstr(text, ":1: --max-line: '1'"));
}

static void the_command_line_is_blamed_for_its_own(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	PUT("max-line 1\n");
	assert_int_equal(PARSE(&o, text, "--max-line=1"), EX_USAGE);
	assert_null(strstr(text, path));
	assert_int_equal(PARSE(&o, text, "--help"), 0);
	assert_true(o.help);
	options__free(&o);
}

static void several_errors_are_told_up_to_ten(void **state)
{
	struct options o;
	char text[CAPTURE_SZ], last[80];
	size_t lines = 0;

	(void)state;
	PUT("a\nb\n\nmax-line 1\nd\ne\nf\ng\nh\ni\nj\nk\nl\n");
	assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 10);
	snprintf(last, sizeof(last), "%s:11: 'j'", path);
	assert_non_null(strstr(text, last));
}

static void files_that_are_none(void **state)
{
	static char big[(256 << 10) + 1];
	struct options o;
	char text[CAPTURE_SZ], fifo[64];

	(void)state;
	unlink(path);
	assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
	assert_true(strstr(text, path) && strstr(text, "No such file"));
	assert_int_equal(PARSE(&o, text, "--config", scratch), EX_CONFIG);
	assert_non_null(strstr(text, "not a regular file"));
	snprintf(fifo, sizeof(fifo), "%s/fifo", scratch);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	alarm(20); /* rather than to wait for a writer for ever */
	assert_int_equal(PARSE(&o, text, "--config", fifo), EX_CONFIG);
	alarm(0);
	assert_non_null(strstr(text, "not a regular file"));
	unlink(fifo);
	assert_int_equal(PARSE(&o, text, "--config", "/dev/zero"), EX_CONFIG);
	assert_int_equal(PARSE(&o, text, "--config="), EX_USAGE);
	memset(big, '\n', sizeof(big));
	put_file(big, sizeof(big) - 1);
	assert_int_equal(PARSE_FILE(&o, text), 0);
	options__free(&o);
	put_file(big, sizeof(big));
	assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
	assert_non_null(strstr(text, "larger than"));
	if (geteuid()) {
		put_file("", 0);
		assert_int_equal(chmod(path, 0), 0);
		assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
		assert_non_null(strstr(text, "Permission denied"));
		assert_int_equal(chmod(path, 0600), 0);
	}
}

static void long_lines_and_nul_bytes(void **state)
{
	static char long_line[8300];
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	memset(long_line, 'a', sizeof(long_line));
	memcpy(long_line, "output ", 7);
	put_file(long_line, 8192);
	assert_int_equal(PARSE_FILE(&o, text), 0);
	assert_int_equal(strlen(o.output), 8192 - 7);
	options__free(&o);
	put_file(long_line, 8193);
	assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
	assert_non_null(strstr(text, ":1: the line is longer than 8192 bytes"));
	PUT("\nmax-line 8000\0");
	assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
	assert_non_null(strstr(text, ":2: the line holds a NUL byte"));
	PUT("# \0\n");
	assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
	PUT("\0");
	assert_int_equal(PARSE_FILE(&o, text), EX_CONFIG);
	put_file("", 0);
	assert_int_equal(PARSE_FILE(&o, text), 0);
	options__free(&o);
}

/* Every name of the table is tried, with nothing and with something, so that none is forgotten. */
static void the_table_is_all_there_is(void **state)
{
	char line[128], text[CAPTURE_SZ], about[128];
	struct options o;

	(void)state;
	for (size_t i = 0; i < options_table_cnt; i++) {
		const struct option_def *d = &options_table[i];
		int err;

		/* Some flags do nothing without an output. */
		snprintf(line, sizeof(line), "%s\n%s", d->name, d->arg ? "" : "output x\n");
		put_file(line, strlen(line));
		err = PARSE_FILE(&o, text);
		assert_int_equal(err, d->arg || d->command_only ? EX_CONFIG : 0);
		snprintf(about, sizeof(about), "%s:1: %s: the value (%s) is missing", path, d->name,
			 d->arg ? d->arg : "");
		assert_true(!d->arg || d->command_only || strstr(text, about));
		options__free(&o);
	}
}

/* Returns the status. */
static int try_to_print(const struct options *o, char *text)
{
	struct capture c;
	int err;

	capture__start(&c, STDOUT_FILENO);
	err = options__print(o);
	capture__end(&c, text);
	return err;
}

static void print(const struct options *o, char *text)
{
	assert_int_equal(try_to_print(o, text), 0);
}

static void what_is_printed_can_be_read_back(void **state)
{
	char once[CAPTURE_SZ], twice[CAPTURE_SZ], text[CAPTURE_SZ];
	struct options o;

	(void)state;
	PUT("max-line 9000\ntarget-pid 9\nverbose\nring-size 64K\n");
	assert_int_equal(PARSE(&o, text, "--caller-comm= =x ", "--caller-comm", "!\"q\"",
			       "--caller-comm=#r", "--caller-comm=\"", "--target-pid=!7",
			       "--target-pid=!8", "--op=read", "-qvv", "--stats-interval=5",
			       "--stats-interval=6"),
			 0);
	print(&o, once);
	options__free(&o);
	for (const char *const *p =
		     (const char *const[]){
			     "\nmax-line 9000\n", "\nring-size 64K\n", "\ncaller-comm \" =x \"\n",
			     "\ncaller-comm \"!\"q\"\"\n", "\ntarget-pid !7\ntarget-pid !8\n",
			     "\nop read\n", "\nverbose\nverbose\n", "\n#quiet\n",
			     "\nstats-interval 6\n", "\n#in-flight-after 1000\n", NULL };
	     *p; p++) {
		if (!strstr(once, *p))
			fail_msg("'%s' is not in: %s", *p, once);
	}
	assert_null(strstr(once, "target-pid 9"));
	assert_null(strstr(once, "replay"));
	assert_null(strstr(once, " \n"));
	put_file(once, strlen(once));
	assert_int_equal(PARSE_FILE(&o, text), 0);
	print(&o, twice);
	assert_string_equal(once, twice);
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[0].text, " =x ");
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[1].text, "\"q\"");
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[2].text, "#r");
	assert_string_equal(o.rules[0].filter[0][FILTER_COMM].values[3].text, "\"");
	options__free(&o);
}

static void a_printed_default_is_the_default(void **state)
{
	char text[CAPTURE_SZ], printed[CAPTURE_SZ], line[160];
	struct capture c, out;
	struct options o;
	int err;

	(void)state;
	put_file("", 0);
	assert_int_equal(PARSE_FILE(&o, text), 0);
	print(&o, printed);
	for (size_t i = 0; i < options_table_cnt; i++) {
		const struct option_def *d = &options_table[i];

		snprintf(line, sizeof(line), "\n#%s%s", d->name, d->arg ? " " : "\n");
		assert_true(d->command_only || strstr(printed, line));
	}
	options__free(&o);
	assert_int_equal(PARSE(&o, text, "--output=a\nmax-line 9000"), 0);
	capture__start(&c, STDERR_FILENO);
	capture__start(&out, STDOUT_FILENO);
	err = options__print(&o);
	capture__end(&out, printed);
	capture__end(&c, text);
	assert_int_equal(err, EX_USAGE);
	assert_string_equal(printed, "");
	assert_non_null(strstr(text, "control character"));
	options__free(&o);
}

/* Nobody sees these characters, or sees them elsewhere than they are: a comment shows them, and the line still is the
 * value. */
static void what_does_not_show(void **state)
{
	/* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what it is here for */
	static const char value[] = "caller-comm a\xe2\x80\xae"
				    "b\xe2\x80\x8b";
	char text[CAPTURE_SZ], printed[CAPTURE_SZ];
	struct options o;
	const char *at;

	(void)state;
	put_file(value, sizeof(value) - 1);
	assert_int_equal(PARSE_FILE(&o, text), 0);
	print(&o, printed);
	at = strstr(printed, value);
	assert_non_null(at);
	assert_true(at - printed > 21 && !memcmp(at - 21, ": a\\u{202e}b\\u{200b}\n", 21));
	options__free(&o);
}

#define LINE_MAX_LEN 8192

/* What no line can hold, with what is said ahead of it, is refused, or not said: the file can be read back. */
static void long_values(void **state)
{
	static char value[LINE_MAX_LEN + 1], printed[CAPTURE_SZ], text[CAPTURE_SZ];
	static const struct {
		size_t len;
		char byte, first;
		int status;
	} values[] = {
		{ LINE_MAX_LEN - 7, 'a', 'a', 0 },
		{ LINE_MAX_LEN - 6, 'a', 'a', EX_USAGE },
		{ LINE_MAX_LEN - 9, 'a', '=', 0 },
		{ LINE_MAX_LEN - 8, 'a', '=', EX_USAGE },
		{ LINE_MAX_LEN - 7, '\xff', 'a', 0 },
		{ 3000, '\xff', 'a', 0 },
		{ 300, '\xff', 'a', 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct options o;
		struct capture c;

		memset(value, values[i].byte, values[i].len);
		value[0] = values[i].first;
		value[values[i].len] = '\0';
		put_file("", 0);
		assert_int_equal(PARSE(&o, text, "--output", value), 0);
		capture__start(&c, STDERR_FILENO);
		assert_int_equal(try_to_print(&o, printed), values[i].status);
		capture__end(&c, text);
		options__free(&o);
		if (values[i].status)
			continue;
		put_file(printed, strlen(printed));
		assert_int_equal(PARSE_FILE(&o, text), 0);
		assert_string_equal(o.output, value);
		options__free(&o);
	}
}

/* Whatever stands in the file, there is an answer, and nothing that the sanitizers mind. */
static void hostile_files(void **state)
{
	static const char *const words[] = {
		"max-line",	"no-self", "caller-comm", "=",		" ", "\n",
		"\"",		"!",	   "\t",	  "\r",		"#", "7",
		"\xef\xbb\xbf", "op",	   "read",	  "quiet",	"-", "a",
		"target-uid",	"rule",	   "tell",	  "rule a drop"
	};
	static char file[4096];
	struct options o;
	char text[CAPTURE_SZ];
	unsigned taken = 0;

	(void)state;
	fixture__seed(7);
	for (int round = 0; round < 3000; round++) {
		size_t len = 0, max = fixture__below(60);

		for (size_t i = 0; i < max; i++) {
			const char *w = words[fixture__below(sizeof(words) / sizeof(words[0]))];

			if (!fixture__below(40))
				file[len++] = (char)fixture__random();
			memcpy(file + len, w, strlen(w));
			len += strlen(w);
		}
		put_file(file, len);
		if (!PARSE_FILE(&o, text)) {
			assert_string_equal(text, "");
			taken++;
			options__free(&o);
		} else {
			assert_non_null(strstr(text, path));
		}
	}
	assert_in_range(taken, 10, 2990);
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
		cmocka_unit_test(all_ways_to_write_it),
		cmocka_unit_test(the_command_line_wins),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(a_bad_value_that_is_overridden_is_still_told),
		cmocka_unit_test(the_command_line_is_blamed_for_its_own),
		cmocka_unit_test(several_errors_are_told_up_to_ten),
		cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(long_lines_and_nul_bytes),
		cmocka_unit_test(the_table_is_all_there_is),
		cmocka_unit_test(what_is_printed_can_be_read_back),
		cmocka_unit_test(a_printed_default_is_the_default),
		cmocka_unit_test(what_does_not_show),
		cmocka_unit_test(long_values),
		cmocka_unit_test(hostile_files),
	};

	return cmocka_run_group_tests_name("config", tests, set_up, scratch__teardown);
}
