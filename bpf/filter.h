/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * filter.h - verdicts. Values of one filter are alternatives, different filters must all pass, and an
 * exclusion wins. Filters look at the resolved process, never at the number that was passed: that is
 * evaded by a thread id, a pid namespace or a pidfd.
 */
#ifndef PVM_FILTER_H
#define PVM_FILTER_H

#include "base.h"
#include "maps.h"
#include "settings.h"
#include "state.h"
#include "task.h"

/* Returns whether the pid filter passes a process. It is the cheapest filter, and is asked first, before anything else of
 * the process is read. included: the process is so already by its memory. */
static __always_inline bool filter_pid(u32 who, u32 tgid, u64 start_ns, bool included)
{
	struct pvm_pid_key key = { .who = who, .pid = tgid };
	u32 verdict = included ? PVM_INCLUDE : 0;
	struct pvm_pid_val *val;

	if (!cfg_has_pid[who])
		return true;
	val = bpf_map_lookup_elem(&pvm_filter_pid, &key);
	if (val && val->start_ns == start_ns)
		verdict = val->verdict;
	return pvm_verdict_passes(cfg_has_pid[who], verdict);
}

static __always_inline bool uid_passes(u32 who, u32 uid)
{
	struct pvm_uid_key key = { .who = who, .uid = uid };
	u32 *verdict = bpf_map_lookup_elem(&pvm_filter_uid, &key);

	return pvm_verdict_passes(cfg_has_uid[who], verdict ? *verdict : 0);
}

/* A thread may have given itself another user than its process has, and memory is the process's: that of either will
 * do. */
static __always_inline bool filter_uid(u32 who, const struct pvm_task *id)
{
	return !cfg_has_uid[who] || uid_passes(who, id->uid) ||
	       (id->process_uid != id->uid && uid_passes(who, id->process_uid));
}

/* Gives all ones for the bytes before the first NUL, zeros from there on; the first byte is the lowest one. */
static __always_inline u64 before_nul(u64 word)
{
	u64 nul = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;

	return ((nul & -nul) >> 7) - 1;
}

/* What follows the first NUL may be left from an earlier name. The name is compared in words, as it is done for many
 * threads. */
static __always_inline u32 comm_verdict(u32 who, const char *comm)
{
	struct pvm_comm_key key = { .who = who };
	u64 words[2], first;
	u32 *verdict;

	__builtin_memcpy(words, comm, sizeof(words));
	first = before_nul(words[0]);
	words[0] &= first;
	words[1] &= before_nul(words[1]) & (u64)((s64)first >> 63);
	__builtin_memcpy(key.comm, words, sizeof(words));
	verdict = bpf_map_lookup_elem(&pvm_filter_comm, &key);
	return verdict ? *verdict : 0;
}

#define NAMES_MAX 256 /* threads whose names are looked at */

/* Returns whether a thread of the target has a name that is asked for, also where there are more threads than are looked at. */
static __always_inline bool names_include(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *head = __builtin_preserve_access_index(&signal->thread_head);
	struct list_head *node = BPF_CORE_READ(head, next);
	char comm[PVM_COMM_SZ];

	for (int i = 0; i < NAMES_MAX; i++) {
		if (node == head || !node)
			return false;
		task = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
		raw_comm(comm, task);
		if (comm_verdict(PVM_TARGET, comm) == PVM_INCLUDE)
			return true;
		node = BPF_CORE_READ(node, next);
	}
	return true;
}

/*
 * Names are threads', memory is a process's, and the caller chooses by which thread he names it. So all of the target's
 * are asked for, and an exclusion is by its main thread's name only. address: of any of its tasks.
 */
__noinline int names_of_pass(u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	char comm[PVM_COMM_SZ];

	raw_comm(comm, BPF_CORE_READ(task, group_leader));
	if (comm_verdict(PVM_TARGET, comm) == PVM_EXCLUDE)
		return 0;
	return !(cfg_has_comm[PVM_TARGET] & (1u << PVM_INCLUDE)) || names_include(task);
}

/* Returns whether the names of the target's threads pass. slot: enum pvm_slot. */
__noinline int names_pass(u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct task_struct *task;

	task = s ? target_walk(&s->call) : NULL;
	if (!task || (u32)BPF_CORE_READ(task, tgid) != s->call.target.pid)
		return 1;
	return names_of_pass((u64)task);
}

static __always_inline bool filter_comm(u32 who, const struct pvm_task *id, u32 slot)
{
	u32 has = cfg_has_comm[who];
	bool passes;

	if (!has)
		return true;
	passes = pvm_verdict_passes(has, comm_verdict(who, id->comm));
	if (who == PVM_CALLER || (passes && (id->tid == id->pid || !(has & (1u << PVM_EXCLUDE)))))
		return passes;
	return names_pass(slot);
}

/* A cgroup that user space has not judged yet passes, marked: it judges that call itself. */
static __always_inline bool filter_cgroup(u32 who, struct pvm_task *id)
{
	struct pvm_cgroup_key key = { .id = id->cgroup_id, .hier = id->hier };
	struct pvm_cgroup_val *val;

	if (!cfg_has_cgroup[who])
		return true;
	val = bpf_map_lookup_elem(&pvm_cgroups, &key);
	if (val && val->decided & (1u << who))
		return val->pass & PVM_PASS_BIT(who, pvm_home(id));
	id->flags |= PVM_TASK_CGROUP_WAIT;
	return true;
}

/* Returns what filters mean by the inode of a program that runs, and by no name: PVM_BOUND_BIT. inode: its address; 0: there
 * is none. */
static __always_inline u32 bound_bits(u64 inode)
{
	u32 *bits = bpf_map_lookup_elem(&pvm_filter_exe, &inode);

	return bits ? *bits : 0;
}

/* of: enum pvm_bound. */
static __always_inline bool bound_passes(u32 of, u32 bits)
{
	if (bits & PVM_BOUND_BIT(of, PVM_EXCLUDE))
		return false;
	return !(cfg_has_exe[of] & (1u << PVM_INCLUDE)) || bits & PVM_BOUND_BIT(of, PVM_INCLUDE);
}

static __always_inline bool filter_exe(u32 who, u64 inode)
{
	return !cfg_has_exe[who] || bound_passes(who, bound_bits(inode));
}

/* Looks at the programs of a process's ancestors, as many as can be told. task: the address of any of its
 * tasks; of: enum pvm_bound. Who made init runs none, and is
 * its own parent. */
__noinline int ancestors_of_pass(u64 task, u32 of)
{
	u64 leader = PEEK(task, struct task_struct, group_leader);
	u64 child = 0;
	u32 bits = 0;

	for (int i = 0; i < PVM_ANCESTORS_MAX && leader != child; i++) {
		child = leader;
		leader = parent_of(leader);
		bits |= bound_bits(raw_exe_inode((struct task_struct *)leader));
	}
	return bound_passes(of & (PVM_BOUND_CNT - 1), bits);
}

/* Does so for a call's caller, who is the current task, or target. slot: enum pvm_slot. */
__noinline int ancestors_pass(u32 who, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	u64 task = bpf_get_current_task();

	if (s && who == PVM_TARGET) {
		task = (u64)target_walk(&s->call);
		if ((u32)PEEK(task, struct task_struct, tgid) != s->call.target.pid)
			task = 0;
	}
	return !s || !task || ancestors_of_pass(task, PVM_OF_ANCESTOR + who);
}

static __always_inline bool filter_ancestors(u32 who, u32 slot)
{
	return !cfg_has_exe[PVM_OF_ANCESTOR + who] || ancestors_pass(who, slot);
}

/* It has a stack of its own: those of all functions that a call goes through are added up, to 512 bytes. inode: as above,
 * if there are filters on it. */
static __noinline bool filter_task(u32 who, struct pvm_task *id, u32 slot, u64 inode)
{
	return filter_uid(who, id) && filter_exe(who, inode) && filter_comm(who, id, slot) &&
	       filter_ancestors(who, slot) && filter_cgroup(who, id);
}

static __always_inline bool filter_wants_relation(void)
{
	return cfg_relation_wanted | cfg_relation_excluded;
}

/* Asks how caller and target are related, which is known when both are read. Marks the call where user space decides. */
static __always_inline bool filter_relation(struct pvm_call *call)
{
	u32 open, is = pvm_relation_of(call, &open);

	if ((cfg_relation_wanted | cfg_relation_excluded) & (1u << PVM_OTHER_CONTAINER))
		call->flags |= PVM_CALL_RELATION_WAIT;
	return pvm_relation_passes(cfg_relation_wanted, cfg_relation_excluded, is, open);
}

/* Returns whether the filters look at more of a process than its number. */
static __always_inline bool filter_wants_task(u32 who)
{
	return filter_wants_relation() || cfg_has_uid[who] || cfg_has_comm[who] ||
	       cfg_has_exe[who] || cfg_has_exe[PVM_OF_ANCESTOR + who] || cfg_has_cgroup[who];
}

/* Returns whether there is any filter on who the target is. */
static __always_inline bool filter_wants_target(void)
{
	return cfg_has_pid[PVM_TARGET] || filter_wants_task(PVM_TARGET) || cfg_no_self;
}

/* Returns whether a call without a target can pass: nobody is in no list. */
static __always_inline bool filter_passes_nobody(void)
{
	const u32 include = 1u << PVM_INCLUDE;

	return !((cfg_has_pid[PVM_TARGET] | cfg_has_uid[PVM_TARGET] | cfg_has_comm[PVM_TARGET] |
		  cfg_has_exe[PVM_TARGET] | cfg_has_exe[PVM_OF_ANCESTOR + PVM_TARGET] |
		  cfg_has_cgroup[PVM_TARGET]) &
		 include) &&
	       !cfg_relation_wanted;
}

static __always_inline bool filter_op(u32 op)
{
	return !cfg_ops || cfg_ops & (1u << op);
}

/* Returns whether the filters on the result pass it. The exit was seen; phase is a constant. */
static __always_inline bool filter_result(const u8 phase, s64 ret)
{
	if (!cfg_outcome && !cfg_min_bytes)
		return true;
	return pvm_result_passes(cfg_outcome, cfg_min_bytes, pvm_outcome_of(phase, ret), ret);
}

#endif
