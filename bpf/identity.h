/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * identity.h - sends what is long once: an executable's path (path_record.h) and the arguments (arguments.h) per exec of a
 * process, a cgroup's path per cgroup. It is remembered as sent only after its record was submitted, so user
 * space is never left without; user space undoes the mark when it forgets.
 */
#ifndef PVM_IDENTITY_H
#define PVM_IDENTITY_H

#include "arguments.h"
#include "base.h"
#include "current.h"
#include "maps.h"
#include "path_record.h"
#include "reader.h"
#include "settings.h"
#include "state.h"
#include "task.h"

/* Returns whether user space now knows all there is. A process is remembered only if something of it was
 * sent: what user space never heard of, it could never evict. */
static __always_inline int proc_send(struct pvm_task *id, struct task_struct *task, u32 whose,
				     u32 slot)
{
	bool is_caller = whose == OF_CALLER, wants_args = is_caller && cfg_args_bytes;
	struct pvm_proc_val *old, val = {};
	u32 pid = id->pid;

	old = bpf_map_lookup_elem(&pvm_procs, &pid);
	if (old && old->start_ns == id->start_ns && old->exec_id == id->exec_id)
		val = *old;
	val.start_ns = id->start_ns;
	val.exec_id = id->exec_id;
	if (!(id->flags & PVM_TASK_EXE)) {
		if (!is_caller)
			return 1;
	} else if (!val.exe_sent || val.exe_ino != id->exe_ino || val.exe_dev != id->exe_dev) {
		val.exe_sent = path_send((u64)task, PVM_EXE, whose, slot);
		val.exe_ino = id->exe_ino;
		val.exe_dev = id->exe_dev;
	}
	if (wants_args && !val.args_sent)
		args_settle(&val, id);
	if (!val.exe_sent && !val.args_sent)
		return 0;
	if (bpf_map_update_elem(&pvm_procs, &pid, &val, BPF_ANY))
		count(PVM_C_IDENTITY_FULL);
	return (val.exe_sent || !(id->flags & PVM_TASK_EXE)) && (val.args_sent || !wants_args);
}

static __always_inline int cgroup_known(struct pvm_task *id, struct task_struct *task, u32 whose,
					u32 slot)
{
	struct pvm_cgroup_key key = { .id = id->cgroup_id, .hier = id->hier };
	struct pvm_cgroup_val val = {};

	if (bpf_map_lookup_elem(&pvm_cgroups, &key))
		return 1;
	if (!path_send((u64)task, PVM_CGROUP, whose, slot))
		return 0;
	/* It is not put over a verdict that user space may have put there meanwhile. */
	if (bpf_map_update_elem(&pvm_cgroups, &key, &val, BPF_NOEXIST))
		count(PVM_C_IDENTITY_FULL);
	return 1;
}

/* Ids are small numbers, unique within a hierarchy only. */
static __always_inline u64 cgroup_stamp(const struct pvm_task *id)
{
	return id->cgroup_id ^ (u64)id->hier << 56;
}

static __always_inline bool sent_is(const struct pvm_sent *sent, const struct pvm_task *id)
{
	return sent->pid == id->pid && sent->start_ns == id->start_ns &&
	       sent->exe_ino == id->exe_ino && sent->exe_dev == id->exe_dev &&
	       sent->exec_id == id->exec_id && sent->cgroup == cgroup_stamp(id) &&
	       sent->epoch == pvm_shared.epoch;
}

/* Does the part of identity_send that is rare. who: enum pvm_who; slot: enum pvm_slot. The target is walked to once more:
 * what was held cannot be handed over as a scalar. */
__noinline int identity_settle(u32 who, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct task_struct *task = current_untyped();
	u32 epoch = pvm_shared.epoch;
	struct pvm_sent *sent;
	struct pvm_task *id;
	int known;

	if (!s)
		return 0;
	id = side_of(&s->call, who);
	sent = &s->sent[who & 1];
	if (who == PVM_TARGET) {
		task = target_walk(&s->call);
		if (!task || raw_tgid(task) != id->pid || raw_start(task) != id->start_ns)
			return 0;
	}
	known = proc_send(id, task, who, slot);
	known &= cgroup_known(id, task, who, slot);
	if (!known)
		return 0;
	sent->start_ns = id->start_ns;
	sent->exe_ino = id->exe_ino;
	sent->exe_dev = id->exe_dev;
	sent->exec_id = id->exec_id;
	sent->cgroup = cgroup_stamp(id);
	sent->epoch = epoch;
	sent->pid = id->pid;
	return 0;
}

/* Makes user space know the paths of one side; nearly always it does, and then this is a few compares. */
static __always_inline void identity_send(struct pvm_state *s, u32 who)
{
	const struct pvm_task *id = who == PVM_CALLER ? &s->call.caller : &s->call.target;
	struct pvm_sent *sent = &s->sent[who];

	if (sent_is(sent, id))
		return;
	sent->pid = 0;
	identity_settle(who, s->slot);
}

#endif
