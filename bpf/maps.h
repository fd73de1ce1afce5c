/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* maps.h - the maps that user space reads or fills, and what both halves share, each with its size and the reason for it. Those
 * that hooks keep for themselves stand where they are used. */
#ifndef PVM_MAPS_H
#define PVM_MAPS_H

#include "base.h"
#include "command.h"

/* Holds calls and identities: about 20,000 calls of one element a side. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} pvm_calls SEC(".maps");

/* Long arrays have a ring of their own, so that a flood of them cannot push out calls. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} pvm_arrays SEC(".maps");

/* Holds each call that a hook saw, for --audit. The user half sets the size: a page where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} pvm_seen SEC(".maps");

/* Holds processes whose executable (and arguments) user space knows. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PVM_PROC_ROOM);
	__type(key, u32); /* host tgid */
	__type(value, struct pvm_proc_val);
} pvm_procs SEC(".maps");

/* Holds cgroups whose path user space knows, with its verdict on them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PVM_CGROUP_ROOM);
	__type(key, struct pvm_cgroup_key);
	__type(value, struct pvm_cgroup_val);
} pvm_cgroups SEC(".maps");

/* Ancestries that user space knows, by id; twice as many as that remembers. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, u32); /* 1 */
} pvm_ancestries SEC(".maps");
/* Holds the paths of mapped files, and names of mappings, that user space knows. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PVM_TEXT_ROOM);
	__type(key, u64); /* struct pvm_path.id */
	__type(value, u32);
} pvm_texts SEC(".maps");

/* Holds calls that found no room in the ring, or are aggregated: they are told together. There is room for so many pairs of
 * processes in the second or two between two visits of the reader; memory is taken as they come. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct pvm_summary_key);
	__type(value, struct pvm_summary);
} pvm_summaries SEC(".maps");

/* Holds pairs of processes, each with its exec and rights, of which a call of this operation and outcome was told one by one
 * (--aggregate): the oldest are forgotten, and then told so again. The user half makes it small where it is not used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct pvm_summary_key); /* without window and reason */
	__type(value, u32);
} pvm_known SEC(".maps");

/* The filters hold as many values as options were given; the user half sets the sizes. Those that no hook writes to no program
 * can. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct pvm_pid_key);
	__type(value, struct pvm_pid_val);
} pvm_filter_pid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct pvm_uid_key);
	__type(value, u32); /* PVM_WANTED, PVM_EXCLUDED */
} pvm_filter_uid SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct pvm_comm_key);
	__type(value, u32); /* PVM_WANTED, PVM_EXCLUDED */
} pvm_filter_comm SEC(".maps");

/* Programs of --caller-exe and --target-exe. The user half sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key,
	       u64); /* address of the file's inode, which the reader keeps open: it is no other one's */
	__type(value, struct pvm_bound_val);
} pvm_filter_exe SEC(".maps");

/* Files that were bound so far. */
__u32 files_bound;

#define MEMORIES_MAX 1024 /* places that are looked at; of more processes only the numbers count */

/* The user half sets the size, and reads it where it is mapped. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct pvm_memory);
} pvm_memories SEC(".maps");

/* It is there for an iterator to run once for each command (commands.h), and holds nothing. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PVM_COMMAND_CNT);
	__type(key, u32);
	__type(value, u32);
} pvm_commands SEC(".maps");

/* All global variables are in one map, which nobody can write to from outside once the hooks are attached
 * (user/kernel/steer.c), but for these. */
struct pvm_bell pvm_bell SEC(".data") = {};

struct pvm_shared pvm_shared __attribute__((aligned(128)));

/* It is a copy (steer.h). */
struct pvm_control pvm_control __attribute__((aligned(128)));

/* The hooks on the pages are attached. */
__u32 pins_on;

/* This is the inode number of the mount namespace of the host's first process: the host's own. 0: not known. */
__u32 host_mnt;

#endif
