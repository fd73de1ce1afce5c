/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/commands.h"

#include <string.h>

#include "base/log.h"
#include "kernel/steer.h"

void commands__put(struct commands *c, const struct pvm_command *command)
{
	if (c->cnt == PVM_COMMAND_CNT)
		commands__apply(c);
	c->queue[c->cnt++] = *command;
}

void commands__apply(struct commands *c)
{
	int err;

	if (!c->cnt)
		return;
	c->steer->wanted.command_cnt = c->cnt;
	err = steer__give(c->steer);
	if (err)
		log__debug("commands to the kernel half: %s", strerror(-err));
	c->steer->wanted.command_cnt = c->cnt = 0;
}
