/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* types.h - what every header of the wall stands on: the __u64 family, which each half knows from elsewhere, and asserts. */
#ifndef PVM_TYPES_H
#define PVM_TYPES_H

#ifdef __bpf__
#include "vmlinux.h"
#else
#include <linux/types.h>
#endif

#define PVM_ASSERT(condition) _Static_assert(condition, #condition)
/* This is asked of what stands in a mask: all values below it are let through. */
#define PVM_IS_POWER_OF_2(x) ((x) && !((x) & ((x)-1)))

#endif
