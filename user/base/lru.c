/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lru.h"

#include <stdlib.h>
#include <string.h>

void lru__init(struct lru *t, size_t size, size_t key_at, size_t key_len, uint64_t *tick)
{
	*t = (struct lru){ .size = size, .key_at = key_at, .key_len = key_len, .tick = tick };
	TAILQ_INIT(&t->order);
}

void *lru__get(struct lru *t, const void *key)
{
	struct lru_node *node = lru__find(t, key, t->key_len);
	char *own;

	if (node)
		return node;
	node = calloc(1, t->size);
	if (!node)
		return NULL;
	own = (char *)node + t->key_at;
	memcpy(own, key, t->key_len);
	HASH_ADD_KEYPTR(hh, t->all, own, t->key_len, node);
	if (!node->hh.tbl) {
		free(node);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&t->order, node, place);
	node->used = ++*t->tick;
	return node;
}

void lru__remove(struct lru *t, struct lru_node *node)
{
	HASH_DEL(t->all, node);
	TAILQ_REMOVE(&t->order, node, place);
}

void *lru__oldest(const struct lru *t)
{
	return TAILQ_FIRST(&t->order);
}

size_t lru__cnt(const struct lru *t)
{
	return HASH_COUNT(t->all);
}
