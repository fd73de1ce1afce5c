/* SPDX-License-Identifier: Apache-2.0 */
/* places - where in the file system a run has something to do behind the bars, and what. */
#ifndef PVM_SANDBOX_PLACES_H
#define PVM_SANDBOX_PLACES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "sandbox/asked.h"
#include "sandbox/landlock.h"

#define PLACES_MAX 24 /* more than all options together ask for */

struct place_wanted {
	char path[PATH_MAX];
	unsigned int rights; /* enum place_right */
	bool above; /* it is a directory above one of outputs: where that is the root, nothing is allowed there */
};

struct places_wanted {
	struct place_wanted at[PLACES_MAX];
	size_t cnt;
};

/* Lists them. real: the path of what lines are written to, as the kernel has it; "": it has none. */
void places__want(const struct sandbox_asked *asked, const char *real, struct places_wanted *out);
/* Opens them (O_PATH), while there are rights to come to them; what is not there is left out. Returns how many these are. */
size_t places__open(const struct places_wanted *wanted, struct landlock_place out[PLACES_MAX]);

#endif
