/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * vmlinux.h - the kernel types that pvmtrace reads, and of each only the fields it reads. The loader
 * moves every access to where the running kernel's BTF has the field, so order and size here mean
 * nothing. A field that exists on some kernels only stands in a flavour of its own (name___what) and is
 * asked for with bpf_core_field_exists. `make check-btf` holds this file against a kernel's BTF.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum {
	false = 0,
	true = 1,
};

#define NULL ((void *)0)

/* UAPI constants (linux/bpf.h), whose values never change. */
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_F_RDONLY_PROG = 128,
	BPF_F_MMAPABLE = 1024,
};

enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

enum {
	BPF_RB_AVAIL_DATA = 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Do the helpers exist that give the current task as a typed pointer (5.11), and the registers of a task (5.15)? */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158,
	BPF_FUNC_task_pt_regs = 175,
};

#if defined(__TARGET_ARCH_x86)

struct pt_regs { /* arguments and number of the system call */
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long cx;
	unsigned long bx;
	unsigned long bp;
	unsigned long r10;
	unsigned long r8;
	unsigned long r9;
	unsigned long ax;
	unsigned long orig_ax;
	unsigned long r15;
};

struct thread_info { /* status: TS_COMPAT, the ABI of the call */
	u32 status;
};

#elif defined(__TARGET_ARCH_arm64)

struct pt_regs { /* arguments, number and mode of the system call */
	u64 regs[31];
	u64 pstate;
	u64 orig_x0; /* regs[0] of the entry: the result overwrites that */
	s32 syscallno;
};

struct thread_info { /* not read */
	unsigned long flags;
};

#endif

struct hlist_node { /* member of pid.tasks */
	struct hlist_node *next;
	struct hlist_node **pprev;
};

struct list_head {
	struct list_head *next;
};

struct hlist_head { /* pid.tasks */
	struct hlist_node *first;
};

struct hlist_bl_node { /* dentry.d_hash: pprev NULL means that the name was removed */
	struct hlist_bl_node *next;
	struct hlist_bl_node **pprev;
};

struct ns_common { /* the inode number by which a namespace is known */
	unsigned int inum;
};

typedef struct { /* user and group ids */
	u32 val;
} kuid_t;

typedef struct {
	u32 val;
} kgid_t;

struct user_namespace { /* caller's and target's user namespace, and those above it */
	struct user_namespace *parent;
	int level; /* 0: the first one */
	kuid_t owner;
	struct ns_common ns;
};

struct xarray { /* table of pids of a namespace, see task.h */
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct idr {
	struct xarray idr_rt;
	unsigned int idr_base;
};

struct pid_namespace { /* where the caller's pid argument is looked up */
	struct idr idr;
	struct task_struct *child_reaper; /* its first process */
	struct ns_common ns;
};

struct task_cputime { /* begins with a number: see peek() */
	u64 stime;
};

struct upid { /* a process id in one pid namespace */
	int nr;
	struct pid_namespace *ns;
};

enum pid_type { /* index of pid.tasks: values checked by CO-RE */
		PIDTYPE_PID,
		PIDTYPE_TGID,
		PIDTYPE_PGID,
		PIDTYPE_SID,
};

struct pid { /* from a number to its task */
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
};

typedef struct { /* 6.3 */
	u64 val;
} kernel_cap_t;

struct kernel_cap_struct { /* before */
	u32 cap[2];
};

struct cred { /* identity for permission checks */
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
};

struct cred___words { /* before 6.3 */
	struct kernel_cap_struct cap_permitted;
	struct kernel_cap_struct cap_effective;
};

struct mnt_namespace { /* identity only */
	struct ns_common ns;
};

struct nsproxy { /* NULL in exiting tasks */
	struct mnt_namespace *mnt_ns;
};

struct super_block { /* device of an executable; magic of a pidfd's file system */
	u32 s_dev;
	unsigned long s_magic;
};

struct inode { /* identity of an executable */
	unsigned long i_ino;
	struct super_block *i_sb;
	void *i_private;
	s64 i_size;
	u32 i_generation;
	s64 i_ctime_sec; /* when it was changed, from 6.11 on ... */
	u32 i_ctime_nsec;
};

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

struct inode___hidden { /* ... from 6.6 on ... */
	struct timespec64 __i_ctime;
};

struct inode___ctime { /* ... and before */
	struct timespec64 i_ctime;
};

struct qstr { /* a name in a path */
	__u64 hash_len;
	const unsigned char *name;
};

struct dentry { /* a component of a path */
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct vfsmount { /* root of a mounted tree */
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount { /* where a tree is mounted */
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns; /* that it is attached in */
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file { /* an executable; a pidfd; what is mapped */
	struct path f_path;
	struct inode *f_inode;
	void *private_data;
	unsigned int f_mode;
	unsigned int f_flags;
};

struct bpf_map { /* what a descriptor of bpf(2) is of: which one it is */
	u32 id;
};

struct bpf_prog_aux {
	u32 id;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct bpf_link {
	u32 id;
};

struct backing_file { /* 6.7: the file below an overlay's, which shows the overlay's */
	struct path user_path;
};

struct fdtable { /* following a pidfd */
	unsigned int max_fds;
	struct file **fd;
};

typedef struct {
	int counter;
} atomic_t;

struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};

typedef struct { /* 6.18 */
	unsigned long __mm_flags[1];
} mm_flags_t;

struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct maple_tree { /* mappings of a memory, by address, from 6.1 on: see region.h */
	void *ma_root;
};

enum maple_type { /* values by CO-RE */
		  maple_leaf_64 = 1,
		  maple_range_64 = 2,
		  maple_arange_64 = 3,
};

struct maple_range_64 {
	unsigned long pivot[15];
	void *slot[16];
};

struct maple_arange_64 {
	unsigned long pivot[9];
	void *slot[10];
};

struct maple_node {
	void *parent; /* itself, where the node is dead */
	struct maple_range_64 mr64;
	struct maple_arange_64 ma64;
};

struct vm_special_mapping { /* vdso and vvar */
	const char *name;
};

struct anon_vma_name {
	char name[0];
};

struct vm_area_struct { /* a mapping */
	unsigned long vm_start;
	unsigned long vm_end;
	struct mm_struct *vm_mm;
	unsigned long vm_flags;
	const void *vm_ops;
	unsigned long vm_pgoff;
	struct file *vm_file;
	void *vm_private_data;
	struct {
		struct rb_node rb;
	} shared;
	struct anon_vma_name *anon_name; /* 5.17, only with CONFIG_ANON_VMA_NAME */
};

struct vm_area_struct___listed { /* before 6.1 */
	struct vm_area_struct___listed *vm_next;
	struct rb_node vm_rb;
};

typedef struct {
	s64 counter;
} atomic64_t;

struct rw_semaphore {
	atomic64_t count; /* without CONFIG_PREEMPT_RT */
};

typedef struct seqcount {
	unsigned int sequence;
} seqcount_t;

struct mm_struct { /* executable and arguments; whose it is; who works in it, and may; what is mapped */
	atomic_t mm_users;
	mm_flags_t flags;
	struct user_namespace *user_ns; /* before 7.3 */
	unsigned long mmap_base;
	struct file *exe_file;
	struct task_struct *owner; /* only with CONFIG_MEMCG */
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long start_brk;
	unsigned long brk;
	unsigned long start_stack;
	struct maple_tree mm_mt; /* 6.1 */
	struct rw_semaphore mmap_lock;
	seqcount_t mm_lock_seq; /* 6.14, only with CONFIG_PER_VMA_LOCK */
};

struct mm_struct___listed { /* before */
	struct vm_area_struct___listed *mmap;
	struct rb_root mm_rb;
};

struct mm_struct___word { /* before 6.18 */
	unsigned long flags;
};

enum task_dumpable { /* not read by name */
		     TASK_DUMPABLE_OWNER = 1,
};

struct task_exec_state { /* 7.3: what a memory had before */
	enum task_dumpable dumpable;
	struct user_namespace *user_ns;
};

struct kernfs_node {		      /* name and id of a cgroup */
	struct kernfs_node *__parent; /* 6.15 and some stable kernels */
	const char *name;
	u64 id;
};

struct kernfs_node___parent { /* before */
	struct kernfs_node *parent;
};

struct cgroup { /* level 0 is the root */
	int level;
	struct kernfs_node *kn;
	struct cgroup
		*ancestors[1]; /* by level, itself included; before 6.1 there are only their ids */
};

struct cgroup_subsys_state { /* a v1 hierarchy's cgroup */
	struct cgroup *cgroup;
};

enum cgroup_subsys_id { /* values by CO-RE: they depend on the kernel's configuration */
			pids_cgrp_id = 11,
			memory_cgrp_id = 4,
};

struct css_set { /* the cgroups of a task */
	struct cgroup_subsys_state *subsys[12];
	struct cgroup *dfl_cgrp;
};

struct tty_driver { /* number of a terminal */
	int major;
	int minor_start;
};

struct tty_struct { /* the terminal of a session */
	int index;
	struct tty_driver *driver;
	char name[64];
};

struct signal_struct { /* a process's threads, whether all of it is gone, its session and terminal */
	struct pid *pids[4];
	struct tty_struct *tty;
	atomic_t live;
	struct list_head thread_head;
};

struct task_struct { /* caller and target */
	struct signal_struct *signal;
	struct list_head thread_node;
	struct thread_info thread_info;
	struct mm_struct *mm;
	struct task_exec_state *exec_state; /* 7.3 */
	unsigned int flags;
	int pid;
	int tgid;
	unsigned int ptrace; /* not 0: parent is who traces it */
	struct task_struct *real_parent;
	struct task_struct *parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	u64 start_boottime;
	unsigned long nvcsw;
	unsigned long nivcsw;
	unsigned long min_flt;
	unsigned long maj_flt;
	int exit_state;			   /* not 0: past its last hook */
	unsigned short migration_disabled; /* only with CONFIG_SMP, from 5.11 on */
	const struct cred *real_cred;
	char comm[16];
	struct files_struct *files;
	struct nsproxy *nsproxy;
	kuid_t loginuid; /* only with CONFIG_AUDIT */
	unsigned int sessionid;
	u64 self_exec_id;
	struct css_set *cgroups;
	void *ret_stack; /* only with CONFIG_FUNCTION_GRAPH_TRACER */
};

struct trace_event_raw_sys_exit { /* context of tp/raw_syscalls/sys_exit */
	long id;
	long ret;
};

struct seq_file { /* of bpf_iter_meta; not read */
	void *private;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct bpf_iter__task { /* context of the iterators */
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__bpf_map_elem { /* the same, of the elements of a map */
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
};

#pragma clang attribute pop

#endif /* __VMLINUX_H__ */
