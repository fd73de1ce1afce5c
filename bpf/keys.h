/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* keys.h - keys and values of the maps that are filled from user space or read there: filters, and
 * what user space was sent. */
#ifndef PVM_KEYS_H
#define PVM_KEYS_H

#include "event.h"
#include "types.h"

/*
 * A filter is a map, whose entry's value says what it means to each rule (docs/design.md, "Rules") that the key is there: a bit
 * of the lower half for a rule that wants it, of the upper half for one that excludes it. The settings have the same for a
 * whole filter: which rules want something, and which exclude something.
 */
#define PVM_RULES_MAX 16
#define PVM_ALL_RULES ((1U << PVM_RULES_MAX) - 1)
#define PVM_WANTED(rules) (rules)
#define PVM_EXCLUDED(rules) ((rules) << PVM_RULES_MAX)

/* These are the sides of a filter; each is also the shift of a side's bits. */
enum pvm_who {
	PVM_CALLER = 0,
	PVM_TARGET = 1,
};

struct pvm_pid_key {
	__u32 who; /* enum pvm_who */
	__u32 pid; /* host tgid */
};

struct pvm_pid_val {
	__u64 start_ns; /* of the process that is meant */
	__u32 meant;	/* PVM_WANTED, PVM_EXCLUDED */
	__u32 pad;
};

struct pvm_uid_key {
	__u32 who;
	__u32 uid; /* real, host */
};

struct pvm_comm_key {
	__u32 who;
	char comm[PVM_COMM_SZ]; /* padded with NUL */
};

struct pvm_cgroup_key {
	__u64 id;
	__u32 hier; /* enum pvm_hier */
	__u32 pad;
};

/* This is a cgroup whose path has been sent. */
struct pvm_cgroup_val {
	__u32 decided; /* the reader has judged it for this side: 1 << enum pvm_who */
	__u32 pad;
	__u16 left[2]
		  [PVM_HOME_CNT]; /* rules whose filters pass it: by enum pvm_who and the process's home */
};

/* This is a file that filters mean by its path. */
struct pvm_bound_val {
	__u32 meant[4]; /* by enum pvm_bound: PVM_WANTED, PVM_EXCLUDED */
};

/* Whose program a filter by file is about. */
enum pvm_bound {
	PVM_OF_CALLER = PVM_CALLER,
	PVM_OF_TARGET = PVM_TARGET,
	PVM_OF_ANCESTOR = 2, /* one of the caller's; and PVM_TARGET: one of the target's */
	PVM_BOUND_CNT = 4,
};

/* These are the values of --relation, each a bit 1 << it. The first four are enum pvm_kinship. */
enum pvm_relation {
	PVM_OTHER_USER = 4,	 /* not all of the target's ids are the caller's real ones */
	PVM_OTHER_CONTAINER = 5, /* only user space knows */
	PVM_RELATION_CNT = 6,
};

/* This is a process whose paths have been sent. The key is __u32 tgid. */
struct pvm_proc_val {
	__u64 start_ns;
	__u64 exe_ino;
	__u32 exe_dev;
	__u32 exec_id;	/* what follows is of this exec */
	__u8 exe_sent;	/* boolean */
	__u8 args_sent; /* boolean; also when they were unreadable too often */
	__u8 args_tries;
	__u8 pad0;
	__u32 pad1;
};

/* This is a process that --target-pid includes, with its memory. */
struct pvm_memory {
	__u64 mm;   /* address; 0: it is gone */
	__u64 left; /* address of one that it no longer has, but others still work in; 0: none */
	__u64 bases[2]; /* mmap_base of the two: another memory there has another one, as a rule */
	__u64 leader;	/* address of its main thread's struct task_struct */
	struct pvm_task id; /* what it was when it was bound, or last executed a file */
};

/* This is an object of the tracer's own. */
struct pvm_object_key {
	__u32 kind; /* enum pvm_object_kind */
	__u32 id;
};

struct pvm_object_val {
	char name[PVM_OBJECT_NAME_SZ];
};

/* Of what user space was sent the kernel half has room for twice as much as that remembers, which evicts, and tells. */
#define PVM_PROC_ROOM 16384
#define PVM_CGROUP_ROOM 8192
#define PVM_TEXT_ROOM 16384

PVM_ASSERT(sizeof(struct pvm_pid_key) == 8);
PVM_ASSERT(sizeof(struct pvm_pid_val) == 16);
PVM_ASSERT(sizeof(struct pvm_uid_key) == 8);
PVM_ASSERT(sizeof(struct pvm_comm_key) == 20);
PVM_ASSERT(sizeof(struct pvm_cgroup_key) == 16);
PVM_ASSERT(sizeof(struct pvm_cgroup_val) == 24);
PVM_ASSERT(sizeof(struct pvm_bound_val) == 4 * PVM_BOUND_CNT);
PVM_ASSERT(sizeof(struct pvm_proc_val) == 32);
PVM_ASSERT(sizeof(struct pvm_memory) == 192);
PVM_ASSERT(sizeof(struct pvm_object_key) == 8);

#endif
