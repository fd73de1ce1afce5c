/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/facts.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "audit/samples.h"
#include "base/log.h"
#include "event/decode.h"
#include "kernel/libbpf_log.h"
#include "kernel/privileges.h"
#include "kernel/support.h"
#include "kernel/tracer.h"
#include "options/command_line.h"
#include "render/render.h"

/* Reads a sysctl of one number; -1: it cannot be read. */
static int read_number(const char *path)
{
	char text[32] = "", *end;
	FILE *f = fopen(path, "re");
	long n;

	if (!f)
		return -1;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	n = strtol(text, &end, 10);
	return end == text || n < 0 || n > 1000 ? -1 : (int)n;
}

/* Tells by our own cgroups: "0::" is the line of v2, others are hierarchies of v1. */
static enum cgroup_layout cgroup_layout(void)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	bool v1 = false, v2 = false;
	char line[4400];

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "0::", 3))
			v2 = true;
		else
			v1 = true;
	}
	if (f)
		fclose(f);
	return v1 && v2 ? CGROUP_HYBRID : v1 ? CGROUP_V1 : v2 ? CGROUP_V2 : CGROUP_NONE;
}

static void read_facts(struct probe_report *r, const char *btf)
{
	int ring;

	uname(&r->uts);
	snprintf(r->libbpf, sizeof(r->libbpf), "%u.%u", libbpf_major_version(),
		 libbpf_minor_version());
	r->btf = support__has_btf();
	r->vpid_kfunc = (r->btf || btf) && support__has_vpid_kfunc(btf);
	r->jit = read_number("/proc/sys/net/core/bpf_jit_enable");
	r->unprivileged_bpf_disabled = read_number("/proc/sys/kernel/unprivileged_bpf_disabled");
	support__lockdown(r->lockdown, sizeof(r->lockdown));
	r->missing = privileges__missing(&r->caps_effective);
	r->init_user_ns = privileges__in_init_user_ns();
	r->init_pid_ns = !support__in_pid_ns();
	r->cgroup = cgroup_layout();
	r->sandbox = sandbox__offer();
	/* Without rights a refusal looks like a lack. */
	ring = r->missing || !r->init_user_ns
		       ? -1
		       : libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL);
	r->ring_buffer = ring < 0 ? UNKNOWN : ring ? YES : NO;
}

static int on_call(void *ctx, void *data, size_t size)
{
	struct tracer **t = ctx;

	if (decode__type(data, size) == PVM_SELF_TEST)
		tracer__self_test_seen(*t, data, size);
	return 0;
}

static int on_array(void *ctx, void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return 0;
}

static int consume(void *ctx)
{
	struct tracer **t = ctx;

	return tracer__consume_calls(*t);
}

static int drop(void *ctx)
{
	return privileges__drop(ctx);
}

/* A start that would fail there is not said to work. */
static int try_sandbox(struct probe_report *r, const struct options *o, struct privileges *p)
{
	int err;

	p->keep_cap_bpf = r->keeps_cap_bpf;
	err = sandbox__try(o, drop, p, r->sandbox_error, sizeof(r->sandbox_error));
	if (!err || o->no_sandbox)
		return 0;
	log__error("%s", r->sandbox_error);
	return err;
}

/* Takes the steps of a real start, in its order, up to the point where `start` would be told. */
static int try_start(struct probe_report *r, const struct options *o)
{
	enum kernel_types types;
	struct privileges p;
	struct tracer *t = NULL;
	const char *note;
	int err;

	if ((err = privileges__check()) || (err = support__check(o->btf, &types)) ||
	    (err = privileges__choose(&p, o->user)) || (err = tracer__open(&t, o)))
		return err;
	if (!(err = tracer__load(t)) && !(err = tracer__look(t)) &&
	    !(err = tracer__open_rings(t, on_call, on_array, &t)) && !(err = tracer__attach(t)) &&
	    !(err = tracer__self_test(t, consume, &t, r->abis, &r->abi_cnt))) {
		r->keeps_cap_bpf = tracer__needs_cap_bpf(t, &p);
		err = try_sandbox(r, o, &p);
	}
	r->resolve = tracer__resolve(t);
	r->confirms = tracer__confirms(t);
	r->openings = tracer__openings(t);
	r->witnesses = tracer__witness(t, &note);
	if (note)
		snprintf(r->witness_note, sizeof(r->witness_note), "%s", note);
	tracer__close(t);
	return err;
}

/* Marks those that the first hooks need beside them, and that came to be attached. */
static void mark_witnesses(struct probe_report *r)
{
	for (size_t i = 0; i < r->hook_cnt; i++)
		r->hooks[i].used |= (r->hooks[i].witness & r->witnesses) != 0;
}

/* Tries the audit last of all, as in a real start. */
static void try_audit(struct probe_report *r, const struct options *o)
{
	if (!r->init_pid_ns)
		snprintf(r->audit_error, sizeof(r->audit_error),
			 "not inside a pid namespace: perf cannot tell threads of the host there");
	else
		(void)audit_probe__try(r->audit_error, sizeof(r->audit_error));
	if (!o->audit || r->status || !r->audit_error[0])
		return;
	r->status = EX_UNAVAILABLE;
	snprintf(r->reason, sizeof(r->reason), "--audit: %s", r->audit_error);
}

static void try_hooks(struct probe_report *r)
{
	if (r->missing || !r->init_user_ns)
		r->hooks_untried =
			"CAP_BPF and CAP_PERFMON of the initial user namespace are needed";
	else if (!r->btf)
		r->hooks_untried = "this kernel has no BTF";
	else
		r->hook_cnt = probe_hooks__try(r->hooks, r->attach);
	mark_witnesses(r);
}

int probe_report__run(const struct options *o)
{
	static struct probe_report r;
	bool given = options__on_command_line(o, "format");
	bool json = given && o->format == FORMAT_JSON;
	bool ok = true;

	if (given && !json && o->format != FORMAT_TEXT) {
		log__error("--probe: told as json or text, not as '%s'", format_names[o->format]);
		return EX_USAGE;
	}
	libbpf_log__setup(o->verbose);
	read_facts(&r, o->btf);
	r.attach = o->attach;
	log__keep(r.reason, sizeof(r.reason));
	r.status = try_start(&r, o);
	log__keep(NULL, 0);
	try_audit(&r, o);
	try_hooks(&r);
	if (json)
		ok = probe_print__json(&r);
	else
		probe_print__text(&r);
	if (ok && !fflush(stdout) && !ferror(stdout))
		return r.status;
	log__error("stdout: %s", ok ? strerror(errno) : "out of memory");
	return ok ? EX_IOERR : EX_SOFTWARE;
}
