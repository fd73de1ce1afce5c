/* SPDX-License-Identifier: Apache-2.0 */
/* types - the running kernel's BTF, from where it always is or from a file that the user names
 * (--btf). The hooks and the task iterator are found by ids in the kernel's own BTF, so a file serves only if
 * it is a copy of that: of a kernel that was built without BTF no file can make up for it. */
#ifndef PVM_KERNEL_TYPES_H
#define PVM_KERNEL_TYPES_H

#include <stdbool.h>

#define KERNEL_TYPES_PATH "/sys/kernel/btf/vmlinux"

struct btf;

/* This is what became known of the user's file. */
enum kernel_types {
	KERNEL_TYPES_OWN,     /* there is none: the kernel shows its own */
	KERNEL_TYPES_SAME,    /* it is the kernel's own, byte by byte */
	KERNEL_TYPES_UNKNOWN, /* this kernel does not tell its own: nothing to compare with */
};

/* Looks at the file (NULL: at the kernel's own place). Returns 0 and *what, or after a message EX_USAGE for a file that
 * cannot be the right one, EX_UNAVAILABLE if there is nothing without a file. */
int kernel_types__check(const char *file, enum kernel_types *what);

/* Returns the types in the file, or the kernel's own for NULL; NULL if there are none. The caller frees them. */
struct btf *kernel_types__load(const char *file);

/* Calls fn(ctx), which makes libbpf look for the kernel's own types, so that it finds those of the file
 * (NULL: just calls it). Where the kernel does not show them, that is done by mounts that nobody else sees and
 * that are gone afterwards; CAP_SYS_ADMIN is needed then. Returns what fn returned, or EX_NOPERM or
 * EX_UNAVAILABLE after a message. */
int kernel_types__lend(const char *file, int (*fn)(void *ctx), void *ctx);

#endif
