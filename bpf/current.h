/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* current.h - the task that a hook runs for. */
#ifndef PVM_CURRENT_H
#define PVM_CURRENT_H

#include "base.h"

/* The current task is a typed pointer from 5.11 on. */
#define HAVE_TYPED_CURRENT \
	bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

static __always_inline struct task_struct *current_untyped(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/* Returns the current task. It is asked for once in a hook: with the mitigations of today's CPUs each call of a helper costs
 * some 10 ns. */
static __always_inline struct task_struct *current_task(void)
{
	return HAVE_TYPED_CURRENT ? bpf_get_current_task_btf() : current_untyped();
}

/* Reads a field of what current_task gave. */
#define OF_CURRENT(self, f) (HAVE_TYPED_CURRENT ? (self)->f : BPF_CORE_READ(self, f))

/* Returns how often the current task, which is typed, was put off its CPU, slept, or had to have a page brought. Who did none of
 * these since a hook did not stay away by its own doing; interrupts, other hooks, or a hypervisor that gives its CPU to others can
 * have kept it for any time all the same. */
static __always_inline u64 current_waits(struct task_struct *self)
{
	return self->nvcsw + self->nivcsw + self->min_flt + self->maj_flt;
}

#endif
