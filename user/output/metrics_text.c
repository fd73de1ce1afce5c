/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_text - the counters in Prometheus's text format: counter x of the `stats` record is pvmtrace_x_total, but for
 * the causes of loss, which are labels of pvmtrace_lost_total. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bpf/keys.h"
#include "event/names.h"
#include "output/metrics.h"

/* Those of loss have one help for all. */
static const char *const helps[BOOK_CNT] = {
	[BOOK_SEEN] = "Calls that reached a hook",
	[BOOK_EMITTED] = "Calls told by a record of their own",
	[BOOK_SUMMARISED] = "Calls told together with others",
	[BOOK_FILTERED] = "Calls dropped by a filter",
	[BOOK_SUBMITTED] = "Calls that found room in the ring",
	[BOOK_IN_FLIGHT_EMITTED] = "Records of calls that were still inside the kernel",
	[BOOK_IN_FLIGHT_UNTOLD] = "Such records that found no room and were tried again",
	[BOOK_ARRAY_LOST] = "Long lists that found no room; their calls were told without them",
	[BOOK_ARRAY_EVICTED] =
		"Long lists held for calls still inside that were given up for newer ones",
	[BOOK_IDENTITY_LOST] = "Paths and arguments that found no room and are sent again",
	[BOOK_IDENTITY_FULL] = "Paths and arguments sent, but with no room to note it",
	[BOOK_IDENTITY_EVICTED] = "Paths and arguments forgotten for newer ones",
	[BOOK_SELF_TESTS] = "Calls of the tracer itself, to prove that the hooks fire",
	[BOOK_AUDITED] = "Calls that only the probes of --audit saw; they are in seen too",
	[BOOK_AUDIT_LOST] = "Calls that --audit could not compare: a ring was full",
	[BOOK_SKIPPED_RUNS] = "Calls that the kernel may have passed all hooks over for, at most",
};

/* A counter that has no line above is still told. */
static const char *help_of(size_t book)
{
	return helps[book] ? helps[book] : "Counter of this name in the stats record";
}

static void put_head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP pvmtrace_%s %s.\n# TYPE pvmtrace_%s %s\n", name, help, name, type);
}

static void put_gauge(FILE *f, const char *name, const char *help, uint64_t value)
{
	put_head(f, name, "gauge", help);
	fprintf(f, "pvmtrace_%s %llu\n", name, (unsigned long long)value);
}

static void put_time(FILE *f, const char *name, const char *help, uint64_t ns)
{
	put_head(f, name, "gauge", help);
	fprintf(f, "pvmtrace_%s %llu.%09llu\n", name, (unsigned long long)(ns / NS_PER_S),
		(unsigned long long)(ns % NS_PER_S));
}

static void put_counters(FILE *f, const struct books *b)
{
	char name[64];

	for (size_t i = 0; i < b->cnt; i++) {
		const struct counter *c = &b->counters[i];

		if (i == BOOK_LOST || (i >= BOOK_CAUSES && i < BOOK_CAUSES_END))
			continue;
		snprintf(name, sizeof(name), "%s_total", c->name);
		put_head(f, name, "counter", help_of(i));
		fprintf(f, "pvmtrace_%s %llu\n", name, (unsigned long long)c->value);
	}
	put_head(f, "lost_total", "counter", "Calls lost, by cause");
	for (size_t i = 0; i < b->cause_cnt; i++)
		fprintf(f, "pvmtrace_lost_total{cause=\"%s\"} %llu\n",
			b->causes[i].name + sizeof("lost_") - 1,
			(unsigned long long)b->causes[i].value);
}

/* Each op and outcome has its row from the start on, so that a rate of it is known; an errno has one once it was met. */
static void put_events(FILE *f, const struct told_counts *told)
{
	char name[ERRNO_NAME_SZ];

	put_head(f, "events_total", "counter",
		 "Calls told by a record of their own or together with others, by what they did");
	for (unsigned int op = 0; op < 2; op++)
		for (unsigned int outcome = 0; outcome < 3; outcome++)
			fprintf(f, "pvmtrace_events_total{op=\"%s\",outcome=\"%s\"} %llu\n",
				op_name(PVM_READ + op), outcome_name(PVM_SUCCEEDED + outcome),
				(unsigned long long)told->calls[op][outcome]);
	put_head(f, "errors_total", "counter", "Those of them that failed, by errno");
	for (int err = 0; err < TOLD_ERRNOS; err++)
		if (told->errors[err])
			fprintf(f, "pvmtrace_errors_total{errno=\"%s\"} %llu\n",
				err ? errno_name(err, name) : "other",
				(unsigned long long)told->errors[err]);
}

static void put_abis(FILE *f, const struct metrics_info *info)
{
	put_head(f, "abi_covered", "gauge", "1 if the hooks see calls of this ABI");
	for (size_t i = 0; i < info->abi_cnt; i++)
		fprintf(f, "pvmtrace_abi_covered{abi=\"%s\"} %d\n", abi_word(&info->abis[i]),
			info->abis[i].covered);
}

static void put_output(FILE *f, const struct metrics_info *info)
{
	put_gauge(f, "output_held_bytes", "Bytes that the output has not taken yet", info->held);
	put_gauge(f, "output_held_max_bytes", "Bytes for which there is room until it takes some",
		  info->held_max);
	put_head(f, "output_bytes_total", "counter", "Bytes that the output took");
	fprintf(f, "pvmtrace_output_bytes_total %llu\n", (unsigned long long)info->written);
}

static const char *name_of(const struct metrics_info *info, size_t rule)
{
	return info->rules[rule].name ? info->rules[rule].name : "";
}

static void put_hits(FILE *f, const struct metrics_info *info)
{
	if (info->rule_cnt)
		put_head(f, "rule_hits_total", "counter", "All of them, whatever became of them");
	for (size_t i = 0; i < info->rule_cnt; i++) {
		const struct rule_counts *counts = &info->books->rules[i];
		const unsigned long long hits = counts->told + counts->summarised + counts->dropped;

		fprintf(f, "pvmtrace_rule_hits_total{rule=\"%s\"} %llu\n", name_of(info, i), hits);
	}
}

/* Of calls that no rule of the file was for, the name is empty. */
static void put_rules(FILE *f, const struct metrics_info *info)
{
	if (info->rule_cnt)
		put_head(f, "rule_calls_total", "counter",
			 "Calls that a rule decided on, by its name");
	for (size_t i = 0; i < info->rule_cnt; i++) {
		const struct rule_counts *counts = &info->books->rules[i];
		const struct counter fates[] = { { "told", counts->told },
						 { "summarised", counts->summarised },
						 { "dropped", counts->dropped } };

		for (size_t k = 0; k < sizeof(fates) / sizeof(fates[0]); k++)
			fprintf(f, "pvmtrace_rule_calls_total{rule=\"%s\",fate=\"%s\"} %llu\n",
				name_of(info, i), fates[k].name,
				(unsigned long long)fates[k].value);
	}
	put_hits(f, info);
}

/* That the books do not balance is known at the end only: counters of several CPUs are not read at one moment. */
static void put_doubts(FILE *f, const struct metrics_info *info)
{
	size_t cnt = 0;

	put_head(f, "incomplete", "gauge", "1 for each reason why calls may be missing");
	for (size_t i = 0; i < info->incomplete_cnt; i++) {
		if (info->running && info->incomplete[i].kind == DOUBT_UNBALANCED)
			continue;
		fprintf(f, "pvmtrace_incomplete{reason=\"%s\"} 1\n",
			doubt_name(&info->incomplete[i]));
		cnt++;
	}
	put_gauge(f, "complete", "1 while nothing says that calls are missing", !cnt);
}

static void put_run(FILE *f, const struct metrics_info *info)
{
	put_head(f, "build_info", "gauge", "Always 1; what runs is in the labels");
	fprintf(f,
		"pvmtrace_build_info{version=\"%s\",libbpf=\"%s\",attach=\"%s\",resolve=\"%s\"} 1\n",
		info->version, info->libbpf, attach_name(info->attach),
		resolve_name(info->resolve));
	put_head(f, "config_info", "gauge",
		 "Always 1; the options in force are in the label, as in the start record");
	fprintf(f, "pvmtrace_config_info{config_hash=\"%s\"} 1\n", info->config_hash);
	put_gauge(f, "running", "1 while the tracer runs, 0 once it has ended", info->running);
	put_time(f, "start_timestamp_seconds", "When tracing began", info->start_ns);
	put_gauge(f, "interval_seconds", "This file is written anew so often", info->every_s);
}

char *metrics__text(const struct metrics_info *info, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	put_run(f, info);
	put_time(f, "last_call_timestamp_seconds",
		 "Entry of the last call told by a record of its own; 0 if there was none",
		 info->last_call_ns);
	put_gauge(f, "in_flight", "Calls inside the kernel now", info->books->in_flight);
	put_head(f, "filter_processes", "gauge",
		 "Processes of --caller-pid and --target-pid that have not ended; 0 without these");
	fprintf(f,
		"pvmtrace_filter_processes{side=\"caller\"} %zu\n"
		"pvmtrace_filter_processes{side=\"target\"} %zu\n",
		info->alive[PVM_CALLER], info->alive[PVM_TARGET]);
	put_head(f, "ring_size_bytes", "gauge", "Room in the ring buffers");
	fprintf(f,
		"pvmtrace_ring_size_bytes{ring=\"calls\"} %llu\n"
		"pvmtrace_ring_size_bytes{ring=\"arrays\"} %llu\n",
		(unsigned long long)info->ring_bytes, (unsigned long long)info->array_ring_bytes);
	put_events(f, info->told);
	put_abis(f, info);
	put_output(f, info);
	put_counters(f, info->books);
	put_rules(f, info);
	put_doubts(f, info);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}
