/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/steer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/map.h"
#include "pvmtrace.skel.h"

/* A page of ours may be swapped out: the kernel half does not wait for it. */
#define TRIES 5

void steer__begin(struct steer *s, struct pvmtrace_bpf *skel, const struct bpf_link *iterator)
{
	s->wanted.size = sizeof(s->wanted);
	s->skel = skel;
	s->iterator = iterator;
}

bool steer__was_changed(const struct steer *s)
{
	return memcmp(&s->skel->bss->pvm_control, &s->given, sizeof(s->given)) != 0;
}

int steer__give(struct steer *s)
{
	const struct pvm_control *taken = &s->skel->bss->pvm_control;
	int err;

	for (int i = 0; i < TRIES; i++) {
		err = kernel_map__run(s->iterator);
		if (err)
			return err;
		if (!memcmp(taken, &s->wanted, sizeof(*taken))) {
			s->given = s->wanted;
			return 0;
		}
	}
	return -EFAULT;
}

int steer__give_new(struct steer *s)
{
	return memcmp(&s->given, &s->wanted, sizeof(s->given)) ? steer__give(s) : 0;
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
