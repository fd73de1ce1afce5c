/* SPDX-License-Identifier: Apache-2.0 */
/* test_health - what a metrics file says of a run, by status and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "health.h"

#define WELL                                                                     \
	"# HELP pvmtrace_running 1 while the tracer runs.\n"                     \
	"# TYPE pvmtrace_running gauge\npvmtrace_running 1\n"                    \
	"pvmtrace_interval_seconds 60\npvmtrace_abi_covered{abi=\"x86_64\"} 1\n" \
	"pvmtrace_output_held_bytes 10\npvmtrace_output_held_max_bytes 100\n"    \
	"pvmtrace_seen_total 4711\npvmtrace_skipped_runs_total 0\n"              \
	"pvmtrace_lost_total{cause=\"ring_full\"} 0\n"                           \
	"pvmtrace_lost_total{cause=\"output\"} 0\npvmtrace_complete 1\n"

static char line[HEALTH_LINE];

/* words: what the line has. */
static void expect(const char *text, uint64_t age_s, enum health how, const char *words)
{
	static const char *const begins[] = { "PVMTRACE OK: ", "PVMTRACE WARNING: ",
					      "PVMTRACE CRITICAL: ", "PVMTRACE UNKNOWN: " };

	memset(line, 'x', sizeof(line));
	if (health__judge(text, age_s, line) != how || !memchr(line, '\0', sizeof(line)) ||
	    strncmp(line, begins[how], strlen(begins[how])) || !strstr(line, words) ||
	    strchr(line, '\n'))
		fail_msg("not %s%s: %.200s", begins[how], words, line);
}

static void well(void **state)
{
	(void)state;
	expect(WELL, 3, HEALTH_OK,
	       "PVMTRACE OK: 4711 calls seen, written 3 s ago | seen=4711c lost=0c skipped=0c "
	       "held=10B;;;0;100 age=3s");
	expect(WELL, 125, HEALTH_OK, "written 125 s ago");
}

static void late(void **state)
{
	(void)state;
	expect(WELL, 126, HEALTH_CRITICAL, "written every 60 s, and was not for 126");
}

/* Of a run that has ended the file may be old. */
static void ended(void **state)
{
	(void)state;
	expect("pvmtrace_running 0\npvmtrace_interval_seconds 1\npvmtrace_seen_total 0\n", 99999,
	       HEALTH_CRITICAL, "CRITICAL: the tracer has ended; 0 calls seen");
}

static void what_is_missing(void **state)
{
	(void)state;
	expect(WELL "pvmtrace_lost_total{cause=\"state_full\"} 12\n"
		    "pvmtrace_incomplete{reason=\"lost\"} 1\n",
	       0, HEALTH_WARNING, "WARNING: 12 calls lost: state_full; 4711 calls");
	assert_non_null(strstr(line, " lost=12c "));
	expect(WELL "pvmtrace_abi_covered{abi=\"i386\"} 0\n", 0, HEALTH_WARNING,
	       "calls of i386 are not seen");
	expect(WELL "pvmtrace_incomplete{reason=\"hooks_skipped\"} 1\n", 0, HEALTH_WARNING,
	       "calls may be missing: hooks_skipped");
	expect(WELL "pvmtrace_incomplete{reason=\"tampered\"} 1\n", 0, HEALTH_CRITICAL,
	       "calls may be missing: tampered");
	expect(WELL "pvmtrace_output_held_bytes 51\n", 0, HEALTH_WARNING,
	       "51 of 100 bytes are held back");
}

/* The worst of all is the status, and each is said. */
static void several(void **state)
{
	(void)state;
	expect(WELL "pvmtrace_incomplete{reason=\"hooks_silent\"} 1\n"
		    "pvmtrace_lost_total{cause=\"output\"} 1\n",
	       500, HEALTH_CRITICAL, "hooks_silent; 1 calls lost: output; the file is written");
}

static void foreign(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"root:x:0:0:root:/root:/bin/bash\n",
		"pvmtrace_running",
		"pvmtrace_running 1\npvmtrace_interval_seconds 60\n",
		"pvmtrace_running x\npvmtrace_interval_seconds 60\npvmtrace_seen_total 1\n",
		"pvmtrace_running -1\npvmtrace_interval_seconds 60\npvmtrace_seen_total 1\n",
		"pvmtrace_running 1 2\npvmtrace_interval_seconds 60\npvmtrace_seen_total 1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(texts[i], 0, HEALTH_UNKNOWN, "this is no metrics file of pvmtrace");
}

/* However much there is to say, it is a line, and the status stands. */
static void long_ones(void **state)
{
	char text[40000] = WELL;
	size_t len = strlen(text);

	(void)state;
	for (int i = 0; len < sizeof(text) - 200; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"pvmtrace_incomplete{reason=\"reason%d\"} 1\n", i);
	snprintf(text + len, sizeof(text) - len, "pvmtrace_incomplete{reason=\"tampered\"} 1\n");
	expect(text, 0, HEALTH_CRITICAL, "reason0; ");
	memset(text + strlen(WELL), 'a', 20000);
	expect(text, 0, HEALTH_CRITICAL, "");
	expect(WELL "pvmtrace_lost_total{cause=\"open", 0, HEALTH_OK, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well),
		cmocka_unit_test(late),
		cmocka_unit_test(ended),
		cmocka_unit_test(several),
		cmocka_unit_test(foreign),
		cmocka_unit_test(long_ones),
		cmocka_unit_test(what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
