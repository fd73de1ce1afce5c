/* SPDX-License-Identifier: Apache-2.0 */
/* run_facts - what is known of a run when it starts, and how a recording's header says it. It is pure. */
#ifndef PVM_RUN_FACTS_H
#define PVM_RUN_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "event/record.h"
#include "output/recording.h"

struct run_facts {
	const char *user; /* whom it runs as */
	enum attach_method attach;
	enum resolve_method resolve; /* how targets are looked up */
	struct confirm_info confirms;
	enum openings_by openings;
	struct abi_info abis[ABIS_MAX];
	size_t abi_cnt;
	const struct bound_info *files; /* that filters mean; of a recording it is not known */
	size_t file_cnt;
	uint32_t pid;	   /* on the host */
	uint8_t witnesses; /* enum witness_bit */
	uint8_t sandbox;   /* enum sandbox_bit: of the process that tells it, also in a replay */
	bool audit;	   /* --audit */
};

/* Texts that are too long are cut. */
void run_facts__put(const struct run_facts *f, struct recording_header *header);
/* The texts are the header's. */
void run_facts__of(struct run_facts *f, const struct recording_header *header);

#endif
