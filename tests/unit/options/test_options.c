/* SPDX-License-Identifier: Apache-2.0 */
/* test_options - good and bad command lines, and that table, help and getopt agree. */
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
#include "render/render.h"

#define ARGS_MAX 12

/* Parses a NULL-ended list of arguments; text gets what was said on stderr. */
static int parse(struct options *o, const char *const *args, char *text)
{
	char *argv[ARGS_MAX + 2] = { (char *)"pvmtrace" };
	struct capture c;
	int argc = 1, err;

	while (args[argc - 1]) {
		assert_true(argc <= ARGS_MAX);
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	capture__start(&c, STDERR_FILENO);
	err = options__parse(o, argc, argv);
	capture__end(&c, text);
	return err;
}

#define PARSE(o, text, ...) parse(o, (const char *const[]){ __VA_ARGS__, NULL }, text)

static void defaults(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	assert_int_equal(parse(&o, (const char *const[]){ NULL }, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(o.format, FORMAT_JSON);
	assert_true(!o.output && !o.user);
	assert_int_equal(o.resolve, RESOLVE_AUTO);
	assert_int_equal(o.attach, ATTACH_TRACEPOINT);
	assert_int_equal(o.iov_limit, 32);
	assert_int_equal(o.args_bytes, 1024);
	assert_int_equal(o.ancestors, 5);
	assert_int_equal(o.data_bytes, 0);
	assert_int_equal(o.max_line, 8000);
	assert_int_equal(o.stats_interval_s, 60);
	assert_int_equal(o.in_flight_after_ms, 1000);
	assert_int_equal(o.ring_bytes, 8 << 20);
	assert_int_equal(o.array_ring_bytes, 4 << 20);
	assert_int_equal(o.duration_s, 0);
	assert_int_equal(o.count, 0);
	assert_int_equal(o.rules[0].ops, 0);
	assert_int_equal(o.rules[0].outcome, 0);
	assert_int_equal(o.rules[0].min_bytes, 0);
	assert_false(o.rules[0].no_self || o.fail_on_loss || o.quiet || o.verbose || o.help ||
		     o.version);
	for (int who = 0; who < 2; who++)
		for (int field = 0; field < FILTER_FIELD_CNT; field++)
			assert_int_equal(o.rules[0].filter[who][field].cnt, 0);
	options__free(&o);
}

static void settings(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	assert_int_equal(PARSE(&o, text, "-fjson", "-o", "out.json", "--iov-limit=all",
			       "--max-line", "16777216", "--stats-interval", "1",
			       "--in-flight-after=3600000", "--user", "daemon", "-vv"),
			 0);
	assert_string_equal(o.output, "out.json");
	assert_int_equal(o.iov_limit, PVM_IOV_LIMIT_ALL);
	assert_int_equal(o.max_line, 16777216);
	assert_int_equal(o.stats_interval_s, 1);
	assert_int_equal(o.in_flight_after_ms, 3600000);
	assert_string_equal(o.user, "daemon");
	assert_int_equal(o.verbose, 2);
	options__free(&o);

	assert_int_equal(PARSE(&o, text, "-c", "9007199254740991", "--duration", "31536000",
			       "--min-bytes", "2147479552", "--no-self", "--fail-on-loss",
			       "--audit", "--ring-size", "64K", "--array-ring-size=1024M"),
			 0);
	assert_int_equal(o.count, (1ULL << 53) - 1);
	assert_int_equal(o.duration_s, 31536000);
	assert_int_equal(o.rules[0].min_bytes, 0x7ffff000);
	assert_true(o.rules[0].no_self && o.fail_on_loss && o.audit);
	assert_int_equal(o.ring_bytes, 65536);
	assert_int_equal(o.array_ring_bytes, 1 << 30);
	options__free(&o);
}

static void the_last_one_wins(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	assert_int_equal(PARSE(&o, text, "--iov-limit", "0", "-o", "a", "--iov-limit", "1024", "-o",
			       "b", "-q", "-v"),
			 0);
	assert_int_equal(o.iov_limit, 1024);
	assert_string_equal(o.output, "b");
	assert_false(o.quiet);
	assert_int_equal(o.verbose, 1);
	options__free(&o);
	assert_int_equal(PARSE(&o, text, "-vvv", "--ring-size", "1m", "-q", "--ring-size=131072"),
			 0);
	assert_true(o.quiet);
	assert_int_equal(o.verbose, 0);
	assert_int_equal(o.ring_bytes, 131072);
	options__free(&o);
}

static void filters_add_up(void **state)
{
	const struct filter_list *f;
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	assert_int_equal(PARSE(&o, text, "-p", "7", "--target-pid", "!9", "-p7", "--caller-pid=9",
			       "--target-comm", "!123456789012345"),
			 0);
	f = &o.rules[0].filter[PVM_TARGET][FILTER_PID];
	assert_int_equal(f->cnt, 2);
	assert_true(f->values[0].number == 7 && !f->values[0].exclude);
	assert_true(f->values[1].number == 9 && f->values[1].exclude);
	f = &o.rules[0].filter[PVM_CALLER][FILTER_PID];
	assert_true(f->cnt == 1 && f->values[0].number == 9 && !f->values[0].exclude);
	f = &o.rules[0].filter[PVM_TARGET][FILTER_COMM];
	assert_true(f->cnt == 1 && f->values[0].exclude);
	assert_string_equal(f->values[0].text, "123456789012345");
	options__free(&o);
	options__free(&o); /* twice does no harm */
}

static void filters_by_name(void **state)
{
	const struct filter_list *f;
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	assert_int_equal(PARSE(&o, text, "--caller-uid", "!root", "--target-uid", "4294967294",
			       "--target-cgroup", "/a b", "--caller-cgroup", "!/x",
			       "--caller-container", "abc", "--target-container=!abc"),
			 0);
	f = &o.rules[0].filter[PVM_CALLER][FILTER_UID];
	assert_true(f->cnt == 1 && f->values[0].exclude && f->values[0].number == 0);
	assert_int_equal(o.rules[0].filter[PVM_TARGET][FILTER_UID].values[0].number, 4294967294u);
	assert_string_equal(o.rules[0].filter[PVM_TARGET][FILTER_CGROUP].values[0].text, "/a b");
	assert_string_equal(o.rules[0].filter[PVM_CALLER][FILTER_CGROUP].values[0].text, "/x");
	assert_string_equal(o.rules[0].filter[PVM_CALLER][FILTER_CONTAINER].values[0].text, "abc");
	assert_true(o.rules[0].filter[PVM_TARGET][FILTER_CONTAINER].values[0].exclude);
	options__free(&o);
}

static void op_and_outcome(void **state)
{
	static const struct {
		const char *args[5];
		uint32_t ops;
		uint32_t outcome;
	} cases[] = {
		{ { "--op", "read" }, 1u << PVM_READ, 0 },
		{ { "--op", "write", "--op", "write" }, 1u << PVM_WRITE, 0 },
		{ { "--op=!read" }, 1u << PVM_WRITE, 0 },
		{ { "--op=!write", "--op=read" }, 1u << PVM_READ, 0 },
		{ { "--op=write", "--op=read" }, 0, 0 },
		{ { "--outcome=success" }, 0, PVM_SUCCEEDED },
		{ { "--outcome=!success" }, 0, PVM_FAILED },
		{ { "--outcome=failure", "--outcome=!success" }, 0, PVM_FAILED },
		{ { "--outcome=failure", "--outcome=success" }, 0, 0 },
	};
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&o, cases[i].args, text), 0);
		assert_int_equal(o.rules[0].ops, cases[i].ops);
		assert_int_equal(o.rules[0].outcome, cases[i].outcome);
		options__free(&o);
	}
}

/* Each is refused with 64 and one line that holds both fragments. */
static const struct {
	const char *args[7];
	const char *has[2];
} bad[] = {
	{ { "--max-line", "12x" }, { "--max-line: '12x'", "1024 to 16777216" } },
	{ { "--max-line", "1023" }, { "--max-line: '1023'", "1024 to 16777216" } },
	{ { "--max-line", "16777217" }, { "'16777217'", "1024 to 16777216" } },
	{ { "--max-line", "4294975296" },
	  { "'4294975296'", "1024 to 16777216" } }, /* 2^32 + 8000 */
	{ { "--max-line", "18446744073709559616" }, { "'18446744073709559616'", "1024 to" } },
	{ { "--max-line", " 8000" }, { "' 8000'", "1024 to" } },
	{ { "--max-line", "8000 " }, { "'8000 '", "1024 to" } },
	{ { "--max-line", "+8000" }, { "'+8000'", "1024 to" } },
	{ { "--max-line", "0x2000" }, { "'0x2000'", "1024 to" } },
	{ { "--max-line", "8e3" }, { "'8e3'", "1024 to" } },
	{ { "--max-line", "8K" }, { "'8K'", "1024 to" } },
	{ { "--max-line=" }, { "--max-line: ''", "1024 to" } },
	{ { "--stats-interval", "0" }, { "--stats-interval: '0'", "1 to 86400" } },
	{ { "--stats-interval", "-1" }, { "'-1'", "1 to 86400" } },
	{ { "--in-flight-after", "3600001" }, { "--in-flight-after:", "1 to 3600000" } },
	{ { "--aggregate", "0" }, { "--aggregate: '0'", "1 to 3600" } },
	{ { "--aggregate", "3601" }, { "--aggregate: '3601'", "1 to 3600" } },
	{ { "--aggregate", "1s" }, { "--aggregate: '1s'", "1 to 3600" } },
	{ { "--aggregate" }, { "--aggregate:", "missing" } },
	{ { "--aggregate", "60", "--replay", "x" }, { "--aggregate 60: ", "--replay" } },
	{ { "--record", "y", "--replay", "x" }, { "--record y: ", "--replay" } },
	{ { "--duration", "5", "--replay", "x" }, { "--duration 5: not together", "--replay" } },
	{ { "--replay", "x", "--audit" }, { "--audit: not together", "--replay" } },
	{ { "--replay", "x", "--fail-on-loss" }, { "--fail-on-loss: not together", "--replay" } },
	{ { "--replay", "x", "--attach=fentry" }, { "--attach fentry: ", "--replay" } },
	{ { "--replay", "x", "--ring-size", "1M" }, { "--ring-size 1M: ", "--replay" } },
	{ { "--replay", "x", "--probe" }, { "--probe: ", "--replay" } },
	{ { "--duration", "0" }, { "--duration: '0'", "1 to 31536000" } },
	{ { "--duration", "1.5" }, { "--duration: '1.5'", "1 to 31536000" } },
	{ { "-c", "0" }, { "--count: '0'", "1 to 9007199254740991" } },
	{ { "-c", "9007199254740992" }, { "--count:", "1 to 9007199254740991" } },
	{ { "--min-bytes", "-1" }, { "--min-bytes: '-1'", "0 to 2147479552" } },
	{ { "--min-bytes", "2147479553" }, { "--min-bytes: '2147479553'", "0 to 2147479552" } },
	{ { "--min-bytes", "4294967296" }, { "--min-bytes: '4294967296'", "0 to 2147479552" } },
	{ { "--ancestors", "17" }, { "--ancestors: '17'", "0 to 16" } },
	{ { "--ancestors", "none" }, { "--ancestors: 'none'", "0 to 16" } },
	{ { "--args", "4097" }, { "--args: '4097'", "0 to 4096, or none" } },
	{ { "--data", "257" }, { "--data: '257'", "0 to 256" } },
	{ { "--ring-size", "32K" }, { "--ring-size: '32K'", "64K to 1024M, a power of two" } },
	{ { "--ring-size", "96K" }, { "--ring-size: '96K'", "a power of two" } },
	{ { "--ring-size", "2048M" }, { "--ring-size: '2048M'", "64K to 1024M" } },
	{ { "--ring-size", "17592186044417M" }, { "--ring-size:", "64K to 1024M" } },
	{ { "--ring-size", "K" }, { "--ring-size: 'K'", "64K to 1024M" } },
	{ { "--ring-size", "64KB" }, { "--ring-size: '64KB'", "64K to 1024M" } },
	{ { "--array-ring-size", "1G" }, { "--array-ring-size: '1G'", "64K to 1024M" } },
	{ { "--attach", "kprobe" }, { "--attach: 'kprobe'", "tracepoint, fentry" } },
	{ { "--resolve", "kfun" }, { "--resolve: 'kfun'", "auto, kfunc, walk" } },
	{ { "-f", "xml" }, { "--format: 'xml'", "json" } },
	{ { "--format=" }, { "--format: ''", "json" } },
	{ { "-o", "" }, { "--output: ''", "at least one" } },
	{ { "--user=" }, { "--user: ''", "at least one" } },
	{ { "-p", "0" }, { "--target-pid: '0'", "1 to 2147483647" } },
	{ { "-p", "-1" }, { "--target-pid: '-1'", "1 to 2147483647" } },
	{ { "-p", "12x" }, { "--target-pid: '12x'", "1 to 2147483647" } },
	{ { "-p", "2147483648" }, { "--target-pid: '2147483648'", "1 to 2147483647" } },
	{ { "-p", "!" }, { "--target-pid: '!'", "1 to 2147483647" } },
	{ { "-p", "!!7" }, { "--target-pid: '!!7'", "1 to 2147483647" } },
	{ { "-p", "" }, { "--target-pid: ''", "1 to 2147483647" } },
	{ { "--caller-pid", "7,8" }, { "--caller-pid: '7,8'", "1 to 2147483647" } },
	{ { "-p", "7", "-p", "!7" }, { "--target-pid: '!7'", "both" } },
	{ { "-p", "!7", "-p", "007" }, { "--target-pid: '007'", "both" } },
	{ { "--target-uid", "4294967295" }, { "--target-uid: '4294967295'", "4294967294" } },
	{ { "--caller-uid", "no such one" }, { "--caller-uid: 'no such one'", "no such account" } },
	{ { "--caller-uid", "-1" }, { "--caller-uid: '-1'", "account" } },
	{ { "--caller-uid", "root", "--caller-uid", "!0" }, { "--caller-uid: '!0'", "both" } },
	{ { "--target-comm", "1234567890123456" }, { "--target-comm: '1234567890123456'", "15" } },
	{ { "--caller-comm", "!1234567890123456" }, { "'!1234567890123456' has 16 bytes", "15" } },
	{ { "--caller-comm", "!" }, { "--caller-comm: '!'", "1 to 15 bytes" } },
	{ { "--caller-comm", "a", "--caller-comm", "!a" }, { "--caller-comm: '!a'", "both" } },
	{ { "--target-cgroup=" }, { "--target-cgroup: ''", "a path from '/' on" } },
	{ { "--target-cgroup", "!" }, { "--target-cgroup: '!'", "a path from '/' on" } },
	{ { "--target-cgroup", "system.slice" },
	  { "'system.slice' matches no cgroup", "begin with" } },
	{ { "--caller-cgroup", "!a/b" }, { "--caller-cgroup: '!a/b'", "begin with '/'" } },
	{ { "--caller-cgroup", "\\a" }, { "--caller-cgroup: '\\a'", "begin with '/'" } },
	{ { "--caller-cgroup", "/a/" }, { "--caller-cgroup: '/a/'", "do not end with '/'" } },
	{ { "--caller-cgroup", "/a//b" }, { "--caller-cgroup: '/a//b'", "two '/' in a row" } },
	{ { "--caller-cgroup", "/a\\" }, { "--caller-cgroup: '/a\\'", "nothing behind" } },
	{ { "--caller-cgroup", "/a/./b" }, { "--caller-cgroup: '/a/./b'", "'.' or '..'" } },
	{ { "--caller-cgroup", "/sys/fs/cgroup/a" }, { "'/sys/fs/cgroup/a'", "without" } },
	{ { "--caller-cgroup", "!*" }, { "--caller-cgroup: '!*' excludes every", "no call" } },
	{ { "--target-cgroup", "!*", "--target-cgroup", "/a" }, { "'!*' excludes every", "" } },
	{ { "--target-cgroup", "/a", "--target-cgroup", "!/*" }, { "'!/*' excludes every", "" } },
	{ { "--target-cgroup", "/a/b", "--target-cgroup", "!/a" },
	  { "--target-cgroup: '!/a' excludes all of '/a/b'", "no call can match" } },
	{ { "--target-cgroup", "!/a", "--target-cgroup", "/a/b" },
	  { "--target-cgroup: '/a/b' is wanted, but '!/a' excludes", "no call can match" } },
	{ { "--target-cgroup=/c", "--target-cgroup", "/a*", "--target-cgroup", "!/a*" },
	  { "--target-cgroup: '!/a*'", "both" } },
	{ { "--caller-container", "4f5e", "--caller-container", "!4F" },
	  { "--caller-container: '!4F' excludes all of '4f5e'", "no call can match" } },
	{ { "--caller-container", "!4f", "--caller-container", "4F5E" },
	  { "--caller-container: '4F5E' is wanted", "'!4f' excludes" } },
	{ { "--no-self", "-p", "7", "--caller-pid", "07" },
	  { "--no-self: with --caller-pid 7 and --target-pid 7", "no call can match" } },
	{ { "--outcome", "failure", "--min-bytes", "1" },
	  { "--min-bytes 1: with --outcome failure", "no call can match" } },
	{ { "--min-bytes", "5", "--outcome", "!success" }, { "--min-bytes 5: ", "moves nothing" } },
	{ { "--allow-fifo" }, { "--allow-fifo: ", "--output" } },
	{ { "--allow-fifo", "-o", "-" }, { "--allow-fifo: ", "--output" } },
	{ { "--max-size", "1M" }, { "--max-size 1048576: ", "--output" } },
	{ { "--max-size", "1M", "-o", "-" }, { "--max-size 1048576: ", "--output" } },
	{ { "--keep", "3", "-o", "-" }, { "--keep 3: ", "--max-size" } },
	{ { "--record", "-" }, { "--record: '-'", "stdout" } },
	{ { "--metrics=-" }, { "--metrics: '-'", "stdout" } },
	{ { "--target-container", "!" }, { "--target-container: '!'", "beginning of an id" } },
	{ { "--caller-container=" }, { "--caller-container: ''", "beginning of an id" } },
	{ { "--caller-container", "4f*" }, { "--caller-container: '4f*'", "letters, digits" } },
	{ { "--caller-container", "docker/4f" },
	  { "'docker/4f' matches no container", "or none" } },
	{ { "--caller-container", "4F", "--caller-container", "!4f" }, { "'!4f'", "both" } },
	{ { "--op", "reads" }, { "--op: 'reads'", "read, write" } },
	{ { "--op", "!" }, { "--op: '!'", "read, write" } },
	{ { "--op", "read", "--op", "!read" }, { "--op: '!read'", "both" } },
	{ { "--op", "!read", "--op", "!write" }, { "--op: '!write'", "no call" } },
	{ { "--outcome", "unknown" }, { "--outcome: 'unknown'", "success, failure" } },
	{ { "--outcome", "!failure", "--outcome=failure" }, { "--outcome: 'failure'", "both" } },
	{ { "--no-self=yes" }, { "--no-self:", "'yes'" } },
	{ { "--bogus", "7" }, { "'--bogus'", "not an option" } },
	{ { "--target", "7" }, { "'--target'", "more than one" } },
	{ { "-qZ" }, { "'-Z'", "not an option" } },
	{ { "-p" }, { "--target-pid:", "missing" } },
	{ { "--iov-limit" }, { "--iov-limit:", "missing" } },
	{ { "stray" }, { "'stray'", "only options" } },
	{ { "-q", "stray", "--help" }, { "'stray'", "only options" } },
	{ { "--", "-q" }, { "'-q'", "only options" } },
	{ { "" }, { "''", "only options" } },
	{ { "-o", "x", "-f", "\033[31m\n" }, { "--format: '\\x1b[31m\\x0a'", "json" } },
};

static void bad_command_lines(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int err = parse(&o, bad[i].args, text);

		if (err != EX_USAGE || !strstr(text, bad[i].has[0]) ||
		    !strstr(text, bad[i].has[1]) || strncmp(text, "pvmtrace: error: ", 17) != 0 ||
		    strchr(text, '\n') != text + strlen(text) - 1)
			fail_msg("case %zu (%s): status %d, said: %s", i, bad[i].args[0], err,
				 text);
	}
}

/* What looks alike, but leaves something. */
static void what_can_match_is_taken(void **state)
{
	static const char *const good[][8] = {
		{ "--min-bytes", "2147479552" },
		{ "--target-cgroup", "/a", "--target-cgroup", "!/a/b" },
		{ "--target-cgroup", "/ab", "--target-cgroup", "!/a" },
		{ "--target-cgroup", "*", "--target-cgroup", "!/a*" },
		{ "--target-cgroup", "!/" },
		{ "--target-cgroup", "!?" },
		{ "--target-cgroup", "/a", "--caller-cgroup", "!/a" },
		{ "--caller-container", "4f", "--caller-container", "!4f5e" },
		{ "--caller-container", "none", "--caller-container", "!no" },
		{ "--caller-container", "none1", "--caller-container", "!none" },
		{ "-p", "5", "-p", "!6" },
		{ "--no-self", "-p", "7", "--caller-pid", "8" },
		{ "--no-self", "-p", "7", "-p", "8", "--caller-pid", "7" },
		{ "--no-self", "-p", "!7", "--caller-pid", "7" },
		{ "--outcome", "failure", "--min-bytes", "0" },
		{ "--outcome", "success", "--min-bytes", "1" },
		{ "--allow-fifo", "-o", "x" },
		{ "--max-size", "1M", "-o", "./-" },
	};
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (parse(&o, good[i], text) || *text)
			fail_msg("case %zu: %s", i, text);
		options__free(&o);
	}
	assert_int_equal(PARSE(&o, text, "-o", "x", "-o", "-"), 0);
	assert_null(o.output);
	options__free(&o);
}

static void a_long_value_keeps_the_line_whole(void **state)
{
	static char value[5000];
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	memset(value, '\t', sizeof(value) - 1);
	assert_int_equal(PARSE(&o, text, "--max-line", value), EX_USAGE);
	assert_non_null(strstr(text, "1024 to 16777216\n"));
	assert_true(strlen(text) < 1000);
	assert_int_equal(PARSE(&o, text, value), EX_USAGE);
	assert_non_null(strstr(text, "see pvmtrace --help\n"));
}

static void help_and_version_come_first(void **state)
{
	struct options o;
	char text[CAPTURE_SZ];

	(void)state;
	assert_int_equal(PARSE(&o, text, "-h", "--bogus", "stray"), 0);
	assert_true(o.help && !o.version);
	options__free(&o);
	assert_int_equal(PARSE(&o, text, "-qV", "stray"), 0);
	assert_true(o.version && !o.help);
	options__free(&o);
}

static void read_help(char *text)
{
	struct capture c;

	capture__start(&c, STDOUT_FILENO);
	options__help();
	capture__end(&c, text);
}

/* These are the options that the command line is promised to have, apart from the table that is under test. */
static const char *const promised[] = {
	"target-pid",
	"caller-pid",
	"target-comm",
	"caller-comm",
	"target-uid",
	"caller-uid",
	"target-cgroup",
	"caller-cgroup",
	"target-container",
	"caller-container",
	"target-unit",
	"caller-unit",
	"target-exe",
	"caller-exe",
	"target-ancestor-exe",
	"caller-ancestor-exe",
	"op",
	"outcome",
	"min-bytes",
	"relation",
	"no-self",
	"region",
	"format",
	"output",
	"args",
	"ancestors",
	"data",
	"iov-limit",
	"omit",
	"regions",
	"max-line",
	"stats-interval",
	"in-flight-after",
	"aggregate",
	"user",
	"no-sandbox",
	"fail-on-loss",
	"audit",
	"duration",
	"count",
	"quiet",
	"verbose",
	"version",
	"schema",
	"help",
	"ring-size",
	"array-ring-size",
	"attach",
	"resolve",
	"btf",
	"record",
	"replay",
	"probe",
	"metrics",
	"host-name",
	"machine-id",
	"allow-fifo",
	"max-size",
	"keep",
	"config",
	"check-config",
	"print-config",
	"health",
};

static void table_help_and_getopt_agree(void **state)
{
	char help[CAPTURE_SZ], text[CAPTURE_SZ], word[64], row[96];
	struct options o;

	(void)state;
	read_help(help);
	assert_int_equal(options_table_cnt, sizeof(promised) / sizeof(promised[0]));
	for (size_t i = 0; i < options_table_cnt; i++) {
		const struct option_def *d = &options_table[i];
		/* Some flags do nothing without an output. */
		const char *letter_arg[] = { word, d->arg ? NULL : "--output=x", NULL };
		size_t k = 0;

		while (k < options_table_cnt && strcmp(promised[k], d->name) != 0)
			k++;
		assert_true(k < options_table_cnt);
		snprintf(row, sizeof(row), "\n  %c%c%c --%s%s%s", d->letter ? '-' : ' ',
			 d->letter ? d->letter : ' ', d->letter ? ',' : ' ', d->name,
			 d->arg ? " " : "", d->arg ? d->arg : "");
		if (!strstr(help, row))
			fail_msg("--%s is not in the help as '%s'", d->name, row + 1);
		/* Without its value an option is refused by its own name, else it is taken. */
		for (int form = 0; form < (d->letter ? 2 : 1); form++) {
			if (form == 0)
				snprintf(word, sizeof(word), "--%s", d->name);
			else
				snprintf(word, sizeof(word), "-%c", d->letter);
			assert_int_equal(parse(&o, letter_arg, text), d->arg ? EX_USAGE : 0);
			snprintf(row, sizeof(row), "--%s: the value (", d->name);
			assert_true(!d->arg || strstr(text, row));
			options__free(&o);
		}
	}
}

static void help_is_readable(void **state)
{
	static const char *const has[] = { "Usage: pvmtrace ", "default 8000", "default 8M",
					   "64K to 1024M",     "Examples:",    "Exit status:",
					   "\n   0  ",	       "\n  64  ",     "\n  69  ",
					   "\n  70  ",	       "\n  74  ",     "\n  75  ",
					   "\n  77  ",	       "\n  78  " };
	char help[CAPTURE_SZ];

	(void)state;
	read_help(help);
	for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++)
		assert_non_null(strstr(help, has[i]));
	assert_non_null(strstr(help, "json, ecs, ocsf, text"));
	for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n")) {
		if (strlen(line) >= 100 || line[strlen(line) - 1] == ' ')
			fail_msg("too wide or blank at its end: '%s'", line);
	}
}

static void log_levels(void **state)
{
	char text[CAPTURE_SZ];
	struct capture c;

	(void)state;
	capture__start(&c, STDERR_FILENO);
	log__info("one %d", 1);
	log__debug("unseen");
	log__setup(false, 1);
	log__debug("two\n");
	log__setup(true, 0);
	log__info("unseen");
	log__warn("unseen");
	log__error("three\r\xff\x80 \xc3\xa4");
	log__setup(false, 0);
	log__warn("%s", "");
	capture__end(&c, text);
	assert_string_equal(text, "pvmtrace: one 1\npvmtrace: debug: two\n"
				  "pvmtrace: error: three\\x0d\\xff\\x80 \\xc3\\xa4\n"
				  "pvmtrace: warning: \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(settings),
		cmocka_unit_test(the_last_one_wins),
		cmocka_unit_test(filters_add_up),
		cmocka_unit_test(filters_by_name),
		cmocka_unit_test(op_and_outcome),
		cmocka_unit_test(bad_command_lines),
		cmocka_unit_test(what_can_match_is_taken),
		cmocka_unit_test(a_long_value_keeps_the_line_whole),
		cmocka_unit_test(help_and_version_come_first),
		cmocka_unit_test(table_help_and_getopt_agree),
		cmocka_unit_test(help_is_readable),
		cmocka_unit_test(log_levels),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
