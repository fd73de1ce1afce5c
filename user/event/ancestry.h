/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ancestry - who is behind a process, as the kernel half sends it once and calls refer to it. Bounded like what is
 * remembered of processes (identity.h, whose part this is).
 */
#ifndef PVM_ANCESTRY_H
#define PVM_ANCESTRY_H

#include <stddef.h>
#include <stdint.h>

#include "base/lru.h"
#include "event/record.h"

/* Fills in what is known of a process, as identity__fill does. */
typedef void (*ancestry_known_fn)(void *ctx, const struct pvm_task *task, struct task_info *out);

struct ancestries {
	struct lru all;
	size_t bytes; /* of all of them */
};

void ancestries__init(struct ancestries *a, uint64_t *tick);
/* Takes one PVM_ANCESTRY record's bytes (checked); executables are those that ask knows now. stamp: no other one's of this
 * program. 0, -EBADMSG, -ENOMEM. */
int ancestries__put(struct ancestries *a, const void *data, size_t size, uint64_t stamp,
		    ancestry_known_fn ask, void *ctx);
/* Returns it; NULL: it is not known. */
struct ancestry_info *ancestries__find(struct ancestries *a, uint64_t id);
/* Forgets the one that was used least recently, and returns its id; 0: there is none. */
uint64_t ancestries__evict(struct ancestries *a);

#endif
