/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/configure.h"

#include <bpf/libbpf.h>
#include <string.h>
#include <unistd.h>

#include "base/cpus.h"
#include "bpf/control.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "kernel/exe_bind.h"
#include "kernel/openings.h"
#include "kernel/support.h"
#include "kernel/tracer_filter.h"
#include "pvmtrace.skel.h"

/* With --audit that is word of 58,000 calls, between two looks of the reader. */
#define SEEN_RING_SZ (4u << 20)

_Static_assert(RULES_MAX <= PVM_RULES_MAX, "each rule has a bit");

/* What each rule asks, in its bit of all masks. */
static void configure_rule(struct pvmtrace_bpf *skel, const struct rule *r, unsigned int n)
{
	for (unsigned int op = PVM_READ; op <= PVM_WRITE; op++) {
		if (!r->ops || r->ops & 1u << op)
			skel->rodata->cfg_ops[op - PVM_READ] |= (uint16_t)(1u << n);
	}
	for (unsigned int i = 0; i < PVM_RELATION_CNT; i++) {
		skel->rodata->cfg_relation[i] |= (PVM_WANTED(r->relation.wanted >> i & 1) |
						  PVM_EXCLUDED(r->relation.excluded >> i & 1))
						 << n;
		skel->rodata->cfg_has_relation |= skel->rodata->cfg_relation[i];
	}
	if (r->action == RULE_DROP)
		skel->rodata->cfg_rules_drop |= 1u << n;
	if (r->action == RULE_AGGREGATE)
		skel->rodata->cfg_rules_aggregate |= 1u << n;
	if (r->region.cnt ||
	    (r->relation.wanted | r->relation.excluded) & 1u << PVM_OTHER_CONTAINER)
		skel->rodata->cfg_rules_user |= 1u << n;
	if (r->no_self)
		skel->rodata->cfg_no_self |= 1u << n;
	if (r->outcome || r->min_bytes)
		skel->rodata->cfg_rules_result |= 1u << n;
	skel->rodata->cfg_outcome[n] = (uint8_t)r->outcome;
	skel->rodata->cfg_min_bytes[n] = r->min_bytes;
}

static void configure_side(struct pvmtrace_bpf *skel, const struct options *o, int who)
{
	skel->rodata->cfg_has_pid[who] = filter_masks(o, who, FILTER_PID);
	skel->rodata->cfg_has_uid[who] = filter_masks(o, who, FILTER_UID);
	skel->rodata->cfg_has_comm[who] = filter_masks(o, who, FILTER_COMM);
	skel->rodata->cfg_has_exe[who] = filter_masks(o, who, FILTER_EXE);
	skel->rodata->cfg_has_exe[PVM_OF_ANCESTOR + who] =
		filter_masks(o, who, FILTER_ANCESTOR_EXE);
	skel->rodata->cfg_has_cgroup[who] = filter_masks(o, who, FILTER_CGROUP) |
					    filter_masks(o, who, FILTER_CONTAINER) |
					    filter_masks(o, who, FILTER_UNIT);
}

/* Of the filters that look at more of a process than its number: PVM_WANTED, PVM_EXCLUDED. */
static uint32_t asked_of(const struct pvmtrace_bpf *skel, int who)
{
	return skel->rodata->cfg_has_uid[who] | skel->rodata->cfg_has_comm[who] |
	       skel->rodata->cfg_has_exe[who] | skel->rodata->cfg_has_exe[PVM_OF_ANCESTOR + who] |
	       skel->rodata->cfg_has_cgroup[who] | skel->rodata->cfg_has_relation;
}

/* Which rules look at the target. */
static uint32_t rules_of_targets(const struct pvmtrace_bpf *skel)
{
	uint32_t has = skel->rodata->cfg_has_pid[PVM_TARGET] | asked_of(skel, PVM_TARGET);

	return ((has | has >> PVM_RULES_MAX) & PVM_ALL_RULES) | skel->rodata->cfg_no_self;
}

static void configure_filters(struct pvmtrace_bpf *skel, const struct options *o)
{
	skel->rodata->cfg_rules = (1u << o->rule_cnt) - 1;
	skel->rodata->cfg_ops[0] = skel->rodata->cfg_ops[1] = 0;
	for (unsigned int i = 0; i < o->rule_cnt; i++)
		configure_rule(skel, &o->rules[i], i);
	for (int who = 0; who < 2; who++)
		configure_side(skel, o, who);
	skel->rodata->cfg_asks_caller = asked_of(skel, PVM_CALLER) != 0;
	skel->rodata->cfg_rules_target = rules_of_targets(skel);
	skel->rodata->cfg_memories = 0;
	for (size_t i = 0; i < o->rule_cnt; i++)
		skel->rodata->cfg_memories +=
			filter_includes(&o->rules[i].filter[PVM_TARGET][FILTER_PID]);
}

void configure__skeleton(struct pvmtrace_bpf *skel, const struct options *o,
			 const uint64_t digest_key[2])
{
	skel->rodata->cfg_use_kfunc = o->resolve != RESOLVE_WALK && support__has_vpid_kfunc(o->btf);
	configure_filters(skel, o);
	skel->rodata->cfg_array_ring_sz = o->array_ring_bytes;
	skel->rodata->cfg_aggregate = o->aggregate_s > 0;
	if (o->aggregate_s && !skel->rodata->cfg_rules_aggregate)
		skel->rodata->cfg_rules_aggregate = skel->rodata->cfg_rules;
	skel->rodata->cfg_audit = o->audit;
	skel->rodata->cfg_ancestors = o->ancestors;
	skel->rodata->cfg_args_bytes = o->args_bytes;
	skel->rodata->cfg_data_bytes = o->data_bytes;
	skel->rodata->cfg_regions = o->regions;
	skel->rodata->cfg_own_rows = cpus__rows_are_own(cpus__end(CPUS_POSSIBLE), PVM_CPU_ROWS);
	skel->rodata->cfg_page_shift =
		(uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	skel->rodata->cfg_parked_ns = o->in_flight_after_ms * 1000000ULL;
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
	bpf_program__set_autoload(skel->progs.pvm_exec, skel->rodata->cfg_memories);
	if (skel->rodata->cfg_memories)
		bpf_map__set_max_entries(skel->maps.pvm_memories, skel->rodata->cfg_memories);
	if (exe_bind__is_asked_for(o))
		bpf_map__set_max_entries(skel->maps.pvm_filter_exe, EXE_BIND_MAX);
	bpf_map__set_max_entries(skel->maps.pvm_objects, OPENINGS_ROOM);
	bpf_map__set_max_entries(skel->maps.pvm_filter_pid, filter_room(o, FILTER_PID));
	bpf_map__set_max_entries(skel->maps.pvm_filter_uid, filter_room(o, FILTER_UID));
	bpf_map__set_max_entries(skel->maps.pvm_filter_comm, filter_room(o, FILTER_COMM));
}
