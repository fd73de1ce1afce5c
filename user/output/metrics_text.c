/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - the counters in Prometheus's text format: counter x of the `stats` record is pvmtrace_x_total,
 * but for the causes of loss, which are labels of pvmtrace_lost_total. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "output/metrics.h"

static const struct {
	const char *name, *help;
} helps[] = {
	{ "seen", "Calls that reached a hook" },
	{ "emitted", "Calls told" },
	{ "summarised", "Calls told together with others" },
	{ "filtered", "Calls dropped by a filter" },
	{ "submitted", "Calls that found room in the ring" },
	{ "in_flight_emitted", "Records of calls that were still inside the kernel" },
	{ "in_flight_untold", "Such records that found no room and were tried again" },
	{ "array_lost", "Long lists that found no room; their calls were told without them" },
	{ "array_evicted",
	  "Long lists held for calls still inside that were given up for newer ones" },
	{ "identity_lost", "Paths and arguments that found no room and are sent again" },
	{ "identity_full", "Paths and arguments sent, but with no room to note it" },
	{ "identity_evicted", "Paths and arguments forgotten for newer ones" },
	{ "self_tests", "Calls of the tracer itself, to prove that the hooks fire" },
	{ "audited", "Calls that only the probes of --audit saw; they are in seen too" },
	{ "audit_lost", "Calls that --audit could not compare: a ring was full" },
	{ "skipped_runs", "Calls that the kernel may have passed all hooks over for, at most" },
};

/* A counter that has no line above is still told. */
static const char *help_of(const char *name)
{
	for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++) {
		if (!strcmp(helps[i].name, name))
			return helps[i].help;
	}
	return "Counter of this name in the stats record";
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

		if (!strncmp(c->name, "lost", 4))
			continue;
		snprintf(name, sizeof(name), "%s_total", c->name);
		put_head(f, name, "counter", help_of(c->name));
		fprintf(f, "pvmtrace_%s %llu\n", name, (unsigned long long)c->value);
	}
	put_head(f, "lost_total", "counter", "Calls lost, by cause");
	for (size_t i = 0; i < b->cause_cnt; i++)
		fprintf(f, "pvmtrace_lost_total{cause=\"%s\"} %llu\n",
			b->causes[i].name + sizeof("lost_") - 1,
			(unsigned long long)b->causes[i].value);
}

char *metrics__text(const struct metrics_info *info, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	put_head(f, "build_info", "gauge", "Always 1; what runs is in the labels");
	fprintf(f,
		"pvmtrace_build_info{version=\"%s\",libbpf=\"%s\",attach=\"%s\",resolve=\"%s\"} 1\n",
		info->version, info->libbpf, info->attach, info->resolve);
	put_gauge(f, "running", "1 while the tracer runs, 0 once it has ended", info->running);
	put_time(f, "start_timestamp_seconds", "When tracing began", info->start_ns);
	put_time(f, "last_call_timestamp_seconds",
		 "Entry of the last call told; 0 if there was none", info->last_call_ns);
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
	put_counters(f, info->books);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}
