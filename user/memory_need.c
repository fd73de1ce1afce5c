/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_need.h"

#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/units.h"
#include "collector.h"
#include "kernel/tracer.h"

/* This was measured: the program, libbpf's copy of the kernel's types while it loads, the programs in the kernel. */
#define BASE (20 * MIB)
/* The collector has names and marks beside the texts themselves. */
#define BOOKKEEPING (6 * MIB)
#define RECORDER (3 * MIB)

/* Returns how much memory a run takes; 0: it cannot be computed here. */
static uint64_t mib(const struct options *o)
{
	struct tracer *t = NULL;
	uint64_t bytes = 0;
	char said[256];

	/* Whatever keeps it from a start is not asked here. */
	log__keep(said, sizeof(said));
	if (!tracer__open(&t, o))
		bytes = tracer__map_bytes(t);
	tracer__close(t);
	log__keep(NULL, 0);
	if (!bytes)
		return 0;
	bytes += BASE + BOOKKEEPING + collector__bytes(o) + (o->record ? RECORDER : 0);
	return (bytes + MIB - 1) / MIB;
}

int memory_need__print(const struct options *o)
{
	uint64_t need = mib(o);

	if (need)
		printf("\n# memory: needs %llu MiB at most: what MemoryMax= of a service must leave\n",
		       (unsigned long long)need);
	return fflush(stdout) ? EX_IOERR : 0;
}
