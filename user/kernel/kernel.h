/* SPDX-License-Identifier: Apache-2.0 */
/* kernel - the kernel half as those see it who run it: a table of what can be asked of a tracer that is attached, so that a
 * test can stand in its place. What each does is said in tracer.h. */
#ifndef PVM_KERNEL_H
#define PVM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/control.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "event/counts.h"
#include "event/predict.h"
#include "event/record.h"
#include "kernel/tracer.h"

struct kernel_ops {
	/* These say what it is. */
	bool (*fentry)(const struct tracer *t);
	enum resolve_method (*resolve)(const struct tracer *t);
	struct confirm_info (*confirms)(const struct tracer *t);
	enum openings_by (*openings)(const struct tracer *t);
	uint8_t (*witness)(const struct tracer *t, const char **note);
	struct pin_key (*pin_key)(const struct tracer *t);
	uint32_t (*host_pid)(const struct tracer *t);
	bool (*in_pid_ns)(const struct tracer *t);
	size_t (*files)(struct tracer *t, const struct bound_info **out);
	/* These say how it is. */
	void (*counts)(struct tracer *t, struct pvm_counts *out);
	void (*add_drops)(const struct tracer *t, struct rule_counts rules[RULES_MAX]);
	uint64_t (*skipped_runs)(const struct tracer *t);
	enum tracer_firing (*firing)(struct tracer *t);
	size_t (*alive)(struct tracer *t, enum pvm_who who);
	bool (*memory_left)(struct tracer *t);
	const char *(*tampered)(struct tracer *t);
	const char *(*files_changed)(struct tracer *t, enum error_code *code);
	/* These give its records. */
	struct pvm_bell *(*bell)(struct tracer *t);
	int (*seen_fd)(const struct tracer *t);
	int (*poll_fd)(struct tracer *t);
	int (*consume_calls)(struct tracer *t);
	int (*consume_arrays)(struct tracer *t);
	int (*take_summaries)(struct tracer *t, tracer_sample_fn take, void *ctx);
	uint64_t (*summaries_left)(struct tracer *t);
	/* These tell it what to do. */
	void (*go)(struct tracer *t);
	void (*tick)(struct tracer *t);
	void (*stop)(struct tracer *t, enum pvm_stopping how_far);
	void (*count)(struct tracer *t, enum pvm_count what, uint64_t n);
	int (*sweep)(struct tracer *t, enum pvm_phase phase, uint64_t older_ns);
	void (*await_hooks)(const struct tracer *t);
	void (*detach)(struct tracer *t);
	void (*ftrace_was_off)(struct tracer *t);
	void (*kprobes_were_off)(struct tracer *t);
	void (*forget_proc)(struct tracer *t, uint32_t pid);
	void (*forget_ancestry)(struct tracer *t, uint64_t id);
	void (*forget_cgroup)(struct tracer *t, const struct pvm_cgroup_key *key);
	void (*forget_text)(struct tracer *t, uint64_t id);
	void (*judge_cgroup)(struct tracer *t, const struct pvm_cgroup_key *key,
			     const struct pvm_cgroup_val *val);
	void (*apply)(struct tracer *t);
	void (*self_test_seen)(struct tracer *t, const void *data, size_t size);
};

/* This is the kernel half itself. */
extern const struct kernel_ops kernel_ops;

struct kernel {
	const struct kernel_ops *ops;
	struct tracer *tracer;
};

#endif
