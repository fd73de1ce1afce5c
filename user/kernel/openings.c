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

static int objects(const struct hooks *h)
{
	return bpf_map__fd(h->skel->maps.pvm_objects);
}

static int know(const struct hooks *h, enum pvm_object_kind kind, uint32_t id, const char *name)
{
	const struct pvm_object_key key = { .kind = kind, .id = id };
	struct pvm_object_val val = { .name = "" };

	memcpy(val.name, name, strnlen(name, sizeof(val.name) - 1));
	return bpf_map_update_elem(objects(h), &key, &val, BPF_ANY) ? -errno : 0;
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

/* What is no link to the kernel (a perf event, before 5.15) has no number. Programs are known already. */
static int know_link(const struct hooks *h, int fd)
{
	struct bpf_link_info info = { .type = 0 };
	struct pvm_object_key prog = { .kind = PVM_OBJECT_PROG };
	struct pvm_object_val val = { .name = "" };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return 0;
	prog.id = info.prog_id;
	/* Where it is none of ours, the link has no name. */
	(void)bpf_map_lookup_elem(objects(h), &prog, &val);
	return know(h, PVM_OBJECT_LINK, info.id, val.name);
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
