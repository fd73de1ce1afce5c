/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* control.h - the part of the wall that is no record: what one half steers the other by, what is counted, and by which hooks
 * a call is seen. Both see it in memory at once. The rules of event.h hold here too. */
#ifndef PVM_CONTROL_H
#define PVM_CONTROL_H

#include "command.h"
#include "keys.h"
#include "types.h"

#define PVM_CPU_ROWS 256 /* rows of counters; CPUs beyond share them */

/* These are counted in the kernel. Each is a sum over the rows of struct pvm_shared. Every call seen ends in
 * exactly one of SUBMITTED, SUMMARISED, FILTERED, RING_FULL, STATE_FULL and STATE_STALE; until then it is in
 * flight. */
enum pvm_count {
	PVM_C_SEEN = 0,	       /* calls that reached a hook: entries, and exits without one */
	PVM_C_SUBMITTED = 1,   /* last records of a call that found room in the ring */
	PVM_C_FILTERED = 2,    /* calls dropped by a filter in the kernel */
	PVM_C_RING_FULL = 3,   /* calls lost: no room in the ring, and none in a summary */
	PVM_C_STATE_FULL = 4,  /* calls lost: no room in the table of calls in flight */
	PVM_C_STATE_STALE = 5, /* none: such calls are told as ended */
	/* 6 was in use: recordings of earlier versions have a count there */
	PVM_C_IN_FLIGHT_UNTOLD =
		7, /* in_flight records that found no room: tried again at the next sweep */
	PVM_C_ARRAY_LOST = 8,	 /* snapshots of long arrays that found no room: no call is lost */
	PVM_C_IDENTITY_LOST = 9, /* paths and arguments that found no room: sent again later */
	PVM_C_IDENTITY_FULL =
		10, /* those that were sent, but found no room to be remembered as sent */
	PVM_C_SELF_TESTS = 11, /* the collector's own calls: in no other counter */
	PVM_C_SUMMARISED = 12, /* calls that are in a summary */
	/* The user half counts these two as well. */
	PVM_C_AUDITED = 13,    /* calls that only the audit saw; they are in SEEN and SUBMITTED */
	PVM_C_AUDIT_LOST = 14, /* sights of calls that were not compared: a ring was full */
	PVM_C_USED,	       /* how many there are so far, */
	PVM_C_CNT = 16,	       /* and for how many recordings have room */
};

struct pvm_counts {
	__u64 n[PVM_C_CNT];
};

/* Values of pvm_control.stopping: how far the end of a run has come. Self-test calls come by the same gate, which
 * is open for them before `start`, too. */
enum pvm_stopping {
	PVM_RUNNING = 0,
	PVM_NO_ENTRIES = 1, /* entries are ignored from now on */
	PVM_NO_EXITS = 2,   /* exits too: what is still in flight is told by the last sweep */
	PVM_STARTING = 3,   /* the same before `start`: nothing is told ahead of it */
};

/* It holds where things stand in structures of file systems, whose types are not the kernel's own but of its modules
 * (user/kernel/module_types.c), which are learned late. All are offsets in bytes. */
struct pvm_module_types {
	__u32 btrfs;	   /* 1: these are known */
	__u32 btrfs_inode; /* of the inode, in what btrfs keeps of it */
	__u32 btrfs_root;  /* of the pointer to its subvolume's root there */
	__u32 btrfs_dev;   /* of the device, in the root */
	__u32 btrfs_id;	   /* of its id there */
	__u32 overlay; /* 1: an open file keeps the real one; 2: it keeps a structure that holds it */
	__u32 overlay_real; /* 2: of the real file there */
	__u32 maps_real;    /* /proc/PID/maps shows the real file of an overlay's: before 6.8 */
};

/* This is what the user half steers the kernel half by. It is written in the reader's own memory, and the kernel half copies
 * it from there when the reader runs an iterator (steer.h): whoever has a descriptor of a map could write to a map. */
struct pvm_control {
	__u32 size;	  /* of all this: what was read is one */
	__u32 stopping;	  /* enum pvm_stopping */
	__u32 self_child; /* boolean: a child of the reader's may say that it is its self-test's */
	__u32 self_announce;  /* self-test calls are put into the ring, not only counted */
	__u64 sweep_older_ns; /* the sweep tells calls older than this */
	__u32 sweep_phase;    /* PVM_IN_FLIGHT or PVM_UNFINISHED */
	__u32 look_pid;	      /* what the "look" iterator is to look up; 0: nothing */
	__u32 memory_place;   /* its place in pvm_memories, counted from 1; 0: nowhere */
	__u32 window;	    /* of summaries: moved by the reader, which then takes the old one's */
	__u32 command_cnt;  /* commands to be carried out */
	__u32 begins_exact; /* pvm_begin sees all begins, and pvm_begin_multi none */
	__u32 yama_scope;   /* enum pvm_yama */
	__u32 renew;	    /* maps to be emptied: bits by enum pvm_checked_map */
	struct pvm_module_types types;
};

/* This is what the kernel half alone writes; it is mapped into the user half to be read. */
struct pvm_shared {
	__u32 epoch;	   /* moved when user space's word was taken that it forgot something */
	__u32 steered;	   /* how often the control block was copied */
	__u32 self_pid[2]; /* host pid of the collector, and of the child of its self-test; 0: none */
	__u64 look_start_ns; /* what the "look" iterator found: start of the process */
	__u32 look_tgid;     /* and its pid; 0: nothing */
	__u32 commands_done; /* how many there ever were */
	__u32 self_saw;	     /* enum pvm_saw: hooks that the collector's last call came by */
	__u32 openings_lost; /* of those the tracer was to be told of: the ring was full */
	/* Commands of the last run that there was no room for: bits by their places. */
	__u64 refused[PVM_COMMAND_CNT / 64];
	__u32 pad2[18];
	struct pvm_counts rows[PVM_CPU_ROWS];
};

/* Both halves write this. Whoever else does makes a reader later or earlier than it had to be: no record depends on it. */
struct pvm_bell {
	__u32 asleep;	   /* the reader sleeps: the next record wakes it, and clears this */
	__u32 arrays_high; /* the ring of arrays is more than half full: drain it now */
};

/* These are calls that were dropped, by the rule (docs/design.md, "Rules"); they stand in rows as counters do. */
struct pvm_rule_drops {
	__u64 n[PVM_RULES_MAX];
};

/* These are the hooks. In which order a call comes by them is said in bpf/stages.h. */
enum pvm_saw {
	PVM_SAW_ENTER = 1 << 0,	 /* tracepoint sys_enter */
	PVM_SAW_FENTRY = 1 << 1, /* the function begins: fentry */
	PVM_SAW_BEGIN = 1 << 2,	 /* the same: a witness */
	PVM_SAW_PERMIT = 1 << 3, /* leave to reach into the target's memory */
	PVM_SAW_FEXIT = 1 << 4,	 /* the function ends: fexit */
	PVM_SAW_RETURN = 1 << 5, /* the same: a witness */
	PVM_SAW_EXIT = 1 << 6,	 /* tracepoint sys_exit */
	PVM_SAW_END = 1 << 7,	 /* the same: a witness */
};

/* Callers say so, beside enum pvm_saw, which hooks they pass over in a build for tests. */
#define PVM_PASS_OVER 0x70766d6f76657200ULL

PVM_ASSERT(PVM_IS_POWER_OF_2(PVM_CPU_ROWS));
PVM_ASSERT(PVM_C_USED <= PVM_C_CNT);
PVM_ASSERT(sizeof(struct pvm_counts) == 128);
PVM_ASSERT(sizeof(struct pvm_control) == 88);
PVM_ASSERT(sizeof(struct pvm_shared) == 128 + PVM_CPU_ROWS * sizeof(struct pvm_counts));
PVM_ASSERT(sizeof(struct pvm_module_types) == 32);

#endif
