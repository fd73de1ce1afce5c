/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * found.h - whom a thread's last call named, by which its next one need not look the same number up again.
 *
 * A number is a struct pid's for as long as that is there, which it is while a task holds it (thread_pid), and a task gives it up
 * when it is released, or for its leader's, when it executes a file. So who still holds the one that was found by a number is whom
 * that number names. That it is the same task, and no other one's memory by now, is seen by its start, and by that no task began
 * to end since: one is released, and its memory given away, later than that, and not before this hook is over.
 */
#ifndef PVM_FOUND_H
#define PVM_FOUND_H

#include "atomic.h"
#include "base.h"
#include "settings.h"
#include "state.h"
#include "task.h"

#define PF_EXITING 4 /* include/linux/sched.h */

/* Whether a call of this kind has its target looked up by the kfunc. */
#define FOUND_BY_KFUNC(kind) (cfg_use_kfunc && bpf_task_from_vpid && (kind) != PVM_KIND_PIDFD)

/* Tasks that began to end, ever. */
static u64 tasks_ended;

static __always_inline void found_ends(void)
{
	atomic_add(&tasks_ended, 1);
}

static __always_inline u64 ended_so_far(void)
{
	return *(volatile u64 *)&tasks_ended;
}

/* Returns whether this number still names whom it named last. A number is that of the current thread's namespace, which it has for
 * life. */
static __always_inline bool found_still(const struct pvm_found *f, s32 nr)
{
	return f->nr == nr && f->ended == ended_so_far() &&
	       PEEK(f->task, struct task_struct, thread_pid) == f->pid &&
	       PEEK(f->task, struct task_struct, start_boottime) == f->start_ns;
}

/* Finds whom a number names, by the kfunc; f->task is its address. Of who ends already there is no event to come. */
static __always_inline bool found_by_number(struct pvm_found *f, s32 nr)
{
	u64 ended = ended_so_far();
	struct task_struct *task;

	if (found_still(f, nr))
		return true;
	f->nr = 0;
	task = bpf_task_from_vpid(nr);
	if (!task)
		return false;
	f->task = (u64)task;
	f->pid = (u64)plain_task(task)->thread_pid;
	f->start_ns = task->start_boottime;
	f->ended = ended;
	if (!(task->flags & PF_EXITING))
		f->nr = nr;
	bpf_task_release(task);
	return true;
}

#endif
