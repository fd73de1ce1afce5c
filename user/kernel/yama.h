/* SPDX-License-Identifier: Apache-2.0 */
/* yama - how far Yama, a security module, restricts whom a process may reach into: kernel.yama.ptrace_scope. */
#ifndef PVM_YAMA_H
#define PVM_YAMA_H

#include <linux/types.h>

#include "bpf/event.h"

/* Opens the switch, which stays readable when all rights are given up; -1: there is no such module. */
int yama__open(void);
/* enum pvm_yama; none too where it cannot be read. */
enum pvm_yama yama__scope(int fd);

#endif
