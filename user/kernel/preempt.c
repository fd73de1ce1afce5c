/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/preempt.h"

#include <string.h>

#define VERSION_MAX 64 /* __NEW_UTS_LEN: a longer one is cut */

bool preempt__in_kernel(const char *version, const char *modes)
{
	size_t len = strlen(version);

	/* CONFIG_PREEMPT_BUILD says so there (init/Makefile, before 6.1 scripts/mkcompile_h). */
	if (!strstr(version, "PREEMPT"))
		return !len || len >= VERSION_MAX;
	return !strstr(modes, "(none)") && !strstr(modes, "(voluntary)");
}

bool preempt__of_hook(const struct preempt_look *look)
{
	if (!look->ran)
		return true;
	if (!look->guarded)
		return false;
	/* Kernels for one CPU forbid no migration (up to 6.16, whose tracepoints run with preemption off); programs on
	 * functions are preempted there as anywhere. */
	return look->told ? look->pinned : look->fentry;
}
