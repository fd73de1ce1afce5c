/* SPDX-License-Identifier: Apache-2.0 */
/* audit_call - a call as perf's probes see one, for the tests of the audit. */
#ifndef PVM_AUDIT_CALL_H
#define PVM_AUDIT_CALL_H

#include "audit/match.h"
#include "bpf/event.h"

static inline struct audit_call audit_call__at(uint64_t ns)
{
	return (struct audit_call){
		.ns = ns,
		.args = { 991, 0x7ffd12340000, 1, 0x7ffd12340010, 1, 0 },
		.pid = 4242,
		.tid = 4243,
		.abi = PVM_ABI_X86_64,
		.op = PVM_READ,
	};
}

#endif
