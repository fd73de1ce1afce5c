/* SPDX-License-Identifier: Apache-2.0 */
/* witness_info - which witnesses are in force (witness.h), and what goes by unseen all the same: as a byte that a recording
 * keeps, and in words. */
#ifndef PVM_WITNESS_INFO_H
#define PVM_WITNESS_INFO_H

#include <stdbool.h>
#include <stdint.h>

/* They are kept in recordings. Without WITNESS_KNOWN it is not known what was in force. */
enum witness_bit {
	WITNESS_KNOWN = 1,
	WITNESS_NEEDED = 2,
	WITNESS_MULTI = 4,
	WITNESS_KPROBE = 8,
	WITNESS_RETURNS = 16,
	WITNESS_END = 32,
	WITNESS_PERMIT = 64,
	WITNESS_BITS = 2 * WITNESS_PERMIT - 1, /* all of them: the last one is above this line */
};

struct witness_info {
	bool known;
	bool needed;	   /* the first hooks can be preempted here */
	const char *begin; /* what sees calls begin: "kprobe.multi" or "kprobe"; NULL: nothing does */
	const char *returns; /* and return: "kretprobe.multi" */
	const char *end;     /* and end: "raw_syscalls/sys_exit" */
	bool permission;     /* lsm/ptrace_access_check */
	const char *sees;    /* what of which calls these see, no sentence; NULL: there are none */
	const char *remains; /* what can go by unseen, a sentence; NULL: nothing for this reason */
};

#define WITNESS_LIST_SZ 128
#define WITNESS_NOTE_SZ 320

/* Returns what these bits mean. bits: of enum witness_bit. The texts are constants. */
struct witness_info witness_info__of(uint8_t bits);

/* Returns those of them that see each call but for those that the kernel counts, when switches of the kernel may have been
 * off. */
uint8_t witness_info__bounding(uint8_t bits, bool ftrace_was_off, bool kprobes_were_off);

/* Lists their names, after each other. Returns false if there are none. */
bool witness_info__list(const struct witness_info *w, char list[WITNESS_LIST_SZ]);

/* Says which of those that the kernel has are not in force, as they could not be attached (refused), or did not fire then
 * (silent). Returns false if there are none. */
bool witness_info__lacks(uint8_t refused, uint8_t silent, char note[WITNESS_NOTE_SZ]);

#endif
