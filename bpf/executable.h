/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* executable.h - which file a process executes, so that no two files are told as one. */
#ifndef PVM_EXECUTABLE_H
#define PVM_EXECUTABLE_H

#include "base.h"
#include "maps.h"
#include "names.h"
#include "task.h"

#define OVERLAYFS_SUPER_MAGIC 0x794c7630 /* include/uapi/linux/magic.h */
#define BTRFS_SUPER_MAGIC 0x9123683e	 /* likewise */

#define NS_PER_S 1000000000ULL
#define CTIME_NSEC \
	0x7fffffff /* the highest bit says that somebody looked at it (I_CTIME_QUERIED, 6.13) */

/* These are functions of their own, for the reason given at cgroup_ancestor (path_walk.h). */
static __noinline u64 ctime_sec(struct inode *inode)
{
	return (s64)PEEK((u64)inode, struct inode, i_ctime_sec) * NS_PER_S +
	       (PEEK((u64)inode, struct inode, i_ctime_nsec) & CTIME_NSEC);
}

static __noinline u64 ctime_hidden(struct inode___hidden *inode)
{
	return PEEK((u64)inode, struct inode___hidden, __i_ctime.tv_sec) * NS_PER_S +
	       (PEEK((u64)inode, struct inode___hidden, __i_ctime.tv_nsec) & CTIME_NSEC);
}

static __noinline u64 ctime_old(struct inode___ctime *inode)
{
	return PEEK((u64)inode, struct inode___ctime, i_ctime.tv_sec) * NS_PER_S +
	       (u32)PEEK((u64)inode, struct inode___ctime, i_ctime.tv_nsec);
}

static __always_inline u64 inode_ctime(struct inode *inode)
{
	struct inode___hidden *hidden = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec))
		return ctime_sec(inode);
	if (bpf_core_field_exists(hidden->__i_ctime))
		return ctime_hidden(hidden);
	return ctime_old((void *)inode);
}

/* Returns the file that an overlay's stands for, if it is one and its types are known. */
static __always_inline struct inode *inode_real(struct file *file, struct inode *inode)
{
	void *real;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC ||
	    !pvm_control.types.overlay)
		return inode;
	real = BPF_CORE_READ(file, private_data);
	if (pvm_control.types.overlay > 1)
		bpf_probe_read_kernel(&real, sizeof(real), real + pvm_control.types.overlay_real);
	inode = BPF_CORE_READ((struct file *)real, f_inode);
	return inode;
}

/* The subvolumes of a btrfs are one file system, with inode numbers of their own. Returns false if they cannot be told
 * apart. */
static __always_inline bool btrfs_subvolume(struct inode *inode, u64 *id, u32 *dev)
{
	void *at = (void *)inode - pvm_control.types.btrfs_inode + pvm_control.types.btrfs_root;
	void *root = NULL;

	return pvm_control.types.btrfs && !bpf_probe_read_kernel(&root, sizeof(root), at) &&
	       !bpf_probe_read_kernel(id, sizeof(*id), root + pvm_control.types.btrfs_id) &&
	       !bpf_probe_read_kernel(dev, sizeof(*dev), root + pvm_control.types.btrfs_dev);
}

/* Puts into the head of the names which file it is, but for the time of its last change. It is verified once, not with all
 * that comes behind. at: the file's address; hook: whose names, enum pvm_hook. Returns the address of the inode that has the
 * time, which is looked up by the caller: the stacks of all that a call goes through are added up. */
__noinline u64 exe_identify(u64 at, u32 hook)
{
	struct pvm_names *names = bpf_map_lookup_elem(&pvm_names, &hook);
	struct file *file = (struct file *)at;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct inode *real = inode_real(file, inode);
	struct pvm_file_id *id;
	u32 dev = 0;

	if (!names)
		return 0;
	id = &names->head.file;
	if (pvm_control.types.maps_real)
		inode = real;
	id->ino = BPF_CORE_READ(inode, i_ino);
	id->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	id->size = BPF_CORE_READ(real, i_size);
	id->gen = BPF_CORE_READ(real, i_generation);
	if (BPF_CORE_READ(real, i_sb, s_magic) != BTRFS_SUPER_MAGIC)
		return (u64)real;
	if (!btrfs_subvolume(real, &id->subvol, &dev))
		names->flags |= PVM_PATH_VAGUE;
	else if (inode == real)
		id->dev = dev;
	return (u64)real;
}

#endif
