/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exe_bind - which files --caller-exe and --target-exe mean. A value is a path, or a shell pattern for one, as this process
 * sees files; what is meant is the file there, not its name. It is kept open, so that its inode stays its own, and
 * the kernel half compares the inode of the program that runs. A file that takes the place of another one counts from then
 * on; the earlier one goes on counting, as what was started from it runs on.
 */
#ifndef PVM_EXE_BIND_H
#define PVM_EXE_BIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "event/error_code.h"
#include "event/record.h"
#include "kernel/commands.h"

#define EXE_BIND_MAX 512 /* files */

struct exe_bind {
	const struct options *options;
	struct bound_file *files; /* EXE_BIND_MAX of them, of which cnt are in use */
	size_t cnt;
	unsigned int looks;
	bool full[2]; /* a file found no room, which was said: one that costs no call, and one that does */
	enum error_code code; /* what the message is about */
	char message[512];
};

/* Whether there are such filters at all. */
bool exe_bind__is_asked_for(const struct options *o);
/* Opens the files. 0, or an exit status after a message. Before rights are given up. */
int exe_bind__open(struct exe_bind *b, const struct options *o);
/* Has the kernel half know them; bound: what it counts. 0 or -errno. */
int exe_bind__put(struct exe_bind *b, struct commands *c, const uint32_t *bound);
/* What `start` says of them: up to max. Valid while b is. Returns how many there are. */
size_t exe_bind__list(const struct exe_bind *b, struct bound_info *out, size_t max);
/*
 * Looks whether they are still those that the paths mean, and binds those that are now: called once a second. Returns what
 * has changed, for a person, of one of them, and which error that is; NULL: nothing more. Valid until the next look.
 */
const char *exe_bind__look(struct exe_bind *b, struct commands *c, enum error_code *code);
void exe_bind__close(struct exe_bind *b);

#endif
