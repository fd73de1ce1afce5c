/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* atomic.h - what CPUs that share something can rely on, of what every kernel from 5.10 on has. */
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

/*
 * Returns 0, which no CPU has before it has that value: where it is stored, others see it only when what the value is made of was
 * read. All CPUs keep to that, arm64's too, of which a plain store may overtake the reads before it. The instructions that are for
 * it are known to kernels from 5.12 (an exchange) and 6.15 on (a store that releases), and the one above puts nothing in order.
 */
static __always_inline u64 nothing_of(u64 read)
{
	asm volatile("%0 &= 0" : "+r"(read));
	return read;
}

#endif
