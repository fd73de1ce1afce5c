/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access - the kernel's own rule (mm_access, and kernel/ptrace.c: __ptrace_may_access with PTRACE_MODE_ATTACH_REALCREDS;
 * security/commoncap.c: cap_ptrace_access_check; security/yama/yama_lsm.c), applied to what was read at the call, and held
 * against what became of it.
 */
#include "event/access.h"

#include <errno.h>

#include "bpf/rules.h"
#include "event/decode_list.h"

/* What the rule comes to. */
struct ruling {
	bool known;
	enum access_by by;	   /* ACCESS_BY_NONE: it is not allowed */
	enum access_denied denied; /* then: at what */
	bool exception; /* allowed only if the target made one for Yama, or descends from further off */
};

void access__none(struct access_info *out)
{
	*out = (struct access_info){
		.inferred = UNKNOWN,
		.cap_sys_ptrace = UNKNOWN,
		.caps_covered = UNKNOWN,
		.traces_target = UNKNOWN,
	};
}

/* What it is decided from, and no other key has. */
static void fill_facts(const struct pvm_access *a, struct access_info *out)
{
	if (!(a->flags & PVM_ACCESS_KNOWN))
		return;
	out->cap_sys_ptrace = a->flags & PVM_ACCESS_CAPABLE ? YES : NO;
	out->caps_covered = a->flags & PVM_ACCESS_COVERED ? YES : NO;
	out->traces_target = a->flags & PVM_ACCESS_TRACED ? YES : NO;
	out->yama = (enum pvm_yama)a->yama;
}

static struct ruling allow(enum access_by by)
{
	return (struct ruling){ .known = true, .by = by };
}

static struct ruling deny(enum access_denied denied)
{
	return (struct ruling){ .known = true, .denied = denied };
}

/* by: what let the caller pass so far. Yama asks last: for a descendant, for a process that the caller traces, for an exception
 * that the target made, and for the capability then. */
static struct ruling rule_yama(const struct pvm_call *call, enum access_by by)
{
	bool capable = call->access.flags & PVM_ACCESS_CAPABLE;
	struct ruling r = allow(by);

	switch (call->access.yama) {
	case PVM_YAMA_RELATIONAL:
		if (call->kinship == PVM_KIN_CHILD || call->access.flags & PVM_ACCESS_TRACED)
			break;
		r.known = !capable || by == ACCESS_BY_CAP ||
			  !(call->access.flags & PVM_ACCESS_DEEP);
		if (capable)
			r.by = ACCESS_BY_CAP;
		else
			r.exception = true;
		break;
	case PVM_YAMA_CAPABILITY:
		r = capable ? allow(ACCESS_BY_CAP) : deny(ACCESS_DENIED_LSM);
		break;
	case PVM_YAMA_NO_ATTACH:
		r = deny(ACCESS_DENIED_LSM);
		break;
	default:
		break;
	}
	return r;
}

/* Who is asked, step by step: the first one that refuses ends it, and a capability that any of them needed is the right. */
static struct ruling rule(const struct pvm_call *call, const struct call_info *c)
{
	const struct pvm_access *a = &call->access;
	bool capable = a->flags & PVM_ACCESS_CAPABLE;
	enum access_by by = ACCESS_BY_USER;

	if (call->kinship == PVM_KIN_SELF)
		return allow(ACCESS_BY_SELF);
	if (c->same_memory == YES)
		return allow(ACCESS_BY_MEMORY);
	if (!(a->flags & PVM_ACCESS_KNOWN) || c->same_user == UNKNOWN)
		return (struct ruling){ .known = false };
	if (c->same_user == NO) {
		if (!capable)
			return deny(ACCESS_DENIED_USER);
		by = ACCESS_BY_CAP;
	}
	if (a->flags & PVM_ACCESS_DUMPABLE && !pvm_is_dumpable(a)) {
		if (!(a->flags & PVM_ACCESS_CAPABLE_EXEC))
			return deny(ACCESS_DENIED_DUMPABLE);
		by = ACCESS_BY_CAP;
	}
	if (!(a->flags & PVM_ACCESS_COVERED)) {
		if (!capable)
			return deny(ACCESS_DENIED_CAP);
		by = ACCESS_BY_CAP;
	}
	return rule_yama(call, by);
}

/* What the result proves of the kernel's answer. */
enum answer {
	ANSWER_UNKNOWN, /* it has not been told, or is not seen */
	ANSWER_NONE,	/* it was not asked, or that is not known */
	ANSWER_YES,
	ANSWER_NO,
};

/* Where the memory of processes surely ends: a kernel with larger ones takes higher addresses, too. */
#define LOCAL_END_X86_64 ((1ULL << 47) - 4096)
#define LOCAL_END_ARM64 (1ULL << 48)

/* Returns whether the kernel surely took the local list: each of its ranges is looked at ahead of the permission, also one
 * without bytes (lib/iov_iter.c: access_ok). Those of 32 bits always pass. */
static bool local_passes(const struct list_info *local, int abi)
{
	uint64_t end = abi == PVM_ABI_X86_64  ? LOCAL_END_X86_64
		       : abi == PVM_ABI_ARM64 ? LOCAL_END_ARM64
					      : UINT64_MAX;

	for (uint32_t i = 0; i < local->captured; i++)
		if (local->iov[i].base > end || local->iov[i].len > end - local->iov[i].base)
			return false;
	return true;
}

/* Returns whether a fault came behind the permission: an address that the remote list names was not there. One of a list, or
 * that the local list names, fails ahead of it, and is the caller's to choose. */
static bool fault_proves(const struct pvm_call *call, const struct call_info *c,
			 const struct ruling *r)
{
	if (call->flags & PVM_CALL_TARGET_CONFIRMED)
		return true;
	return r->by && c->requested && list__is_certain(&c->local) &&
	       list__is_certain(&c->remote) && local_passes(&c->local, call->abi);
}

/* Returns whether the modules' answer was seen. That they let a call pass may be told of the next call of its thread, if its
 * own end was not seen and nor was that one's begin (bpf/confirm.h); a refusal is compared there. */
static bool was_asked(const struct pvm_call *call)
{
	const uint32_t flags = call->access.flags;

	return flags & PVM_ACCESS_ASKED && (flags & PVM_ACCESS_REFUSED || call->phase != PVM_ENDED);
}

/* Without bytes to move the kernel looks for no target. */
static enum answer answer_of(const struct pvm_call *call, const struct call_info *c,
			     const struct ruling *r)
{
	if (was_asked(call))
		return call->access.flags & PVM_ACCESS_REFUSED ? ANSWER_NO : ANSWER_YES;
	if (!c->ret_known)
		return ANSWER_UNKNOWN;
	if (c->outcome == PVM_SUCCEEDED)
		return c->ret ? ANSWER_YES : ANSWER_NONE;
	if (c->ret == -EPERM)
		return ANSWER_NO;
	return c->ret == -EFAULT && fault_proves(call, c, r) ? ANSWER_YES : ANSWER_NONE;
}

/* What the rule would let pass was refused by a module, or for what the target gave up since it was looked at: a caller can
 * park its call, and then have the target do so. */
static enum access_denied denied_by(const struct pvm_call *call, const struct ruling *r)
{
	/* What comes before them let it pass. */
	if (was_asked(call))
		return r->denied == ACCESS_DENIED_CAP ? r->denied : ACCESS_DENIED_LSM;
	if (r->exception)
		return ACCESS_DENIED_LSM;
	return r->by ? ACCESS_DENIED_NONE : r->denied;
}

/* Returns whether the process that was looked at is the one that the kernel asked about, as far as is known, and was then what
 * it is. */
static bool is_of_target(const struct pvm_call *call)
{
	const uint32_t other = PVM_CALL_TARGET_MOVED | PVM_CALL_TARGET_GONE |
			       PVM_CALL_TARGET_UNSURE | PVM_CALL_TARGET_EXECED;

	if (call->flags & PVM_CALL_TARGET_CONFIRMED)
		return true;
	return call->phase != PVM_ORPHAN && call->resolved == PVM_RESOLVED_ENTRY &&
	       !(call->flags & other);
}

void access__fill(const struct pvm_call *call, const struct call_info *c, struct access_info *out)
{
	const struct ruling r = rule(call, c);
	enum access_denied denied = denied_by(call, &r);
	enum answer answer = answer_of(call, c, &r);

	access__none(out);
	fill_facts(&call->access, out);
	if (!is_of_target(call))
		return;
	if (answer == ANSWER_UNKNOWN && !r.exception)
		answer = r.by ? ANSWER_YES : ANSWER_NO;
	if (!r.known || (answer != ANSWER_YES && answer != ANSWER_NO) ||
	    (answer == ANSWER_NO && !denied))
		return;
	out->inferred = was_asked(call) ? NO : YES;
	if (answer == ANSWER_NO)
		out->denied_by = denied;
	else
		out->by = r.by ? r.by : ACCESS_BY_OTHER;
}
