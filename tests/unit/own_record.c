/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bpf/keys.h"
#include "own_record.h"

/* They go up to `lost` in the order of enum book. */
static const struct counter counters[] = {
	{ "seen", 10 },		 { "emitted", 7 },    { "summarised", 0 },
	{ "filtered", 3 },	 { "lost", 0 },	      { "begun", 10 },
	{ "ended", UINT64_MAX }, { "array_lost", 0 }, { "self_tests", 2 },
};

#define COUNTER_CNT (sizeof(counters) / sizeof(counters[0]))

static const struct abi_info abis[] = {
	{ .abi = PVM_ABI_X86_64, .covered = true, .proven = true },
	{ .abi = PVM_ABI_I386, .covered = true, .note = "no 32-bit calls here" },
};

static const char *const unseen[] = { "calls refused by SECCOMP_RET_KILL_THREAD in a thread" };
static const struct doubt incomplete[] = { { .kind = DOUBT_ERROR, .error = ERROR_HOOKS_SILENT } };
static const char *const notes[] = { "CAP_BPF \xff kept" };

static struct record record_of(enum record_type type)
{
	return (struct record){ .type = type,
				.real_ns = START_NS,
				.told_ns = TOLD_NS,
				.run = FIXTURE_RUN_ID,
				.seq = 12,
				.host = &fixture_host };
}

static void fill_start(struct own_records *own)
{
	struct options *o = &own->options;

	*o = (struct options){
		.rule_cnt = 1,
		.iov_limit = PVM_IOV_LIMIT_ALL,
		.regions = 64,
		.max_line = 8000,
		.stats_interval_s = 60,
		.in_flight_after_ms = 1000,
		.ring_bytes = 1 << 23,
		.array_ring_bytes = 1 << 22,
		.rules[0].ops = 1u << PVM_READ,
		.rules[0].outcome = PVM_FAILED,
		.count = 5,
	};
	own->value = (struct filter_value){ .exclude = true, .text = "stra\"ce" };
	o->rules[0].filter[PVM_CALLER][FILTER_COMM] =
		(struct filter_list){ .values = &own->value, .cnt = 1 };
	own->r[0] = record_of(REC_START);
	own->r[0].start = (struct start_info){
		.version = "0.1.0",
		.libbpf = "1.1",
		.attach = ATTACH_TRACEPOINT,
		.resolve = RESOLVE_KFUNC,
		.confirms = { .target = true, .pages = PAGES_FEXIT },
		.witnesses = witness_info__of(WITNESS_KNOWN | WITNESS_NEEDED | WITNESS_MULTI |
					      WITNESS_RETURNS),
		.config_hash = "0123456789abcdef",
		.sandbox = SANDBOX_LANDLOCK | SANDBOX_SECCOMP,
		.abis = abis,
		.abi_cnt = sizeof(abis) / sizeof(abis[0]),
		.unseen = unseen,
		.unseen_cnt = 1,
		.notes = notes,
		.note_cnt = 1,
		.options = o,
		.counters = counters,
		.counter_cnt = COUNTER_CNT,
		.pid = 99,
		.user = "pvmtrace",
		.instance = FIXTURE_RUN_ID,
	};
}

static void give_counts(struct own_records *own, struct stats_info *s)
{
	s->rules = own->options.rules;
	s->rule_counts = own->counts;
	s->rule_cnt = own->options.rule_cnt;
}

void own_records__rules(struct own_records *own)
{
	struct options *o = &own->options;

	o->rule_cnt = 4;
	o->rules[1] = o->rules[0];
	o->rules[0] = (struct rule){
		.name = "profilers",
		.action = RULE_DROP,
		.filter[PVM_TARGET][FILTER_EXE] = { .values = &own->value, .cnt = 1 },
	};
	o->rules[1].name = "web";
	o->rules[1].relation = (struct relation_filter){ .wanted = 1u << PVM_KIN_CHILD,
							 .excluded = 1u << PVM_OTHER_USER };
	o->rules[1].min_bytes = 7;
	o->rules[1].no_self = true;
	o->rules[1].region = (struct filter_list){ .values = &own->heap, .cnt = 1 };
	own->heap = (struct filter_value){ .text = "heap" };
	o->rules[2] = rendering_rule;
	o->rules[2].action = RULE_AGGREGATE;
	o->rules[3] = (struct rule){ .action = RULE_TELL };
	own->counts[0].dropped = 3;
	own->counts[1].told = 2;
	own->counts[2].summarised = UINT64_MAX;
	give_counts(own, &own->r[2].stats);
	give_counts(own, &own->r[5].stop.stats);
}

void own_records__fill(struct own_records *own)
{
	const struct stats_info stats = { .counters = counters,
					  .counter_cnt = COUNTER_CNT,
					  .in_flight = 5 };
	struct record *r;

	memset(own, 0, sizeof(*own));
	r = own->r;
	fill_start(own);
	r[1] = record_of(REC_REOPEN);
	r[1].reopen = (struct reopen_info){ FIXTURE_RUN_ID, REOPEN_SIGNAL };
	r[2] = record_of(REC_STATS);
	r[2].stats = stats;
	r[3] = record_of(REC_LOST);
	r[3].lost = (struct lost_info){ 10, counters, 2, START_NS - 1000000000, START_NS };
	r[4] = record_of(REC_ERROR);
	r[4].error =
		(struct error_info){ ERROR_HOOKS_SILENT, NULL, "say \"why\"", START_NS - 1000, 0 };
	r[5] = record_of(REC_STOP);
	r[5].stop = (struct stop_info){ END_SIGNAL, NULL,  "SIGTERM",  stats,
					true,	    false, incomplete, 1 };
}
