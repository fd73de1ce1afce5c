/* SPDX-License-Identifier: Apache-2.0 */
/* lru - a table of entries that remembers which of them was used least recently. The entries are the caller's: each has
 * a struct lru_node first, and a key of whole words without padding somewhere behind it. */
#ifndef PVM_LRU_H
#define PVM_LRU_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/table.h"

struct lru_node {
	UT_hash_handle hh;
	TAILQ_ENTRY(lru_node) place;
	uint64_t used; /* the tick of the last use */
};

TAILQ_HEAD(lru_list, lru_node);

struct lru {
	struct lru_node *all;
	struct lru_list order;	/* the least recently used first */
	size_t size;		/* of an entry, bytes */
	size_t key_at, key_len; /* where its key is */
	uint64_t *tick; /* counts uses; tables that share one can be compared by lru_node.used */
};

void lru__init(struct lru *t, size_t size, size_t key_at, size_t key_len, uint64_t *tick);
/* Returns the entry of this key, which is used thereby; NULL: there is none. len: of the key; where it is a constant,
 * the compiler makes a few instructions of it, for what each event asks several times. */
static inline void *lru__find(struct lru *t, const void *key, size_t len)
{
	struct lru_node *node;

	HASH_FIND(hh, t->all, key, len, node);
	if (!node)
		return NULL;
	node->used = ++*t->tick;
	if (TAILQ_NEXT(node, place)) {
		TAILQ_REMOVE(&t->order, node, place);
		TAILQ_INSERT_TAIL(&t->order, node, place);
	}
	return node;
}

/* Does likewise, but makes one, zeroed behind its key, if there is none; NULL: no memory. */
void *lru__get(struct lru *t, const void *key);
/* Takes an entry out of the table; it is the caller's to free. */
void lru__remove(struct lru *t, struct lru_node *node);
/* Returns the one that was used least recently; NULL: the table is empty. */
void *lru__oldest(const struct lru *t);
size_t lru__cnt(const struct lru *t);

#endif
