/* SPDX-License-Identifier: Apache-2.0 */
#include "event/unseen.h"

/* The first ones hold always, all of them with hooks on the calls' own functions. */
static const char *const sentences[] = {
	("calls that a SECCOMP_RET_KILL_THREAD filter, seccomp's strict mode or, on older kernels, "
	 "SECCOMP_RET_KILL_PROCESS ends without reaching a hook"),
	"other ways to another process's memory: ptrace, /proc/PID/mem, shared memory",
	"calls that seccomp refuses or a ptracer takes over: they do not come to the hooked function",
	"calls that were running when the hooks were attached",
	("attempts by numbers that the kernel does not carry out: x32's where it has none, on older "
	 "kernels those with bits set above the low 32"),
};
#define ALWAYS 2
#define SENTENCE_CNT (sizeof(sentences) / sizeof(sentences[0]))

const char *const *unseen__list(enum attach_method attach, size_t *cnt)
{
	*cnt = attach == ATTACH_FENTRY ? SENTENCE_CNT : ALWAYS;
	return sentences;
}
