/* SPDX-License-Identifier: Apache-2.0 */
/* main - wires the parts, in the order in which rights are needed and given up. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "collector.h"

#include "kernel/libbpf_log.h"
#include "base/log.h"
#include "loop.h"
#include "memory_need.h"
#include "options/options.h"
#include "kernel/privileges.h"
#include "probe/explain.h"
#include "probe/facts.h"
#include "replay.h"
#include "report.h"
#include "render/schema.h"
#include "kernel/sysctl.h"
#include "kernel/tracer.h"
#include "version.h"

static struct options options;
static struct privileges privileges;
static struct collector collector;
static struct report report = { .collector = &collector };
static struct loop loop;
static enum kernel_types types;

static int drain_for_test(void *ctx)
{
	bool got;

	return collector__drain(ctx, &got);
}

/* Whoever switches the hooks off from now on is noticed. */
static int attach(void)
{
	if (options.audit)
		sysctl__watch(&loop.watch.audit_switch, KPROBES_SWITCH);
	sysctl__watch(&loop.watch.ftrace.file, SYSCTL_FTRACE_FILE);
	sysctl__watch(&loop.watch.kprobes.file, KPROBES_SWITCH);
	return tracer__attach(collector.tracer);
}

/* Everything that needs privileges. */
static int set_up(void)
{
	struct sink_opts sink = {
		.path = options.output,
		.owner = { .uid = (uid_t)-1, .gid = (gid_t)-1 },
		.allow_fifo = options.allow_fifo,
		.max_size = options.max_size,
		.keep = options.keep,
		.max_line = options.max_line,
		.buffer = options.max_line * 4 > SINK_BUFFER ? (size_t)options.max_line * 4
							     : SINK_BUFFER,
	};
	struct pin_key key;
	int err;

	libbpf_log__setup(options.verbose);
	if ((err = privileges__check()) || (err = probe__kernel(options.btf, &types)) ||
	    (err = privileges__choose(&privileges, options.user)) ||
	    (err = tracer__open(&collector.tracer, &options)) ||
	    (err = tracer__load(collector.tracer)) || (err = tracer__look(collector.tracer)))
		return err;
	if (privileges.change_user)
		sink.owner = (struct owner){ privileges.uid, privileges.gid, privileges.made_up };
	if (sink__open(&collector.sink, &sink))
		return EX_IOERR;
	if (sink__check_reopen(collector.sink, privileges.uid, privileges.gid))
		return EX_IOERR;
	sink__on_new(collector.sink, collector__on_new_file, &collector);
	metrics__open(&loop.metrics, options.metrics, &sink.owner);
	report.user = privileges.name;
	if ((err = collector__open(&collector, &options)) ||
	    (err = tracer__open_rings(collector.tracer, collector__on_call, collector__on_array,
				      &collector)) ||
	    (err = attach()) ||
	    (err = tracer__self_test(collector.tracer, drain_for_test, &collector, report.abis,
				     &report.abi_cnt)))
		return err;
	if (options.audit && (err = audit__open(&loop.audit, &collector)))
		return err;
	report.audit = options.audit;
	key = tracer__pin_key(collector.tracer);
	collector__set_key(&collector, &key);
	return options.record ? replay__record(&report, &sink.owner) : 0;
}

/* Only where something would be confirmed by them. */
static void note_kprobes(void)
{
	const char *pages = tracer__confirms(collector.tracer).pages;

	if (!pages && sysctl__kprobes_are_off()) {
		log__warn(KPROBES_SWITCH " is 0: no kprobe runs, so no pages are confirmed by any");
		report__note(&report, KPROBES_SWITCH " is 0: no pages are confirmed by kprobes");
	} else if (pages && !strcmp(pages, "kprobe") &&
		   !sysctl__is_watched(&loop.watch.kprobes.file)) {
		report__note(&report, KPROBES_SWITCH " cannot be watched: whether the kprobes that "
						     "confirm pages run is not known");
	}
}

static void note_witnesses(void)
{
	const char *note;

	(void)tracer__witness(collector.tracer, &note);
	if (!note)
		return;
	log__warn("%s", note);
	report__note(&report, note);
}

static int give_up_rights(void)
{
	privileges.keep_cap_bpf = tracer__needs_cap_bpf(collector.tracer, &privileges);
	if (privileges.keep_cap_bpf)
		report__note(&report,
			     "this kernel refuses bpf(2) to unprivileged users even on open "
			     "descriptors (before 5.19): CAP_BPF is kept");
	if (tracer__in_pid_ns(collector.tracer)) {
		log__warn("running inside a pid namespace: calls that stay inside the kernel are "
			  "noticed for this namespace's processes only");
		report__note(&report, "inside a pid namespace: in-flight calls are swept for its "
				      "processes only");
	}
	if (sysctl__ftrace_is_off()) {
		log__warn(SYSCTL_FTRACE " is 0: no hook on a kernel function runs, so nothing of a "
					"call is confirmed");
		report__note(&report, SYSCTL_FTRACE " is 0: nothing of a call is confirmed");
	}
	note_kprobes();
	note_witnesses();
	if (types == KERNEL_TYPES_UNKNOWN)
		report__note(&report, "the types given by --btf could not be compared with the "
				      "kernel's own");
	return privileges__drop(&privileges);
}

static int print_config(void)
{
	uint64_t need;
	int status = options__print(&options);

	if (status)
		return status;
	need = memory_need__mib(&options);
	if (need)
		printf("\n# memory: needs %llu MiB at most: what MemoryMax= of a service must leave\n",
		       (unsigned long long)need);
	return fflush(stdout) ? EX_IOERR : 0;
}

int main(int argc, char **argv)
{
	int status = options__parse(&options, argc, argv);

	if (status)
		return status;
	if (options.help) {
		options__help();
		return 0;
	}
	if (options.version) {
		printf("pvmtrace %s (libbpf %s)\n", PVMTRACE_VERSION, libbpf_version_string());
		return 0;
	}
	if (options.schema)
		return schema__print();
	if (options.print_config || options.check_config) {
		status = options.print_config ? print_config() : 0;
		options__free(&options);
		return status;
	}
	log__setup(options.quiet, options.verbose);
	if (options.probe || options.replay) {
		status = options.probe ? probe_report__run(&options) : replay__run(&options);
		options__free(&options);
		return status;
	}
	if (!(status = loop__open(&loop)) && !(status = set_up()) && !(status = give_up_rights())) {
		loop.collector = &collector;
		loop.report = &report;
		log__info("tracing as %s; SIGINT (Ctrl-C) or SIGTERM ends it", privileges.name);
		status = loop__run(&loop);
	}
	if (recorder__close(collector.recorder) && !status)
		status = EX_IOERR;
	sink__close(collector.sink);
	audit__close(loop.audit);
	collector__close(&collector);
	tracer__close(collector.tracer);
	options__free(&options);
	return status;
}
