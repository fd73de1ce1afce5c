/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* read.h - reads of variable length, so that every verifier from 5.10 on follows their bounds. */
#ifndef PVM_READ_H
#define PVM_READ_H

#include "base.h"

/*
 * Reads len bytes of user memory, room at most. The compiler often knows already that it is no
 * more, or compares one register and passes another; verifiers before 6.10 then see no bound. The
 * barrier makes it one register, and keeps the check.
 */
static __always_inline bool read_bounded(u8 *to, u32 len, const u32 room, u64 from)
{
	barrier_var(len);
	return len <= room && !bpf_probe_read_user(to, len, (void *)from);
}

#endif
