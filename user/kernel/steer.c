/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/steer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/map.h"
#include "kernel/tamper.h"
#include "pvmtrace.skel.h"

/* A page of ours may be swapped out: the kernel half does not wait for it. */
#define TRIES 5

#define WORD(member)                                              \
	{                                                         \
#member, offsetof(struct pvm_control, member),    \
			sizeof(((struct pvm_control *)0)->member) \
	}

static const struct word {
	const char *name;
	size_t at, size;
} words[] = {
	WORD(size),
	WORD(stopping),
	WORD(self_child),
	WORD(self_announce),
	WORD(sweep_older_ns),
	WORD(sweep_phase),
	WORD(look_pid),
	WORD(memory_place),
	WORD(window),
	WORD(command_cnt),
	WORD(begins_exact),
	WORD(yama_scope),
	WORD(renew),
	WORD(types.btrfs),
	WORD(types.btrfs_inode),
	WORD(types.btrfs_root),
	WORD(types.btrfs_id),
	WORD(types.btrfs_dev),
	WORD(types.overlay),
	WORD(types.overlay_real),
	WORD(types.maps_real),
};

static uint64_t word_of(const struct pvm_control *control, const struct word *w)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)control + w->at, w->size);
	return value;
}

static bool compare(struct steer *s, const char *name, uint64_t is, uint64_t given)
{
	if (is == given)
		return false;
	tamper__find(s->found, "somebody wrote to pvmtrace.bss: %s is %llu, and not %llu", name,
		     (unsigned long long)is, (unsigned long long)given);
	return true;
}

/* Puts into found what is not as it was given. */
static bool differs(struct steer *s)
{
	const struct pvm_shared *shared = &s->skel->bss->pvm_shared;
	const struct pvm_control taken = s->skel->bss->pvm_control;
	bool any = false;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		any |= compare(s, words[i].name, word_of(&taken, &words[i]),
			       word_of(&s->given, &words[i]));
	any |= compare(s, "self_pid", shared->self_pid[0], s->self);
	any |= !s->given.self_child &&
	       compare(s, "self_pid of the self-test", shared->self_pid[1], 0);
	return any;
}

int steer__give(struct steer *s)
{
	const struct pvm_control *taken = &s->skel->bss->pvm_control;
	int err;

	(void)differs(s);
	for (int i = 0; i < TRIES; i++) {
		err = kernel_map__run(s->iterator);
		if (!memcmp(taken, &s->wanted, sizeof(*taken))) {
			s->given = s->wanted;
			return err;
		}
		if (err)
			return err;
	}
	return -EFAULT;
}

int steer__give_new(struct steer *s)
{
	return memcmp(&s->given, &s->wanted, sizeof(s->given)) ? steer__give(s) : 0;
}

int steer__begin(struct steer *s, struct pvmtrace_bpf *skel, const struct bpf_link *iterator,
		 struct tamper *found)
{
	int err;

	s->wanted.size = sizeof(s->wanted);
	s->skel = skel;
	s->iterator = iterator;
	s->found = found;
	err = steer__give(s);
	s->self = skel->bss->pvm_shared.self_pid[0];
	return err;
}

void steer__look(struct steer *s)
{
	if (differs(s))
		(void)steer__give(s);
}

uint32_t steer__done(const struct steer *s)
{
	return __atomic_load_n(&s->skel->bss->pvm_shared.commands_done, __ATOMIC_RELAXED);
}

bool steer__refused(const struct steer *s, uint32_t place)
{
	return s->skel->bss->pvm_shared.refused[place / 64] >> place % 64 & 1;
}

/* Maps the global variables anew, in the same place: a map that is mapped to be written to cannot be frozen. */
static int map_read_only(struct pvmtrace_bpf *skel)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t size = (bpf_map__value_size(skel->maps.bss) + page - 1) / page * page;
	void *at = mmap(skel->bss, size, PROT_READ, MAP_SHARED | MAP_FIXED,
			bpf_map__fd(skel->maps.bss), 0);

	return at == MAP_FAILED ? -errno : 0;
}

/* The user half reads rings by a page that it writes to, and that is mapped; libbpf has frozen the settings. */
static bool stays_open(const struct pvmtrace_bpf *skel, const struct bpf_map *map)
{
	return map == skel->maps.data || map == skel->maps.rodata ||
	       bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF;
}

int steer__seal(struct pvmtrace_bpf *skel)
{
	const struct bpf_map *map;
	int err = map_read_only(skel);

	if (err)
		return err;
	bpf_object__for_each_map(map, skel->obj) {
		if (!stays_open(skel, map) && bpf_map_freeze(bpf_map__fd(map)))
			return -errno;
	}
	return 0;
}
