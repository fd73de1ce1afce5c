/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/iterators.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "bpf/control.h"
#include "bpf/keys.h"
#include "kernel/map.h"
#include "kernel/nothing.h"
#include "kernel/support.h"
#include "pvmtrace.skel.h"

/* A build for tests (Makefile) behaves as on a host that allows none over maps. */
#ifdef PVM_NO_MAP_ITERATORS
#define OVER_MAPS_ALLOWED false
#else
#define OVER_MAPS_ALLOWED true
#endif

/* Programs of iter/bpf_map_elem attach to this (kernel/bpf/map_iter.c). */
#define OVER_MAPS "bpf_iter_bpf_map_elem"

/* Each kernel that we run on has these; what refuses them is a host that lists what programs may attach to. */
static bool are_allowed_over_maps(const struct btf *types)
{
	int id = types ? btf__find_by_name_kind(types, OVER_MAPS, BTF_KIND_FUNC) : -1, prog;

	if (id < 0)
		return true;
	prog = nothing__load(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, (uint32_t)id);
	if (prog < 0) {
		log__debug("iterators over maps: %s", strerror(-prog));
		return false;
	}
	close(prog);
	return true;
}

/* Returns whether there is anything to be looked at, by what looks at all elements of a map (from 5.13 on). */
static bool can_check(const struct pvmtrace_bpf *skel, const struct btf *types)
{
	bool any = skel->rodata->cfg_has_exe[PVM_OF_ANCESTOR + PVM_CALLER] ||
		   skel->rodata->cfg_has_exe[PVM_OF_ANCESTOR + PVM_TARGET];

	for (int who = 0; who < 2; who++)
		any |= skel->rodata->cfg_has_pid[who] || skel->rodata->cfg_has_uid[who] ||
		       skel->rodata->cfg_has_comm[who] || skel->rodata->cfg_has_exe[who] ||
		       skel->rodata->cfg_has_cgroup[who];
	return any && types &&
	       btf__find_by_name_kind(types, "bpf_for_each_map_elem", BTF_KIND_FUNC) > 0;
}

void iterators__choose(struct pvmtrace_bpf *skel, const struct btf *types)
{
	const bool over_maps = OVER_MAPS_ALLOWED && are_allowed_over_maps(types);

	bpf_program__set_autoload(skel->progs.pvm_check, can_check(skel, types));
	bpf_program__set_autoload(skel->progs.pvm_apply, over_maps);
	bpf_program__set_autoload(skel->progs.pvm_take, over_maps);
	bpf_program__set_autoload(skel->progs.pvm_apply_all, !over_maps);
	bpf_program__set_autoload(skel->progs.pvm_take_all, !over_maps);
	bpf_program__set_autoload(skel->progs.pvm_sweep_dead_all,
				  !over_maps && bpf_program__autoload(skel->progs.pvm_sweep_dead));
	if (!over_maps)
		bpf_program__set_autoload(skel->progs.pvm_sweep_dead, false);
}

static struct bpf_link *keep(struct bpf_link **link, struct bpf_link *made)
{
	*link = made;
	return made;
}

/* Goes the other way, over a task of ours: it does all at once. */
static struct bpf_link *over_map(struct bpf_link **link, const struct bpf_program *prog,
				 const struct bpf_map *map, struct bpf_link **other,
				 const struct bpf_program *all)
{
	return bpf_program__autoload(prog) ? keep(link, kernel_map__iterator(prog, map))
					   : keep(other, kernel_map__iterator_of_self(all));
}

int iterators__attach(struct pvmtrace_bpf *skel, struct iterators *out)
{
	*out = (struct iterators){ .sweep = NULL };
	out->sweep =
		keep(&skel->links.pvm_sweep, bpf_program__attach_iter(skel->progs.pvm_sweep, NULL));
	if (!out->sweep)
		return support__explain("attaching the task iterator", errno);
	out->apply = over_map(&skel->links.pvm_apply, skel->progs.pvm_apply,
			      skel->maps.pvm_commands, &skel->links.pvm_apply_all,
			      skel->progs.pvm_apply_all);
	if (!out->apply)
		return support__explain("attaching the iterator over commands", errno);
	out->take = over_map(&skel->links.pvm_take, skel->progs.pvm_take, skel->maps.pvm_summaries,
			     &skel->links.pvm_take_all, skel->progs.pvm_take_all);
	if (!out->take)
		return support__explain("attaching the iterator over summaries", errno);
	if (bpf_program__autoload(skel->progs.pvm_check)) {
		out->check = keep(&skel->links.pvm_check,
				  kernel_map__iterator_of_self(skel->progs.pvm_check));
		if (!out->check)
			return support__explain("attaching the iterator over filters", errno);
	}
	if (!bpf_program__autoload(skel->progs.pvm_sweep_dead) &&
	    !bpf_program__autoload(skel->progs.pvm_sweep_dead_all))
		return 0;
	out->dead = over_map(&skel->links.pvm_sweep_dead, skel->progs.pvm_sweep_dead,
			     skel->maps.pvm_state, &skel->links.pvm_sweep_dead_all,
			     skel->progs.pvm_sweep_dead_all);
	return out->dead ? 0 : support__explain("attaching the iterator over calls", errno);
}

size_t iterators__fds(const struct iterators *it, const struct pvmtrace_bpf *skel,
		      int fds[ITERATORS_MAX])
{
	const struct bpf_link *links[ITERATORS_MAX] = {
		it->sweep, it->dead, it->apply, it->take, it->check, skel->links.pvm_look
	};
	size_t cnt = 0;

	for (size_t i = 0; i < ITERATORS_MAX; i++) {
		if (links[i])
			fds[cnt++] = bpf_link__fd(links[i]);
	}
	return cnt;
}
