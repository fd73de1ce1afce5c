/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* functions.h - the calls' numbers, and what the kernel calls the functions that they end up in. */
#ifndef PVM_FUNCTIONS_H
#define PVM_FUNCTIONS_H

/* The numbers are from arch/x86/entry/syscalls/syscall_{32,64}.tbl, include/uapi/asm-generic/unistd.h and
 * arch/arm/tools/syscall.tbl. */
#define PVM_NR_X86_64_READ 310
#define PVM_NR_X86_64_WRITE 311
#define PVM_NR_I386_READ 347
#define PVM_NR_I386_WRITE 348
#define PVM_X32_BIT 0x40000000u
#define PVM_NR_X32_READ (PVM_X32_BIT + 539)
#define PVM_NR_X32_WRITE (PVM_X32_BIT + 540)
#define PVM_NR_ARM64_READ 270
#define PVM_NR_ARM64_WRITE 271
#define PVM_NR_ARM_READ 376
#define PVM_NR_ARM_WRITE 377

/* Those of bpf(2). */
#define PVM_NR_X86_64_BPF 321
#define PVM_NR_I386_BPF 357
#define PVM_NR_ARM64_BPF 280
#define PVM_NR_ARM_BPF 386

/* Their names begin so; what follows is the call's own. The kernel half is told its architecture; the user half runs on it. */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define PVM_SYS "__arm64_sys_"
#else
#define PVM_SYS "__x64_sys_"
#define PVM_SYS_IA32 "__ia32_sys_" /* of 32-bit programs; arm64 has none of their own */
#endif

#endif
