/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* command.h - the wall the other way: what the user half wants done to the kernel half's maps (commands.h). The rules of
 * event.h hold here too. */
#ifndef PVM_COMMAND_H
#define PVM_COMMAND_H

#include "keys.h"
#include "types.h"

enum pvm_command_kind {
	PVM_FORGET_PROC = 1,   /* pid: its paths are to be sent again */
	PVM_FORGET_CGROUP = 2, /* the same of a cgroup, with its verdict */
	PVM_JUDGE_CGROUP = 3,
	PVM_FORGET_ANCESTRY = 4, /* cgroup.id is its id */
	PVM_FORGET_TEXT = 5, /* cgroup.id: a mapped file's path, or a mapping's name, by its id */
	/* pid: a descriptor of the reader's, who keeps it open for as long as the file means what bound says;
	 * if that is all 0, it means nothing any more */
	PVM_BIND_FILE = 30,
};

/* This is what the reader wants done to the kernel half's maps. It is an element of an array that is mapped into the user
 * half, and is carried out when that reads the iterator over it. */
struct pvm_command {
	__u32 kind; /* enum pvm_command_kind; 0: nothing, or done */
	__u32 pid;
	struct pvm_cgroup_key cgroup;
	union {
		struct pvm_cgroup_val verdict;
		struct pvm_bound_val bound;
	};
};

#define PVM_COMMAND_CNT 128

/* So many summaries are read at once. */
#define PVM_SUMMARY_BATCH 32

PVM_ASSERT(sizeof(struct pvm_command) == 48);

#endif
