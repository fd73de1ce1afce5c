/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * path_record.h - makes a record of a path. It goes out as the names from the last one upwards; nothing is joined here. What is
 * too long of an executable's path loses its front, of a cgroup's its middle.
 */
#ifndef PVM_PATH_RECORD_H
#define PVM_PATH_RECORD_H

#include "base.h"
#include "maps.h"
#include "names.h"
#include "path_walk.h"
#include "reader.h"
#include "state.h"

#define NAME_SZ 256	/* NAME_MAX and the NUL */
#define PATH_SMALL 1024 /* nearly every path fits here */
#define PATH_LARGE PVM_PATH_MAX
#define PATH_LAST_SZ 1024 /* and at most so many bytes of a long path are its end */
/* One name fits into each record; and the two parts of a path that lacks some leave each other room. */
PVM_ASSERT(NAME_SZ <= PATH_SMALL && PATH_LAST_SZ + NAME_SZ <= PATH_LARGE);

/* Notes whose path it is, for the record that will be made of the names. */
static __always_inline void path_head(struct pvm_path *path, struct pvm_task *id, u32 type)
{
	path->hdr.type = type;
	path->hdr.version = PVM_WIRE_VERSION;
	path->start_ns = id->start_ns;
	path->pid = id->pid;
	path->len = 0;
	path->pad0 = 0;
	path->gap = 0;
	path->exec_id = id->exec_id;
	if (type == PVM_EXE) {
		path->id = id->exe_ino;
		path->dev = id->exe_dev;
		path->hier = 0;
	} else {
		path->id = id->cgroup_id;
		path->dev = 0;
		path->hier = id->hier;
	}
	__builtin_memset(&path->file, 0, sizeof(path->file));
}

/* Reserves a record for names of up to room bytes. It has room for one name more than is used, for the verifier's sake. */
static __always_inline struct pvm_path *path_reserve(const struct pvm_names *names, const u32 room)
{
	struct pvm_path *path = bpf_ringbuf_reserve(&pvm_calls, sizeof(*path) + room + NAME_SZ, 0);

	if (!path)
		return NULL;
	*path = names->head;
	path->hdr.size = sizeof(*path) + room + NAME_SZ;
	path->flags = names->flags;
	return path;
}

/* Sends the names. Returns -1 without room in the ring, 0 if they need more than room bytes, and 1 if they were sent. What
 * does not fit into the largest record is cut. */
static __always_inline int names_send(const struct pvm_names *names, const u32 room)
{
	struct pvm_path *path = path_reserve(names, room);
	u32 off = 0;

	if (!path)
		return -1;
	for (u32 i = 0; i < PATH_DEPTH; i++) {
		long len;

		if (i >= names->cnt)
			break;
		if (off > room - NAME_SZ) {
			if (room < PATH_LARGE) {
				bpf_ringbuf_discard(path, BPF_RB_NO_WAKEUP);
				return 0;
			}
			path->flags |= PVM_PATH_CUT;
			break;
		}
		len = bpf_probe_read_kernel_str(path->data + off, NAME_SZ, names->name[i]);
		/* There is one way on only: with two the verifier would follow 2^64 of them. */
		if (len <= 0) {
			path->flags |= PVM_PATH_CUT;
			break;
		}
		off += len;
	}
	path->len = off;
	bpf_ringbuf_submit(path, BPF_RB_NO_WAKEUP);
	return 1;
}

/* Each way to send them is verified once, not behind each end of the way before. hook: whose names, enum pvm_hook. */
__noinline int names_send_small(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);

	return names ? names_send(names, PATH_SMALL) : 0;
}

__noinline int names_send_large(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);

	return names ? names_send(names, PATH_LARGE) : 0;
}

/* Puts the last names, as many as fit into PATH_LAST_SZ bytes or stand before the gap. Returns how many bytes they take. */
static __always_inline u32 ends_put_last(struct pvm_names *names, struct pvm_path *path)
{
	u32 off = 0;

	names->sent = 0;
	for (u32 i = 0; i < PATH_DEPTH; i++) {
		long len;

		if (i >= names->cnt || (names->gap && i >= names->gap) ||
		    off > PATH_LAST_SZ - NAME_SZ)
			break;
		len = bpf_probe_read_kernel_str(path->data + off, NAME_SZ, names->name[i]);
		if (len <= 0)
			break;
		off += len;
		names->sent = i + 1;
	}
	return off;
}

/* Puts the first names behind off bytes, from the root down. Returns how many bytes there are then. */
static __always_inline u32 ends_put_first(struct pvm_names *names, struct pvm_path *path, u32 off)
{
	for (u32 i = 1; i <= PATH_DEPTH; i++) {
		u32 at = names->cnt - i;
		long len;

		if (names->sent >= names->cnt || off > PATH_LARGE - NAME_SZ)
			break;
		len = bpf_probe_read_kernel_str(path->data + off, NAME_SZ,
						names->name[at & (PATH_DEPTH - 1)]);
		if (len <= 0)
			break;
		off += len;
		names->sent++;
	}
	return off;
}

/* Does the same for a cgroup whose names need more than PATH_SMALL bytes, or lack some: it puts the last ones, then the
 * first ones from the root down, and what does not fit is missing in the middle. */
__noinline int ends_send(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct pvm_path *path;
	u32 off;

	path = names ? path_reserve(names, PATH_LARGE) : NULL;
	if (!path)
		return -1;
	path->gap = ends_put_last(names, path);
	/* Read back from memory, it is the same to the verifier however the loop ended; else the next loop would be
	 * followed anew behind each of 64 ends. */
	barrier();
	off = path->gap;
	if (!off || off > PATH_LAST_SZ) { /* nothing can be told apart */
		path->flags |= PVM_PATH_CUT;
	} else {
		off = ends_put_first(names, path, off);
		if (names->sent < names->cnt || names->gap)
			path->flags |= PVM_PATH_GAP;
	}
	path->len = off;
	bpf_ringbuf_submit(path, BPF_RB_NO_WAKEUP);
	return 1;
}

/* This says whose paths are sent: a side of the call, as enum pvm_who, or neither of them. */
enum pvm_whose {
	OF_CALLER = PVM_CALLER,
	OF_TARGET = PVM_TARGET,
	OF_OWNER, /* of the target's memory (memory.h) */
};

PVM_ASSERT(__builtin_offsetof(struct pvm_call, target) ==
	   __builtin_offsetof(struct pvm_call, caller) + sizeof(struct pvm_task));

/* Returns caller or target of a call; who: enum pvm_who. That is by a sum and not by a choice, behind which the verifier
 * would follow all that comes twice. */
static __always_inline struct pvm_task *side_of(struct pvm_call *call, u32 who)
{
	barrier_var(who);
	return (void *)&call->caller + (who & 1) * sizeof(struct pvm_task);
}

static __always_inline struct pvm_task *id_of(struct pvm_state *s, struct pvm_names *names,
					      u32 whose)
{
	return whose == OF_OWNER ? &names->owner : side_of(&s->call, whose);
}

/* Sends a path. type: PVM_EXE or PVM_CGROUP; task: the process, which must still be the one that the call knows. whose: enum
 * pvm_whose; slot: enum pvm_slot. Returns whether it was sent. */
__noinline int path_send(u64 task, u32 type, u32 whose, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	struct task_struct *from = (struct task_struct *)task;
	struct pvm_names *names;
	struct pvm_task *id;
	u32 hook;
	int sent;

	if (!s)
		return 0;
	hook = s->hook;
	names = bpf_map_lookup_elem(&pvm_names, &hook);
	if (!names)
		return 0;
	id = id_of(s, names, whose);
	names->cnt = 0;
	names->flags = 0;
	names->stale = 0;
	names->gap = 0;
	path_head(&names->head, id, type);
	if (type == PVM_EXE)
		exe_walk(names, from, id, hook);
	else
		cgroup_walk(names, from, id, hook);
	if (names->stale)
		return 0;
	sent = names->gap ? 0 : names_send_small(hook);
	if (!sent)
		sent = type == PVM_EXE ? names_send_large(hook) : ends_send(hook);
	if (sent < 0)
		count(PVM_C_IDENTITY_LOST);
	return sent > 0;
}

#endif
