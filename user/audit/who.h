/* SPDX-License-Identifier: Apache-2.0 */
/* who - what /proc says, without any right, of the two processes of a call that no hook saw, and what the filters
 * make of that. Only what is known for certain hides a call. */
#ifndef PVM_AUDIT_WHO_H
#define PVM_AUDIT_WHO_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/match.h"
#include "base/options.h"
#include "event/record.h"

struct audit_process {
	bool known; /* what follows means something */
	uint32_t pid, ppid, pid_ns;
	uint32_t uid[4], gid[4]; /* real, effective, saved, for files */
	uint32_t process_uid;	 /* real, of the main thread */
	uint64_t caps;		 /* effective */
	uint64_t start_ns;	 /* CLOCK_BOOTTIME, good to 10 ms */
	char comm[PVM_COMM_SZ];	 /* as in struct pvm_task */
	unsigned int namespaces; /* pid namespaces that have a number for it, from ours inwards */
};

struct audit_who {
	struct audit_process caller, target;
};

/* Reads it now: what has ended, or may not be seen (hidepid), stays unknown. A target is read only where the caller's
 * numbers are ours. */
void audit_who__read(const struct audit_call *call, struct audit_who *who);
/* Fills the caller of a record. */
void audit_who__task(const struct audit_call *call, const struct audit_who *who,
		     struct pvm_task *task);
/* Returns which rules may hold for the call: a bit each. begin_ns: when the pid filters were bound, CLOCK_BOOTTIME: a number that
 * began later is another process. */
uint16_t audit_who__rules(const struct options *o, const struct audit_call *call,
			  const struct audit_who *who, uint64_t begin_ns);

#endif
