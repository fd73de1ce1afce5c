/* SPDX-License-Identifier: Apache-2.0 */
/* cpus - the numbers of CPUs, which can have gaps: how many there are does not say how high they go. */
#ifndef PVM_CPUS_H
#define PVM_CPUS_H

#include <stdbool.h>
#include <stddef.h>

/* It lists the CPUs that can ever be there, as in "0-3,256-259" (Documentation/admin-guide/cputopology.rst). */
#define CPUS_POSSIBLE "/sys/devices/system/cpu/possible"

/* Returns the number behind the highest one in such a file; 0: it cannot be read. */
size_t cpus__end(const char *path);

/* A CPU's row is its number modulo how many rows there are. end: as cpus__end gave it. */

/* Returns how many of the rows can be in use; all of them, if nobody knows. */
static inline size_t cpus__rows_used(size_t end, size_t rows)
{
	return end && end < rows ? end : rows;
}

/* Returns whether it is sure that no two CPUs share a row. */
static inline bool cpus__rows_are_own(size_t end, size_t rows)
{
	return end && end <= rows;
}

#endif
