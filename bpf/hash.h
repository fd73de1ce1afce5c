/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* hash.h - one word more in a hash. */
#ifndef PVM_HASH_H
#define PVM_HASH_H

#include "base.h"

static __always_inline u64 hash_add(u64 hash, u64 word)
{
	return (hash ^ word) * 0x9e3779b97f4a7c15ULL;
}

#endif
