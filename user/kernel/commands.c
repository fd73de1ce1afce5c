/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/commands.h"

#include <string.h>

#include "base/log.h"
#include "kernel/map_check.h"
#include "kernel/steer.h"
#include "kernel/tamper.h"

#define TRIES 5

void commands__put(struct commands *c, const struct pvm_command *command)
{
	if (c->cnt == PVM_COMMAND_CNT)
		commands__apply(c);
	c->queue[c->cnt++] = *command;
}

/* Returns how many were carried out; negative: -errno. */
static int apply(struct commands *c)
{
	const uint32_t before = steer__done(c->steer);
	int err;

	c->steer->wanted.command_cnt = c->cnt;
	err = steer__give(c->steer);
	return err ? err : (int)(steer__done(c->steer) - before);
}

/* Tells what looks at the maps what stands there now. */
static void note(const struct commands *c)
{
	for (uint32_t i = 0; i < c->cnt; i++) {
		const struct pvm_command *command = &c->queue[i];

		if (command->kind == PVM_FORGET_CGROUP)
			map_check__forgot(c->check, &command->cgroup);
		else if (command->kind == PVM_JUDGE_CGROUP && !steer__refused(c->steer, i))
			map_check__judged(c->check, &command->cgroup, &command->verdict);
		c->check->bound |= command->kind == PVM_BIND_FILE;
	}
}

void commands__apply(struct commands *c)
{
	int done = 0;

	if (!c->cnt)
		return;
	/* The page that they stand on may be on its way to another place. To carry one out twice changes nothing. */
	for (int i = 0; i < TRIES && done >= 0 && (uint32_t)done < c->cnt; i++)
		done = apply(c);
	if (done < 0)
		log__debug("commands to the kernel half: %s", strerror(-done));
	else if ((uint32_t)done == c->cnt)
		note(c);
	else
		tamper__find(c->steer->found, "of %u commands the kernel half carried out %d",
			     c->cnt, done);
	c->steer->wanted.command_cnt = c->cnt = 0;
}
