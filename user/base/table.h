/* SPDX-License-Identifier: Apache-2.0 */
/* table - uthash as we use it: it hashes keys of a few integers in a few cycles, and where memory
 * is out it leaves the new element's hh.tbl NULL instead of ending the program. Keys are whole
 * words without padding. */
#ifndef PVM_TABLE_H
#define PVM_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline unsigned int table_hash(const void *key, size_t len)
{
	uint64_t word, hash = 0;

	for (size_t i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, (const char *)key + i, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 32;
	}
	return (unsigned int)hash;
}

#define HASH_FUNCTION(key, len, hash) ((hash) = table_hash(key, len))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
