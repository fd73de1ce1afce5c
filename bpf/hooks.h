/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* hooks.h - which program a hook is, and what a call has gone through when it comes there. */
#ifndef PVM_HOOKS_H
#define PVM_HOOKS_H

#include "arch.h"
#include "base.h"

/* These are the programs on a system call's own functions (fentry.h): at the begin and at the end of each of the two calls'. */
#define AND_FUNCTION_HOOKS(name, prefix, abi)                                   \
	, HOOK_F_##name##_readv, HOOK_X_##name##_readv, HOOK_F_##name##_writev, \
		HOOK_X_##name##_writev

/* This says which program a hook is: of each there is room for what it keeps aside during one run. */
enum pvm_hook {
	HOOK_ENTER = 0,
	HOOK_EXIT = 1,
	HOOK_ACCESS = 2, /* confirm.h: both, as either may be preempted by the other */
	HOOK_LEAVE = 3 ARCH_FUNCTIONS(AND_FUNCTION_HOOKS), /* fentry.h */
	HOOK_OPENED,
	HOOK_OPENED_32, /* opening.h */
	HOOK_BEGIN,	/* witnesses (witness.h): where such a function begins, */
	HOOK_RETURN,	/* where it returns, */
	HOOK_END,	/* and where the system call ends */
	HOOK_CNT,
	/* It may run on top of itself, so there is no room for it: what needs some is put off to the next hook. */
	HOOK_PERMIT = HOOK_CNT,
	/* With one of the above it is a program for where there are no witnesses, which has not one instruction of what
	 * these need. */
	HOOK_ALONE = 0x100,
};

PVM_ASSERT(HOOK_PERMIT < HOOK_ALONE);
/* The witnesses, which begin a call by walking to its target (call.h), stand behind all others. */
PVM_ASSERT(HOOK_LEAVE < HOOK_BEGIN && HOOK_BEGIN < HOOK_RETURN && HOOK_RETURN < HOOK_END &&
	   HOOK_END < HOOK_PERMIT);

/* Gives which one it is, whether alone or not. */
#define HOOK_OF(hook) ((hook) & ~HOOK_ALONE)

/* Says whether others may see the same call. hook: a constant, and so is this. */
#define BESIDE(hook) (!((hook)&HOOK_ALONE))

#define OR_AT_END(name, prefix, abi) \
	|| HOOK_OF(hook) == HOOK_X_##name##_readv || HOOK_OF(hook) == HOOK_X_##name##_writev

/* Returns whether it is a program at the end of a function. */
static __always_inline bool hook_is_fexit(enum pvm_hook hook)
{
	return false ARCH_FUNCTIONS(OR_AT_END);
}

/* Returns the bit of a hook. hook: a constant. */
static __always_inline enum pvm_saw saw_of(enum pvm_hook hook)
{
	switch (HOOK_OF(hook)) {
	case HOOK_ENTER:
		return PVM_SAW_ENTER;
	case HOOK_EXIT:
		return PVM_SAW_EXIT;
	case HOOK_BEGIN:
		return PVM_SAW_BEGIN;
	case HOOK_PERMIT:
		return PVM_SAW_PERMIT;
	case HOOK_RETURN:
		return PVM_SAW_RETURN;
	case HOOK_END:
		return PVM_SAW_END;
	default:
		return hook_is_fexit(hook) ? PVM_SAW_FEXIT : PVM_SAW_FENTRY;
	}
}

#endif
