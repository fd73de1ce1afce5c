/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access - the kernel's own rule (mm_access, and kernel/ptrace.c: __ptrace_may_access with PTRACE_MODE_ATTACH_REALCREDS;
 * security/commoncap.c: cap_ptrace_access_check; security/yama/yama_lsm.c), applied to what was read at the call, and held
 * against what became of it.
 */
#include "event/access.h"

#include <errno.h>

#include "bpf/rules.h"

/* What the rule comes to. */
struct ruling {
	bool known;
	enum access_by by;	   /* ACCESS_BY_NONE: it is not allowed */
	enum access_denied denied; /* then: at what */
	bool exception;		   /* allowed only if the target made one for Yama */
};

void access__none(struct access_info *out)
{
	*out = (struct access_info){ .inferred = UNKNOWN, .cap_sys_ptrace = UNKNOWN };
}

static struct ruling allow(enum access_by by)
{
	return (struct ruling){ .known = true, .by = by };
}

static struct ruling deny(enum access_denied denied)
{
	return (struct ruling){ .known = true, .denied = denied };
}

/* by: what let the caller pass so far. Yama asks last. */
static struct ruling rule_yama(const struct pvm_call *call, enum access_by by)
{
	bool capable = call->access.flags & PVM_ACCESS_CAPABLE;
	struct ruling r = allow(by);

	switch (call->access.yama) {
	case PVM_YAMA_RELATIONAL:
		if (call->kinship == PVM_KIN_CHILD)
			break;
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

/* Without bytes to move the kernel looks for no target. An address in it that is not there fails behind the permission, one of a
 * list ahead of it. */
static enum answer answer_of(const struct pvm_call *call, const struct call_info *c)
{
	if (call->phase == PVM_ORPHAN)
		return ANSWER_NONE;
	if (call->access.flags & PVM_ACCESS_ASKED)
		return call->access.flags & PVM_ACCESS_REFUSED ? ANSWER_NO : ANSWER_YES;
	if (!c->ret_known)
		return ANSWER_UNKNOWN;
	if (c->outcome == PVM_SUCCEEDED)
		return c->ret ? ANSWER_YES : ANSWER_NONE;
	if (c->ret == -EPERM)
		return ANSWER_NO;
	return c->ret == -EFAULT && c->requested_known && c->requested ? ANSWER_YES : ANSWER_NONE;
}

static enum access_denied denied_by(const struct pvm_call *call, const struct ruling *r)
{
	/* What comes before them let it pass. */
	if (call->access.flags & PVM_ACCESS_ASKED)
		return r->denied == ACCESS_DENIED_CAP ? r->denied : ACCESS_DENIED_LSM;
	return r->by ? ACCESS_DENIED_LSM : r->denied;
}

void access__fill(const struct pvm_call *call, const struct call_info *c, struct access_info *out)
{
	const struct ruling r = rule(call, c);
	enum answer answer = answer_of(call, c);

	access__none(out);
	if (call->access.flags & PVM_ACCESS_KNOWN)
		out->cap_sys_ptrace = call->access.flags & PVM_ACCESS_CAPABLE ? YES : NO;
	if (answer == ANSWER_NONE || (answer == ANSWER_UNKNOWN && r.exception) ||
	    (!r.known && !(call->access.flags & PVM_ACCESS_ASKED)))
		return;
	out->inferred = call->access.flags & PVM_ACCESS_ASKED ? NO : YES;
	if (answer == ANSWER_NO || (answer == ANSWER_UNKNOWN && !r.by))
		out->denied_by = denied_by(call, &r);
	else
		out->by = r.by ? r.by : ACCESS_BY_OTHER;
}
