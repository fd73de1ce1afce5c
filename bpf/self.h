/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* self.h - calls of the tracer itself, which prove that the hooks fire. */
#ifndef PVM_SELF_H
#define PVM_SELF_H

#include "arch.h"
#include "base.h"
#include "maps.h"
#include "reader.h"
#include "steer.h"

/* Returns whether this is the collector itself, or the child that it tests i386 with. */
static __always_inline bool is_self(u32 tgid)
{
	return is_reader(tgid) || tgid == pvm_shared.self_pid[1];
}

/* Both halves of a self-test call have to fire; only then does it count. It is not static: the compiler would make it a
 * single byte, and the kernel would refuse the BTF that says four. */
__u32 self_inside;

static __always_inline void self_enter(enum pvm_saw saw)
{
	if (!self_inside)
		pvm_shared.self_saw = 0;
	pvm_shared.self_saw |= saw;
	self_inside = pvm_control.stopping == PVM_RUNNING || pvm_control.stopping == PVM_STARTING;
}

static __always_inline void self_exit(u32 abi_op, enum pvm_saw saw)
{
	struct pvm_self_test test = {};

	pvm_shared.self_saw |= saw;
	if (!self_inside)
		return;
	self_inside = 0;
	count(PVM_C_SELF_TESTS);
	if (!pvm_control.self_announce)
		return;
	test.hdr.size = sizeof(test);
	test.hdr.type = PVM_SELF_TEST;
	test.hdr.version = PVM_WIRE_VERSION;
	test.abi = ARCH_ABI(abi_op);
	test.op = ARCH_OP(abi_op);
	bpf_ringbuf_output(&pvm_calls, &test, sizeof(test), BPF_RB_NO_WAKEUP);
	wake();
}

#endif
