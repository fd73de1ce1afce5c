/* SPDX-License-Identifier: Apache-2.0 */
/* commands - what the user half wants done to the kernel half's maps (bpf/commands.h), gathered, and done together. */
#ifndef PVM_COMMANDS_H
#define PVM_COMMANDS_H

#include <stdint.h>

#include "bpf/command.h"

struct map_check;
struct steer;

struct commands {
	struct pvm_command queue[PVM_COMMAND_CNT]; /* the kernel half reads it here */
	struct steer *steer;			   /* whose iterator carries them out */
	struct map_check *check;		   /* takes note of what was carried out */
	uint32_t cnt;
};

/* It is carried out by commands__apply, or, if there is no room for more, at once. */
void commands__put(struct commands *c, const struct pvm_command *command);
/* Carries out what was gathered, if anything was. We do without what the kernel refuses: then paths are missing for longer,
 * and calls are judged in user space. */
void commands__apply(struct commands *c);

#endif
