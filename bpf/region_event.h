/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* region_event.h - what lies at the addresses that a call names. A part of event.h, which includes it where its records need it;
 * whoever wants it includes that. */
#ifndef PVM_REGION_EVENT_H
#define PVM_REGION_EVENT_H

#include "types.h"

/* What lies at an address of the target (region.h). */
enum pvm_region_kind {
	PVM_REGION_UNKNOWN = 0, /* its map could not be followed */
	PVM_REGION_NONE = 1,	/* nothing is mapped there */
	/* From here on there is a mapping: start, end and perms mean something. */
	PVM_REGION_HEAP = 2,
	PVM_REGION_STACK = 3,
	PVM_REGION_FILE = 4,
	PVM_REGION_ANON = 5,
	PVM_REGION_SHARED = 6, /* with other processes, and not by a file */
	PVM_REGION_VDSO = 7,
	PVM_REGION_VVAR = 8,
	PVM_REGION_KIND_CNT,
};

enum pvm_region_perm {
	PVM_REGION_READ = 1,
	PVM_REGION_WRITE = 2,
	PVM_REGION_EXEC = 4,
	PVM_REGION_MAYSHARE = 8,
};

enum pvm_region_flag {
	PVM_REGION_DELETED = 1, /* the file's directory entry is gone */
	PVM_REGION_BACKED =
		2, /* offset, ino and dev mean something: it is mapped from a file, or from what the kernel keeps as one */
};

/* The mapping that remote elements [first, first + cnt) begin in. */
struct pvm_region {
	__u64 start;
	__u64 end;
	__u64 offset; /* of the first element's first byte, in the file */
	__u64 ino;    /* as /proc/PID/maps has it, like dev */
	__u64 text;   /* struct pvm_path.id of the file's path, or of a name; 0: there is none */
	__u32 dev;    /* the kernel's own encoding */
	__u16 first;
	__u16 cnt;
	__u8 kind;  /* enum pvm_region_kind */
	__u8 perms; /* enum pvm_region_perm */
	__u8 flags; /* enum pvm_region_flag */
	__u8 pad0;
	__u32 pad1;
};

enum pvm_look_flag {
	PVM_LOOK_TAKEN = 1,   /* what lies at the remote elements was looked up */
	PVM_LOOK_AT_EXIT = 2, /* at exit: at entry the list, or the target, was not there */
	PVM_LOOK_RING = 4,   /* more than one region: all of them are carried by struct pvm_array */
	PVM_LOOK_LOST = 8,   /* they found no room there */
	PVM_LOOK_AGAIN = 16, /* a second look, at exit: carried by struct pvm_array */
	PVM_LOOK_AGAIN_LOST = 32, /* that found no room */
};

#endif
