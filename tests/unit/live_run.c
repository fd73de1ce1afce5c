/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live_run.h"
#include "options/command_line.h"
#include "scratch.h"

#define ARGS_MAX 8

struct live_run run;

/* These are the records in the ring: the fake keeps no copies. */
static struct fixture_call records[FAKE_RECORDS];

/* Makes a switch that nobody touches. */
static void watch_switches(void)
{
	write_file("conf", "1\n");
	sysctl__watch(&run.loop.watch.ftrace.file, "conf");
	sysctl__watch(&run.loop.watch.kprobes.file, "conf");
}

/* Forgets those that an earlier test sent itself too late. */
static void forget_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		signal(signals[i], SIG_IGN);
		signal(signals[i], SIG_DFL);
	}
}

void live_run__begin(struct sink *sink, const char *const *args)
{
	char *argv[ARGS_MAX] = { (char *)"pvmtrace" };
	struct collector *c = &run.collector;
	int argc = 1;

	memset(&run, 0, sizeof(run));
	for (; args && *args; args++)
		argv[argc++] = (char *)*args;
	assert_int_equal(options__parse(&run.options, argc, argv), 0);
	fake_kernel__reset(&run.fake);
	run.fake.on_call = collector__on_call;
	run.fake.on_array = collector__on_array;
	run.fake.ctx = c;
	run.source.kernel = (struct kernel){ &fake_kernel_ops, &run.fake };
	run.source.known.user = "nobody";
	forget_signals();
	assert_int_equal(loop__open(&run.loop), 0);
	watch_switches();
	c->sink = sink ? sink : open_out();
	c->from = (struct source){ &from_kernel, &run.source };
	assert_int_equal(to_lines__open(&run.to_lines, c, &run.options), 0);
	assert_int_equal(collector__open(c, &run.options), 0);
	sink__on_new(c->sink, to_lines__on_new_file, &run.to_lines);
	run.report.collector = c;
	run.loop.source = &run.source;
	run.loop.collector = c;
	run.loop.report = &run.report;
	run.loop.outputs.report = &run.report;
}

static void forget_lines(void)
{
	for (size_t i = 0; i < run.line_cnt; i++)
		json_decref(run.lines[i]);
	run.line_cnt = 0;
}

void live_run__end(void)
{
	const struct sysctl_watch *const watches[] = { &run.loop.watch.ftrace.file,
						       &run.loop.watch.kprobes.file };

	forget_lines();
	for (size_t i = 0; i < 2; i++) {
		close(watches[i]->file);
		close(watches[i]->notify);
	}
	loop__close(&run.loop);
	(void)collector__close(&run.collector);
	to_lines__close(&run.to_lines);
	sink__close(run.collector.sink);
	options__free(&run.options);
}

void live_run__call(uint32_t tid, enum pvm_phase phase)
{
	struct fixture_call *f = &records[run.fake.call_cnt];

	fixture__call(f);
	f->call.caller.tid = tid;
	f->call.phase = phase;
	if (phase == PVM_UNFINISHED || phase == PVM_IN_FLIGHT)
		f->call.local.flags = f->call.remote.flags = PVM_SIDE_ENTRY;
	if (phase == PVM_IN_FLIGHT)
		run.fake.calls[run.fake.call_cnt++] =
			(struct fake_record){ f->bytes, f->call.hdr.size };
	else
		fake_kernel__add(&run.fake, f->bytes, f->call.hdr.size);
}

void live_run__read(const char *path)
{
	FILE *file = fopen(path, "re");
	json_t *line;

	assert_non_null(file);
	forget_lines();
	while ((line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL))) {
		assert_true(run.line_cnt < RUN_LINES);
		run.lines[run.line_cnt++] = line;
	}
	fclose(file);
}

const char *live_run__kind(size_t line)
{
	assert_true(line < run.line_cnt);
	return json_string_value(json_object_get(run.lines[line], "type"));
}

size_t live_run__count(const char *kind)
{
	size_t cnt = 0;

	for (size_t i = 0; i < run.line_cnt; i++)
		cnt += !strcmp(live_run__kind(i), kind);
	return cnt;
}

const json_t *live_run__stop(void)
{
	assert_true(run.line_cnt > 0);
	assert_string_equal(live_run__kind(run.line_cnt - 1), "stop");
	return run.lines[run.line_cnt - 1];
}

uint64_t live_run__counter(const char *name)
{
	const json_t *value = json_object_get(json_object_get(live_run__stop(), "counters"), name);

	assert_true(json_is_integer(value));
	return (uint64_t)json_integer_value(value);
}
