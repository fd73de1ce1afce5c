/* SPDX-License-Identifier: Apache-2.0 */
/* replay - renders a recording: the same line as live, from a file instead of the rings, and without rights. */
#ifndef PVM_REPLAY_H
#define PVM_REPLAY_H

#include "base/options.h"

/* Reads o->replay to its end. Returns the exit status of the program. */
int replay__run(const struct options *o);

#endif
