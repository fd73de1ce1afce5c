/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sweep.h - the calls that are still inside, seen from the iterator over all tasks, and those of threads that it does not
 * show any more, seen from what is kept of them. */
#ifndef PVM_SWEEP_H
#define PVM_SWEEP_H

#include "arch.h"
#include "aside.h"
#include "audit.h"
#include "base.h"
#include "call.h"
#include "current.h"
#include "decide.h"
#include "here.h"
#include "maps.h"
#include "memory.h"
#include "reader.h"
#include "settings.h"
#include "stages.h"
#include "state.h"
#include "target.h"
#include "task.h"
#include "tell.h"

/* Returns whether the thread is in a call by its state, not at its exit, and not told as ended. */
static __always_inline bool sweep_sees(const struct pvm_state *s, u64 thread_ns)
{
	return s->thread_ns == thread_ns && s->stage >= STAGE_REJECTED && !s->exiting &&
	       !call_is_out(s);
}

static __always_inline bool sweep_wants(const struct pvm_state *s, u64 now)
{
	if (pvm_control.sweep_phase == PVM_UNFINISHED)
		return true;
	if (s->stage == STAGE_REJECTED && !call_may_move(&s->call))
		return false;
	return !s->undecided && s->told_ns != s->call.entry_ns &&
	       now - s->call.entry_ns >= pvm_control.sweep_older_ns;
}

/* A call in flight has no more data than that. */
#define SWEPT_SZ (sizeof(struct pvm_call) + 2 * PVM_INLINE_SZ)
PVM_ASSERT(SWEPT_SZ <= PVM_CALL_MAX);

/* Looks whom the argument of a call that was dropped for its target names now. Returns whether it is another one. */
static __always_inline bool sweep_moved(struct pvm_call *copy, u64 by)
{
	return target_look(copy, by) & (PVM_CALL_TARGET_MOVED | PVM_CALL_TARGET_GONE);
}

/*
 * The call's thread may run on at any moment and reach its exit. The record has its place in the ring first; then a
 * copy is made, and it is told only if the call was still the same and not at its exit after that. The exit's own
 * record is then behind it.
 */
static __always_inline void sweep_in_flight(struct pvm_state *s, u64 by, u64 now)
{
	u64 entry_ns = s->call.entry_ns;
	u32 stage = s->stage;
	u16 asked = aside_access(s->aside, by);
	struct pvm_call *copy = bpf_ringbuf_reserve(&pvm_calls, SWEPT_SZ, 0);

	if (!copy) {
		count(PVM_C_IN_FLIGHT_UNTOLD);
		return;
	}
	if (bpf_probe_read_kernel(copy, SWEPT_SZ, &s->call) ||
	    (stage == STAGE_REJECTED && !sweep_moved(copy, by)) || s->exiting ||
	    s->stage != stage || s->call.entry_ns != entry_ns) {
		bpf_ringbuf_discard(copy, BPF_RB_NO_WAKEUP);
		return;
	}
	copy->access.flags |= asked;
	copy->phase = PVM_IN_FLIGHT;
	copy->exit_ns = now;
	copy->hdr.size = SWEPT_SZ;
	bpf_ringbuf_submit(copy, BPF_RB_NO_WAKEUP);
	s->told_ns = entry_ns;
}

/* Returns whether the thread is in the system call that its state is of, by the registers that say which it is: a ptracer
 * can have changed others. They are the call's own still while its last hooks run; at the end of the run nobody waits for
 * these. */
static __always_inline bool sweep_is_inside(const struct pvm_state *s, struct task_struct *task)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	return call_is(s, regs, arch_number(arch_exit_number(regs))) &&
	       (pvm_control.sweep_phase != PVM_UNFINISHED || arch_is_inside(regs));
}

/*
 * The thread went on, and no hook saw the exit. Registers of a thread that runs are not read at one moment, so a second look at
 * least OUT_NS later has to find the same. sweep_is_out says whether it has.
 */
#define OUT_NS 500000000ULL

static __always_inline bool sweep_is_out(struct pvm_state *s, u64 now)
{
	if (s->out_ns == s->call.entry_ns)
		return now - s->out_at_ns >= OUT_NS;
	s->out_at_ns = now;
	s->out_ns = s->call.entry_ns;
	return false;
}

/* Does what is to be done of a call whose last word has been said. by: the thread; 0: it is dead. The entry stays: its
 * thread's next hook, or another thread's with the same struct task_struct, may be at it. */
static __always_inline void sweep_close(struct pvm_state *s, u64 by, u64 entry_ns)
{
	if (pvm_control.sweep_phase == PVM_UNFINISHED) {
		s->stage = STAGE_IDLE;
	} else {
		s->out_ns = entry_ns;
		s->out_at_ns = 0;
		if (cfg_quick && by)
			here_leave(
				s->row,
				by); /* at worst it was another thread's by now, whose next hook then looks itself */
	}
}

/* Returns whether the sweep is the one that says the last word of a call. Behind the end of the run's exits there is no hook
 * to say it too. copy: takes the call as it was looked at. */
static __always_inline bool sweep_takes(struct pvm_state *s, struct pvm_state *copy, u64 address,
					u64 by, u64 entry_ns)
{
	bool at_end = pvm_control.sweep_phase == PVM_UNFINISHED, same;
	u32 stage = s->stage, mark = 1;
	u16 asked;

	copy->stage = stage;
	if (!at_end && bpf_map_update_elem(&pvm_ending, &address, &mark, BPF_ANY))
		return false;
	asked = aside_access(s->aside, address);
	same = !bpf_probe_read_kernel(&copy->call, sizeof(copy->call) + sizeof(copy->data),
				      &s->call);
	copy->call.access.flags |= asked;
	copy->undecided = s->undecided; /* behind the copy: at worst a call more is told */
	same = same && !s->exiting && stage >= STAGE_REJECTED && s->stage == stage &&
	       s->call.entry_ns == entry_ns;
	if (same)
		sweep_close(s, by, entry_ns);
	if (!at_end && bpf_map_delete_elem(&pvm_ending, &address))
		return false;
	return same;
}

/* Notes in the call that is told whether it names another one by now. by: the thread; 0: it is dead. */
static __always_inline void sweep_look(struct pvm_call *call, u64 by)
{
	if (!by)
		target_lose(call);
	else if (!target_look(call, by))
		call->flags |= PVM_CALL_TARGET_UNSURE;
}

/* Tells a call for the last time: unfinished at the end of the run, when nothing comes behind it, or ended, which its
 * thread's next hook finds done. A call that was dropped for its target is told too: the kernel may look its argument up
 * after we are gone, or may have done so unseen. address: of the thread's struct task_struct. by: the same; 0: it is dead.
 * phase: enum pvm_phase. entry_ns: of the call that was looked at, as the state can be another one's by now. */
static __always_inline void sweep_last(struct pvm_state *s, u64 address, u64 by, u64 now, u8 phase,
				       u64 entry_ns)
{
	struct pvm_state *copy = state_at(SLOT_SWEPT);
	bool dropped;

	if (!copy || !sweep_takes(s, copy, address, by, entry_ns))
		return;
	dropped = call_is_dropped(copy);
	if (dropped && !call_may_move(&copy->call)) {
		count_filtered(call_dropped_by(&copy->call, false));
		return;
	}
	if (dropped)
		sweep_look(&copy->call, by);
	copy->call.phase = phase;
	copy->call.exit_ns = now;
	call_submit(copy, SLOT_SWEPT);
}

static __always_inline int sweep_task(struct task_struct *task, u64 address)
{
	struct pvm_state *s = state_of(address);
	bool at_end = pvm_control.sweep_phase == PVM_UNFINISHED, out;
	u64 now = bpf_ktime_get_boot_ns(), entry_ns;

	if (!s || !sweep_sees(s, task->start_boottime)) {
		audit_inside(task);
		return 0;
	}
	if (cfg_witness && task->exit_state)
		return 0; /* see sweep_state */
	entry_ns = s->call.entry_ns;
	out = cfg_witness && !sweep_is_inside(s, task);
	if (out ? !at_end && !sweep_is_out(s, now) : !sweep_wants(s, now))
		return 0;
	if (!at_end && !out)
		sweep_in_flight(s, address, now);
	else
		sweep_last(s, address, address, now, out ? PVM_ENDED : PVM_UNFINISHED, entry_ns);
	return 0;
}

/*
 * Returns whether a thread has made its last call: it is dead, or its struct task_struct is another's or nobody's, or it
 * executed a file, by which another thread than the main one takes the main one's start for its own (fs/exec.c: de_thread). It
 * is marked as dead after it has come by our hook there (kernel/exit.c: do_exit), and stays so.
 */
static __always_inline bool thread_is_gone(u64 address, u64 thread_ns)
{
	struct task_struct *task = (struct task_struct *)address;
	int exit_state = 0;
	u64 start_ns = 0;

	return bpf_core_read(&start_ns, sizeof(start_ns), &task->start_boottime) ||
	       bpf_core_read(&exit_state, sizeof(exit_state), &task->exit_state) ||
	       start_ns != thread_ns || exit_state;
}

/* Looks at an entry whose thread died unseen: no iterator over tasks comes to it. */
static __always_inline void sweep_state(struct pvm_state *s, u64 address)
{
	u64 entry_ns = s->call.entry_ns, thread_ns = s->thread_ns;

	if (sweep_sees(s, thread_ns) && thread_is_gone(address, thread_ns))
		sweep_last(s, address, 0, bpf_ktime_get_boot_ns(), PVM_ENDED, entry_ns);
}

/* Looks, for -p and --caller-pid, which process has this pid now, in the reader's own namespace. It does so by the walk and
 * not by the iterator, which does not show every task: on some hosts not even pid 1. */
static __always_inline void look_up(u32 pid)
{
	struct task_struct *task = walk_vpid(pid);

	pvm_shared.look_tgid = task ? raw_tgid(task) : 0;
	pvm_shared.look_start_ns = task ? raw_start(task) : 0;
	if (task)
		memory_bind(task);
}

/* A child of the reader's says that it is the one of its self-test. */
static __always_inline void look_for_child(void)
{
	struct task_struct *parent = BPF_CORE_READ(current_untyped(), real_parent);

	if (pvm_control.self_child && is_reader(raw_tgid(parent)))
		pvm_shared.self_pid[1] = bpf_get_current_pid_tgid() >> 32;
}

/* The namespaces of the host are those of its first process, which the initial pid namespace knows. */
static __always_inline void look_home(void)
{
	struct pid *self = BPF_CORE_READ(current_untyped(), thread_pid);
	struct upid first = {};

	bpf_probe_read_kernel(&first, sizeof(first), upid_at(self, 0));
	host_mnt = BPF_CORE_READ(first.ns, child_reaper, nsproxy, mnt_ns, ns.inum);
}

#endif
