/* SPDX-License-Identifier: Apache-2.0 */
#include "event/sandbox_info.h"

/* In the order of their bits. */
static const char *const all[SANDBOX_LAYERS] = {
	"no_new_privs", "not_dumpable", "closed_descriptors", "rlimit_core", "rlimit_nproc",
	"landlock",	"seccomp",
};

size_t sandbox_info__list(uint8_t bits, const char *names[SANDBOX_LAYERS])
{
	size_t cnt = 0;

	for (size_t i = 0; i < SANDBOX_LAYERS; i++)
		if (bits & 1u << i)
			names[cnt++] = all[i];
	return cnt;
}
