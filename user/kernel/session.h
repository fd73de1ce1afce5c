/* SPDX-License-Identifier: Apache-2.0 */
/* session - a link of kprobe.multi by a session (bpf/witness.h: pvm_begin_session), which libbpf of Debian 12 does not know. */
#ifndef PVM_SESSION_H
#define PVM_SESSION_H

#include <stddef.h>
#include <stdint.h>

struct btf;

/* Returns the attach type of such a link; 0: this kernel has none (before 6.10). types: of the kernel. */
uint32_t session__type(const struct btf *types);
/* Attaches a program that was loaded for that type to the functions. Returns the link, which the caller closes, or -errno. */
int session__attach(int prog, uint32_t type, const char *const *functions, size_t cnt);

#endif
