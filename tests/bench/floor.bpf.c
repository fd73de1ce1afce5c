/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * floor.bpf.c - what any tracer at these hooks costs: programs that do nothing (floor_empty_*), and the
 * least that can tell of a call (floor_minimal_*): its arguments kept in task storage, and one record of
 * 208 bytes that wakes nobody.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/atomic.h"

/* Of the kernel's interface (5.11), and of no use to the tracer, whose types these are. */
#define TASK_STORAGE 29 /* BPF_MAP_TYPE_TASK_STORAGE */
#define BPF_F_NO_PREALLOC 1
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1

#define READV 310
#define WRITEV 311

struct floor_call {
	u64 entry_ns;
	u64 args[6];
};

struct floor_record {
	u64 entry_ns;
	u64 exit_ns;
	u64 args[6];
	s64 ret;
	u64 pid_tgid;
	u64 uid_gid;
	u64 number;
	char comm[16];
	u64 rest[12];
};

_Static_assert(sizeof(struct floor_record) == 208, "a record of 208 bytes");

struct {
	__uint(type, TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC); /* task storage asks for it */
	__type(key, int);
	__type(value, struct floor_call);
} floor_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} floor_ring SEC(".maps");

u64 floor_dropped;

SEC("tp_btf/sys_enter")
int BPF_PROG(floor_empty_enter, struct pt_regs *regs, long id)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(floor_empty_exit, struct pt_regs *regs, long ret)
{
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(floor_minimal_enter, struct pt_regs *regs, long id)
{
	struct floor_call *call;

	if ((u32)id != READV && (u32)id != WRITEV)
		return 0;
	call = bpf_task_storage_get(&floor_state, bpf_get_current_task_btf(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call)
		return 0;
	call->entry_ns = bpf_ktime_get_ns();
	call->args[0] = regs->di;
	call->args[1] = regs->si;
	call->args[2] = regs->dx;
	call->args[3] = regs->r10;
	call->args[4] = regs->r8;
	call->args[5] = regs->r9;
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(floor_minimal_exit, struct pt_regs *regs, long ret)
{
	struct floor_record *rec;
	struct floor_call *call;

	if ((u32)regs->orig_ax != READV && (u32)regs->orig_ax != WRITEV)
		return 0;
	call = bpf_task_storage_get(&floor_state, bpf_get_current_task_btf(), NULL, 0);
	if (!call)
		return 0;
	rec = bpf_ringbuf_reserve(&floor_ring, sizeof(*rec), 0);
	if (!rec) {
		atomic_add(&floor_dropped, 1);
		return 0;
	}
	rec->entry_ns = call->entry_ns;
	rec->exit_ns = bpf_ktime_get_ns();
	__builtin_memcpy(rec->args, call->args, sizeof(rec->args));
	rec->ret = ret;
	rec->pid_tgid = bpf_get_current_pid_tgid();
	rec->uid_gid = bpf_get_current_uid_gid();
	rec->number = regs->orig_ax;
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
	__builtin_memset(rec->rest, 0, sizeof(rec->rest));
	bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
