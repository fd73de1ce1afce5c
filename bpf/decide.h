/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * decide.h - which of the rules that are left decides on a call: the first one, where the kernel half can say that it holds.
 * Where it cannot, the call is sent, and user space decides. With one rule that tells nothing of this is left of a program.
 */
#ifndef PVM_DECIDE_H
#define PVM_DECIDE_H

#include "atomic.h"
#include "base.h"
#include "event.h"
#include "filter.h"
#include "reader.h"
#include "rules.h"
#include "settings.h"

/* Calls that a rule dropped. The user half has them in memory. */
struct pvm_rule_drops rule_drops[PVM_CPU_ROWS];

/* bit: of the rule. */
static __noinline void rule_count_drop(u32 bit)
{
	u32 row = bpf_get_smp_processor_id() & (PVM_CPU_ROWS - 1);
	u32 at = (bit & 0xff00 ? 8 : 0) | (bit & 0xf0f0 ? 4 : 0) | (bit & 0xcccc ? 2 : 0) |
		 (bit & 0xaaaa ? 1 : 0);

	atomic_add(&rule_drops[row].n[at & (PVM_RULES_MAX - 1)], 1);
}

/* Returns the bit of the rule that decides; 0 if none is left, or if user space has to say whether the first one holds. ended: a
 * constant, whether its result was seen. */
static __always_inline u32 call_decided(const struct pvm_call *call, const bool ended)
{
	u32 rules = rules_left_of(call);
	u32 first;

	if (!ended)
		rules &= ~(cfg_rules_drop & cfg_rules_result);
	first = rules & -rules;
	if (first & cfg_rules_user ||
	    (call->caller.flags | call->target.flags | call->owner.flags) & PVM_TASK_CGROUP_WAIT)
		return 0;
	return first;
}

/* Returns the bit of the rule that drops the call; 0 if none does. */
static __always_inline u32 call_dropped_by(const struct pvm_call *call, const bool ended)
{
	return cfg_rules_drop ? call_decided(call, ended) & cfg_rules_drop : 0;
}

/* Returns whether a rule that is left when the caller's filters were asked drops the call, whatever its target and result. Then it
 * is counted for that rule, and no rule is left. */
static __always_inline bool caller_is_unwanted(struct pvm_call *call)
{
	u32 rules = call->rules[PVM_CALLER], at_once;

	if (!cfg_rules_drop)
		return false;
	at_once = cfg_rules_drop & ~(cfg_rules_target | cfg_rules_result | cfg_rules_user);
	if (!(rules & -rules & at_once) || call->caller.flags & PVM_TASK_CGROUP_WAIT)
		return false;
	rule_count_drop(rules & -rules);
	call->rules[PVM_CALLER] = 0;
	return true;
}

/* Returns whether calls on which this rule decides are added up: with --aggregate alone, all. */
static __always_inline bool call_is_added_up(const struct pvm_call *call)
{
	if (!cfg_rules_aggregate)
		return false;
	return cfg_rules_aggregate == cfg_rules || call_decided(call, true) & cfg_rules_aggregate;
}

/* Counts a call that is not told. bit: of the rule that drops it; 0: none. */
static __always_inline void count_filtered(u32 bit)
{
	count(PVM_C_FILTERED);
	if (bit)
		rule_count_drop(bit);
}

#endif
