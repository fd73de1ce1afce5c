/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* functions.h - what the kernel calls the functions that the calls end up in: these, and then the call's name. */
#ifndef PVM_FUNCTIONS_H
#define PVM_FUNCTIONS_H

/* The kernel half is told its architecture; the user half runs on it. */
#if defined(__TARGET_ARCH_arm64) || defined(__aarch64__)
#define PVM_SYS "__arm64_sys_"
#else
#define PVM_SYS "__x64_sys_"
#define PVM_SYS_IA32 "__ia32_sys_" /* of 32-bit programs; arm64 has none of their own */
#endif

#endif
