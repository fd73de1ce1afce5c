/* SPDX-License-Identifier: Apache-2.0 */
/* nothing - programs that do nothing: what a kernel allows is tried with one, so that nothing is seen meanwhile. */
#ifndef PVM_NOTHING_H
#define PVM_NOTHING_H

#include <stdint.h>

#include <linux/bpf.h>

/* Loads one. function: what it is to be attached to, by its id in the kernel's types; 0: that is said when it is attached.
 * Returns the descriptor, or -errno. */
int nothing__load(enum bpf_prog_type type, enum bpf_attach_type attach, uint32_t function);

#endif
