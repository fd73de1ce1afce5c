/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arch.h - what the numbers of calls (functions.h), registers and compat flags of each architecture mean, and nothing else.
 *
 * A call is known by (abi, number): natively 347 is no call of ours, in compat mode 310 is unshare.
 */
#ifndef PVM_ARCH_H
#define PVM_ARCH_H

#include "base.h"
#include "current.h"
#include "functions.h"
#include "settings.h"

/* Reads a register of the call. Not everywhere do hooks get a pointer to them that the verifier lets follow. */
#define REG(regs, f) REG_BY(cfg_typed_regs, regs, f)

/* Reads one of several, by what the setting was found to be: the look at it stays in a program. */
#define REG_BY(typed, regs, f) ((typed) ? (regs)->f : BPF_CORE_READ(regs, f))

/* Gives what a system call is to us, which is called abi_op: 0, or enum pvm_abi << 8 | enum pvm_op. */
#define ARCH_CALL(abi, op) ((abi) << 8 | (op))
#define ARCH_ABI(call) ((call) >> 8)
#define ARCH_OP(call) ((call)&0xff)
/* Stands in the place of enum pvm_op for a call of bpf(2). */
#define ARCH_OP_BPF 3

#if defined(__TARGET_ARCH_x86)

#define ARCH_ABI_NATIVE PVM_ABI_X86_64
#define TS_COMPAT 2 /* thread_info.status: this call came by int 0x80, sysenter or 32-bit syscall */

/* The number's upper half is the caller's: the kernel ignores it, so do we. */
static __always_inline u32 arch_number(u64 id)
{
	switch ((u32)id) {
	case PVM_NR_X86_64_READ:
		return ARCH_CALL(PVM_ABI_X86_64, PVM_READ);
	case PVM_NR_X86_64_WRITE:
		return ARCH_CALL(PVM_ABI_X86_64, PVM_WRITE);
	case PVM_NR_I386_READ:
		return ARCH_CALL(PVM_ABI_I386, PVM_READ);
	case PVM_NR_I386_WRITE:
		return ARCH_CALL(PVM_ABI_I386, PVM_WRITE);
	case PVM_NR_X32_READ:
		return ARCH_CALL(PVM_ABI_X32, PVM_READ);
	case PVM_NR_X32_WRITE:
		return ARCH_CALL(PVM_ABI_X32, PVM_WRITE);
	}
	return 0;
}

/* Returns the same, and of bpf(2) ARCH_OP_BPF. Any other call takes no comparison more for it, as they are sorted. */
static __always_inline u32 arch_number_or_bpf(u64 id)
{
	switch ((u32)id) {
	case PVM_NR_X86_64_BPF:
		return ARCH_CALL(PVM_ABI_X86_64, ARCH_OP_BPF);
	case PVM_NR_I386_BPF:
		return ARCH_CALL(PVM_ABI_I386, ARCH_OP_BPF);
	}
	return arch_number(id);
}

static __always_inline u64 arch_exit_number(struct pt_regs *regs)
{
	return regs->orig_ax;
}

/* Returns whether a thread can be in the system call that its registers in user space, as the kernel keeps them, name. The
 * result stands there as ENOSYS until the call is over (arch/x86/entry/entry_64.S: PUSH_AND_CLEAR_REGS). */
static __always_inline bool arch_is_inside(struct pt_regs *regs)
{
	return (s64)regs->ax == -38;
}

/* Reads a register that is the caller's own, and that no call changes. */
#define ARCH_OWN(regs) REG(regs, r15)

/* Says whether the call in progress came in compat mode. */
#define ARCH_COMPAT(regs, self) (OF_CURRENT(self, thread_info.status) & TS_COMPAT)

/* Returns whether a call of this number is ours in this mode. */
static __always_inline bool arch_mode_fits(u32 abi_op, bool compat)
{
	return (ARCH_ABI(abi_op) == PVM_ABI_I386) == compat;
}

/* From this argument on those at exit are sure to be those at entry. */
#define ARCH_ARGS_KEPT PVM_ARG_PID

static __always_inline void arch_args(struct pt_regs *regs, u32 abi_op, bool at_exit, u64 *args)
{
	const bool typed = cfg_typed_regs;

	if (ARCH_ABI(abi_op) == PVM_ABI_I386) {
		args[PVM_ARG_PID] = (u32)REG_BY(typed, regs, bx);
		args[PVM_ARG_LOCAL] = (u32)REG_BY(typed, regs, cx);
		args[PVM_ARG_LOCAL_CNT] = (u32)REG_BY(typed, regs, dx);
		args[PVM_ARG_REMOTE] = (u32)REG_BY(typed, regs, si);
		args[PVM_ARG_REMOTE_CNT] = (u32)REG_BY(typed, regs, di);
		args[PVM_ARG_FLAGS] = (u32)REG_BY(typed, regs, bp);
	} else {
		args[PVM_ARG_PID] = REG_BY(typed, regs, di);
		args[PVM_ARG_LOCAL] = REG_BY(typed, regs, si);
		args[PVM_ARG_LOCAL_CNT] = REG_BY(typed, regs, dx);
		args[PVM_ARG_REMOTE] = REG_BY(typed, regs, r10);
		args[PVM_ARG_REMOTE_CNT] = REG_BY(typed, regs, r8);
		args[PVM_ARG_FLAGS] = REG_BY(typed, regs, r9);
	}
}

static __always_inline u64 arch_user_address(u64 addr)
{
	return addr;
}

/* Whether what lies there is not to be had from the process's map: the gate (arch/x86/entry/vsyscall/vsyscall_64.c), and an
 * address with bits that are ignored if the process has asked for it (linear address masking). */
static __always_inline bool arch_is_off_map(u64 addr)
{
	return addr >> 12 == 0xffffffffff600ULL || (addr >> 57 && !(addr >> 63));
}

#elif defined(__TARGET_ARCH_arm64)

#define ARCH_ABI_NATIVE PVM_ABI_ARM64
#define PSR_MODE32_BIT 0x10 /* pstate: AArch32 (arch/arm64/include/uapi/asm/ptrace.h) */

static __always_inline u32 arch_number(u64 id)
{
	switch ((u32)id) {
	case PVM_NR_ARM64_READ:
		return ARCH_CALL(PVM_ABI_ARM64, PVM_READ);
	case PVM_NR_ARM64_WRITE:
		return ARCH_CALL(PVM_ABI_ARM64, PVM_WRITE);
	case PVM_NR_ARM_READ:
		return ARCH_CALL(PVM_ABI_ARM, PVM_READ);
	case PVM_NR_ARM_WRITE:
		return ARCH_CALL(PVM_ABI_ARM, PVM_WRITE);
	}
	return 0;
}

static __always_inline u32 arch_number_or_bpf(u64 id)
{
	switch ((u32)id) {
	case PVM_NR_ARM64_BPF:
		return ARCH_CALL(PVM_ABI_ARM64, ARCH_OP_BPF);
	case PVM_NR_ARM_BPF:
		return ARCH_CALL(PVM_ABI_ARM, ARCH_OP_BPF);
	}
	return arch_number(id);
}

static __always_inline u64 arch_exit_number(struct pt_regs *regs)
{
	return (u32)regs->syscallno;
}

/* The result takes the place of the first argument when the call is over. One whose result is that argument is taken to
 * be inside. */
static __always_inline bool arch_is_inside(struct pt_regs *regs)
{
	return regs->regs[0] == regs->orig_x0;
}

#define ARCH_OWN(regs) REG(regs, regs[27])

#define ARCH_COMPAT(regs, self) ((regs)->pstate & PSR_MODE32_BIT)

static __always_inline bool arch_mode_fits(u32 abi_op, bool compat)
{
	return (ARCH_ABI(abi_op) == PVM_ABI_ARM) == compat;
}

/* From this argument on those at exit are sure to be those at entry. */
#define ARCH_ARGS_KEPT PVM_ARG_LOCAL

/* The call takes its first argument from regs[0], which a ptracer can have changed since orig_x0 was saved; at
 * exit the result stands there. */
static __always_inline void arch_args(struct pt_regs *regs, u32 abi_op, bool at_exit, u64 *args)
{
	const bool typed = cfg_typed_regs;
	u64 mask = ARCH_ABI(abi_op) == PVM_ABI_ARM ? 0xffffffffULL : ~0ULL;

	args[PVM_ARG_PID] =
		(at_exit ? REG_BY(typed, regs, orig_x0) : REG_BY(typed, regs, regs[0])) & mask;
	args[PVM_ARG_LOCAL] = REG_BY(typed, regs, regs[1]) & mask;
	args[PVM_ARG_LOCAL_CNT] = REG_BY(typed, regs, regs[2]) & mask;
	args[PVM_ARG_REMOTE] = REG_BY(typed, regs, regs[3]) & mask;
	args[PVM_ARG_REMOTE_CNT] = REG_BY(typed, regs, regs[4]) & mask;
	args[PVM_ARG_FLAGS] = REG_BY(typed, regs, regs[5]) & mask;
}

/*
 * Returns what an address means. A caller may have the kernel ignore the upper byte of addresses (tagged address ABI,
 * Documentation/arch/arm64/tagged-address-abi.rst), but the reading helpers take such a one for no user address since 6.4. This
 * does what the kernel's untagged_addr does; who has not asked for it gets EFAULT as the call's result.
 */
static __always_inline u64 arch_user_address(u64 addr)
{
	return addr & (u64)((s64)(addr << 8) >> 8);
}

static __always_inline bool arch_is_off_map(u64 addr)
{
	return false;
}

#else
#error "no such architecture: x86 or arm64"
#endif

/*
 * These are the functions that the calls end up in, for fentry: each(name, prefix of the functions, abi). Since 5.10 no call
 * ends up in a function of its own for compat mode (__ia32_compat_sys_..., __arm64_compat_sys_...): what has such a name in
 * newer kernels is a stub that says ENOSYS.
 */
#if defined(__TARGET_ARCH_x86)

#define ARCH_FUNCTIONS(each) \
	each(x64, PVM_SYS, PVM_ABI_X86_64) each(ia32, PVM_SYS_IA32, PVM_ABI_I386)

/* Returns the second argument of any function, at its begin and at its end. */
static __always_inline u64 arch_function_second(struct pt_regs *regs)
{
	return regs->si;
}

static __always_inline s64 arch_function_result(struct pt_regs *regs)
{
	return regs->ax;
}

/* x32 calls end up in the same functions as native ones. */
static __always_inline u32 arch_function_abi(struct pt_regs *regs, u32 abi)
{
	return abi == PVM_ABI_X86_64 && (u32)REG(regs, orig_ax) & PVM_X32_BIT ? PVM_ABI_X32 : abi;
}

#else

#define ARCH_FUNCTIONS(each) each(arm64, PVM_SYS, PVM_ABI_ARM64)

static __always_inline u64 arch_function_second(struct pt_regs *regs)
{
	return regs->regs[1];
}

static __always_inline s64 arch_function_result(struct pt_regs *regs)
{
	return regs->regs[0];
}

/* AArch32 calls end up in the same functions as native ones. */
static __always_inline u32 arch_function_abi(struct pt_regs *regs, u32 abi)
{
	return REG(regs, pstate) & PSR_MODE32_BIT ? PVM_ABI_ARM : abi;
}

#endif

#endif
