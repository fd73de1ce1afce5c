/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * commands.h - what the reader wants of hash maps, done here. It never does it itself: a task that is preempted amid a
 * bpf(2) map operation keeps hooks that count on bpf_prog_active (kprobes, classic tracepoints) from running on its CPU.
 * A program's own map operations do not (kernel/bpf/syscall.c: bpf_disable_instrumentation). An iterator runs for each
 * element of a map, and once more without one, when the reader reads it. Some hosts allow no iterator but those over tasks:
 * there one over a task of the reader's does it for all elements at once (user/kernel/iterators.c).
 */
#ifndef PVM_COMMANDS_H
#define PVM_COMMANDS_H

#include "base.h"
#include "command.h"
#include "maps.h"
#include "steer.h"
#include "task.h"

/* Binds the file behind a descriptor of the reader's, for whom this runs, or forgets it where it means nothing any more. */
static __always_inline void file_bind(u32 fd, const struct pvm_bound_val *at)
{
	u64 inode = inode_of_fd(bpf_get_current_task(), fd);
	struct pvm_bound_val val = *at;

	if (!inode)
		return;
	if (!(val.meant[0] | val.meant[1] | val.meant[2] | val.meant[3]))
		bpf_map_delete_elem(&pvm_filter_exe, &inode);
	else if (!bpf_map_update_elem(&pvm_filter_exe, &inode, &val, BPF_ANY))
		files_bound++;
}

/* It is where keys and values are for the helpers. Only the reader's one thread writes to it. */
static struct pvm_command command;

/* Carries out the command at this place, of the reader's, for whom this runs. */
static __always_inline void command_apply(u32 place)
{
	const void *from = (void *)cfg_commands;
	struct pvm_command *at = &command;
	struct pvm_cgroup_key cgroup;
	struct pvm_cgroup_val verdict;
	u64 text;
	u32 pid;

	if (place >= pvm_control.command_cnt || !by_reader() ||
	    bpf_probe_read_user(at, sizeof(*at), from + place * sizeof(*at)))
		return;
	cgroup = at->cgroup;
	switch (at->kind) {
	case PVM_FORGET_PROC:
		pid = at->pid;
		bpf_map_delete_elem(&pvm_procs, &pid);
		break;
	case PVM_FORGET_CGROUP:
		bpf_map_delete_elem(&pvm_cgroups, &cgroup);
		break;
	case PVM_FORGET_ANCESTRY:
		bpf_map_delete_elem(&pvm_ancestries, &cgroup.id);
		break;
	case PVM_BIND_FILE:
		file_bind(at->pid, &at->bound);
		break;
	case PVM_JUDGE_CGROUP:
		verdict = at->verdict;
		if (bpf_map_update_elem(&pvm_cgroups, &cgroup, &verdict, BPF_ANY))
			pvm_shared.refused[place / 64 % (PVM_COMMAND_CNT / 64)] |= 1ULL
										   << place % 64;
		break;
	case PVM_FORGET_TEXT:
		text = cgroup.id;
		bpf_map_delete_elem(&pvm_texts, &text);
		break;
	}
	/* Threads have noted what was sent: what is forgotten now must not be believed any more. */
	if (at->kind != PVM_JUDGE_CGROUP)
		pvm_shared.epoch++;
	pvm_shared.commands_done++;
}

/* Carries out the commands, over pvm_commands. */
SEC("iter/bpf_map_elem")
int pvm_apply(struct bpf_iter__bpf_map_elem *ctx)
{
	const u32 *place = ctx->key;

	steer(ctx->meta->seq_num);
	if (place)
		command_apply(*place);
	return 0;
}

static long apply_each(void *map, const u32 *place, u32 *nothing, void *ctx)
{
	command_apply(*place);
	return 0;
}

/* Returns whether an iterator over tasks is at its first one, at which everything is done. It comes to others where it is
 * shown all of them (kernel_map__iterator_of_self), and at its end once more without any. */
static __always_inline bool at_first_task(const struct bpf_iter__task *ctx)
{
	return ctx->task && !ctx->meta->seq_num;
}

/* Carries out all commands at one task. bpf_for_each_map_elem is there from 5.13 on. */
SEC("iter/task")
int pvm_apply_all(struct bpf_iter__task *ctx)
{
	steer(ctx->meta->seq_num);
	if (at_first_task(ctx))
		bpf_for_each_map_elem(&pvm_commands, apply_each, NULL, 0);
	return 0;
}

/*
 * Writes a summary of a closed window to the reader, once, and removes it if it was written by an earlier run. The same run
 * does not remove it: where it goes on after a pause, the kernel counts the elements that it left behind in a bucket. The
 * header, which is zero until then, says what was written. Returns whether it was written now.
 */
static __always_inline bool summary_take(struct seq_file *seq, const struct pvm_summary_key *at,
					 struct pvm_summary *sum)
{
	struct pvm_summary_key key = *at;

	if (key.window == pvm_control.window)
		return false;
	if (sum->hdr.size) {
		bpf_map_delete_elem(&pvm_summaries, &key);
		return false;
	}
	sum->hdr.type = PVM_SUMMARY;
	sum->hdr.version = PVM_WIRE_VERSION;
	sum->hdr.size = sizeof(*sum);
	/* There is no room for it now: the kernel comes back to this element. */
	if (bpf_seq_write(seq, sum, sizeof(*sum)))
		sum->hdr.size = 0;
	return sum->hdr.size;
}

/* Writes the summaries, over pvm_summaries. */
SEC("iter/bpf_map_elem")
int pvm_take(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct pvm_summary_key *at = ctx->key;
	struct pvm_summary *sum = ctx->value;

	if (at && sum && by_reader())
		summary_take(ctx->meta->seq, at, sum);
	return 0;
}

/* So many more may be written now. It is not on the stack, where the verifier would follow each of its values. */
static u32 take_left;

static long take_each(void *map, const struct pvm_summary_key *key, struct pvm_summary *sum,
		      struct seq_file **seq)
{
	if (summary_take(*seq, key, sum))
		take_left--;
	return !take_left;
}

/* All that is written at one task has to have room at once, or the kernel drops it: so it is no more than that, and the
 * reader comes again. */
SEC("iter/task")
int pvm_take_all(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;

	if (!at_first_task(ctx) || !by_reader())
		return 0;
	take_left = PVM_SUMMARY_BATCH;
	bpf_for_each_map_elem(&pvm_summaries, take_each, &seq, 0);
	return 0;
}

#endif
