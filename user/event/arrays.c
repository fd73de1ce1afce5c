/* SPDX-License-Identifier: Apache-2.0 */
/* arrays - snapshots of long arrays, what was moved, and regions, by (tid, entry, what it is, look), oldest out first. */
#include "event/arrays.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "bpf/event.h"

#define ARRAY_BYTES_MAX (PVM_IOV_MAX * PVM_ELEMENT_MAX)

_Static_assert((PVM_REGIONS_MAX + 1) * sizeof(struct pvm_region) <= ARRAY_BYTES_MAX,
	       "regions are no more");

struct key {
	uint64_t entry_ns;
	uint32_t tid;
	uint16_t of;
	uint16_t at_exit;
};

struct entry {
	UT_hash_handle hh; /* uthash keeps the order of insertion: the head is the oldest */
	struct key key;
	size_t bytes;		/* all of this entry */
	struct pvm_array array; /* data follows, off is 0 */
};

struct arrays {
	struct entry *table;
	size_t bytes;
	size_t limit;
	uint64_t evicted;
};

struct arrays *arrays__new(size_t limit)
{
	struct arrays *a = calloc(1, sizeof(*a));

	if (a)
		a->limit = limit;
	return a;
}

static void entry__drop(struct arrays *a, struct entry *e)
{
	HASH_DEL(a->table, e);
	a->bytes -= e->bytes;
	free(e);
}

void arrays__free(struct arrays *a)
{
	struct entry *e, *next;

	if (!a)
		return;
	HASH_ITER(hh, a->table, e, next)
	entry__drop(a, e);
	free(a);
}

static struct entry *entry__find(const struct arrays *a, uint32_t tid, uint64_t entry_ns,
				 enum pvm_array_of of, bool at_exit)
{
	struct key key = { .entry_ns = entry_ns,
			   .tid = tid,
			   .of = (uint16_t)of,
			   .at_exit = at_exit };
	struct entry *e;

	HASH_FIND(hh, a->table, &key, sizeof(key), e);
	return e;
}

static int check(const struct pvm_array *array, size_t size)
{
	if (size < sizeof(*array) || array->hdr.size != size ||
	    array->hdr.version != PVM_WIRE_VERSION)
		return -EBADMSG;
	if (array->of >= PVM_ARRAY_OF_CNT || array->at_exit > 1)
		return -EBADMSG;
	if (array->hdr.type == PVM_ARRAY_DROP)
		return 0;
	if (array->hdr.type != PVM_ARRAY || !array->len || array->len > ARRAY_BYTES_MAX)
		return -EBADMSG;
	if (array->off > size - sizeof(*array) || array->len > size - sizeof(*array) - array->off)
		return -EBADMSG;
	return 0;
}

static int entry__add(struct arrays *a, const struct pvm_array *array)
{
	size_t bytes = sizeof(struct entry) + array->len;
	struct entry *e = malloc(bytes);

	if (!e)
		return -ENOMEM;
	e->bytes = bytes;
	e->key = (struct key){ .entry_ns = array->entry_ns,
			       .tid = array->tid,
			       .of = array->of,
			       .at_exit = array->at_exit };
	memcpy(&e->array, array, sizeof(*array));
	e->array.hdr.size = (uint32_t)(sizeof(*array) + array->len);
	e->array.off = 0;
	memcpy(e->array.data, array->data + array->off, array->len);
	HASH_ADD(hh, a->table, key, sizeof(e->key), e);
	if (!e->hh.tbl) {
		free(e);
		return -ENOMEM;
	}
	a->bytes += bytes;
	return 0;
}

int arrays__put(struct arrays *a, const void *data, size_t size)
{
	const struct pvm_array *array = data;
	struct entry *old;
	int err;

	err = check(array, size);
	if (err)
		return err;
	if (array->hdr.type == PVM_ARRAY_DROP) {
		arrays__drop(a, array->tid, array->entry_ns);
		return 0;
	}
	old = entry__find(a, array->tid, array->entry_ns, (enum pvm_array_of)array->of,
			  array->at_exit);
	if (old)
		entry__drop(a, old);
	err = entry__add(a, array);
	a->evicted += err == -ENOMEM;
	while (a->table && a->bytes > a->limit) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): each drop moves the head */
		entry__drop(a, a->table);
		a->evicted++;
	}
	return err;
}

const struct pvm_array *arrays__find(const struct arrays *a, uint32_t tid, uint64_t entry_ns,
				     enum pvm_array_of of, bool at_exit)
{
	const struct entry *e = entry__find(a, tid, entry_ns, of, at_exit);

	return e ? &e->array : NULL;
}

void arrays__drop(struct arrays *a, uint32_t tid, uint64_t entry_ns)
{
	for (unsigned int i = 0; i < 2 * PVM_ARRAY_OF_CNT && a->table; i++) {
		struct entry *e = entry__find(a, tid, entry_ns, (enum pvm_array_of)(i / 2), i & 1);

		if (e)
			entry__drop(a, e);
	}
}

uint64_t arrays__evicted(const struct arrays *a)
{
	return a->evicted;
}
