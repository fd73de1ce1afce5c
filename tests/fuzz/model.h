/* SPDX-License-Identifier: Apache-2.0 */
/* model - what the cache of identities may know, kept in the plainest way: a row for each process that there can be. */
#ifndef PVM_FUZZ_MODEL_H
#define PVM_FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/keys.h"
#include "event/identity.h"

#define MODEL_PROCS 12
#define MODEL_CGROUPS 6
#define MODEL_TEXTS 6
#define MODEL_ANCESTRIES 6

struct model_text {
	char *at; /* NULL: it is not known */
	size_t len;
};

struct model_proc {
	uint32_t pid;
	uint64_t start_ns;
	uint32_t exec_id;
	struct model_text exe, args;
	uint64_t ino;
	uint32_t dev;
	bool args_cut;
};

struct model_cgroup {
	struct pvm_cgroup_key key;
	struct model_text path;
	bool cut;
};

struct model {
	struct identity_opts opts; /* the cache's */
	struct model_proc procs[MODEL_PROCS];
	struct model_cgroup cgroups[MODEL_CGROUPS];
	struct model_text texts[MODEL_TEXTS];
	int ancestors[MODEL_ANCESTRIES]; /* -1: it is not known */
	bool strange; /* it was given what is not in here: then nothing is said of bounds */
	uint64_t evicted;
	bool forgot[4]; /* since the last check: of processes, cgroups, texts, ancestries */
};

/* Fills in what opts says of whom is told when something is forgotten; the rest of it is set before. */
void model__begin(struct model *m, struct identity_opts *opts);
void model__end(struct model *m);
/* These take what the cache took; what text points to becomes the model's. */
void model__put_exe(struct model *m, size_t which, char *path, const size_t *len, uint64_t ino,
		    uint32_t dev);
void model__put_args(struct model *m, size_t which, const uint8_t *args, uint32_t len,
		     uint32_t total);
void model__put_cgroup(struct model *m, size_t which, char *path, const size_t *len, bool cut);
void model__put_text(struct model *m, size_t which, char *text, size_t len);
void model__put_ancestry(struct model *m, size_t which, int cnt);
/* It took something else. */
void model__strange(struct model *m);
/* Asks the cache for everything, and expects what is here; what it has forgotten, and said so, is forgotten here too. */
void model__check(struct model *m, struct identity *id);

#endif
