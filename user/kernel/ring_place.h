/* SPDX-License-Identifier: Apache-2.0 */
/* ring_place - where the reader and the writers of a ring of BPF's are, which libbpf 1.1 does not tell. The reader's place can be
 * written to by whoever has a descriptor of the ring. */
#ifndef PVM_RING_PLACE_H
#define PVM_RING_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* These are the pages that the kernel shares. */
struct ring_place {
	unsigned long *reader;	     /* bytes that were read, ever */
	const unsigned long *writer; /* and written */
	unsigned long left_at;	     /* where we left the reader */
};

/* Maps them, before the first reading. fd: of the ring. Returns 0 or -errno. */
int ring_place__map(struct ring_place *p, int fd);
void ring_place__unmap(struct ring_place *p);
/* Is called before each reading: if the reader's place is not where we left it, all that is written by now is passed
 * over, as it may be anything. Returns whether it was not; then *moved_to
 * is where it was. */
bool ring_place__put_back(struct ring_place *p, unsigned long *moved_to);
/* Is called behind each reading. */
void ring_place__leave(struct ring_place *p);

#endif
