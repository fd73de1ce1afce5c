/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * filter.h - which rules are left. Values of one filter are alternatives, different filters of a rule must all pass, and
 * an exclusion wins. Each function here returns a mask of rules; one rule without a name is what the options give. Filters
 * look at the resolved process, never at the number that was passed: that is evaded by a thread id, a pid namespace or a
 * pidfd.
 */
#ifndef PVM_FILTER_H
#define PVM_FILTER_H

#include "base.h"
#include "maps.h"
#include "settings.h"
#include "state.h"
#include "task.h"

/* Returns those of these rules that hold where a filter on the target cannot be answered: one that drops would hide the
 * call. */
static __always_inline u32 rules_open(u32 rules)
{
	return rules & ~(cfg_rules_drop & cfg_rules_target);
}

/* There are several rules: those of a file. */
#define HAVE_RULES (cfg_rules != 1)

/* Returns the rules that are left of a call, as pvm_rules_left_of. */
static __always_inline u32 rules_left_of(const struct pvm_call *call)
{
	return pvm_rules_left_of(call, cfg_rules_drop, HAVE_RULES ? cfg_rules_target : 0);
}

/* Asks the pid filter. It is the cheapest filter, and is asked first, before anything else of the process is read. included:
 * rules that want the process already by its memory. */
static __always_inline u32 filter_pid(u32 who, u32 tgid, u64 start_ns, u32 included)
{
	struct pvm_pid_key key = { .who = who, .pid = tgid };
	u32 is = PVM_WANTED(included);
	struct pvm_pid_val *val;

	if (!cfg_has_pid[who])
		return PVM_ALL_RULES;
	val = bpf_map_lookup_elem(&pvm_filter_pid, &key);
	if (val && val->start_ns == start_ns)
		is |= val->meant;
	return pvm_rules_left(cfg_has_pid[who], is);
}

static __always_inline u32 uid_left(u32 who, u32 uid)
{
	struct pvm_uid_key key = { .who = who, .uid = uid };
	u32 *is = bpf_map_lookup_elem(&pvm_filter_uid, &key);

	return pvm_rules_left(cfg_has_uid[who], is ? *is : 0);
}

/* A thread may have given itself another user than its process has, and memory is the process's: that of either will
 * do, but for rules that drop. */
static __always_inline u32 filter_uid(u32 who, const struct pvm_task *id)
{
	u32 left, also;

	if (!cfg_has_uid[who])
		return PVM_ALL_RULES;
	left = uid_left(who, id->uid);
	if (id->process_uid == id->uid)
		return left;
	also = uid_left(who, id->process_uid);
	return (left & also) | ((left | also) & ~cfg_rules_drop);
}

/* Gives all ones for the bytes before the first NUL, zeros from there on; the first byte is the lowest one. */
static __always_inline u64 before_nul(u64 word)
{
	u64 nul = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;

	return ((nul & -nul) >> 7) - 1;
}

/* What follows the first NUL may be left from an earlier name. The name is compared in words, as it is done for many
 * threads. */
static __always_inline u32 comm_meant(u32 who, const char *comm)
{
	struct pvm_comm_key key = { .who = who };
	u64 words[2], first;
	u32 *is;

	__builtin_memcpy(words, comm, sizeof(words));
	first = before_nul(words[0]);
	words[0] &= first;
	words[1] &= before_nul(words[1]) & (u64)((s64)first >> 63);
	__builtin_memcpy(key.comm, words, sizeof(words));
	is = bpf_map_lookup_elem(&pvm_filter_comm, &key);
	return is ? *is : 0;
}

#define NAMES_MAX 256 /* threads whose names are looked at */

/*
 * Names are threads', memory is a process's, and the caller chooses by which thread he names it. So all of the target's
 * are asked for, and an exclusion is by its main thread's name only, which is looked at first. Where there are more threads than
 * are looked at, any name may be among them. address: of any of its tasks.
 */
__noinline u32 names_of_left(u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *head = __builtin_preserve_access_index(&signal->thread_head);
	struct list_head *node = BPF_CORE_READ(head, next);
	const u32 has = cfg_has_comm[PVM_TARGET], wanted = has & PVM_ALL_RULES;
	char comm[PVM_COMM_SZ];
	u32 is = 0;

	task = BPF_CORE_READ(task, group_leader);
	for (int i = 0; i <= NAMES_MAX; i++) {
		raw_comm(comm, task);
		is |= comm_meant(PVM_TARGET, comm) & (i ? PVM_ALL_RULES : ~0U);
		if ((is & wanted) == wanted || node == head || !node)
			return pvm_rules_left(has, is);
		task = (void *)node - bpf_core_field_offset(struct task_struct, thread_node);
		node = BPF_CORE_READ(node, next);
	}
	return pvm_rules_left(has, is | rules_open(wanted));
}

/* Asks the names of the target's threads. slot: enum pvm_slot. */
__noinline u32 names_left(u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct task_struct *task;

	task = s ? target_walk(&s->call) : NULL;
	if (!task || (u32)BPF_CORE_READ(task, tgid) != s->call.target.pid)
		return rules_open(PVM_ALL_RULES);
	return names_of_left((u64)task);
}

static __always_inline u32 filter_comm(u32 who, const struct pvm_task *id, u32 slot)
{
	u32 has = cfg_has_comm[who], left;

	if (!has)
		return PVM_ALL_RULES;
	left = pvm_rules_left(has, comm_meant(who, id->comm));
	if (who == PVM_CALLER)
		return left;
	/* The named thread decides where it is wanted by all, and is the one that exclusions ask for. */
	if (left == PVM_ALL_RULES && (id->tid == id->pid || !(has >> PVM_RULES_MAX)))
		return left;
	return names_left(slot);
}

/* A cgroup that user space has not judged yet passes, marked: it judges that call itself. */
static __always_inline u32 filter_cgroup(u32 who, struct pvm_task *id)
{
	struct pvm_cgroup_key key = { .id = id->cgroup_id, .hier = id->hier };
	struct pvm_cgroup_val *val;

	if (!cfg_has_cgroup[who])
		return PVM_ALL_RULES;
	val = bpf_map_lookup_elem(&pvm_cgroups, &key);
	if (val && val->decided & (1u << who))
		return val->left[who][pvm_home(id) & (PVM_HOME_CNT - 1)];
	id->flags |= PVM_TASK_CGROUP_WAIT;
	return PVM_ALL_RULES;
}

/* Returns what the inode of a program that runs means to a filter (enum pvm_bound), and no name of it. inode: its address; 0:
 * there is none. */
static __always_inline u32 bound_meant(u32 of, u64 inode)
{
	struct pvm_bound_val *val = bpf_map_lookup_elem(&pvm_filter_exe, &inode);

	return val ? val->meant[of & (PVM_BOUND_CNT - 1)] : 0;
}

/* Returns what a program that nobody knows means: what is wanted, and what keeps a rule from dropping. of: enum pvm_bound. */
static __always_inline u32 any_meant(u32 of)
{
	const u32 has = cfg_has_exe[of & (PVM_BOUND_CNT - 1)];

	return (has & PVM_EXCLUDED(cfg_rules_drop)) | (has & PVM_ALL_RULES & ~cfg_rules_drop);
}

static __always_inline u32 filter_exe(u32 who, u64 inode)
{
	if (!cfg_has_exe[who])
		return PVM_ALL_RULES;
	return pvm_rules_left(cfg_has_exe[who],
			      inode == EXE_WORN ? any_meant(who) : bound_meant(who, inode));
}

#define PF_KTHREAD 0x200000 /* include/linux/sched.h: it runs no program */

/* Looks at the programs of a process's ancestors, as many as can be told. task: the address of any of its
 * tasks; of: enum pvm_bound. Who made init runs none, and is its own parent. */
__noinline u32 ancestors_of_left(u64 task, u32 of)
{
	u64 leader = PEEK(task, struct task_struct, group_leader);
	u64 child = 0, inode;
	bool open = false;
	u32 is = 0;

	for (int i = 0; i < PVM_ANCESTORS_MAX && leader != child; i++) {
		child = leader;
		leader = parent_of(leader);
		inode = raw_exe_inode((struct task_struct *)leader);
		is |= bound_meant(of, inode);
		/* Its main thread has ended, and only that was asked. */
		if (!inode && !(PEEK(leader, struct task_struct, flags) & PF_KTHREAD))
			open = true;
		open |= inode == EXE_WORN;
	}
	/* Some were not looked at, of these or behind them. */
	if (open || leader != child)
		is |= any_meant(of);
	return pvm_rules_left(cfg_has_exe[of & (PVM_BOUND_CNT - 1)], is);
}

/* Does so for a call's caller, who is the current task, or target. slot: enum pvm_slot. */
__noinline u32 ancestors_left(u32 who, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	u64 task = bpf_get_current_task();

	if (s && who == PVM_TARGET) {
		task = (u64)target_walk(&s->call);
		if ((u32)PEEK(task, struct task_struct, tgid) != s->call.target.pid)
			task = 0;
	}
	return s && task ? ancestors_of_left(task, PVM_OF_ANCESTOR + who)
			 : rules_open(PVM_ALL_RULES);
}

static __always_inline u32 filter_ancestors(u32 who, u32 slot)
{
	return cfg_has_exe[PVM_OF_ANCESTOR + who] ? ancestors_left(who, slot) : PVM_ALL_RULES;
}

/* Returns which of these rules are left. It has a stack of its own: those of all functions that a call goes through are added
 * up, to 512 bytes. inode: as above, if there are filters on it. */
static __noinline u32 filter_task(u32 who, struct pvm_task *id, u32 slot, u64 inode, u32 rules)
{
	rules &= filter_uid(who, id) & filter_exe(who, inode);
	if (rules)
		rules &= filter_comm(who, id, slot);
	if (rules)
		rules &= filter_ancestors(who, slot) & filter_cgroup(who, id);
	return rules;
}

/* Asks how caller and target are related, which is known when both are read. Marks the call where user space decides. */
static __always_inline u32 filter_relation(struct pvm_call *call)
{
	u32 open, is = pvm_relation_of(call, &open), meant = 0;

	for (u32 i = 0; i < PVM_RELATION_CNT; i++) {
		if (is & (1u << i))
			meant |= cfg_relation[i];
		if (open & (1u << i))
			meant |= rules_open(cfg_relation[i] & PVM_ALL_RULES);
		/* Of containers user space has the answer. */
		if (open & (1u << i) && i != PVM_OTHER_CONTAINER)
			meant |= cfg_relation[i] & PVM_EXCLUDED(cfg_rules_drop);
	}
	if (cfg_relation[PVM_OTHER_CONTAINER]) {
		call->flags |= PVM_CALL_RELATION_WAIT;
		meant |= cfg_relation[PVM_OTHER_CONTAINER] & PVM_ALL_RULES;
	}
	return pvm_rules_left(cfg_has_relation, meant);
}

/* Returns the rules that a call without a target can pass: nobody is in no list. */
static __always_inline u32 filter_nobody(void)
{
	return ~(cfg_has_pid[PVM_TARGET] | cfg_has_uid[PVM_TARGET] | cfg_has_comm[PVM_TARGET] |
		 cfg_has_exe[PVM_TARGET] | cfg_has_exe[PVM_OF_ANCESTOR + PVM_TARGET] |
		 cfg_has_cgroup[PVM_TARGET] | cfg_has_relation) &
	       PVM_ALL_RULES;
}

static __always_inline u32 filter_op(u32 op)
{
	return cfg_ops[(op - PVM_READ) & 1] & cfg_rules;
}

/* Returns which of these rules the result leaves. The exit was seen; phase is a constant. One that drops does not hold where
 * the result is not known. */
static __always_inline u32 filter_result(u32 rules, const u8 phase, s64 ret)
{
	u8 outcome = pvm_outcome_of(phase, ret);

	if (!cfg_rules_result)
		return rules;
	if (outcome == PVM_UNKNOWN)
		return rules & ~(cfg_rules_drop & cfg_rules_result);
	for (u32 i = 0; i < PVM_RULES_MAX; i++) {
		if (!pvm_result_passes(cfg_outcome[i], cfg_min_bytes[i], outcome, ret))
			rules &= ~(1u << i);
	}
	return rules;
}

#endif
