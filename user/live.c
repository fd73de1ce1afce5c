/* SPDX-License-Identifier: Apache-2.0 */
#include "live.h"

#include <sysexits.h>

#include "base/log.h"
#include "collector.h"
#include "from_kernel.h"
#include "kernel/libbpf_log.h"
#include "kernel/privileges.h"
#include "kernel/support.h"
#include "kernel/sysctl.h"
#include "kernel/tracer.h"
#include "loop.h"
#include "report.h"
#include "sandbox/sandbox.h"
#include "to_lines.h"
#include "to_recording.h"

struct live {
	const struct options *options;
	struct privileges privileges;
	struct tracer *tracer;
	struct from_kernel source;
	struct to_lines lines;
	struct to_recording recording;
	struct collector collector;
	struct report report;
	struct loop loop;
	struct sandbox sandbox;
	enum kernel_types types;
};

static int drain_for_test(void *ctx)
{
	bool got;

	return from_kernel__drain(ctx, &got);
}

/* Asks of the kernel what has to be known before anything is written. */
static int load(struct live *l)
{
	int err;

	libbpf_log__setup(l->options->verbose);
	if ((err = privileges__check()) || (err = support__check(l->options->btf, &l->types)) ||
	    (err = privileges__choose(&l->privileges, l->options->user)) ||
	    (err = tracer__open(&l->tracer, l->options)))
		return err;
	l->source.kernel = (struct kernel){ &kernel_ops, l->tracer };
	l->source.known.user = l->privileges.name;
	if ((err = tracer__load(l->tracer)))
		return err;
	return tracer__look(l->tracer);
}

/* Whoever switches the hooks off from now on is noticed. */
static int attach(struct live *l)
{
	struct watch *watch = &l->loop.watch;

	if (l->options->audit)
		sysctl__watch(&watch->audit_switch, KPROBES_SWITCH);
	sysctl__watch(&watch->ftrace.file, SYSCTL_FTRACE_FILE);
	sysctl__watch(&watch->kprobes.file, KPROBES_SWITCH);
	return tracer__attach(l->tracer);
}

static bool has_room(void *ctx)
{
	return collector__room(ctx);
}

/* Asks the self-test. What it could not find out is taken to be so. */
static bool runs_x32(const struct run_facts *f)
{
	for (size_t i = 0; i < f->abi_cnt; i++)
		if (f->abis[i].refused && f->abis[i].abi == PVM_ABI_X32)
			return false;
	return true;
}

static int open_audit(struct live *l)
{
	struct collector *c = &l->collector;
	const struct audit_listener to = {
		l->options, &c->clock, has_room, collector__on_call, c, runs_x32(&l->source.known)
	};

	return audit__open(&l->loop.audit, &to, &l->source.kernel);
}

/* Does all that needs privileges. */
static int set_up(struct live *l)
{
	struct owner owner = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct collector *c = &l->collector;
	struct pin_key key;
	int err = load(l);

	if (err)
		return err;
	if (l->privileges.change_user)
		owner = (struct owner){ l->privileges.uid, l->privileges.gid,
					l->privileges.made_up };
	if ((err = to_lines__open_output(&l->lines, c, l->options, &owner, l->privileges.uid,
					 l->privileges.gid)))
		return err;
	metrics__open(&l->loop.metrics, l->options->metrics, &owner);
	c->from = (struct source){ &from_kernel, &l->source };
	if ((err = collector__open(c, l->options)) ||
	    (err = tracer__open_rings(l->tracer, collector__on_call, collector__on_array, c)) ||
	    (err = attach(l)) ||
	    (err = tracer__self_test(l->tracer, drain_for_test, &l->source, l->source.known.abis,
				     &l->source.known.abi_cnt)))
		return err;
	if (l->options->audit && (err = open_audit(l)))
		return err;
	l->source.known.audit = l->options->audit;
	key = tracer__pin_key(l->tracer);
	collector__set_key(c, &key);
	return l->options->record ? to_recording__open(&l->recording, c, &owner, &key) : 0;
}

/* They are spoken of only where something would be confirmed by them. */
static void note_kprobes(struct live *l)
{
	enum page_hook pages = tracer__confirms(l->tracer).pages;

	if (pages == PAGES_UNSEEN && sysctl__kprobes_are_off()) {
		log__warn(KPROBES_SWITCH " is 0: no kprobe runs, so no pages are confirmed by any");
		report__note(&l->report, KPROBES_SWITCH " is 0: no pages are confirmed by kprobes");
	} else if (pages == PAGES_KPROBE && !sysctl__is_watched(&l->loop.watch.kprobes.file)) {
		report__note(&l->report,
			     KPROBES_SWITCH " cannot be watched: whether the kprobes that "
					    "confirm pages run is not known");
	}
}

static void note_witnesses(struct live *l)
{
	const char *note;

	(void)tracer__witness(l->tracer, &note);
	if (!note)
		return;
	log__warn("%s", note);
	report__note(&l->report, note);
}

static int give_up_rights(struct live *l)
{
	struct report *r = &l->report;

	l->privileges.keep_cap_bpf = tracer__needs_cap_bpf(l->tracer, &l->privileges);
	if (l->privileges.keep_cap_bpf)
		report__note(r, "this kernel refuses bpf(2) to unprivileged users even on open "
				"descriptors (before 5.19): CAP_BPF is kept");
	if (tracer__in_pid_ns(l->tracer)) {
		log__warn("running inside a pid namespace: calls that stay inside the kernel are "
			  "noticed for this namespace's processes only");
		report__note(r, "inside a pid namespace: in-flight calls are swept for its "
				"processes only");
	}
	if (sysctl__ftrace_is_off()) {
		log__warn(SYSCTL_FTRACE " is 0: no hook on a kernel function runs, so nothing of a "
					"call is confirmed");
		report__note(r, SYSCTL_FTRACE " is 0: nothing of a call is confirmed");
	}
	if (tracer__names_elsewhere(l->tracer)) {
		log__warn("programs in filters are looked up in a mount namespace other than the "
			  "host's");
		report__note(r, "programs in filters are looked up in a mount namespace other than "
				"the host's");
	}
	note_kprobes(l);
	note_witnesses(l);
	if (l->types == KERNEL_TYPES_UNKNOWN)
		report__note(r, "the types given by --btf could not be compared with the "
				"kernel's own");
	return privileges__drop(&l->privileges);
}

/* Asks for what the run will need behind the bars, while there are rights to. */
static int prepare_sandbox(struct live *l)
{
	const struct sink *sink = l->collector.sink;
	const struct sandbox_asked asked = {
		.options = l->options,
		.reopens = sink__reopens(sink),
		.output = sink__fd(sink),
		.tracing = true,
		.notifies = l->loop.notify.fd >= 0,
		.attach_later = tracer__attaches_later(l->tracer),
		.types_later = tracer__reads_types_later(l->tracer),
	};

	privileges__close_accounts();
	return sandbox__prepare(&l->sandbox, &asked);
}

static int enter_sandbox(struct live *l)
{
	int err = sandbox__enter(&l->sandbox);

	l->source.known.sandbox = l->sandbox.in_force;
	return err;
}

int live__run(const struct options *o)
{
	static struct live l;
	int status;

	l.options = o;
	l.report.collector = &l.collector;
	if (!(status = loop__open(&l.loop)) && !(status = set_up(&l)) &&
	    !(status = prepare_sandbox(&l)) && !(status = give_up_rights(&l)) &&
	    !(status = enter_sandbox(&l))) {
		l.loop.source = &l.source;
		l.loop.collector = &l.collector;
		l.loop.report = &l.report;
		status = loop__run(&l.loop);
	}
	if (collector__close(&l.collector) && !status)
		status = EX_IOERR;
	to_lines__close(&l.lines);
	sink__close(l.collector.sink);
	audit__close(l.loop.audit);
	loop__close(&l.loop);
	tracer__close(l.tracer);
	return status;
}
