/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - remembers what the kernel half sends once: a process's executable path and arguments, a cgroup's path. It is
 * bounded in entries and bytes; the least recently used goes first, and the kernel half is told (through on_evict), so that it
 * sends it again when it is needed again. What is missing is null, never another process's.
 */
#ifndef PVM_IDENTITY_H
#define PVM_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/keys.h"
#include "event/record.h"

struct identity;

struct identity_opts {
	size_t proc_max;	   /* processes */
	size_t cgroup_max;	   /* cgroups */
	size_t bytes_max;	   /* strings of all of them together */
	size_t args_max;	   /* bytes of a command line that are kept; 0: none */
	size_t ancestry_max;	   /* ancestries */
	size_t ancestry_bytes_max; /* all of these together */
	size_t text_max;	   /* paths of mapped files, and names of mappings */
	size_t text_bytes_max;	   /* all of these together */
	char boot_id[37];
	/* These make the kernel half forget. Each may be NULL. */
	void (*on_evict_proc)(void *ctx, uint32_t pid);
	void (*on_evict_ancestry)(void *ctx, uint64_t id);
	void (*on_evict_cgroup)(void *ctx, const struct pvm_cgroup_key *key);
	void (*on_evict_text)(void *ctx, uint64_t id);
	void *ctx;
};

struct identity *identity__new(const struct identity_opts *opts);
void identity__free(struct identity *id);

/* Each takes one record's bytes (checked). Returns 0, -EBADMSG or -ENOMEM. */
int identity__put_path(struct identity *id, const void *data,
		       size_t size); /* PVM_EXE, PVM_CGROUP, PVM_MAPPED, PVM_LABEL */
int identity__put_args(struct identity *id, const void *data, size_t size); /* PVM_ARGS */

int identity__put_ancestry(struct identity *id, const void *data, size_t size); /* PVM_ANCESTRY */

/* Who is behind a process, by the id in a call; NULL: not known. What it holds stays valid until the next record. */
struct ancestry_info *identity__ancestry(struct identity *id, uint64_t ancestry);

/* Fills everything in out but real_start_ns from task (NULL: all is unknown). with_args: for callers. */
void identity__fill(struct identity *id, const struct pvm_task *task, bool with_args,
		    struct task_info *out);

/* Returns the path of a cgroup, or NULL. cut: it lacks names. */
const char *identity__cgroup(struct identity *id, uint64_t cgroup_id, uint8_t hier, size_t *len,
			     bool *cut);

/* Returns the path or name that a region refers to (struct pvm_region.text), or NULL. */
const char *identity__text(struct identity *id, uint64_t text, size_t *len);

/* Makes "<8 hex of boot id>-<pid hex>-<start hex>": it is the same for the same process wherever it appears, and for no
 * other of this boot. */
void entity_id(const char *boot_id, uint32_t pid, uint64_t start_ns, char *out, size_t out_sz);

uint64_t identity__evicted(const struct identity *id);

#endif
