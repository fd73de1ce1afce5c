/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/openings.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/bpf.h>

#include "bpf/control.h"
#include "bpf/keys.h"
#include "kernel/hooks.h"
#include "kernel/iterators.h"
#include "pvmtrace.skel.h"

static int know(const struct hooks *h, enum pvm_object_kind kind, uint32_t id, const char *name)
{
	const struct pvm_object_key key = { .kind = kind, .id = id };
	struct pvm_object_val val = { .name = "" };

	memcpy(val.name, name, strnlen(name, sizeof(val.name) - 1));
	return bpf_map_update_elem(bpf_map__fd(h->skel->maps.pvm_objects), &key, &val, BPF_ANY)
		       ? -errno
		       : 0;
}

static int know_maps(const struct hooks *h)
{
	const struct bpf_map *map;
	struct bpf_map_info info;
	uint32_t len;
	int err = 0;

	bpf_object__for_each_map(map, h->skel->obj) {
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (!err && !bpf_obj_get_info_by_fd(bpf_map__fd(map), &info, &len))
			err = know(h, PVM_OBJECT_MAP, info.id, info.name);
	}
	return err;
}

static int know_programs(const struct hooks *h)
{
	struct bpf_program *prog;
	struct bpf_prog_info info;
	uint32_t len;
	int err = 0;

	bpf_object__for_each_program(prog, h->skel->obj) {
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (!err && bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
			err = know(h, PVM_OBJECT_PROG, info.id, info.name);
	}
	return err;
}

/* Gets the name of our program with this number, "" if it is none. */
static void name_of(const struct hooks *h, uint32_t id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_program *prog;
	struct bpf_prog_info info;
	uint32_t len;

	name[0] = '\0';
	bpf_object__for_each_program(prog, h->skel->obj) {
		memset(&info, 0, sizeof(info));
		len = sizeof(info);
		if (bpf_program__fd(prog) >= 0 &&
		    !bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len) && info.id == id)
			memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	}
}

/* What is no link to the kernel (a perf event, before 5.15) has no number. */
static int know_link(const struct hooks *h, int fd)
{
	struct bpf_link_info info = { .type = 0 };
	uint32_t len = sizeof(info);
	char name[BPF_OBJ_NAME_LEN];

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	name_of(h, info.prog_id, name);
	return know(h, PVM_OBJECT_LINK, info.id, name);
}

int openings__know_own(const struct hooks *h, const struct iterators *iterators)
{
	int fds[HOOKS_FDS + ITERATORS_MAX], err;
	size_t cnt = hooks__fds(h, fds);

	if (h->openings == OPENINGS_UNSEEN)
		return 0;
	cnt += iterators__fds(iterators, h->skel, fds + cnt);
	err = know_maps(h);
	if (!err)
		err = know_programs(h);
	for (size_t i = 0; i < cnt && !err; i++)
		err = know_link(h, fds[i]);
	return err;
}
