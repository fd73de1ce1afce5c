/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * task_fill.h - reads a task's identity. Included twice by task.h, because the verifier knows two
 * kinds of pointers: typed ones are followed by plain loads (about 1 ns each), untyped ones by a
 * helper call (about 10 ns each). FILL(name) names the function, GET(pointer, field) follows, PLAIN(task) is what
 * pointers of a task are followed from. PART(held, followed) is a pointer that was followed before, by one of the two.
 * No include guard, on purpose; included by anybody else, it is task.h.
 */
#ifndef FILL
#include "task.h"
#else

static __always_inline const struct cred *FILL(part_cred)(const struct task_parts *p)
{
	return PART(p->cred, GET(PLAIN(p->task), real_cred));
}

static __always_inline struct mm_struct *FILL(part_mm)(const struct task_parts *p)
{
	return PART(p->mm, GET(PLAIN(p->task), mm));
}

static __always_inline struct task_struct *FILL(part_parent)(const struct task_parts *p)
{
	return PART(p->parent, GET(GET(PLAIN(p->task), group_leader), real_parent));
}

/* Returns the cgroup of the hierarchy that tells most: v2 unless the task is in its root, else pids, else memory
 * (v1 and hybrid hosts keep their cgroups there). */
static __always_inline struct cgroup *FILL(cgroup_of)(struct css_set *set, u8 *hier)
{
	struct cgroup *dfl = GET(set, dfl_cgrp);
	struct cgroup_subsys_state *css, **subsys;
	struct cgroup *cgrp;

	*hier = PVM_HIER_V2;
	if (GET(dfl, level) > 0)
		return dfl;
	subsys = __builtin_preserve_access_index(&set->subsys[0]);
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) {
		css = DEREF(subsys + bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
		cgrp = GET(css, cgroup);
		if (GET(cgrp, level) > 0) {
			*hier = PVM_HIER_PIDS;
			return cgrp;
		}
	}
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		css = DEREF(subsys + bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
		cgrp = GET(css, cgroup);
		if (GET(cgrp, level) > 0) {
			*hier = PVM_HIER_MEMORY;
			return cgrp;
		}
	}
	return dfl;
}

static __always_inline void FILL(exe)(struct pvm_task *id, struct mm_struct *mm)
{
	struct dentry *dentry;
	struct inode *inode;
	struct file *exe;

	if (!mm)
		return;
	exe = GET(mm, exe_file);
	if (!exe)
		return;
	inode = GET(exe, f_inode);
	id->exe_ino = GET(inode, i_ino);
	id->exe_dev = GET(GET(inode, i_sb), s_dev);
	id->flags |= PVM_TASK_EXE;
	dentry = GET(exe, f_path.dentry);
	if (!GET(dentry, d_hash.pprev))
		id->flags |= PVM_TASK_EXE_DELETED;
}

static __always_inline u64 FILL(caps_permitted)(const struct cred *cred)
{
	const struct cred___words *old = (const void *)cred;

	if (bpf_core_field_exists(cred->cap_permitted.val))
		return GET(cred, cap_permitted.val);
	return GET(old, cap_permitted.cap[0]) | (u64)GET(old, cap_permitted.cap[1]) << 32;
}

/* Returns the address of the inode of the program that a task runs, to be compared; 0: it runs none (any more); EXE_WORN: another
 * file stands in for it. It is made into a number by a read, as in FILL(memory_owner). */
static __always_inline u64 FILL(exe_inode)(struct task_struct *task)
{
	struct mm_struct *mm = GET(PLAIN(task), mm);
	struct file *exe = mm ? GET(mm, exe_file) : NULL;
	u64 inode = 0;

	if (exe && !(GET(exe, f_flags) & FMODE_EXEC))
		return EXE_WORN;
	if (exe)
		bpf_probe_read_kernel(&inode, sizeof(inode),
				      __builtin_preserve_access_index(&exe->f_inode));
	return inode;
}

static __always_inline u64 FILL(caps)(const struct cred *cred)
{
	const struct cred___words *old = (const void *)cred;

	if (bpf_core_field_exists(cred->cap_effective.val))
		return GET(cred, cap_effective.val);
	return GET(old, cap_effective.cap[0]) | (u64)GET(old, cap_effective.cap[1]) << 32;
}

static __always_inline void FILL(creds)(struct pvm_task *id, const struct task_parts *p)
{
	const struct cred *cred = FILL(part_cred)(p);

	if (!cred)
		return;
	id->uid = GET(cred, uid.val);
	id->gid = GET(cred, gid.val);
	id->euid = GET(cred, euid.val);
	id->egid = GET(cred, egid.val);
	id->suid = GET(cred, suid.val);
	id->sgid = GET(cred, sgid.val);
	id->caps_effective = FILL(caps)(cred);
	id->ns_user = GET(GET(cred, user_ns), ns.inum);
	id->flags |= PVM_TASK_CREDS;
}

/* Reads the process's number in its own (innermost) pid namespace, and that namespace. */
static __always_inline void FILL(pid_ns)(struct pvm_task *id, struct task_struct *leader)
{
	struct pid *pid = GET(leader, thread_pid);
	u32 level = GET(pid, level);
	struct upid upid = {};

	if (!pid)
		return;
	if (level == 0) {
		id->pid_ns = id->pid;
		id->ns_pid = PVM_PID_NS_HOST;
		return;
	}
	bpf_probe_read_kernel(&upid, sizeof(upid), upid_at(pid, level));
	id->pid_ns = upid.nr;
	id->ns_pid = BPF_CORE_READ(upid.ns, ns.inum);
}

static __always_inline u32 FILL(tgid)(struct task_struct *task)
{
	return GET(task, tgid);
}

static __always_inline u64 FILL(start)(struct task_struct *task)
{
	return GET(GET(PLAIN(task), group_leader), start_boottime);
}

static __always_inline void FILL(comm)(char *to, struct task_struct *task)
{
	GET_COMM(to, task);
}

/* The parts of a task that are asked for first; the others are read with its identity (noted_fill). */
static __always_inline void FILL(parts)(struct task_parts *p, struct task_struct *task)
{
	struct task_struct *plain = PLAIN(task);

	p->task = task;
	p->leader = GET(plain, group_leader);
	p->cred = PART(GET(plain, real_cred), NULL);
	p->mm = PART(GET(plain, mm), NULL);
}

/* Notes which process and thread it is, and which program it runs. leader: its main thread. */
static __always_inline void FILL(task_note)(struct pvm_task *id, struct task_struct *task,
					    struct task_struct *leader)
{
	id->pid = GET(task, tgid);
	id->start_ns = GET(leader, start_boottime);
	id->thread_ns = GET(task, start_boottime);
	id->exec_id = GET(leader, self_exec_id);
}

/* Returns the address of the task that the kernel books a task's memory on, where that is another process; else 0. It is made into
 * a number by a read only (see pvm_access). */
static __always_inline u64 FILL(memory_owner)(struct task_struct *task, struct mm_struct *mm)
{
	struct task_struct *booked;
	u64 owner = 0;

	if (!mm || !bpf_core_field_exists(mm->owner))
		return 0;
	booked = GET(mm, owner);
	if (booked && GET(booked, tgid) != GET(task, tgid))
		bpf_probe_read_kernel(&owner, sizeof(owner),
				      __builtin_preserve_access_index(&mm->owner));
	return owner;
}

static __always_inline u64 FILL(memory_address)(struct task_struct *task)
{
	u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address),
			      __builtin_preserve_access_index(&task->mm));
	return address;
}

/* Of thread tid are its name, credentials and namespaces; the rest is the process's, whose cgroup is its main thread's, as
 * /proc/PID/cgroup has it: a single thread may be in another one of the first version. id is zeroed by the caller, and then
 * noted (task_note). */
static __always_inline void FILL(noted_fill)(struct pvm_task *id, struct task_struct *task,
					     struct task_parts *p)
{
	struct nsproxy *nsproxy = GET(PLAIN(p->task), nsproxy);
	struct task_struct *leader = p->leader, *parent;
	struct cgroup *cgrp;

	parent = p->parent = GET(leader, real_parent);
	id->tid = GET(task, pid);
	id->ppid = GET(parent, tgid);
	GET_COMM(id->comm, task);
	GET_COMM(id->pcomm, GET(parent, group_leader));
	FILL(creds)(id, p);
	id->process_uid = id->uid;
	if (id->tid != id->pid)
		id->process_uid = GET(GET(leader, real_cred), uid.val);
	FILL(pid_ns)(id, leader);
	if (nsproxy)
		id->ns_mnt = GET(GET(nsproxy, mnt_ns), ns.inum);
	if (id->ns_mnt && host_mnt)
		id->flags |= id->ns_mnt == host_mnt ? PVM_TASK_MNT_HOST : PVM_TASK_MNT_OTHER;
	id->loginuid = PVM_NO_ID;
	id->sessionid = PVM_NO_ID;
	if (bpf_core_field_exists(task->loginuid)) {
		id->loginuid = GET(task, loginuid.val);
		id->sessionid = GET(task, sessionid);
	}
	cgrp = FILL(cgroup_of)(GET(leader, cgroups), &id->hier);
	id->cgroup_id = GET(GET(cgrp, kn), id);
	FILL(exe)(id, FILL(part_mm)(p));
}

/* Fills in a task and its parts. */
static __always_inline void FILL(task_parts_fill)(struct pvm_task *id, struct task_struct *task,
						  struct task_parts *p)
{
	FILL(parts)(p, task);
	FILL(task_note)(id, task, p->leader);
	FILL(noted_fill)(id, task, p);
}

static __always_inline void FILL(task_fill)(struct pvm_task *id, struct task_struct *task)
{
	struct task_parts parts;

	FILL(task_parts_fill)(id, task, &parts);
}

/* What a task may do to others. */
static __always_inline void FILL(rights)(struct task_rights *r, struct task_struct *task)
{
	const struct cred *cred = GET(PLAIN(task), real_cred);

	r->user_ns = GET(cred, user_ns);
	r->effective = FILL(caps)(cred);
	r->permitted = FILL(caps_permitted)(cred);
}

/* dumpable of a task that has a memory, mm, else 0 and false. */
static __always_inline bool FILL(dumpable)(struct task_struct *plain, struct mm_struct *mm,
					   u8 *dumpable)
{
	struct mm_struct___word *old = (void *)mm;

	if (!mm)
		return false;
	if (bpf_core_field_exists(plain->exec_state))
		*dumpable = GET(GET(plain, exec_state), dumpable);
	else if (bpf_core_field_exists(mm->flags.__mm_flags))
		*dumpable = GET(mm, flags.__mm_flags[0]) & MMF_DUMPABLE_MASK;
	else
		*dumpable = GET(old, flags) & MMF_DUMPABLE_MASK;
	return true;
}

/* Address of the user namespace that the program of a task was executed in. */
static __always_inline u64 FILL(exec_ns)(const struct task_parts *p)
{
	struct task_struct *plain = PLAIN(p->task);
	struct task_exec_state *state;
	struct mm_struct *mm;
	u64 address = 0;

	if (bpf_core_field_exists(plain->exec_state)) {
		state = GET(plain, exec_state);
		bpf_probe_read_kernel(&address, sizeof(address),
				      __builtin_preserve_access_index(&state->user_ns));
	} else {
		mm = FILL(part_mm)(p);
		bpf_probe_read_kernel(&address, sizeof(address),
				      __builtin_preserve_access_index(&mm->user_ns));
	}
	return address;
}

/* Returns whether that process ptraces this thread. */
static __always_inline bool FILL(is_traced_by)(struct task_struct *task, u32 tgid)
{
	return GET(task, ptrace) && (u32)GET(GET(PLAIN(task), parent), tgid) == tgid;
}

/* What is asked of task by (its address, or 0 of the current one; r: its rights) to reach into the memory of one with these
 * parts. A task that is being made has no credentials yet. */
static __always_inline void FILL(access)(struct pvm_access *a, const struct task_parts *p,
					 const struct task_rights *r, u64 by)
{
	const struct cred *cred = FILL(part_cred)(p);
	struct user_namespace *ns;
	u64 address = 0;
	u32 flags = PVM_ACCESS_KNOWN;

	if (!cred)
		return;
	ns = GET(cred, user_ns);
	a->user_ns_owner = GET(ns, owner.val);
	a->yama = pvm_control.yama_scope;
	if (ns == r->user_ns) {
		if (r->effective & PVM_CAP_SYS_PTRACE)
			flags |= PVM_ACCESS_CAPABLE;
		if (!(FILL(caps_permitted)(cred) & ~r->permitted))
			flags |= PVM_ACCESS_COVERED;
	} else {
		bpf_probe_read_kernel(&address, sizeof(address),
				      __builtin_preserve_access_index(&cred->user_ns));
		if (is_capable(by, address))
			flags |= PVM_ACCESS_CAPABLE;
	}
	if (FILL(dumpable)(PLAIN(p->task), FILL(part_mm)(p), &a->dumpable))
		flags |= PVM_ACCESS_DUMPABLE;
	if (flags & PVM_ACCESS_DUMPABLE && !pvm_is_dumpable(a) && is_capable(by, FILL(exec_ns)(p)))
		flags |= PVM_ACCESS_CAPABLE_EXEC;
	a->flags = flags;
}

/* Returns a process's real parent. */
static __always_inline struct task_struct *FILL(parent)(struct task_struct *task)
{
	return GET(GET(PLAIN(task), group_leader), real_parent);
}

/* p: the real parent, which is the first generation; 32 of them, or up to init. There is one way out of the loop: of more, clang 19
 * makes a test of a register that was never written, which the verifier refuses. */
static __always_inline enum descent FILL(descends)(struct task_struct *p, u32 from_tgid)
{
	u32 tgid = 0;

	for (int i = 0; i < KINSHIP_GENERATIONS; i++) {
		tgid = GET(p, tgid);
		if (tgid == from_tgid || tgid <= 1)
			break;
		p = GET(p, real_parent);
	}
	if (tgid == from_tgid)
		return DESCENT_YES;
	return tgid > 1 ? DESCENT_UNKNOWN : DESCENT_NO;
}

/* Stands for the file that a process executes: an address that is another one after each exec, and when it is given another
 * file (PR_SET_MM_EXE_FILE). 0: it has none. */
static __always_inline u64 FILL(exe_address)(struct task_struct *plain)
{
	return PEEK((u64)GET(plain, mm), struct mm_struct, exe_file);
}

/* One process more in a sum of all that is told of those behind another one. leader: its main thread. */
static __always_inline u64 FILL(relative_sum)(u64 sum, struct task_struct *leader)
{
	u64 comm[2];

	GET_COMM(comm, leader);
	sum = sum_add(sum, FILL(exe_address)(PLAIN(leader)));
	sum = sum_add(sum, GET(leader, start_boottime));
	sum = sum_add(sum, (u64)GET(leader, tgid) << 32 | (u32)GET(leader, self_exec_id));
	return sum_add(sum_add(sum, comm[0]), comm[1]);
}

/* The terminal, as a number; 0: there is none. */
static __always_inline u32 FILL(tty)(struct signal_struct *signal)
{
	struct tty_struct *tty = GET(signal, tty);
	struct tty_driver *driver;

	if (!tty)
		return 0;
	driver = GET(tty, driver);
	return (u32)GET(driver, major) << 20 | (GET(driver, minor_start) + GET(tty, index));
}

/* Of what is told of those behind a caller, task, as struct pvm_ancestry has it; never 0. Whoever leads the session is mostly
 * one of the ancestors, and is looked at by himself only if not. */
static __always_inline u64 FILL(caller_sum)(struct task_struct *task)
{
	struct task_struct *plain = PLAIN(task), *at = GET(plain, group_leader);
	struct signal_struct *signal = GET(plain, signal);
	struct pid *pid = GET(signal, pids[PIDTYPE_SID]);
	u32 session = pid ? GET(pid, numbers[0].nr) : 0, tgid = GET(at, tgid);
	u64 sum = sum_add(cfg_digest_key[0], (u64)session << 32 | FILL(tty)(signal));
	bool found = tgid == session;

	if (found)
		sum = FILL(relative_sum)(sum, at);
	for (u32 i = 0; i < PVM_ANCESTORS_MAX; i++) {
		if (i >= cfg_ancestors)
			break;
		at = GET(GET(at, real_parent), group_leader);
		tgid = GET(at, tgid);
		if (!tgid)
			break;
		found |= tgid == session;
		sum = FILL(relative_sum)(sum, at);
	}
	if (!found)
		sum = session_sum(sum);
	if (GET(plain, ptrace))
		sum = FILL(relative_sum)(sum, GET(GET(plain, parent), group_leader));
	return sum ? sum : 1;
}

/* The same of the parent of a target. */
static __always_inline u64 FILL(target_sum)(struct task_struct *parent)
{
	return FILL(relative_sum)(cfg_digest_key[1], GET(parent, group_leader)) | 1;
}

#endif
