/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * commands.h - what the reader wants of hash maps, done here. It never does it itself: a task that is preempted amid a
 * bpf(2) map operation keeps hooks that count on bpf_prog_active (kprobes, classic tracepoints) from running on its CPU.
 * A program's own map operations do not (kernel/bpf/syscall.c: bpf_disable_instrumentation). An iterator runs for each
 * element of a map, and once more without one, when the reader reads it.
 */
#ifndef PVM_COMMANDS_H
#define PVM_COMMANDS_H

#include "base.h"
#include "command.h"
#include "maps.h"

/* Over pvm_commands. Keys and values are copied: helpers of 5.10 take no pointers into an element. */
SEC("iter/bpf_map_elem")
int pvm_apply(struct bpf_iter__bpf_map_elem *ctx)
{
	struct pvm_command *at = ctx->value;
	struct pvm_cgroup_val verdict;
	struct pvm_cgroup_key cgroup;
	u32 pid;

	if (!at)
		return 0;
	cgroup = at->cgroup;
	switch (at->kind) {
	case PVM_FORGET_PROC:
		pid = at->pid;
		bpf_map_delete_elem(&pvm_procs, &pid);
		break;
	case PVM_FORGET_CGROUP:
		bpf_map_delete_elem(&pvm_cgroups, &cgroup);
		break;
	case PVM_JUDGE_CGROUP:
		verdict = at->verdict;
		bpf_map_update_elem(&pvm_cgroups, &cgroup, &verdict, BPF_ANY);
		break;
	}
	at->kind = 0;
	return 0;
}

/*
 * Over pvm_summaries: writes those of closed windows to the reader, each once, and removes those that were written by an
 * earlier run. Not by the same one: where it goes on after a pause, the kernel counts the elements that it left behind in
 * a bucket. The header, which is zero until then, says what was written.
 */
SEC("iter/bpf_map_elem")
int pvm_take(struct bpf_iter__bpf_map_elem *ctx)
{
	struct pvm_summary *sum = ctx->value;
	struct pvm_summary_key *at = ctx->key, key;

	if (!at || !sum)
		return 0;
	key = *at;
	if (key.window == pvm_shared.window)
		return 0;
	if (sum->hdr.size) {
		bpf_map_delete_elem(&pvm_summaries, &key);
		return 0;
	}
	sum->hdr.type = PVM_SUMMARY;
	sum->hdr.version = PVM_WIRE_VERSION;
	sum->hdr.size = sizeof(*sum);
	/* No room for it now: the kernel comes back to this element. */
	if (bpf_seq_write(ctx->meta->seq, sum, sizeof(*sum)))
		sum->hdr.size = 0;
	return 0;
}

#endif
