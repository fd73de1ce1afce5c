/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sweep.h - the calls that are still inside, seen from the iterator over all tasks. */
#ifndef PVM_SWEEP_H
#define PVM_SWEEP_H

static __always_inline bool sweep_wants(const struct pvm_state *s, u64 thread_ns, u64 now)
{
	if (s->thread_ns != thread_ns)
		return false;
	if (pvm_shared.sweep_phase == PVM_UNFINISHED)
		return s->stage >= STAGE_REJECTED && !s->exiting;
	return s->stage == STAGE_ACTIVE && !s->exiting && !s->undecided &&
	       s->told_ns != s->call.entry_ns &&
	       now - s->call.entry_ns >= pvm_shared.sweep_older_ns;
}

/*
 * The call's thread may run on at any moment and reach its exit: a copy is made first, and told only if the
 * call was still the same and not at its exit after that. The exit's own record is then behind it in the ring.
 */
static __always_inline int sweep_task(u32 tid, u64 thread_ns)
{
	struct pvm_state *s = bpf_map_lookup_elem(&pvm_state, &tid), *copy;
	u64 now = bpf_ktime_get_ns(), entry_ns;
	u32 zero = 0, size;

	if (!s || !sweep_wants(s, thread_ns, now))
		return 0;
	if (s->stage == STAGE_REJECTED ||
	    (pvm_shared.sweep_phase == PVM_UNFINISHED && call_is_hidden(s))) {
		s->stage = STAGE_IDLE;
		count(PVM_C_FILTERED);
		return 0;
	}
	copy = bpf_map_lookup_elem(&pvm_swept, &zero);
	if (!copy)
		return 0;
	entry_ns = s->call.entry_ns;
	if (bpf_probe_read_kernel(&copy->call, sizeof(copy->call) + sizeof(copy->data), &s->call))
		return 0;
	if (s->exiting || s->stage != STAGE_ACTIVE || s->call.entry_ns != entry_ns)
		return 0;
	copy->call.phase = pvm_shared.sweep_phase;
	copy->call.exit_ns = now;
	size = sizeof(copy->call) + copy->call.local.entry_len + copy->call.remote.entry_len;
	copy->call.hdr.size = size;
	size &= 1023;
	if (pvm_shared.sweep_phase == PVM_UNFINISHED) {
		s->stage = STAGE_IDLE;
		if (!bpf_ringbuf_output(&pvm_calls, &copy->call, size, BPF_RB_NO_WAKEUP))
			count(PVM_C_SUBMITTED);
		else if (!summary_add(CALL_SWEPT, PVM_OVERFLOW))
			count(PVM_C_RING_FULL);
		return 0;
	}
	if (bpf_ringbuf_output(&pvm_calls, &copy->call, size, BPF_RB_NO_WAKEUP)) {
		count(PVM_C_IN_FLIGHT_UNTOLD);
		return 0;
	}
	s->told_ns = entry_ns;
	count(PVM_C_IN_FLIGHT_TOLD);
	return 0;
}

/* -p and --caller-pid: which process has this pid now, in the reader's own namespace. By the walk and not by the
 * iterator, which does not show every task: on some hosts not even pid 1. */
static __always_inline void look_up(u32 pid)
{
	struct task_struct *task = walk_vpid(pid);

	pvm_shared.look_tgid = task ? raw_tgid(task) : 0;
	pvm_shared.look_start_ns = task ? raw_start(task) : 0;
}

#endif
