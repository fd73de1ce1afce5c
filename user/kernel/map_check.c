/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/map_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/table.h"
#include "kernel/map.h"
#include "kernel/tamper.h"

struct verdict {
	struct pvm_cgroup_key key;
	__u64 sum;
	UT_hash_handle hh;
};

static const char *const names[PVM_CHECKED_CNT] = {
	[PVM_CHECKED_PID] = "pvm_filter_pid",	[PVM_CHECKED_UID] = "pvm_filter_uid",
	[PVM_CHECKED_COMM] = "pvm_filter_comm", [PVM_CHECKED_EXE] = "pvm_filter_exe",
	[PVM_CHECKED_CGROUP] = "pvm_cgroups",
};

static __u64 sum_of(const void *key, size_t key_sz, const void *val, size_t val_sz)
{
	__u64 words[PVM_CHECKED_WORDS] = { 0 };

	memcpy(words, key, key_sz);
	memcpy((char *)words + key_sz, val, val_sz);
	return pvm_checked_sum(words);
}

void map_check__put(struct map_check *c, enum pvm_checked_map map, const void *key, size_t key_sz,
		    const void *val, size_t val_sz, const void *before)
{
	struct pvm_checked *all = &c->wanted[map];

	if (before)
		all->sum -= sum_of(key, key_sz, before, val_sz);
	else
		all->cnt++;
	all->sum += sum_of(key, key_sz, val, val_sz);
}

void map_check__forgot(struct map_check *c, const struct pvm_cgroup_key *key)
{
	struct verdict *v;

	HASH_FIND(hh, c->verdicts, key, sizeof(*key), v);
	if (!v)
		return;
	c->wanted[PVM_CHECKED_CGROUP].sum -= v->sum;
	c->wanted[PVM_CHECKED_CGROUP].cnt--;
	HASH_DEL(c->verdicts, v);
	free(v);
}

void map_check__judged(struct map_check *c, const struct pvm_cgroup_key *key,
		       const struct pvm_cgroup_val *val)
{
	struct verdict *v;

	map_check__forgot(c, key);
	v = calloc(1, sizeof(*v));
	if (v) {
		v->key = *key;
		v->sum = sum_of(key, sizeof(*key), val, sizeof(*val));
		HASH_ADD(hh, c->verdicts, key, sizeof(v->key), v);
	}
	if (!v || !v->hh.tbl) {
		log__warn(
			"out of memory: whether others write to filters is not looked at any more");
		free(v);
		c->iterator = NULL;
		return;
	}
	c->wanted[PVM_CHECKED_CGROUP].sum += v->sum;
	c->wanted[PVM_CHECKED_CGROUP].cnt++;
}

/* Returns 0 or -errno. */
static int fetch(const struct map_check *c, struct pvm_checked all[PVM_CHECKED_CNT])
{
	const size_t size = PVM_CHECKED_CNT * sizeof(all[0]);
	int fd = kernel_map__begin(c->iterator);
	long n;

	if (fd < 0)
		return fd;
	n = kernel_map__read(fd, all, size);
	close(fd);
	return n == (long)size ? 0 : -EIO;
}

static bool is_as_wanted(const struct pvm_checked *is, const struct pvm_checked *wanted,
			 const char *name, struct tamper *found)
{
	if (is->sum == wanted->sum && is->cnt == wanted->cnt)
		return true;
	tamper__find(
		found,
		"somebody wrote to %s: it holds %llu elements of the sum 0x%llx, and not %llu of 0x%llx",
		name, (unsigned long long)is->cnt, (unsigned long long)is->sum,
		(unsigned long long)wanted->cnt, (unsigned long long)wanted->sum);
	return false;
}

uint32_t map_check__look(struct map_check *c, struct tamper *found)
{
	struct pvm_checked all[PVM_CHECKED_CNT];
	uint32_t others = 0;
	int err;

	if (!c->iterator)
		return 0;
	err = fetch(c, all);
	if (err) {
		tamper__find(found, "what filters hold cannot be looked at (%s)", strerror(-err));
		return 0;
	}
	/* The kernel half alone knows the addresses by which it keeps files. */
	if (c->bound)
		c->wanted[PVM_CHECKED_EXE] = all[PVM_CHECKED_EXE];
	c->bound = false;
	for (int map = 0; map < PVM_CHECKED_CNT; map++) {
		if (!is_as_wanted(&all[map], &c->wanted[map], names[map], found))
			others |= 1u << map;
		c->wanted[map] = all[map];
	}
	return others;
}

static void forget_all(struct map_check *c)
{
	struct verdict *v, *next;

	HASH_ITER(hh, c->verdicts, v, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): each is freed once */
		HASH_DEL(c->verdicts, v);
		free(v);
	}
}

void map_check__emptied(struct map_check *c, uint32_t maps)
{
	for (int map = 0; map < PVM_CHECKED_CNT; map++) {
		if (maps & 1u << map)
			c->wanted[map] = (struct pvm_checked){ .cnt = 0 };
	}
	if (maps & 1u << PVM_CHECKED_CGROUP)
		forget_all(c);
}

void map_check__close(struct map_check *c)
{
	forget_all(c);
}
