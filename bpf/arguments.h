/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* arguments.h - makes a record of a process's arguments: its own memory, so its own claim. */
#ifndef PVM_ARGUMENTS_H
#define PVM_ARGUMENTS_H

#include "base.h"
#include "current.h"
#include "maps.h"
#include "read.h"
#include "reader.h"
#include "settings.h"

#define ARGS_SMALL 1024
#define ARGS_TRIES 3 /* then they are taken for unreadable until the next exec */

static __always_inline int args_try(struct pvm_task *id, u64 start, u32 total, u32 len,
				    const u32 room)
{
	struct pvm_args *args;
	char first, last;

	/* A reservation that is given up again takes its room in the ring all the same: look first, on both of the
	 * pages. */
	if (!len || bpf_probe_read_user(&first, 1, (void *)start) ||
	    bpf_probe_read_user(&last, 1, (void *)(start + len - 1)))
		return 0;
	args = bpf_ringbuf_reserve(&pvm_calls, sizeof(*args) + room, 0);
	if (!args) {
		count(PVM_C_IDENTITY_LOST);
		return -1;
	}
	args->hdr.type = PVM_ARGS;
	args->hdr.version = PVM_WIRE_VERSION;
	args->hdr.size = sizeof(*args) + room;
	args->start_ns = id->start_ns;
	args->pid = id->pid;
	args->exec_id = id->exec_id;
	args->len = len;
	args->total = total;
	if (!read_bounded(args->data, len, room, start)) {
		bpf_ringbuf_discard(args, BPF_RB_NO_WAKEUP);
		return 0;
	}
	bpf_ringbuf_submit(args, BPF_RB_NO_WAKEUP);
	return 1;
}

/* Sends the arguments of the current process only: nobody else's memory can be read from here. Returns 1 if they were sent,
 * 0 if they are unreadable, and -1 without room. */
static __always_inline int args_send(struct pvm_task *id)
{
	struct mm_struct *mm = BPF_CORE_READ(current_untyped(), mm);
	u64 start = BPF_CORE_READ(mm, arg_start);
	u64 size = BPF_CORE_READ(mm, arg_end) - start;
	u32 len;

	if (size > (1U << 30)) /* prctl(PR_SET_MM) can set anything */
		return 0;
	len = size < cfg_args_bytes ? size : cfg_args_bytes;
	if (len <= ARGS_SMALL)
		return args_try(id, start, size, len, ARGS_SMALL);
	return args_try(id, start, size, len, PVM_ARGS_MAX);
}

static __always_inline void args_settle(struct pvm_proc_val *val, struct pvm_task *id)
{
	int sent = args_send(id);

	if (sent > 0)
		val->args_sent = 1;
	else if (!sent && ++val->args_tries >= ARGS_TRIES)
		val->args_sent = 1;
}

#endif
