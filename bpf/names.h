/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* names.h - where the names of a path are gathered, before a record is made of them. */
#ifndef PVM_NAMES_H
#define PVM_NAMES_H

#include "base.h"
#include "hooks.h"

#define PATH_DEPTH 64 /* names and mounts of one path; a longer one is marked as cut */
PVM_ASSERT(PVM_IS_POWER_OF_2(PATH_DEPTH));

/* These are the names of a path, from the last one upwards, before their lengths are known. */
struct pvm_names {
	u32 cnt;
	u8 flags; /* enum pvm_path_flag */
	u8 stale; /* the task is not what it was */
	u16 gap; /* number of the first name behind those that were left out in the middle; 0: none were */
	u32 sent; /* of a path that is cut: names from its end that are in the record */
	u32 pad;
	u64 at;	 /* how far the way up has come: a dentry or a kernfs node */
	u64 mnt; /* and the mount that the dentry is in */
	const unsigned char *name[PATH_DEPTH];
	struct pvm_path head;  /* of the record that they will stand in */
	struct pvm_task owner; /* of the target's memory (memory.h): whose paths these are */
};

/* They are filled and used up within one run of a hook, one entry for each hook: newer kernels may preempt a hook, but never
 * run the same one twice at a time on a CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_CNT);
	__type(key, u32); /* enum pvm_hook */
	__type(value, struct pvm_names);
} pvm_names SEC(".maps");

#endif
