/* SPDX-License-Identifier: Apache-2.0 */
/* fake_kernel - stands in the place of the kernel half: says what a test sets, hands out the records that it is given, and
 * writes down what it is told. */
#ifndef PVM_FAKE_KERNEL_H
#define PVM_FAKE_KERNEL_H

#include "bpf/control.h"
#include "bpf/keys.h"
#include "event/witness_info.h"
#include "kernel/kernel.h"

#define FAKE_RECORDS 64
#define FAKE_SWEEPS 8
#define FAKE_ORDER 16

struct fake_record {
	void *data; /* kept, not copied */
	size_t size;
};

struct tracer {
	/* The test sets these. */
	bool fentry, in_pid_ns, memory_left;
	enum resolve_method resolve;
	uint8_t witness;
	uint32_t host_pid;
	struct confirm_info confirms;
	enum openings_by openings;
	struct pin_key pin_key;
	struct pvm_counts counts;
	uint64_t skipped, skipped_at_tick; /* the latter is what the former becomes */
	enum tracer_firing firing;
	size_t alive[2]; /* by enum pvm_who */
	struct bound_info files[4];
	size_t file_cnt;
	const char *tampered; /* what is found at the next look */
	const char *changed;  /* what is told of one of them, once */
	enum error_code changed_code;
	struct fake_record calls[FAKE_RECORDS], arrays[FAKE_RECORDS], summaries[FAKE_RECORDS];
	size_t call_cnt, array_cnt, summary_cnt;
	/* They are the callbacks of the rings, and what is called each time that of calls is read. */
	tracer_sample_fn on_call, on_array;
	void *ctx;
	void (*on_consume)(struct tracer *t);
	void (*on_go)(struct tracer *t);
	/* A sweep calls this before it is written down. */
	void (*on_sweep)(struct tracer *t, enum pvm_phase phase);
	/* This is what it was told. */
	struct pvm_bell bell;
	enum pvm_stopping stopping;
	size_t call_at, array_at, summary_at; /* how many were taken */
	/* The rings of arrays and of calls were read, and what was ordered was to be done: "a", "c", "!", the first ones. */
	char order[FAKE_ORDER + 1];
	size_t array_reads;
	/* It says what it is to forget and what to think of a cgroup: how many of each, and the last. */
	size_t forgotten_procs, forgotten_cgroups, judged_cgroups, forgotten_ancestries;
	size_t forgotten_texts;
	uint64_t forgotten_ancestry, forgotten_text;
	uint32_t forgotten_proc;
	struct pvm_cgroup_key forgotten_cgroup, judged_cgroup;
	struct pvm_cgroup_val verdict;
	enum pvm_phase swept[FAKE_SWEEPS];
	uint32_t stopping_at[FAKE_SWEEPS]; /* stopping at each sweep */
	size_t sweep_cnt;
	unsigned int ticks;
	bool going, detached, ticked_detached, ftrace_was_off, kprobes_were_off;
	size_t self_test_seen; /* bytes of the record */
};

extern const struct kernel_ops fake_kernel_ops;

/* Makes a kernel half whose hooks fire, and of which nothing else is known. */
void fake_kernel__reset(struct tracer *t);
/* Adds one call more to its ring; one more is seen and submitted by the counters. */
void fake_kernel__add(struct tracer *t, void *data, size_t size);

#endif
