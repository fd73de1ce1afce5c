/* SPDX-License-Identifier: Apache-2.0 */
/* summaries - takes the sums of calls that are told together out of the kernel half (bpf/summary.h, bpf/commands.h). */
#ifndef PVM_SUMMARIES_H
#define PVM_SUMMARIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/command.h"

struct bpf_link;

struct summaries {
	const struct bpf_link *iterator;
	uint64_t calls; /* of the summaries that were taken */
	bool taking;	/* it has begun, and not come to its end */
	bool came;	/* this run of the iterator has told some: another one has to remove them */
	int fd;		/* while taking */
	size_t at, cnt; /* in batch */
	struct pvm_summary batch[PVM_SUMMARY_BATCH];
};

/*
 * Hands each summary of a closed window to take, and has them removed. Where take's result is not 0 it ends with that:
 * the summary stays, and is the first one next time. An error of the kernel's ends it too; the next time it begins anew.
 */
int summaries__take(struct summaries *s, int (*take)(void *ctx, void *data, size_t size),
		    void *ctx);
void summaries__close(struct summaries *s);

#endif
