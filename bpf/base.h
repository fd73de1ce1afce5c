/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* base.h - what every header of the kernel half stands on: the kernel's types, libbpf's helpers, and the wall. */
#ifndef PVM_BASE_H
#define PVM_BASE_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "control.h"
#include "event.h"
#include "keys.h"
#include "rules.h"
#include "types.h"

#endif
