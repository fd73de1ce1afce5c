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
/* By enum attach_method and enum resolve_method, with a NULL behind the last one: also the values of the options. */
extern const char *const attach_names[];
extern const char *const resolve_names[];
/* "tracepoint", "fentry". */
const char *attach_name(enum attach_method attach);
/* "kfunc", "walk"; NULL: neither is in force. */
const char *resolve_name(enum resolve_method resolve);
/* RESOLVE_AUTO: name is none of these two. */
enum resolve_method resolve_of(const char *name);
/* END_UNKNOWN: name is none of ours. */
enum end_reason end_of(const char *name);
/* The code of an `error` and the reason of a `stop`, those of recordings that another version made, too. */
const char *error_word(const struct error_info *e);
const char *end_word(const struct stop_info *s);
/* "lost", "unbalanced", or the word of the error or the end that it is. */
const char *doubt_name(const struct doubt *d);
/* "overflow", "aggregate". */
const char *reason_name(enum pvm_reason reason);
/* "signal", "size", "emptied", "moved", "replaced", "removed". */
const char *reopen_name(enum reopen_reason reason);
/* Whether a hook saw how the call ended. */
bool phase_has_exit(int phase);

#endif
