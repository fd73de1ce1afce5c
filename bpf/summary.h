/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * summary.h - calls told together: those that find no room in the ring, so that a flood hides nothing, and
 * all but the first of each kind where the user wants it so.
 *
 * The reader moves pvm_shared.window, waits until no hook runs that has read the old one, and then takes that
 * one's entries: so no call is added to an entry that is already told.
 */
#ifndef PVM_SUMMARY_H
#define PVM_SUMMARY_H

#define ERRNO_MAX 4095 /* include/linux/err.h */

/* Whose call: the current thread's, an orphan, or the one that the sweep copied. */
enum summary_of {
	CALL_IN_STATE,
	CALL_ORPHANED,
	CALL_SWEPT,
};

static __always_inline u8 outcome_of(const struct pvm_call *call)
{
	if (call->phase != PVM_COMPLETE && call->phase != PVM_ORPHAN)
		return PVM_UNKNOWN;
	if (call->ret < 0)
		return call->ret >= -ERRNO_MAX ? PVM_FAILED : PVM_UNKNOWN;
	return call->phase == PVM_COMPLETE ? PVM_SUCCEEDED : PVM_UNKNOWN;
}

static __always_inline void summary_key(struct pvm_summary_key *key, const struct pvm_call *call)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->caller_start = call->caller.start_ns;
	key->target_start = call->target.start_ns;
	key->caller = call->caller.pid;
	key->target = call->target.pid;
	key->op = call->op;
}

static __always_inline void tally_begin(struct pvm_tally *tally, const struct pvm_call *call,
					u8 outcome, u8 reason)
{
	tally->calls = 1;
	tally->bytes = outcome == PVM_SUCCEEDED ? call->ret : 0;
	tally->duration_ns = call->exit_ns - call->entry_ns;
	tally->first_ns = call->entry_ns;
	tally->last_ns = call->entry_ns;
	tally->outcome = outcome;
	tally->reason = reason;
	tally->pad0 = 0;
	tally->pad1 = 0;
}

/* The times may be off by the calls that two CPUs end at the same moment; the sums are exact. */
static __always_inline void tally_add(struct pvm_tally *tally, const struct pvm_call *call,
				      u8 outcome)
{
	atomic_add(&tally->calls, 1);
	if (outcome == PVM_SUCCEEDED)
		atomic_add(&tally->bytes, call->ret);
	atomic_add(&tally->duration_ns, call->exit_ns - call->entry_ns);
	if (call->entry_ns < tally->first_ns)
		tally->first_ns = call->entry_ns;
	if (call->entry_ns > tally->last_ns)
		tally->last_ns = call->entry_ns;
}

/* of: enum summary_of; reason: enum pvm_reason. 1: the call is in a summary, and counted; 0: there is no room for it
 * there either. */
__noinline int summary_add(u32 of, u32 reason)
{
	struct pvm_summary_key key;
	struct pvm_summary *sum;
	struct pvm_state *s;
	u32 zero = 0;
	u8 outcome;

	s = of == CALL_SWEPT ? bpf_map_lookup_elem(&pvm_swept, &zero)
			     : state_current(of == CALL_ORPHANED);
	if (!s)
		return 0;
	outcome = outcome_of(&s->call);
	summary_key(&key, &s->call);
	key.window = pvm_shared.window;
	key.outcome = outcome;
	key.reason = reason;
	sum = bpf_map_lookup_elem(&pvm_summaries, &key);
	if (!sum) {
		tally_begin(&s->tally, &s->call, outcome, reason);
		if (!bpf_map_update_elem(&pvm_summaries, &key, &s->sum_hdr, BPF_NOEXIST)) {
			count(PVM_C_SUMMARISED);
			return 1;
		}
		sum = bpf_map_lookup_elem(&pvm_summaries, &key);
		if (!sum)
			return 0;
	}
	tally_add(&sum->tally, &s->call, outcome);
	count(PVM_C_SUMMARISED);
	return 1;
}

/* --aggregate: whether a call of these two was told one by one already. */
__noinline int pair_is_known(u32 of)
{
	struct pvm_state *s = state_current(of == CALL_ORPHANED);
	struct pvm_summary_key key;

	if (!s)
		return 0;
	summary_key(&key, &s->call);
	return bpf_map_lookup_elem(&pvm_known, &key) ? 1 : 0;
}

__noinline int pair_remember(u32 of)
{
	struct pvm_state *s = state_current(of == CALL_ORPHANED);
	struct pvm_summary_key key;
	u32 one = 1;

	if (!s)
		return 0;
	summary_key(&key, &s->call);
	return bpf_map_update_elem(&pvm_known, &key, &one, BPF_ANY);
}

#endif
