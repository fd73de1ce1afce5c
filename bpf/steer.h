/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * steer.h - how the kernel half takes what the user half steers it by: from the memory of the reader, while that runs an
 * iterator. A map would be everybody's who has a descriptor of it, and anybody with CAP_SYS_ADMIN gets one by its number. What
 * iterators do for others who run them is what they did last.
 */
#ifndef PVM_STEER_H
#define PVM_STEER_H

#include "base.h"
#include "maps.h"
#include "settings.h"

/* It is not on the stack, which has no room left. Only the reader's one thread writes to it. */
static struct pvm_control steer_copy;

static __always_inline bool is_reader(u32 tgid)
{
	return tgid == (cfg_reader ? cfg_reader : pvm_shared.self_pid[0]);
}

/* Where the reader does not know its pid, the first one who asks is it: no hook is attached then, and nobody else knows of the
 * iterator. */
static __always_inline bool by_reader(void)
{
	u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (!is_reader(tgid) && (cfg_reader || pvm_shared.self_pid[0]))
		return false;
	pvm_shared.self_pid[0] = tgid;
	return true;
}

/* Copies the control block, once for each run of an iterator: seq_num counts what was shown by that. The user half looks
 * whether it was, as a page of it may be swapped out. */
static __always_inline void steer(u64 seq_num)
{
	if (seq_num || !by_reader() ||
	    bpf_probe_read_user(&steer_copy, sizeof(steer_copy), (void *)cfg_control) ||
	    steer_copy.size != sizeof(steer_copy))
		return;
	pvm_control = steer_copy;
	pvm_shared.steered++;
	__builtin_memset(pvm_shared.refused, 0, sizeof(pvm_shared.refused));
	if (!steer_copy.self_child)
		pvm_shared.self_pid[1] = 0;
}

#endif
