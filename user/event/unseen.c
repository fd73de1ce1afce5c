/* SPDX-License-Identifier: Apache-2.0 */
#include "event/unseen.h"

/* The first one holds with hooks on all system calls that can be preempted, those from the fourth one on with hooks on the
 * calls' own functions, and what is in between always. */
static const char *const sentences[] = {
	("calls that reach no function of theirs (refused by seccomp, x32's where the kernel has none) "
	 "on a CPU where another task is preempted in our hook"),
	("calls that a SECCOMP_RET_KILL_THREAD filter, seccomp's strict mode or, on older kernels, "
	 "SECCOMP_RET_KILL_PROCESS ends without reaching a hook"),
	"other ways to another process's memory: ptrace, /proc/PID/mem, shared memory",
	"calls that seccomp refuses or a ptracer takes over: they do not come to the hooked function",
	"calls that were running when the hooks were attached",
	("attempts by numbers that the kernel does not carry out: x32's where it has none, on older "
	 "kernels those with bits set above the low 32"),
};
#define PREEMPTIBLE 1
#define ALWAYS 2
#define OF_FUNCTIONS (sizeof(sentences) / sizeof(sentences[0]) - PREEMPTIBLE - ALWAYS)

const char *const *unseen__list(enum attach_method attach, bool preemptible, size_t *cnt)
{
	const bool fentry = attach == ATTACH_FENTRY;
	const bool first = preemptible && !fentry;

	*cnt = (first ? PREEMPTIBLE : 0) + ALWAYS + (fentry ? OF_FUNCTIONS : 0);
	return sentences + (first ? 0 : PREEMPTIBLE);
}
