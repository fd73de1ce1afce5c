/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/hooks.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "bpf/functions.h"
#include "bpf/types.h"
#include "event/witness_info.h"
#include "kernel/hooks.h"
#include "kernel/sysctl.h"
#include "probe.skel.h"

static void put_error(struct hook_result *r, const char *step, int err)
{
	const char *why = strerror(err);

	if (err == ESRCH || err == ENOENT)
		why = "this kernel has no such function, or not this kind of hook";
	else if (err == ENOTSUPP)
		why = "this kernel cannot attach there";
	snprintf(r->error, sizeof(r->error), "%s: %s", step, why);
}

/* What tracing needs a hook for. */
enum use {
	USE_NONE,
	USE_ALWAYS,
	USE_TRACEPOINT, /* with this attach method; */
	USE_FENTRY,	/* or this one */
	USE_IF_HAD,	/* where it attaches, and it is done without where it does not */
};

/* The switches without which a hook does not run. */
enum needs {
	NEEDS_NONE,
	NEEDS_FTRACE,
	NEEDS_KPROBES, /* and ftrace */
};

struct row {
	size_t at; /* of its program in struct probe_bpf */
	enum use use;
	enum needs needs;
	uint8_t witness; /* enum witness_bit */
};

#define PROGRAM(name) offsetof(struct probe_bpf, progs.pvm_try_##name)

/* In the order in which they are told. */
static const struct row rows[] = {
	{ PROGRAM(enter), USE_TRACEPOINT, NEEDS_NONE, 0 },
	{ PROGRAM(exit), USE_TRACEPOINT, NEEDS_NONE, 0 },
	{ PROGRAM(death), USE_ALWAYS, NEEDS_NONE, 0 },
	{ PROGRAM(exec), USE_ALWAYS, NEEDS_NONE, 0 },
	{ PROGRAM(iter), USE_ALWAYS, NEEDS_NONE, 0 },
	{ PROGRAM(fe_read), USE_FENTRY, NEEDS_FTRACE, 0 },
	{ PROGRAM(fx_read), USE_FENTRY, NEEDS_FTRACE, 0 },
	{ PROGRAM(fe_write), USE_FENTRY, NEEDS_FTRACE, 0 },
	{ PROGRAM(fx_write), USE_FENTRY, NEEDS_FTRACE, 0 },
#ifdef PVM_SYS_IA32
	{ PROGRAM(fe_ia32), USE_FENTRY, NEEDS_FTRACE, 0 },
#endif
	{ PROGRAM(fe_access), USE_IF_HAD, NEEDS_FTRACE, 0 },
	{ PROGRAM(kp_read), USE_NONE, NEEDS_KPROBES, WITNESS_KPROBE },
	{ PROGRAM(km_read), USE_NONE, NEEDS_FTRACE, WITNESS_MULTI },
	{ PROGRAM(kr_read), USE_NONE, NEEDS_FTRACE, WITNESS_RETURNS },
	{ PROGRAM(lsm_access), USE_NONE, NEEDS_FTRACE, WITNESS_PERMIT },
};

#define ROW_CNT (sizeof(rows) / sizeof(rows[0]))

PVM_ASSERT(ROW_CNT == sizeof(((struct probe_bpf *)0)->progs) / sizeof(struct bpf_program *));
PVM_ASSERT(ROW_CNT <= PROBE_HOOKS_MAX);

static bool is_used(enum use use, enum attach_method attach)
{
	return use == USE_ALWAYS || use == (attach == ATTACH_FENTRY ? USE_FENTRY : USE_TRACEPOINT);
}

/* Returns the switch that keeps such a hook from running now; NULL: there is none. What cannot be read is not said to. */
static const char *switched_off(enum needs needs)
{
	if (needs != NEEDS_NONE && sysctl__ftrace_is_off())
		return SYSCTL_FTRACE;
	return needs == NEEDS_KPROBES && sysctl__kprobes_are_off() ? KPROBES_SWITCH : NULL;
}

/* Attaches the row's program alone, as one that is refused would take the others with it. */
static void try_one(struct probe_bpf *skel, const struct row *row, struct hook_result *r)
{
	const void *at = (const char *)skel + row->at;
	struct bpf_program *prog, *const chosen = *(struct bpf_program *const *)at;
	const char *off = switched_off(row->needs);
	struct bpf_link *link;
	int err;

	bpf_object__for_each_program(prog, skel->obj) {
		bpf_program__set_autoload(prog, prog == chosen);
	}
	snprintf(r->name, sizeof(r->name), "%s", bpf_program__section_name(chosen));
	if (off) {
		snprintf(r->error, sizeof(r->error), "not tried: %s is 0", off);
		return;
	}
	err = probe_bpf__load(skel);
	if (err) {
		put_error(r, "load", -err);
		return;
	}
	link = bpf_program__attach(chosen);
	if (!link) {
		put_error(r, "attach", errno);
		return;
	}
	r->attaches = true;
	bpf_link__destroy(link);
}

size_t probe_hooks__try(struct hook_result *out, enum attach_method attach)
{
	size_t i;

	for (i = 0; i < ROW_CNT; i++) {
		const struct row *row = &rows[i];
		struct probe_bpf *skel = probe_bpf__open();

		if (!skel)
			break;
		out[i] = (struct hook_result){ .used = is_used(row->use, attach),
					       .witness = row->witness };
		try_one(skel, row, &out[i]);
		out[i].used |= row->use == USE_IF_HAD && out[i].attaches;
		probe_bpf__destroy(skel);
	}
	return i;
}
