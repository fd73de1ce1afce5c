/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * task.h - who the caller is, whom the caller names, and how the two are related.
 *
 * Functions that are neither static nor inline are verified once, whoever calls them; they take and give scalars
 * only (pointers from 5.12 on), and stand for what is rare or long. The others are verified anew for every
 * path that leads to them.
 */
#ifndef PVM_TASK_H
#define PVM_TASK_H

#include "base.h"
#include "current.h"
#include "maps.h"
#include "settings.h"

#define PID_FS_MAGIC 0x50494446 /* include/uapi/linux/magic.h: pidfds are inodes there (6.9) */
#define ANON_INODE_FS_MAGIC 0x09041934 /* include/uapi/linux/magic.h: pidfds before */
#define KINSHIP_GENERATIONS 32

/* This is there from 6.13 on, and takes a reference. It looks in the current task's active pid namespace, as the call itself
 * does. */
extern struct task_struct *bpf_task_from_vpid(s32 vpid) __ksym __weak;
extern void bpf_task_release(struct task_struct *p) __ksym __weak;
/* This is there from 6.2 on. */
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym __weak;

/*
 * Returns the same task, to follow pointers from. For every pointer that is followed from a task that the verifier trusts, it
 * looks for a name among those of all of the kernel's types, twice and slowly: half of the time that loading took. Other fields
 * are read from the trusted one, which is quicker at run time.
 */
static __always_inline struct task_struct *plain_task(struct task_struct *task)
{
	if (!bpf_rdonly_cast)
		return task;
	return bpf_rdonly_cast(task, bpf_core_type_id_kernel(struct task_struct));
}

/* Returns a typed pointer, of kernels that have bpf_rdonly_cast: where there is no task any more, what is read is what lies
 * there, or 0. */
static __always_inline struct task_struct *cast_task(u64 address)
{
	return bpf_rdonly_cast((void *)address, bpf_core_type_id_kernel(struct task_struct));
}

/* Reads a number, or a pointer as one, from the kernel's memory. With bpf_rdonly_cast it takes a tenth of the helper's
 * instructions: it goes by a structure that begins with a number, as there must be a type. The barrier keeps what only the helper
 * needs to where that is called. */
static __always_inline u64 peek(u64 address)
{
	u64 value;

	if (bpf_rdonly_cast)
		return *(u64 *)bpf_rdonly_cast((void *)address,
					       bpf_core_type_id_kernel(struct task_cputime));
	barrier();
	value = 0;
	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

#define PEEK(address, type, field) peek((address) + bpf_core_field_offset(type, field))

/* Namespaces nest 32 deep (MAX_PID_NS_LEVEL). The mask says so to the verifier, which before 6.10 knows nothing
 * of a product and adds no such number to a typed pointer. */
static __always_inline u64 upid_offset(u32 level)
{
	u64 off = (u64)level * bpf_core_type_size(struct upid);

	return bpf_core_field_offset(struct pid, numbers[0]) + (off & 1023);
}

static __always_inline void *upid_at(struct pid *pid, u32 level)
{
	return (void *)pid + upid_offset(level);
}

/* Whether one process descends from another, as far as was looked (KINSHIP_GENERATIONS). */
enum descent {
	DESCENT_NO,
	DESCENT_YES,
	DESCENT_UNKNOWN,
};

/* What a task has to reach into the memory of others, besides its ids. */
struct task_rights {
	struct user_namespace *user_ns;
	u64 effective; /* capabilities */
	u64 permitted;
};

/* Pointers of a task behind which more than one thing is read: each is followed once, where they are typed. */
struct task_parts {
	struct task_struct *task;   /* itself */
	struct task_struct *leader; /* the main thread */
	struct task_struct *parent; /* the real one */
	struct mm_struct *mm;	    /* NULL: it has none (any more) */
	const struct cred *cred;    /* the real ones; NULL: it is being made */
};

/* include/linux/fs.h: a file that was opened to be executed. Nobody else can open one so (fs/open.c: VALID_OPEN_FLAGS). */
#define FMODE_EXEC 0x20
#define EXE_WORN 1 /* no inode's address: the file was set by prctl(2), PR_SET_MM */

#define MMF_DUMPABLE_MASK 3 /* include/linux/mm_types.h */

__noinline int is_capable(u64 by, u64 ns);

/* One word more in a sum that nobody can foretell who does not know what it begins with. */
static __always_inline u64 sum_add(u64 sum, u64 word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
	return sum ^ sum >> 32;
}

__noinline u64 session_sum(u64 sum);

/* These follow typed pointers. */
#define FILL(name) typed_##name
#define PLAIN(task) plain_task(task)
#define GET(p, f) ((p)->f)
#define PART(held, followed) (held)
#define DEREF(pp) (*(pp))
#define GET_COMM(to, task)                                        \
	({                                                        \
		const u64 *from_ = (const u64 *)&(task)->comm[0]; \
		((u64 *)(to))[0] = from_[0];                      \
		((u64 *)(to))[1] = from_[1];                      \
	})
#include "task_fill.h"
#undef FILL
#undef PLAIN
#undef GET
#undef PART
#undef DEREF
#undef GET_COMM

/* These follow untyped pointers: of the walked target, and of the caller on 5.10. */
#define FILL(name) raw_##name
#define PLAIN(task) (task)
#define GET(p, f)                       \
	({                              \
		__typeof__(p) p_ = (p); \
		BPF_CORE_READ(p_, f);   \
	})
/* There is no room on 5.10's stack to hold one for long. */
#define PART(held, followed) (followed)
#define DEREF(pp)                                             \
	({                                                    \
		__typeof__(*(pp)) to_ = NULL;                 \
		bpf_probe_read_kernel(&to_, sizeof(to_), pp); \
		to_;                                          \
	})
#define GET_COMM(to, task)                                                               \
	({                                                                               \
		struct task_struct *task_ = (task);                                      \
		bpf_probe_read_kernel(to, PVM_COMM_SZ,                                   \
				      __builtin_preserve_access_index(&task_->comm[0])); \
	})
#include "task_fill.h"
#undef FILL
#undef PLAIN
#undef GET
#undef PART
#undef DEREF
#undef GET_COMM

#define USER_NS_DEPTH 33 /* kernel/user_namespace.c: create_user_ns */

/*
 * Whether task by (0: the current one) has CAP_SYS_PTRACE in user namespace ns, as security/commoncap.c (cap_capable) has it:
 * in its own by its effective set, in those below it by that too, or because it made the uppermost of them. Both are addresses.
 */
__noinline int is_capable(u64 by, u64 ns)
{
	struct task_struct *task = (struct task_struct *)(by ? by : bpf_get_current_task());
	const struct cred *cred = BPF_CORE_READ(task, real_cred);
	u64 own = (u64)BPF_CORE_READ(cred, user_ns);
	bool has = raw_caps(cred) & PVM_CAP_SYS_PTRACE;
	int below = (u32)PEEK(ns, struct user_namespace, level) -
		    (u32)PEEK(own, struct user_namespace, level);

	if (ns == own)
		return has;
	for (int i = 1; i < USER_NS_DEPTH && i < below; i++)
		ns = PEEK(ns, struct user_namespace, parent);
	if (below < 1 || PEEK(ns, struct user_namespace, parent) != own)
		return 0;
	return has ||
	       (u32)PEEK(ns, struct user_namespace, owner.val) == BPF_CORE_READ(cred, euid.val);
}

static __always_inline void caller_rights(struct task_rights *r)
{
	if (HAVE_TYPED_CURRENT)
		typed_rights(r, bpf_get_current_task_btf());
	else
		raw_rights(r, current_untyped());
}

static __always_inline void *task_blank(struct pvm_task *id)
{
	__builtin_memset(id, 0, sizeof(*id));
	return id;
}

/* Returns whether a task has no shadow stack though it can make calls: tasks of the kernel alone have none, and
 * make no calls. */
static __always_inline bool is_stackless(struct task_struct *task)
{
	return bpf_core_field_exists(task->ret_stack) && !task->ret_stack && task->mm;
}

/* Returns when the current process began. */
static __always_inline u64 caller_start(void)
{
	return HAVE_TYPED_CURRENT ? typed_start(bpf_get_current_task_btf())
				  : raw_start(current_untyped());
}

static __always_inline void caller_fill(struct pvm_task *id)
{
	if (HAVE_TYPED_CURRENT)
		typed_task_fill(id, bpf_get_current_task_btf());
	else
		raw_task_fill(id, current_untyped());
}

static __always_inline u64 caller_exe_inode(void)
{
	return HAVE_TYPED_CURRENT ? typed_exe_inode(bpf_get_current_task_btf())
				  : raw_exe_inode(current_untyped());
}

/* Returns the address of the caller's memory: to be compared with another one, and nothing else. */
static __always_inline u64 caller_memory(void)
{
	return HAVE_TYPED_CURRENT ? (u64)bpf_get_current_task_btf()->mm
				  : (u64)BPF_CORE_READ(current_untyped(), mm);
}

/* Returns whether the caller descends from that process (enum descent). It is verified by itself, not behind each way to a
 * target. */
__noinline int caller_descends(u32 from_tgid)
{
	if (HAVE_TYPED_CURRENT)
		return typed_descends(typed_parent(bpf_get_current_task_btf()), from_tgid);
	return raw_descends(raw_parent(current_untyped()), from_tgid);
}

/* Returns the address of the task that a struct pid stands for: its thread, or its process's main thread. 0: none. */
static __always_inline u64 task_of_pid(u64 pid)
{
	u64 node = PEEK(pid, struct pid, tasks[PIDTYPE_PID].first);

	if (!node)
		return 0;
	return node - bpf_core_field_offset(struct task_struct, pid_links) -
	       PIDTYPE_PID * bpf_core_type_size(struct hlist_node);
}

/*
 * Returns the address of what the number means to task by. The table of pids of a namespace is an xarray (lib/xarray.c): an
 * entry with bit 1 set is a node of 64 slots, of which `shift` says what bits of the index choose; any other is the struct pid.
 * Four levels hold 2^24 pids, four times the largest pid_max.
 */
__noinline u64 walk_vpid_global(u64 by, u32 nr)
{
	u64 self = PEEK(by, struct task_struct, thread_pid);
	u64 level = (u32)PEEK(self, struct pid, level);
	u64 ns = PEEK(self + upid_offset(level), struct upid, ns);
	u64 entry = PEEK(ns, struct pid_namespace, idr.idr_rt.xa_head);

	nr -= (u32)PEEK(ns, struct pid_namespace, idr.idr_base);
	for (int i = 0; i < 5; i++) {
		u64 node = entry - 2;
		u8 shift;

		if ((entry & 3) != 2)
			break;
		shift = PEEK(node, struct xa_node, shift);
		if (i == 0 && shift < 26 && (nr >> shift) > 63)
			return 0; /* beyond the largest pid that the table holds */
		entry = PEEK(node + ((nr >> (shift & 31)) & 63) * sizeof(void *), struct xa_node,
			     slots[0]);
	}
	if (!entry || (entry & 3))
		return 0;
	return task_of_pid(entry);
}

/* Returns the same for the current task. */
static __always_inline struct task_struct *walk_vpid(u32 nr)
{
	return (struct task_struct *)walk_vpid_global(bpf_get_current_task(), nr);
}

/* Returns the address of the main thread of a process's parent; leader: of its own. */
static __always_inline u64 parent_of(u64 leader)
{
	u64 parent = PEEK(leader, struct task_struct, real_parent);

	return PEEK(parent, struct task_struct, group_leader);
}

/* Address of the main thread of who leads a task's session; 0: it is gone. */
__noinline u64 session_leader(u64 task)
{
	u64 signal = PEEK(task, struct task_struct, signal);
	u64 pid = PEEK(signal + PIDTYPE_SID * sizeof(void *), struct signal_struct, pids[0]);

	return pid ? task_of_pid(pid) : 0;
}

/* The current task's, in a sum as of relative_sum; the sum itself if it is gone. */
__noinline u64 session_sum(u64 sum)
{
	u64 leader = session_leader(bpf_get_current_task());

	return leader ? raw_relative_sum(sum, (struct task_struct *)leader) : sum;
}

/* Of what is told of those behind the current task. */
__noinline u64 caller_sum(void)
{
	if (HAVE_TYPED_CURRENT)
		return typed_caller_sum(bpf_get_current_task_btf());
	return raw_caller_sum(current_untyped());
}

/* Of what is told of the parent of a target, by its address. */
__noinline u64 target_sum(u64 task)
{
	return raw_target_sum(raw_parent((struct task_struct *)task));
}

static __always_inline struct file *file_of_fd(u64 by, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ((struct task_struct *)by, files, fdt);
	struct file *file = NULL, **fds;

	if (fd >= BPF_CORE_READ(fdt, max_fds))
		return NULL;
	fds = BPF_CORE_READ(fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &fds[fd]);
	return file;
}

/* Returns the address of the inode behind a descriptor of task by; 0: there is none. */
static __always_inline u64 inode_of_fd(u64 by, u32 fd)
{
	struct file *file = file_of_fd(by, fd);

	return file ? (u64)BPF_CORE_READ(file, f_inode) : 0;
}

/* Returns the task behind a descriptor of task by, if it is a pidfd. From 6.9 on pidfds are inodes of a file
 * system of their own, before they are anonymous inodes named "[pidfd]". */
__noinline u64 walk_pidfd_global(u64 by, u32 fd)
{
	struct file *file = file_of_fd(by, fd);
	struct inode *inode;
	unsigned long magic;
	char name[8] = {};

	if (!file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (magic == PID_FS_MAGIC)
		return task_of_pid((u64)BPF_CORE_READ(inode, i_private));
	if (magic != ANON_INODE_FS_MAGIC)
		return 0;
	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (__builtin_memcmp(name, "[pidfd]", sizeof(name)))
		return 0;
	return task_of_pid((u64)BPF_CORE_READ(file, private_data));
}

/* Returns the task that the argument of task by's call names; 0: none. kind: enum pvm_kind. */
__noinline u64 named_task(u64 by, s32 nr, u32 kind)
{
	if (kind == PVM_KIND_PIDFD)
		return nr >= 0 ? walk_pidfd_global(by, nr) : 0;
	return nr > 0 ? walk_vpid_global(by, nr) : 0;
}

/* Returns the same now; NULL if there is none. */
static __always_inline struct task_struct *target_walk_by(const struct pvm_call *call, u64 by)
{
	return (struct task_struct *)named_task(by, pvm_target_arg(call->args), call->kind);
}

/* Returns the same for the current task's call. */
static __always_inline struct task_struct *target_walk(const struct pvm_call *call)
{
	return target_walk_by(call, bpf_get_current_task());
}

#endif
