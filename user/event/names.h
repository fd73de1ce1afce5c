/* SPDX-License-Identifier: Apache-2.0 */
/* names - the words for what has numbers inside. */
#ifndef PVM_NAMES_H
#define PVM_NAMES_H

#include <stdbool.h>

#include "base/options.h"
#include "event/record.h"

#define ERRNO_NAME_SZ 16

/* "EPERM" for 1; an unknown one gives "E<number>", in other. */
const char *errno_name(int err, char other[ERRNO_NAME_SZ]);
/* "x86_64", "i386", "x32", "arm64", "arm". */
const char *abi_name(int abi);
/* "complete", "in_flight", "unfinished", "ended", "orphan". */
const char *phase_name(int phase);
/* "tracepoint", "fentry". */
const char *attach_name(enum attach_method attach);
/* "kfunc", "walk"; NULL: neither is in force. */
const char *resolve_name(enum resolve_method resolve);
/* "overflow", "aggregate". */
const char *reason_name(enum pvm_reason reason);
/* "signal", "size", "emptied", "moved", "replaced", "removed". */
const char *reopen_name(enum reopen_reason reason);
/* Whether a hook saw how the call ended. */
bool phase_has_exit(int phase);

#endif
