/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/hooks.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/types.h"
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

static bool is_used(const char *hook, bool fentry)
{
	bool on_all = !strncmp(hook, "tp_btf/sys_", 11);
	bool on_calls = hook[0] == 'f' && strstr(hook, "_sys_process_vm_");
	bool other = !strncmp(hook, "tp_btf/sched_", 13) || !strncmp(hook, "iter/", 5);

	return other || (fentry ? on_calls : on_all);
}

static bool needs_ftrace(const char *hook)
{
	return strchr("fkl", hook[0]) != NULL; /* fentry, fexit, kprobe, kretprobe, lsm */
}

static bool has_prefix(const char *hook, const char *prefix)
{
	return !strncmp(hook, prefix, strlen(prefix));
}

/* kprobe.multi is of another kind. */
static bool is_kprobe(const char *hook)
{
	return has_prefix(hook, "kprobe/") || has_prefix(hook, "kretprobe/");
}

/* Returns the switch that keeps such a hook from running now; NULL: there is none. What cannot be read is not said to. */
static const char *switched_off_by(const char *hook)
{
	if (needs_ftrace(hook) && sysctl__ftrace_is_off())
		return SYSCTL_FTRACE;
	return is_kprobe(hook) && sysctl__kprobes_are_off() ? KPROBES_SWITCH : NULL;
}

/* Attaches program number i of the object alone, as one that is refused would take the others with it. */
static void try_one(struct probe_bpf *skel, size_t i, bool fentry, struct hook_result *r)
{
	struct bpf_program *prog, *chosen = NULL;
	const char *switched_off;
	struct bpf_link *link;
	size_t at = 0;
	int err;

	bpf_object__for_each_program(prog, skel->obj) {
		bpf_program__set_autoload(prog, at == i);
		if (at++ == i)
			chosen = prog;
	}
	snprintf(r->name, sizeof(r->name), "%s", bpf_program__section_name(chosen));
	r->used = is_used(r->name, fentry);
	switched_off = switched_off_by(r->name);
	if (switched_off) {
		snprintf(r->error, sizeof(r->error), "not tried: %s is 0", switched_off);
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
	/* It is of use where it attaches, and done without where it does not. */
	r->used |= chosen == skel->progs.pvm_try_fe_access;
	bpf_link__destroy(link);
}

#define PROGRAMS (sizeof(((struct probe_bpf *)0)->progs) / sizeof(struct bpf_program *))
PVM_ASSERT(PROGRAMS <= PROBE_HOOKS_MAX);

size_t probe_hooks__try(struct hook_result *out, bool fentry)
{
	size_t i;

	for (i = 0; i < PROGRAMS; i++) {
		struct probe_bpf *skel = probe_bpf__open();

		out[i] = (struct hook_result){ 0 };
		if (!skel)
			return i;
		try_one(skel, i, fentry, &out[i]);
		probe_bpf__destroy(skel);
	}
	return i;
}
