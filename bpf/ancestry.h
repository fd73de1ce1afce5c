/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ancestry.h - who is behind a caller: its ancestors, who leads its session, who ptraces it; and a target's parent. A call
 * has an id of all that, which is a sum over it and takes some loads for each of them. What the id stands for is sent once, as
 * paths are, and anew whenever any of it changes: another parent, another name, another program.
 */
#ifndef PVM_ANCESTRY_H
#define PVM_ANCESTRY_H

#include "base.h"
#include "current.h"
#include "identity.h"
#include "maps.h"
#include "names.h"
#include "reader.h"
#include "settings.h"
#include "state.h"
#include "task.h"

#define BEHIND_NS 100000 /* of one look: docs/events.md, "ancestors" */

/* Where a record is gathered: the leader of the session, the tracer and the ancestors, in this order, behind its head. */
struct ancestry_room {
	struct pvm_ancestry head;
	struct pvm_relative ancestors[PVM_ANCESTORS_MAX];
	u32 owed; /* boolean: user space lacks the path of an executable */
	u32 pad;
};

enum relative_at {
	AT_SESSION = 0,
	AT_TRACER = 1,
	AT_ANCESTORS = 2,
	AT_CNT = AT_ANCESTORS + PVM_ANCESTORS_MAX,
};

PVM_ASSERT(__builtin_offsetof(struct pvm_ancestry, tracer) ==
	   __builtin_offsetof(struct pvm_ancestry, session) + sizeof(struct pvm_relative));
PVM_ASSERT(__builtin_offsetof(struct ancestry_room, ancestors) ==
	   __builtin_offsetof(struct pvm_ancestry, tracer) + sizeof(struct pvm_relative));

/* As pvm_names. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HOOK_CNT);
	__type(key, u32); /* enum pvm_hook */
	__type(value, struct ancestry_room);
} pvm_gathered SEC(".maps");

static __always_inline u64 tracer_of(u64 task)
{
	u64 tracer = PEEK(task, struct task_struct, parent);

	return PEEK(tracer, struct task_struct, group_leader);
}

/* The number of the session that a process, of this signal_struct, is in. */
static __always_inline u32 session_of(u64 signal)
{
	u64 pid = PEEK(signal + PIDTYPE_SID * sizeof(void *), struct signal_struct, pids[0]);

	return PEEK(pid, struct pid, numbers[0].nr);
}

/*
 * Puts a process at its place in the record (enum relative_at), and makes user space know its executable. from: address of
 * its main thread; of an ancestor, of its child's. Returns the address of its own; 0: there is none. hook: enum pvm_hook,
 * whose room it is. One function for all, verified once: with two, more would call each other than may.
 */
__noinline u64 relative_take(u64 from, u32 at, u32 slot, u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct ancestry_room *room = bpf_map_lookup_elem(&pvm_gathered, &hook);
	u64 leader = at >= AT_ANCESTORS ? parent_of(from) : from;
	struct task_struct *task = (struct task_struct *)leader;
	struct pvm_relative *r;
	struct pvm_task *id;

	if (!names || !room)
		return 0;
	id = task_blank(&names->owner);
	raw_task_note(id, task, task);
	if (!id->pid)
		return 0;
	raw_exe(id, BPF_CORE_READ(task, mm));
	if (at >= AT_ANCESTORS)
		room->head.cnt = at + 1 - AT_ANCESTORS;
	/* As in read_bounded. */
	barrier_var(at);
	if (at >= AT_CNT)
		return 0;
	r = (void *)&room->head.session + at * sizeof(*r);
	raw_comm(r->comm, task);
	r->start_ns = id->start_ns;
	r->exe_ino = id->exe_ino;
	r->pid = id->pid;
	r->exe_dev = id->exe_dev;
	r->exec_id = id->exec_id;
	r->flags = id->flags;
	r->gone = 0;
	r->pad0 = 0;
	if (!proc_send(id, task, OF_OWNER, slot))
		room->owed = 1;
	return leader;
}

/* Who is behind the current process, task, beside its ancestors. The number of a session stays when its leader is gone. */
static __always_inline void behind_take(struct ancestry_room *room, u64 task, u32 slot, u32 hook)
{
	u64 signal = PEEK(task, struct task_struct, signal), leader;

	room->head.tty_dev = raw_tty((struct signal_struct *)signal);
	if (room->head.tty_dev)
		bpf_probe_read_kernel(room->head.tty, PVM_TTY_SZ,
				      (void *)PEEK(signal, struct signal_struct, tty) +
					      bpf_core_field_offset(struct tty_struct, name));
	room->head.session.pid = session_of(signal);
	room->head.session.gone = 1;
	leader = session_leader(task);
	if (leader)
		relative_take(leader, AT_SESSION, slot, hook);
	if ((u32)PEEK(task, struct task_struct, ptrace))
		relative_take(tracer_of(task), AT_TRACER, slot, hook);
}

/* Whether a process has a parent: enum pvm_above. leader: address of its main thread. Only the first task of all has no number,
 * and only what the kernel made itself is its child. */
static __always_inline u8 above_of(u64 leader)
{
	u64 parent = parent_of(leader);
	u32 pid = 0;

	if (!parent || bpf_probe_read_kernel(
			       &pid, sizeof(pid),
			       (void *)(parent + bpf_core_field_offset(struct task_struct, tgid))))
		return PVM_ABOVE_UNKNOWN;
	return pid ? PVM_ABOVE_MORE : PVM_ABOVE_NONE;
}

/* What was gathered of a task is sent, if it still is what id stands for. Whether it was. */
static __always_inline bool ancestry_put(struct ancestry_room *room, u64 task, u32 who, u64 id)
{
	u32 size = sizeof(room->head) + room->head.cnt * sizeof(room->ancestors[0]);

	if (id != (who == PVM_CALLER ? caller_sum() : target_sum(task)))
		return false;
	room->head.hdr.type = PVM_ANCESTRY;
	room->head.hdr.version = PVM_WIRE_VERSION;
	room->head.hdr.size = size;
	room->head.id = id;
	/* As in read_bounded. */
	barrier_var(size);
	if (size > sizeof(*room))
		return false;
	if (!bpf_ringbuf_output(&pvm_calls, room, size, BPF_RB_NO_WAKEUP))
		return true;
	count(PVM_C_IDENTITY_LOST);
	return false;
}

/* Gathers and sends all of it. Whether user space knows it then. */
static __always_inline bool ancestry_tell(u64 task, u32 who, u64 id, u32 slot, u32 hook)
{
	struct ancestry_room *room = bpf_map_lookup_elem(&pvm_gathered, &hook);
	u64 at = PEEK(task, struct task_struct, group_leader), next;

	if (!room)
		return false;
	__builtin_memset(&room->head, 0, sizeof(room->head));
	room->owed = 0;
	if (who == PVM_CALLER)
		behind_take(room, task, slot, hook);
	for (u32 i = 0; i < PVM_ANCESTORS_MAX; i++) {
		if (i >= cfg_ancestors || (i && who != PVM_CALLER))
			break;
		next = relative_take(at, AT_ANCESTORS + i, slot, hook);
		if (!next)
			break;
		at = next;
	}
	room->head.above = above_of(at);
	return ancestry_put(room, task, who, id) && !room->owed;
}

/* The part of ancestry_send that is rare. */
__noinline int ancestry_settle(u32 who, u32 slot)
{
	struct pvm_state *s = state_at(slot);
	u64 id, task = bpf_get_current_task();
	u32 epoch = pvm_shared.epoch, one = 1;

	if (!s)
		return 0;
	who &= 1;
	id = s->call.ancestry[who];
	if (!bpf_map_lookup_elem(&pvm_ancestries, &id)) {
		if (who == PVM_TARGET)
			task = (u64)target_walk(&s->call);
		if (!task || !ancestry_tell(task, who, id, slot, s->hook))
			return 0;
		if (bpf_map_update_elem(&pvm_ancestries, &id, &one, BPF_ANY))
			count(PVM_C_IDENTITY_FULL);
	}
	s->ancestry[who] = id;
	s->ancestry_epoch[who] = epoch;
	return 0;
}

/* Makes user space know what the call's id of one side stands for; nearly always it does. */
static __always_inline void ancestry_send(struct pvm_state *s, u32 who)
{
	if (!cfg_ancestors || (s->ancestry[who] == s->call.ancestry[who] &&
			       s->ancestry_epoch[who] == pvm_shared.epoch))
		return;
	ancestry_settle(who, s->slot);
}

/* Whether the thread has looked so lately that it does not look again. What is not a thread's own is no memory of its calls. */
static __always_inline bool behind_is_fresh(const struct pvm_state *s, u32 who)
{
	return s->slot == SLOT_OWN && s->call.entry_ns - s->behind_ns[who] < BEHIND_NS;
}

static __always_inline bool target_behind_is_fresh(const struct pvm_state *s)
{
	return behind_is_fresh(s, PVM_TARGET) && s->behind_pid == s->call.target.pid &&
	       s->behind_start_ns == s->call.target.start_ns;
}

static __always_inline void behind_note(struct pvm_state *s, u32 who, u64 sum)
{
	s->behind[who] = sum;
	s->behind_ns[who] = s->call.entry_ns;
	if (who == PVM_CALLER)
		return;
	s->behind_pid = s->call.target.pid;
	s->behind_start_ns = s->call.target.start_ns;
}

static __always_inline void ancestry_take_caller(struct pvm_state *s)
{
	bool traced = OF_CURRENT(current_task(), ptrace);

	if (traced)
		s->call.flags |= PVM_CALL_TRACED;
	if (!cfg_ancestors)
		return;
	if (traced || !behind_is_fresh(s, PVM_CALLER))
		behind_note(s, PVM_CALLER, caller_sum());
	/* A tracer can let go as quickly as another one comes. */
	if (traced)
		s->behind_ns[PVM_CALLER] = 0;
	s->call.ancestry[PVM_CALLER] = s->behind[PVM_CALLER];
	ancestry_send(s, PVM_CALLER);
}

#endif
