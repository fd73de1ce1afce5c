/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* path_walk.h - gathers the names of a path: from an executable up to the root of its mount namespace, and from a cgroup up to
 * the root of its hierarchy. */
#ifndef PVM_PATH_WALK_H
#define PVM_PATH_WALK_H

#include "base.h"
#include "executable.h"
#include "names.h"
#include "task.h"

#define PATH_LAST \
	16 /* of more than PATH_DEPTH cgroups, so many are kept at the end, the rest from the root on */
PVM_ASSERT(PATH_LAST < PATH_DEPTH);

static __always_inline bool names_add(struct pvm_names *names, const unsigned char *name)
{
	u32 cnt = names->cnt;

	if (cnt >= PATH_DEPTH) {
		names->flags |= PVM_PATH_CUT;
		return false;
	}
	names->name[cnt] = name;
	names->cnt = cnt + 1;
	return true;
}

/* Goes one dentry up, or out of a mount. Returns whether that goes on. It is a function of its own, like kernfs_step(): the
 * verifier follows it once and not for each of PATH_DEPTH steps. hook: whose names, enum pvm_hook. */
__noinline int exe_step(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct dentry *dentry, *up;
	struct mount *mnt, *below;

	if (!names)
		return 0;
	dentry = (struct dentry *)names->at;
	mnt = (struct mount *)names->mnt;
	if (dentry == BPF_CORE_READ(mnt, mnt.mnt_root)) {
		below = BPF_CORE_READ(mnt, mnt_parent);
		if (below == mnt)
			return 0;
		names->at = (u64)BPF_CORE_READ(mnt, mnt_mountpoint);
		names->mnt = (u64)below;
		return 1;
	}
	up = BPF_CORE_READ(dentry, d_parent);
	if (!names_add(names, BPF_CORE_READ(dentry, d_name.name)))
		return 0;
	if (up == dentry) { /* a root that is mounted nowhere: memfd */
		names->flags |= PVM_PATH_NAME;
		return 0;
	}
	names->at = (u64)up;
	return 1;
}

/* Goes from the executable up to the root of its mount namespace. */
static __always_inline void exe_walk(struct pvm_names *names, struct task_struct *task,
				     const struct pvm_task *id, u32 hook)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);
	struct vfsmount *vfsmnt = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mnt = (void *)vfsmnt - bpf_core_field_offset(struct mount, mnt);
	struct mnt_namespace *home = BPF_CORE_READ(task, nsproxy, mnt_ns);

	/* The task executed another file since this one was read. */
	if (BPF_CORE_READ(file, f_inode, i_ino) != id->exe_ino ||
	    BPF_CORE_READ(file, f_inode, i_sb, s_dev) != id->exe_dev) {
		names->stale = 1;
		return;
	}
	names->head.file.ctime_ns = inode_ctime((struct inode *)exe_identify((u64)file, hook));
	/* A mount that is attached nowhere, or elsewhere, has whatever paths its maker liked. */
	if (home && BPF_CORE_READ(mnt, mnt_ns) != home)
		names->flags |= PVM_PATH_DETACHED;
	names->at = (u64)BPF_CORE_READ(file, f_path.dentry);
	names->mnt = (u64)mnt;
	for (int i = 0; i < PATH_DEPTH; i++)
		if (!exe_step(hook))
			return;
	names->flags |= PVM_PATH_CUT;
	/* Where mounts lie on top of each other there is no name yet: the file's own is taken. */
	if (!names->cnt)
		names_add(names, BPF_CORE_READ(file, f_path.dentry, d_name.name));
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->__parent))
		return BPF_CORE_READ(kn, __parent);
	return BPF_CORE_READ((struct kernfs_node___parent *)kn, parent);
}

#define CLIMB_STEP 256
#define CLIMBS 64

/* Goes up by cnt names, CLIMB_STEP at most, or less where the root comes first. kn: address of the first one. Returns that
 * of the one that was reached. */
__noinline u64 kernfs_climb(u64 kn, u32 cnt)
{
	struct kernfs_node *at = (struct kernfs_node *)kn;

	for (u32 i = 0; i < CLIMB_STEP; i++) {
		struct kernfs_node *up = kernfs_parent(at);

		if (i >= cnt || !up)
			break;
		at = up;
	}
	return (u64)at;
}

/* It is a function of its own, or the compiler would take the field's place beside the question whether there is such a
 * field: what libbpf puts there if not, no verifier lets pass. */
static __noinline u64 cgroup_ancestor(struct cgroup *cgrp, u32 level)
{
	struct cgroup *at = NULL;

	bpf_probe_read_kernel(&at, sizeof(at),
			      (void *)__builtin_preserve_access_index(&cgrp->ancestors[0]) +
				      level * sizeof(at));
	return (u64)BPF_CORE_READ(at, kn);
}

/* Returns what lies cnt names above kn, which is cgrp's ancestor at this level + cnt. Before 6.1 only a chain leads there,
 * which is followed for 16,384 names. */
static __always_inline struct kernfs_node *cgroup_above(struct cgroup *cgrp, struct kernfs_node *kn,
							u32 level, u32 cnt)
{
	if (bpf_core_field_exists(cgrp->ancestors))
		return (struct kernfs_node *)cgroup_ancestor(cgrp, level);
	for (u32 i = 0; i < CLIMBS && cnt; i++) {
		u32 step = cnt < CLIMB_STEP ? cnt : CLIMB_STEP;

		kn = (struct kernfs_node *)kernfs_climb((u64)kn, step);
		cnt -= step;
	}
	return kn;
}

/* Goes one cgroup up. Returns whether that goes on: the root has no name, and is not gone beyond. */
__noinline int kernfs_step(u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct kernfs_node *kn, *up;

	if (!names)
		return 0;
	kn = (struct kernfs_node *)names->at;
	up = kernfs_parent(kn);
	if (!up || !names_add(names, (const unsigned char *)BPF_CORE_READ(kn, name)))
		return 0;
	names->at = (u64)up;
	return 1;
}

/* Goes from the cgroup up to the root. Of very many names those in the middle are left out: who may make cgroups below one
 * that he was given makes as many as he likes, and the host's own are the first. */
static __always_inline void cgroup_walk(struct pvm_names *names, struct task_struct *task,
					const struct pvm_task *id, u32 hook)
{
	struct css_set *set = BPF_CORE_READ(task, group_leader, cgroups);
	u8 hier;
	struct cgroup *cgrp = raw_cgroup_of(set, &hier);
	struct kernfs_node *kn = BPF_CORE_READ(cgrp, kn);
	u32 level = BPF_CORE_READ(cgrp, level);

	/* The task moved since its id was read: this path would not be that id's. */
	if (hier != id->hier || BPF_CORE_READ(kn, id) != id->cgroup_id) {
		names->stale = 1;
		return;
	}
	names->at = (u64)kn;
	if (level > PATH_DEPTH) {
		names->gap = PATH_LAST;
		for (u32 i = 0; i < PATH_LAST; i++)
			if (!kernfs_step(hook))
				return;
		names->at = (u64)cgroup_above(cgrp, (struct kernfs_node *)names->at,
					      PATH_DEPTH - PATH_LAST, level - PATH_DEPTH);
	}
	/* The one too many finds out whether there are more. */
	for (u32 i = 0; i <= PATH_DEPTH; i++)
		if (!kernfs_step(hook))
			return;
}

#endif
