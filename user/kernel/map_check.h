/* SPDX-License-Identifier: Apache-2.0 */
/* map_check - whether filters and verdicts hold what was put there, by sums over their contents (bpf/check.h). */
#ifndef PVM_MAP_CHECK_H
#define PVM_MAP_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/checked.h"
#include "bpf/keys.h"

struct bpf_link;
struct tamper;
struct verdict;

struct map_check {
	const struct bpf_link *iterator; /* NULL: nothing is looked at */
	struct pvm_checked wanted[PVM_CHECKED_CNT];
	struct verdict *verdicts; /* a hash table */
	bool bound; /* files were bound since the last look: what stands there then is taken for theirs */
};

/* Takes note that the map holds this element, and before, if it is not NULL, no longer the same key with that value. */
void map_check__put(struct map_check *c, enum pvm_checked_map map, const void *key, size_t key_sz,
		    const void *val, size_t val_sz, const void *before);
/* Does so for a verdict, of whatever is known of the cgroup until then. Out of memory: nothing is looked at any more. */
void map_check__judged(struct map_check *c, const struct pvm_cgroup_key *key,
		       const struct pvm_cgroup_val *val);
void map_check__forgot(struct map_check *c, const struct pvm_cgroup_key *key);
/* Puts into found what is not as it was put there, once. Returns which maps that is, bits by enum pvm_checked_map. */
uint32_t map_check__look(struct map_check *c, struct tamper *found);
/* These maps are empty now. */
void map_check__emptied(struct map_check *c, uint32_t maps);
void map_check__close(struct map_check *c);

#endif
