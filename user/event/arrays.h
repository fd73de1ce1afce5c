/* SPDX-License-Identifier: Apache-2.0 */
/* arrays - holds the snapshots of long arrays, what was moved, and regions where there are more than one, for calls that are
 * still inside, bounded in bytes. */
#ifndef PVM_ARRAYS_H
#define PVM_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "bpf/event.h"

struct arrays;

/* limit: bytes of snapshots held at most; beyond, the oldest goes (and is counted). Returns NULL if out of memory. */
struct arrays *arrays__new(size_t limit);
void arrays__free(struct arrays *a);
/* Takes one record of the ring of arrays (checked; size bytes), a PVM_ARRAY or a PVM_ARRAY_DROP. Returns 0,
 * -EBADMSG or -ENOMEM. */
int arrays__put(struct arrays *a, const void *data, size_t size);
/* Returns the snapshot, valid until the next put, or NULL. */
const struct pvm_array *arrays__find(const struct arrays *a, uint32_t tid, uint64_t entry_ns,
				     enum pvm_array_of of, bool at_exit);
/* Forgets all snapshots of one call. */
void arrays__drop(struct arrays *a, uint32_t tid, uint64_t entry_ns);
uint64_t arrays__evicted(const struct arrays *a);

#endif
