/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_filter - puts the filter options into the kernel half's maps. */
#ifndef PVM_TRACER_FILTER_H
#define PVM_TRACER_FILTER_H

#include <stdint.h>

#include "base/options.h"
#include "bpf/keys.h"
#include "kernel/pid_watch.h"

struct map_check;
struct pvm_memory;

/* Returns for which values of a filter (enum pvm_who, enum filter_field) there are rules: PVM_WANTED, PVM_EXCLUDED. */
uint32_t filter_masks(const struct options *o, int who, enum filter_field field);
/* Returns the entries that a map for this field needs, for caller and target together; at least 1. */
uint32_t filter_room(const struct options *o, enum filter_field field);
/* Returns how many values include. */
uint32_t filter_includes(const struct filter_list *list);
/* Puts the values of all but the pid filters into the maps, of which check takes note. Returns 0 or -errno. */
int filter_fill(const struct options *o, int uid_fd, int comm_fd, struct map_check *check);

/* Asks the kernel for the process that has a pid: its own pid (0: there is none; another: the pid is a thread's) and its
 * start. place: among the processes whose memory is looked out for, counted from 1; 0: none. Returns 0 or -errno. */
typedef int (*filter_look_fn)(void *ctx, uint32_t pid, uint32_t place, uint32_t *tgid,
			      uint64_t *start_ns);

/* Puts the pids into the map, bound to the processes that have them now. Returns 0; EX_USAGE with a message that names
 * option and value if one is not a process's; else -errno. Those that are asked for are watched from then on. */
int filter_bind_pids(const struct options *o, int pid_fd, filter_look_fn look, void *ctx,
		     struct pid_watch watch[2], struct map_check *check);
/* Returns whether one of these cnt processes, which change meanwhile, has left a memory that others still work in. */
bool filter_memory_left(const struct pvm_memory *memories, uint32_t cnt);

#endif
