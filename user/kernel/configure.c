/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/configure.h"

#include <bpf/libbpf.h>
#include <string.h>
#include <unistd.h>

#include "bpf/control.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "kernel/exe_bind.h"
#include "kernel/support.h"
#include "kernel/tracer_filter.h"
#include "pvmtrace.skel.h"

/* With --audit that is word of 58,000 calls, between two looks of the reader. */
#define SEEN_RING_SZ (4u << 20)

void configure__skeleton(struct pvmtrace_bpf *skel, const struct options *o,
			 const uint64_t digest_key[2])
{
	skel->rodata->cfg_use_kfunc = o->resolve != RESOLVE_WALK && support__has_vpid_kfunc(o->btf);
	skel->rodata->cfg_ops = o->ops;
	skel->rodata->cfg_no_self = o->no_self;
	skel->rodata->cfg_relation_wanted = o->relation.wanted;
	skel->rodata->cfg_relation_excluded = o->relation.excluded;
	skel->rodata->cfg_outcome = o->outcome;
	skel->rodata->cfg_min_bytes = o->min_bytes;
	skel->rodata->cfg_array_ring_sz = o->array_ring_bytes;
	skel->rodata->cfg_aggregate = o->aggregate_s > 0;
	skel->rodata->cfg_audit = o->audit;
	skel->rodata->cfg_ancestors = o->ancestors;
	skel->rodata->cfg_args_bytes = o->args_bytes;
	skel->rodata->cfg_data_bytes = o->data_bytes;
	skel->rodata->cfg_regions = o->regions;
	skel->rodata->cfg_own_rows = libbpf_num_possible_cpus() <= PVM_CPU_ROWS;
	skel->rodata->cfg_page_shift =
		(uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	skel->rodata->cfg_parked_ns = o->in_flight_after_ms * 1000000ULL;
	for (int who = 0; who < 2; who++) {
		const struct filter_list *list = o->filter[who];

		skel->rodata->cfg_has_pid[who] = filter_mask(&list[FILTER_PID]);
		skel->rodata->cfg_has_uid[who] = filter_mask(&list[FILTER_UID]);
		skel->rodata->cfg_has_comm[who] = filter_mask(&list[FILTER_COMM]);
		skel->rodata->cfg_has_exe[who] = filter_mask(&list[FILTER_EXE]);
		skel->rodata->cfg_has_exe[PVM_OF_ANCESTOR + who] =
			filter_mask(&list[FILTER_ANCESTOR_EXE]);
		skel->rodata->cfg_has_cgroup[who] = filter_mask(&list[FILTER_CGROUP]) |
						    filter_mask(&list[FILTER_CONTAINER]) |
						    filter_mask(&list[FILTER_UNIT]);
	}
	skel->rodata->cfg_digest_key[0] = digest_key[0];
	skel->rodata->cfg_digest_key[1] = digest_key[1];
	bpf_map__set_max_entries(skel->maps.pvm_calls, (uint32_t)o->ring_bytes);
	bpf_map__set_max_entries(skel->maps.pvm_arrays, (uint32_t)o->array_ring_bytes);
	bpf_map__set_max_entries(skel->maps.pvm_seen,
				 o->audit ? SEEN_RING_SZ : (uint32_t)sysconf(_SC_PAGESIZE));
	if (!o->regions)
		bpf_map__set_max_entries(skel->maps.pvm_texts, 1);
	if (!o->aggregate_s)
		bpf_map__set_max_entries(skel->maps.pvm_known, 1);
	skel->rodata->cfg_memories = filter_includes(&o->filter[PVM_TARGET][FILTER_PID]);
	bpf_program__set_autoload(skel->progs.pvm_exec, skel->rodata->cfg_memories);
	if (skel->rodata->cfg_memories)
		bpf_map__set_max_entries(skel->maps.pvm_memories, skel->rodata->cfg_memories);
	if (exe_bind__is_asked_for(o))
		bpf_map__set_max_entries(skel->maps.pvm_filter_exe, EXE_BIND_MAX);
	bpf_map__set_max_entries(skel->maps.pvm_filter_pid, filter_room(o, FILTER_PID));
	bpf_map__set_max_entries(skel->maps.pvm_filter_uid, filter_room(o, FILTER_UID));
	bpf_map__set_max_entries(skel->maps.pvm_filter_comm, filter_room(o, FILTER_COMM));
}
