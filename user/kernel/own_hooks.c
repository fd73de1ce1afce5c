/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/own_hooks.h"

#include <stddef.h>

#include "bpf/control.h"
#include "kernel/tamper.h"

#define LOOKS 3
#define NEEDS_NO_SWITCH (PVM_SAW_ENTER | PVM_SAW_EXIT | PVM_SAW_END)

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {
	{ PVM_SAW_ENTER, "sys_enter" },	   { PVM_SAW_FENTRY, "fentry" },
	{ PVM_SAW_BEGIN, "the begins" },   { PVM_SAW_FEXIT, "fexit" },
	{ PVM_SAW_RETURN, "the returns" }, { PVM_SAW_END, "raw_syscalls/sys_exit" },
	{ PVM_SAW_EXIT, "sys_exit" },
};

void own_hooks__saw(struct own_hooks *h, uint32_t saw)
{
	h->now |= saw;
}

bool own_hooks__all(const struct own_hooks *h)
{
	return !(h->ever & ~h->now);
}

void own_hooks__end(struct own_hooks *h, bool switched_off, struct tamper *found)
{
	const uint32_t counts = switched_off ? NEEDS_NO_SWITCH : ~0u;
	const uint32_t missing = h->ever & ~h->now & counts;

	h->since = h->looks ? h->since & missing : missing;
	h->looks = h->since ? h->looks + 1 : 0;
	h->ever |= h->now;
	h->now = 0;
	if (h->looks < LOOKS)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (h->since & names[i].bit)
			tamper__find(found,
				     "the hook on %s does not see the tracer's own calls any more",
				     names[i].name);
	}
	h->ever &= ~h->since;
	h->looks = 0;
}
