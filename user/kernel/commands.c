/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/commands.h"

#include <string.h>

#include "base/log.h"
#include "kernel/map.h"

void commands__put(struct commands *c, const struct pvm_command *command)
{
	if (c->cnt == PVM_COMMAND_CNT)
		commands__apply(c);
	c->queue[c->cnt++] = *command;
	c->forgets |= command->kind != PVM_JUDGE_CGROUP;
}

void commands__apply(struct commands *c)
{
	int err;

	if (!c->cnt)
		return;
	err = kernel_map__run(c->iterator);
	if (err)
		log__debug("commands to the kernel half: %s", strerror(-err));
	c->cnt = 0;
	/* Threads have noted what was sent: what is forgotten now must not be believed any more. */
	if (c->forgets)
		__atomic_add_fetch(&c->shared->epoch, 1, __ATOMIC_RELEASE);
	c->forgets = false;
}
