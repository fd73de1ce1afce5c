/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* atomic.h - the one atomic operation that every kernel from 5.10 on has. */
#ifndef PVM_ATOMIC_H
#define PVM_ATOMIC_H

#include "base.h"

/*
 * Adds to what other CPUs may be adding to as well. It is spelled out, because clang from 21 on makes of __sync_fetch_and_add
 * the instruction that also fetches, even if nobody looks at the result; kernels know that one from 5.12 on.
 */
static __always_inline void atomic_add(void *to, u64 value)
{
	asm volatile("lock *(u64 *)%0 += %1" : "+m"(*(u64 *)to) : "r"(value));
}

#endif
