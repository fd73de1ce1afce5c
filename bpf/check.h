/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* check.h - sums over what filters and verdicts hold, for the reader to compare with what it put there: a program of others can
 * write to maps that no system call can write to. */
#ifndef PVM_CHECK_H
#define PVM_CHECK_H

#include "base.h"
#include "checked.h"
#include "commands.h"
#include "maps.h"
#include "steer.h"

#define CHECKS(name, key_type, val_type, is_counted)                                  \
	static long check_##name(void *map, const key_type *key, const val_type *val, \
				 struct pvm_checked *all)                             \
	{                                                                             \
		u64 words[PVM_CHECKED_WORDS] = {};                                    \
                                                                                      \
		if (!(is_counted))                                                    \
			return 0;                                                     \
		__builtin_memcpy(words, key, sizeof(*key));                           \
		__builtin_memcpy((char *)words + sizeof(*key), val, sizeof(*val));    \
		all->sum += pvm_checked_sum(words);                                   \
		all->cnt++;                                                           \
		return 0;                                                             \
	}

CHECKS(pid, struct pvm_pid_key, struct pvm_pid_val, true)
CHECKS(uid, struct pvm_uid_key, u32, true)
CHECKS(comm, struct pvm_comm_key, u32, true)
CHECKS(exe, u64, struct pvm_bound_val, true)
/* Hooks put in those that are not judged yet. */
CHECKS(cgroup, struct pvm_cgroup_key, struct pvm_cgroup_val, val->decided)

static long drop_file(void *map, const u64 *at, void *nothing, void *ctx)
{
	u64 key = *at;

	bpf_map_delete_elem(&pvm_filter_exe, &key);
	return 0;
}

static long drop_cgroup(void *map, const struct pvm_cgroup_key *at, void *nothing, void *ctx)
{
	struct pvm_cgroup_key key = *at;

	bpf_map_delete_elem(&pvm_cgroups, &key);
	return 0;
}

/* Empties maps that others wrote to. Files are bound anew then, and cgroups sent again and judged anew. */
static __always_inline void check_renew(u32 maps)
{
	if (maps & 1u << PVM_CHECKED_EXE)
		bpf_for_each_map_elem(&pvm_filter_exe, drop_file, NULL, 0);
	if (maps & 1u << PVM_CHECKED_CGROUP)
		bpf_for_each_map_elem(&pvm_cgroups, drop_cgroup, NULL, 0);
	if (maps)
		pvm_shared.epoch++;
}

/* Writes the sums to the reader. bpf_for_each_map_elem is there from 5.13 on. */
SEC("iter/task")
int pvm_check(struct bpf_iter__task *ctx)
{
	struct pvm_checked all[PVM_CHECKED_CNT] = {};

	if (!at_first_task(ctx) || !by_reader())
		return 0;
	check_renew(pvm_control.renew);
	bpf_for_each_map_elem(&pvm_filter_pid, check_pid, &all[PVM_CHECKED_PID], 0);
	bpf_for_each_map_elem(&pvm_filter_uid, check_uid, &all[PVM_CHECKED_UID], 0);
	bpf_for_each_map_elem(&pvm_filter_comm, check_comm, &all[PVM_CHECKED_COMM], 0);
	bpf_for_each_map_elem(&pvm_filter_exe, check_exe, &all[PVM_CHECKED_EXE], 0);
	bpf_for_each_map_elem(&pvm_cgroups, check_cgroup, &all[PVM_CHECKED_CGROUP], 0);
	bpf_seq_write(ctx->meta->seq, all, sizeof(all));
	return 0;
}

#endif
