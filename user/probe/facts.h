/* SPDX-License-Identifier: Apache-2.0 */
/* facts - what this host offers to the tracer, found out by trying: --probe. */
#ifndef PVM_PROBE_REPORT_H
#define PVM_PROBE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/utsname.h>

#include "event/record.h"
#include "base/options.h"
#include "probe/hooks.h"
#include "sandbox/sandbox.h"

enum cgroup_layout { CGROUP_NONE, CGROUP_V1, CGROUP_V2, CGROUP_HYBRID };

struct probe_report {
	struct utsname uts;
	char libbpf[32];
	bool btf;
	enum attach_method attach;
	enum tristate ring_buffer; /* UNKNOWN: not to be found out without rights */
	bool vpid_kfunc;	   /* bpf_task_from_vpid; false where there is no BTF */
	int jit;		   /* sysctls; -1: cannot be read */
	int unprivileged_bpf_disabled;
	char lockdown[32]; /* "": cannot be read */
	uint64_t caps_effective;
	unsigned missing; /* enum privilege */
	bool init_user_ns, init_pid_ns;
	enum cgroup_layout cgroup;

	struct hook_result hooks[PROBE_HOOKS_MAX];
	size_t hook_cnt;
	const char *hooks_untried; /* why; NULL: they were tried */
	char audit_error[160];	   /* why --audit cannot be had; "": it can */

	/* This is the tracer's own start, up to the self-test. */
	int status;		     /* what it would exit with */
	char reason[1000];	     /* what it said; "" if it works */
	enum resolve_method resolve; /* RESOLVE_AUTO: it did not come so far */
	struct confirm_info confirms;
	enum openings_by openings;
	uint8_t witnesses;		    /* enum witness_bit */
	char witness_note[WITNESS_NOTE_SZ]; /* "": none */
	bool keeps_cap_bpf;
	struct sandbox_offer sandbox;
	char sandbox_error[256]; /* why it cannot be put in force; "": it can, or was not tried */
	struct abi_info abis[ABIS_MAX];
	size_t abi_cnt;
};

/* Finds out and prints to stdout: for people or, with -f json, one JSON object. Returns the status that tracing with these
 * options would end with at once, 0 if it would work; EX_IOERR if stdout fails. Nothing stays attached. */
int probe_report__run(const struct options *o);

/* Prints it to stdout. */
void probe_print__text(const struct probe_report *r);
/* Returns false if out of memory. */
bool probe_print__json(const struct probe_report *r);

#endif
