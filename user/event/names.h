/* SPDX-License-Identifier: Apache-2.0 */
/* names - the words for what has numbers inside. */
#ifndef PVM_NAMES_H
#define PVM_NAMES_H

#include <stdbool.h>

#include "base/options.h"
#include "event/record.h"

#define ERRNO_NAME_SZ 16

/* By enum pvm_usual. */
extern const int usual_errnos[];
/* Returns "EPERM" for 1; an unknown one gives "E<number>", in other. */
const char *errno_name(int err, char other[ERRNO_NAME_SZ]);
/* Returns "x86_64", "i386", "x32", "arm64" or "arm". */
const char *abi_name(int abi);
/* Returns the ABI; 0: name is none of these. */
enum pvm_abi abi_of(const char *name);
/* Returns the word of a run's ABI, one of a recording that another version made, too. */
const char *abi_word(const struct abi_info *a);
/* Returns "complete", "in_flight", "unfinished", "ended" or "orphan". */
const char *phase_name(int phase);
/* They are by enum attach_method and enum resolve_method, with a NULL behind the last one; they are also the values of the
 * options. */
extern const char *const attach_names[];
extern const char *const resolve_names[];
/* Returns "tracepoint" or "fentry". */
const char *attach_name(enum attach_method attach);
/* Returns "kfunc" or "walk"; NULL: neither is in force. */
const char *resolve_name(enum resolve_method resolve);
/* "self", "same_memory", "same_user", "cap_sys_ptrace", "other"; NULL: by none. */
const char *access_name(enum access_by by);
/* "user", "dumpable", "cap", "lsm"; NULL: for want of nothing. */
const char *denied_name(enum access_denied denied_by);
/* Returns the method; RESOLVE_AUTO: name is none of these two. */
enum resolve_method resolve_of(const char *name);
/* Returns the reason; END_UNKNOWN: name is none of ours. */
enum end_reason end_of(const char *name);
/* Returns the code of an `error` and the reason of a `stop`, those of recordings that another version made, too. */
const char *error_word(const struct error_info *e);
const char *end_word(const struct stop_info *s);
/* Returns "lost", "unbalanced", or the word of the error or the end that it is. */
const char *doubt_name(const struct doubt *d);
/* Returns "overflow" or "aggregate". */
const char *reason_name(enum pvm_reason reason);
/* Returns "signal", "size", "emptied", "moved", "replaced" or "removed". */
const char *reopen_name(enum reopen_reason reason);
/* Returns "start" and so on; "process_vm_access" for a call, "process_vm_summary" for a sum. */
const char *record_name(enum record_type type);
/* Returns "fexit" or "sys_exit"; NULL: by nothing. */
const char *openings_name(enum openings_by by);
/* Returns of an enum pvm_object_kind "map", "program" or "link", and the command of bpf(2) that opens one. */
const char *object_name(uint32_t kind);
const char *object_command(uint32_t kind);
/* They are by enum pvm_op, from PVM_READ on, and by enum pvm_outcome, from PVM_SUCCEEDED on, with a NULL behind the last one;
 * they are also the values of the options. */
extern const char *const op_names[];
extern const char *const outcome_names[];
/* Returns "read" or "write". */
const char *op_name(unsigned int op);
/* Returns "process_vm_readv" or "process_vm_writev". */
const char *syscall_name(unsigned int op);
/* Returns "heap", "stack" and so on; NULL: what it is was not found out. */
const char *region_name(const struct pvm_region *r);
/* Returns "success", "failure" or "unknown". */
const char *outcome_name(unsigned int outcome);
/* Returns "pid" or "pidfd": what a call names its target by. */
const char *kind_name(unsigned int kind);
/* Returns "entry" or "exit": when the target of a call was found. */
const char *resolved_name(unsigned int resolved);
/* They are enum pvm_relation's, up to a NULL. */
extern const char *const relation_names[];
/* They are enum rule_action's, up to a NULL. */
extern const char *const rule_action_names[];
/* Returns "none", "self", "child" or "parent". */
const char *kinship_name(unsigned int kinship);
/* Returns "pid" and so on, as options end in it. */
const char *filter_field_name(enum filter_field field);

#endif
