/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * These are the hooks of the kernel half. They decide and copy, and never format.
 *
 * They are raw tracepoints with BTF, because the per-call tracepoints never fire for 32-bit callers, and because a
 * classic tracepoint program is skipped while any bpf(2) map operation runs on its CPU.
 */
#include "base.h"

#include "arch.h"
#include "call.h"
#include "check.h"
#include "commands.h"
#include "confirm.h"
#include "current.h"
#include "exit.h"
#include "fentry.h"
#include "found.h"
#include "here.h"
#include "hooks.h"
#include "maps.h"
#include "memory.h"
#include "opening.h"
#include "settings.h"
#include "state.h"
#include "steer.h"
#include "sweep.h"
#include "witness.h"

static __always_inline void tracepoint_enter(struct pt_regs *regs, long id, enum pvm_hook hook)
{
	u32 abi_op = arch_number(id);
	struct task_struct *self;

	if (!abi_op || (BESIDE(hook) && is_passed_over(regs, saw_of(hook))))
		return;
	self = current_task();
	if (arch_mode_fits(abi_op, ARCH_COMPAT(regs, self)))
		call_enter(regs, self, abi_op, hook);
}

static __always_inline void tracepoint_exit(struct pt_regs *regs, long ret, enum pvm_hook hook)
{
	u32 abi_op = arch_number_or_bpf(arch_exit_number(regs));
	struct task_struct *self;

	if (ARCH_OP(abi_op) == ARCH_OP_BPF) {
		if (cfg_openings)
			opening_exit(regs, abi_op, ret);
		return;
	}
	if (!abi_op || (BESIDE(hook) && is_passed_over(regs, saw_of(hook))))
		return;
	self = current_task();
	if (BESIDE(hook) && cfg_quick && here_was_awaited(regs, (u64)self, abi_op, ret))
		return;
	if (arch_mode_fits(abi_op, ARCH_COMPAT(regs, self)))
		call_exit(regs, self, abi_op, ret, hook);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(pvm_enter, struct pt_regs *regs, long id)
{
	tracepoint_enter(regs, id, HOOK_ALONE | HOOK_ENTER);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(pvm_exit, struct pt_regs *regs, long ret)
{
	tracepoint_exit(regs, ret, HOOK_ALONE | HOOK_EXIT);
	return 0;
}

/* These do the same where others may see the same call. */
SEC("tp_btf/sys_enter")
int BPF_PROG(pvm_enter_w, struct pt_regs *regs, long id)
{
	tracepoint_enter(regs, id, HOOK_ENTER);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(pvm_exit_w, struct pt_regs *regs, long ret)
{
	tracepoint_exit(regs, ret, HOOK_EXIT);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(pvm_death, struct task_struct *task)
{
	u32 pid = task->pid;

	found_ends();
	look_for_stack(task);
	if (!cfg_ends_unseen)
		call_drop();
	if (task->tgid == task->pid)
		bpf_map_delete_elem(&pvm_procs, &pid);
	if (cfg_memories && !task->signal->live.counter)
		memories_renew(true);
	return 0;
}

/* This is loaded only where there is a --target-pid. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(pvm_exec)
{
	memories_renew(false);
	return 0;
}

SEC("iter/task")
int pvm_sweep(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u64 address = 0;

	/* Two of the last that work in a memory can end so close together that either still sees the other. */
	if (cfg_memories && !ctx->meta->seq_num)
		memories_renew(false);
	if (task)
		look_for_stack(task);
	/* No pointer is made into a number, which functions that are verified once take. */
	bpf_probe_read_kernel(&address, sizeof(address), &ctx->task);
	return task ? sweep_task(task, address) : 0;
}

/* Runs over pvm_state, behind pvm_sweep; it is loaded only where there are witnesses. The element is looked up, as helpers
 * of 5.10 take no pointers into one that an iterator shows. */
SEC("iter/bpf_map_elem")
int pvm_sweep_dead(struct bpf_iter__bpf_map_elem *ctx)
{
	u64 *at = ctx->key, address;
	struct pvm_state *s;

	if (!at)
		return 0;
	address = *at;
	s = state_of(address);
	if (s)
		sweep_state(s, address);
	return 0;
}

static long sweep_each(void *map, const u64 *key, struct pvm_state *s, void *ctx)
{
	sweep_state(s, *key);
	return 0;
}

/* Does the same at once (commands.h). */
SEC("iter/task")
int pvm_sweep_dead_all(struct bpf_iter__task *ctx)
{
	if (at_first_task(ctx))
		bpf_for_each_map_elem(&pvm_state, sweep_each, NULL, 0);
	return 0;
}

/* Runs before attach, for what the kernel knows of its reader: who that is on the host, and whom a pid means to it; and of
 * the host. */
SEC("iter/task")
int pvm_look(struct bpf_iter__task *ctx)
{
	if (ctx->meta->seq_num)
		return 0;
	steer(0);
	if (!by_reader()) {
		look_for_child();
		return 0;
	}
	look_home();
	if (pvm_control.look_pid)
		look_up(pvm_control.look_pid);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
