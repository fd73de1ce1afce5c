/* SPDX-License-Identifier: Apache-2.0 */
/* test_metrics - the metrics file: what stands in it, and that it is replaced whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "books.h"
#include "bpf/control.h"
#include "capture.h"
#include "child.h"
#include "output/metrics.h"

static const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };

static char dir[] = "/tmp/pvmtrace-metrics-XXXXXX";
static char path[64];
static struct books books;
static const struct abi_info abis[] = { { .abi = PVM_ABI_X86_64, .covered = true },
					{ .abi = PVM_ABI_I386 } };
static const struct told_counts told = {
	.calls = { { 5, 6, 7 }, { 8, 9, UINT64_MAX } },
	.errors = { [0] = 1, [EPERM] = 2, [TOLD_ERRNOS - 1] = 3 },
};

static struct metrics_info sample(void)
{
	struct pvm_counts kernel = { .n = { [PVM_C_SEEN] = 10,
					    [PVM_C_SUBMITTED] = 4,
					    [PVM_C_RING_FULL] = 3,
					    [PVM_C_STATE_FULL] = 1 } };
	struct books_user user = { .emitted = 4, .skipped_runs = UINT64_MAX };

	books__fill(&books, &kernel, &user);
	return (struct metrics_info){
		.version = "1.2.3",
		.libbpf = "1.1",
		.attach = ATTACH_FENTRY,
		.resolve = RESOLVE_WALK,
		.books = &books,
		.start_ns = 1700000000000000007,
		.ring_bytes = 8 << 20,
		.array_ring_bytes = 65536,
		.told = &told,
		.abis = abis,
		.abi_cnt = 2,
		.held = 11,
		.held_max = 12,
		.written = 13,
		.every_s = 60,
		.config_hash = "00000000000000ab",
		.running = true,
	};
}

static char *render(const struct metrics_info *info)
{
	size_t len;
	char *text = metrics__text(info, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	return text;
}

static void expect_line(const char *text, const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("no line '%s' in: %s", line, text);
}

static void what_stands_in_it(void **state)
{
	static const char *const lines[] = {
		"pvmtrace_build_info{version=\"1.2.3\",libbpf=\"1.1\",attach=\"fentry\",resolve=\"walk\"} 1",
		"pvmtrace_running 1",
		"pvmtrace_start_timestamp_seconds 1700000000.000000007",
		"pvmtrace_last_call_timestamp_seconds 0.000000000",
		"pvmtrace_in_flight 2",
		"pvmtrace_ring_size_bytes{ring=\"calls\"} 8388608",
		"pvmtrace_ring_size_bytes{ring=\"arrays\"} 65536",
		"# TYPE pvmtrace_seen_total counter",
		"pvmtrace_seen_total 10",
		"pvmtrace_emitted_total 4",
		"pvmtrace_skipped_runs_total 18446744073709551615",
		"# TYPE pvmtrace_lost_total counter",
		"pvmtrace_lost_total{cause=\"ring_full\"} 3",
		"pvmtrace_lost_total{cause=\"state_full\"} 1",
		"pvmtrace_lost_total{cause=\"output\"} 0",
		"pvmtrace_config_info{config_hash=\"00000000000000ab\"} 1",
		"pvmtrace_interval_seconds 60",
		"# TYPE pvmtrace_events_total counter",
		"pvmtrace_events_total{op=\"read\",outcome=\"success\"} 5",
		"pvmtrace_events_total{op=\"read\",outcome=\"failure\"} 6",
		"pvmtrace_events_total{op=\"read\",outcome=\"unknown\"} 7",
		"pvmtrace_events_total{op=\"write\",outcome=\"success\"} 8",
		"pvmtrace_events_total{op=\"write\",outcome=\"failure\"} 9",
		"pvmtrace_events_total{op=\"write\",outcome=\"unknown\"} 18446744073709551615",
		"# TYPE pvmtrace_errors_total counter",
		"pvmtrace_errors_total{errno=\"other\"} 1",
		"pvmtrace_errors_total{errno=\"EPERM\"} 2",
		"pvmtrace_errors_total{errno=\"EHWPOISON\"} 3",
		"# TYPE pvmtrace_abi_covered gauge",
		"pvmtrace_abi_covered{abi=\"x86_64\"} 1",
		"pvmtrace_abi_covered{abi=\"i386\"} 0",
		"# TYPE pvmtrace_output_bytes_total counter",
		"pvmtrace_output_bytes_total 13",
		"# TYPE pvmtrace_output_held_bytes gauge",
		"pvmtrace_output_held_bytes 11",
		"pvmtrace_output_held_max_bytes 12",
	};
	struct metrics_info info = sample();
	char *text = render(&info);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect_line(text, lines[i]);
	assert_null(strstr(text, "\npvmtrace_lost_total 4")); /* the sum is the reader's */
	free(text);
}

static void rules_have_a_row_each(void **state)
{
	static const struct rule rules[] = {
		{ .name = "profilers", .action = RULE_DROP },
		{ .name = "web.1-A_", .action = RULE_AGGREGATE },
		{ .action = RULE_TELL },
	};
	static const char *const lines[] = {
		"# TYPE pvmtrace_rule_calls_total counter",
		"pvmtrace_rule_calls_total{rule=\"profilers\",fate=\"told\"} 5",
		"pvmtrace_rule_calls_total{rule=\"profilers\",fate=\"dropped\"} 3",
		"pvmtrace_rule_calls_total{rule=\"web.1-A_\",fate=\"summarised\"} 18446744073709551615",
		"pvmtrace_rule_calls_total{rule=\"\",fate=\"told\"} 7",
		"# TYPE pvmtrace_rule_hits_total counter",
		"pvmtrace_rule_hits_total{rule=\"profilers\"} 12",
		"pvmtrace_rule_hits_total{rule=\"\"} 7",
	};
	struct metrics_info info = sample();
	char *text = render(&info);

	(void)state;
	assert_null(strstr(text, "rule"));
	free(text);
	info.rules = rules;
	info.rule_cnt = 3;
	books.rules[0].dropped = 3;
	books.rules[0].summarised = 4;
	books.rules[0].told = 5;
	books.rules[1].summarised = UINT64_MAX;
	books.rules[2].told = 7;
	text = render(&info);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect_line(text, lines[i]);
	free(text);
}

/* A new counter needs a line in output/metrics_text.c that says what it is. */
static void each_counter_is_there_and_explained(void **state)
{
	struct metrics_info info = sample();
	char *text = render(&info), line[256];

	(void)state;
	for (size_t i = 0; i < books.cnt; i++) {
		const char *name = books.counters[i].name;

		if (!strncmp(name, "lost", 4))
			snprintf(line, sizeof(line), "lost_total{cause=\"%s\"} ",
				 name[4] ? name + 5 : "ring_full");
		else
			snprintf(line, sizeof(line), "\npvmtrace_%s_total ", name);
		if (!strstr(text, line))
			fail_msg("%s is not told", name);
	}
	assert_null(strstr(text, "Counter of this name"));
	free(text);
}

/* There is one HELP and one TYPE for each name, just before its samples. */
static void each_name_has_its_head(void **state)
{
	struct metrics_info info = sample();
	char *text = render(&info), help[128] = "", type[128] = "", *rest = text;

	(void)state;
	for (char *line; (line = strsep(&rest, "\n")) && *line;) {
		char name[128];

		if (sscanf(line, "# HELP %127s", help) == 1)
			continue;
		if (sscanf(line, "# TYPE %127s", type) == 1)
			continue;
		assert_int_equal(sscanf(line, "%127[a-z_]", name), 1);
		assert_string_equal(name, help);
		assert_string_equal(name, type);
		assert_int_equal(strncmp(name, "pvmtrace_", 9), 0);
	}
	free(text);
}

static int write_as(struct metrics *m, bool running, char *said)
{
	struct metrics_info info = sample();
	struct capture c;
	int err;

	info.running = running;
	capture__start(&c, STDERR_FILENO);
	err = metrics__write(m, &info);
	capture__end(&c, said);
	return err;
}

static void expect_file(bool running)
{
	static char text[16384];
	FILE *f = fopen(path, "r");
	size_t len;

	assert_non_null(f);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	expect_line(text, running ? "pvmtrace_running 1" : "pvmtrace_running 0");
	expect_line(text, "pvmtrace_lost_total{cause=\"ring_full\"} 3");
}

static void replaced_in_one_step(void **state)
{
	char said[CAPTURE_SZ], temp[96];
	struct metrics m;
	struct stat old, new;
	FILE *left;

	(void)state;
	snprintf(temp, sizeof(temp), "%s/.x.prom.tmp", dir);
	left = fopen(temp, "w");
	assert_non_null(left);
	fclose(left);
	metrics__open(&m, path, &ourselves);
	assert_int_equal(write_as(&m, true, said), 0);
	expect_file(true);
	assert_int_equal(stat(path, &old), 0);
	assert_int_equal(old.st_mode & 07777, 0644);
	/* The old inode is kept alive, so that the new one cannot have its number. */
	left = fopen(path, "r");
	assert_int_equal(write_as(&m, false, said), 0);
	expect_file(false);
	assert_int_equal(stat(path, &new), 0);
	assert_int_not_equal(old.st_ino, new.st_ino);
	fclose(left);
	assert_int_equal(access(temp, F_OK), -1);
	assert_string_equal(said, "");
	metrics__close(&m);
	unlink(path);
}

static void not_asked_for(void **state)
{
	struct metrics_info info = sample();
	struct metrics m;

	(void)state;
	metrics__open(&m, NULL, &ourselves);
	assert_int_equal(metrics__write(&m, &info), 0);
	metrics__close(&m);
}

static void failures_are_said_once_and_tried_again(void **state)
{
	char said[CAPTURE_SZ], sub[64], file[80];
	struct metrics m;

	(void)state;
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(file, sizeof(file), "%s/x", sub);
	metrics__open(&m, file, &ourselves);
	assert_int_equal(write_as(&m, true, said), -ENOENT);
	assert_true(strstr(said, file) && strstr(said, "there must be a directory") &&
		    strstr(said, sub) && strstr(said, "tracing goes on"));
	assert_int_equal(write_as(&m, true, said), -ENOENT);
	assert_string_equal(said, "");
	assert_int_equal(mkdir(sub, 0755), 0);
	assert_int_equal(write_as(&m, true, said), 0);
	assert_non_null(strstr(said, "written again"));
	/* This is another directory of that name. */
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(sub), 0);
	assert_int_equal(mkdir(sub, 0755), 0);
	assert_int_equal(write_as(&m, true, said), 0);
	assert_string_equal(said, "");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkdir(file, 0755), 0);
	assert_int_equal(write_as(&m, true, said), -EISDIR);
	metrics__close(&m);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(rmdir(sub), 0); /* so no temporary file is left */
}

static void a_file_that_could_not_be_written_whole_is_not_put_there(void **state)
{
	struct rlimit old, little = { 100, RLIM_INFINITY };
	char said[CAPTURE_SZ];
	struct metrics_info info = sample();
	struct metrics m;
	int err;

	(void)state;
	metrics__open(&m, path, &ourselves);
	assert_int_equal(write_as(&m, true, said), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	/* There is no capture: its file would be limited too. */
	m.failing = true;
	little.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	err = metrics__write(&m, &info);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err, -EFBIG);
	expect_file(true);
	metrics__close(&m);
	unlink(path);
}

/* In a directory that everybody may write to, this is what another user left there under either name. */
static void planted(void **state)
{
	char said[CAPTURE_SZ], temp[96];
	struct metrics m;
	struct stat st;
	FILE *f;

	(void)state;
	if (geteuid() != 0)
		skip_for("root");
	snprintf(temp, sizeof(temp), "%s/.x.prom.tmp", dir);
	assert_int_equal(chmod(dir, 01777), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(chown(path, 4321, 4321), 0);
	metrics__open(&m, path, &ourselves);
	assert_int_equal(write_as(&m, true, said), -EEXIST);
	assert_non_null(strstr(said, "another user's"));
	assert_int_equal(unlink(path), 0);
	/* This is one that we may not even remove, as in a directory with the sticky bit. */
	assert_int_equal(mkdir(temp, 0700), 0);
	assert_int_equal(write_as(&m, true, said), 0);
	expect_file(true);
	assert_int_equal(rmdir(temp), 0);
	assert_int_equal(unlink(path), 0);
	/* A link is replaced, not followed. */
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(write_as(&m, true, said), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	metrics__close(&m);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(chmod(dir, 0755), 0);
}

static void paths_of_all_kinds(void **state)
{
	static char huge[PATH_MAX + 10];
	static const char *const none[] = { "/", "/nowhere/x", huge };
	char said[CAPTURE_SZ];
	struct metrics m;

	(void)state;
	memset(huge, 'a', sizeof(huge) - 1);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		metrics__open(&m, none[i], &ourselves);
		assert_true(write_as(&m, true, said) < 0);
		assert_non_null(strstr(said, "warning: --metrics "));
		metrics__close(&m);
	}
	assert_int_equal(chdir(dir), 0);
	metrics__open(&m, "x.prom", &ourselves);
	assert_int_equal(write_as(&m, true, said), 0);
	expect_file(true);
	metrics__close(&m);
	unlink(path);
}

static int set_up(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	umask(077); /* which is not to keep the exporter out */
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/x.prom", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void test_doubts(void **state)
{
	static const struct doubt doubts[] = {
		{ .kind = DOUBT_UNBALANCED },
		{ .kind = DOUBT_ERROR, .error = ERROR_TAMPERED },
	};
	struct metrics_info info = sample();
	char *text = render(&info);

	(void)state;
	assert_non_null(strstr(text, "\npvmtrace_complete 1\n"));
	assert_null(strstr(text, "pvmtrace_incomplete{"));
	free(text);
	info.incomplete = doubts;
	info.incomplete_cnt = 2;
	text = render(&info);
	assert_non_null(strstr(text, "\npvmtrace_complete 0\n"));
	assert_non_null(strstr(text, "\npvmtrace_incomplete{reason=\"tampered\"} 1\n"));
	assert_null(strstr(text, "unbalanced"));
	free(text);
	info.running = false;
	text = render(&info);
	assert_non_null(strstr(text, "\npvmtrace_incomplete{reason=\"unbalanced\"} 1\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(what_stands_in_it),
		cmocka_unit_test(rules_have_a_row_each),
		cmocka_unit_test(each_counter_is_there_and_explained),
		cmocka_unit_test(each_name_has_its_head),
		cmocka_unit_test(replaced_in_one_step),
		cmocka_unit_test(not_asked_for),
		cmocka_unit_test(failures_are_said_once_and_tried_again),
		cmocka_unit_test(a_file_that_could_not_be_written_whole_is_not_put_there),
		cmocka_unit_test(planted),
		cmocka_unit_test(paths_of_all_kinds),
	};

	return cmocka_run_group_tests_name("metrics", tests, set_up, tear_down);
}
