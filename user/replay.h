/* SPDX-License-Identifier: Apache-2.0 */
/* replay - renders a recording: the same line as live, from a file instead of the rings, and without rights. */
#ifndef PVM_REPLAY_H
#define PVM_REPLAY_H

#include "options/options.h"
#include "output/recording.h"

struct report;

/* Reads o->replay to its end. The exit status of the program. */
int replay__run(const struct options *o);
/* Begins the recording of a live run (--record): all that its `start` will say is known to r. The file is given to
 * uid:gid (unless -1). 0, or EX_CANTCREAT after a message. */
int replay__record(struct report *r, const struct owner *owner);

#endif
