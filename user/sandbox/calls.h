/* SPDX-License-Identifier: Apache-2.0 */
/* calls - the system calls that a run makes behind the bars, as data: any other one ends it. */
#ifndef PVM_SANDBOX_CALLS_H
#define PVM_SANDBOX_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/asked.h"

/* What some runs do and others do not. */
enum sandbox_need {
	NEED_KERNEL = 1, /* the kernel half is asked, told, watched and waited for */
	NEED_ATTACH = 2, /* a hook is attached */
	NEED_FILE = 4,	 /* a regular file is written */
	NEED_NAMES = 8,	 /* files are made, renamed and removed */
	NEED_OPEN = 16,	 /* files are opened */
	NEED_LIST = 32,	 /* directories are read: of patterns for programs */
	NEED_SEND = 64,	 /* to a socket that is connected */
	NEED_PIPE = 128, /* a pipe is written */
};

enum call_condition {
	CALL_ANY,  /* whatever its arguments are */
	CALL_MASK, /* the argument, of which only the bits of the mask count, is the value */
	CALL_SELF, /* the argument is our own process */
};

/* A call may be made if one of its rules holds. */
struct call_rule {
	const char *name;
	uint32_t need; /* of enum sandbox_need: one of these will do; 0: every run */
	enum call_condition condition;
	unsigned int arg; /* counted from 0 */
	uint64_t mask, value;
};

extern const struct call_rule sandbox_calls[];
extern const size_t sandbox_calls_cnt;

/* Returns what a run needs, as bits of enum sandbox_need. */
uint32_t sandbox_needs(const struct sandbox_asked *asked);
/* Returns whether a run that has these needs has this rule. */
static inline bool call_rule__holds(const struct call_rule *rule, uint32_t needs)
{
	return !rule->need || rule->need & needs;
}

#endif
