/* SPDX-License-Identifier: Apache-2.0 */
/* texts - remembers paths of mapped files and names of mappings, by the ids that regions refer to them by. Bounded; the least
 * recently used goes first, and the kernel half is told. */
#ifndef PVM_TEXTS_H
#define PVM_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "bpf/event.h"

struct texts;

struct texts_opts {
	size_t cnt_max;
	size_t bytes_max;			  /* of all together */
	void (*on_evict)(void *ctx, uint64_t id); /* to be sent again; may be NULL */
	void *ctx;
};

/* NULL if out of memory. */
struct texts *texts__new(const struct texts_opts *opts);
void texts__free(struct texts *t);
/* Takes a PVM_MAPPED or PVM_LABEL record, which was checked. 0 or -ENOMEM. */
int texts__put(struct texts *t, const struct pvm_path *rec);
/* The text of that id, valid until the next put, or NULL. */
const char *texts__find(struct texts *t, uint64_t id, size_t *len);
uint64_t texts__evicted(const struct texts *t);

#endif
