/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * confirm.h - what the kernel itself does for a call in flight, where these functions can be hooked: whose memory it
 * opens (mm_access), and which pages of it it holds (pin_user_pages_remote) and lets go (unpin_...). What is kept
 * of the pages has the same size for every call.
 */
#ifndef PVM_CONFIRM_H
#define PVM_CONFIRM_H

#include "arch.h"
#include "aside.h"
#include "base.h"
#include "call.h"
#include "current.h"
#include "hooks.h"
#include "lists.h"
#include "region.h"
#include "settings.h"
#include "stages.h"
#include "state.h"
#include "target.h"

/* Returns the call of the current thread, by, if it is in one. These functions have other users: nothing is found for them. */
static __always_inline struct pvm_state *state_inside(u64 by)
{
	struct pvm_state *s = state_of(by);

	return s && s->stage >= STAGE_REJECTED && !s->exiting ? s : NULL;
}

/* Reads who calls and with what, of a call that was not to be told until now. */
__noinline int call_take(void)
{
	struct pvm_state *s = state_at(SLOT_OWN);

	if (!s)
		return 0;
	caller_take(s);
	lists_entry(s);
	return 1;
}

/* This is what process_vm_rw_core asks mm_access for (PTRACE_MODE_ATTACH_REALCREDS); who opens a file below /proc asks for
 * something else. */
#define ACCESS_MODE 0x12

/*
 * The kernel looked the argument up and got another process than we did: the number changed hands in between, or named nobody
 * at entry. Or it got the same one (same), which executed another file since then, or had the time to change its ids. The
 * target's filters judge what the kernel got, whatever they said before: the caller has marked it as confirmed, as the rules ask
 * for that. hook: enum pvm_hook, which this is.
 */
static __always_inline void call_retarget(struct pvm_state *s, u64 task, bool same, bool execed,
					  enum pvm_hook hook)
{
	bool renew = !same || execed || s->stage == STAGE_REJECTED;
	int verdict;

	s->exiting = 1; /* the sweep keeps off */
	s->hook = hook;
	verdict = target_take_task(task, 0, SLOT_OWN);
	if (!same) {
		if (s->call.resolved)
			s->call.flags |= PVM_CALL_TARGET_MOVED;
		s->call.resolved = PVM_RESOLVED_EXIT;
	}
	verdict = target_ask_rules(s, verdict);
	if (verdict == TARGET_PASSES)
		ancestry_send(s, PVM_TARGET);
	s->undecided = 0;
	if (verdict == TARGET_REJECTED)
		s->stage = STAGE_REJECTED;
	else if (s->stage == STAGE_REJECTED && call_take())
		s->stage = STAGE_ACTIVE;
	if (renew)
		regions_renew(s);
	s->exiting = 0;
}

/* Returns whether the state is of the call that asks. With witnesses, what is kept may be an earlier call's, whose ends and
 * the begin of this one were passed over. */
static __noinline bool access_is_of(const struct pvm_state *s)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	u32 abi_op = arch_number(arch_exit_number(regs));

	return abi_op && call_is(s, regs, abi_op);
}

/* Returns whether a target that is the same process executed another file since it was read: while it does, the kernel waits for it,
 * and its memory is another one before the number of its exec is. leader: its main thread. */
static __always_inline bool target_execed(const struct pvm_state *s, struct task_struct *leader)
{
	return s->call.target.exec_id != (u32)leader->self_exec_id;
}

/* Returns whether a target that had a memory has given it up since it was read, as it ends. What was read then is more than can be
 * read now: whose memory the kernel opens, if it still does, is that one's. plain: see plain_task. */
static __always_inline bool target_ends(const struct pvm_state *s, struct task_struct *plain)
{
	return s->mm && !plain->mm;
}

/*
 * Returns whether what else lets a caller pass is another at it: its credentials, whether its memory is dumpable. That is looked
 * at however short the time was: a caller that does not wait can be held up, too (current.h), and who changes them meanwhile
 * runs on another CPU.
 */
static __always_inline bool target_changed(const struct pvm_state *s, struct task_struct *plain)
{
	u8 dumpable = 0;

	if (s->cred != (u64)plain->real_cred)
		return true;
	return s->call.access.flags & PVM_ACCESS_DUMPABLE &&
	       typed_dumpable(plain, plain->mm, &dumpable) && dumpable != s->call.access.dumpable;
}

/* Returns whether other things can have changed at it, which are not looked at: name, namespaces, cgroup, who traces it. A caller can
 * have its call wait so long. The clock is asked only if it waited at all. */
static __always_inline bool call_is_late(const struct pvm_state *s, struct task_struct *self)
{
	if (HAVE_TYPED_CURRENT && current_waits(self) == s->waits)
		return false;
	return bpf_ktime_get_boot_ns() - s->call.entry_ns > MOVED_AFTER_NS;
}

/* A call comes by here once. Where the state is of one that did already, its end and the begin of this one were not seen: of what
 * was confirmed of that one, nothing is said of this one. */
static __always_inline void call_is_new_here(struct pvm_state *s, u64 by)
{
	if (!(s->call.flags & PVM_CALL_TARGET_CONFIRMED))
		return;
	aside_take(s, by);
	s->call.access.flags &= ~PVM_ACCESS_ASKED;
	s->held.missed = 1;
}

SEC("fentry/mm_access")
int pvm_access(unsigned long long *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0], *plain, *leader, *self;
	struct pvm_state *s;
	bool same, execed, renew;
	u64 address = 0;

	if ((u32)ctx[1] != ACCESS_MODE)
		return 0;
	self = current_task();
	s = state_inside((u64)self);
	if (!s)
		return 0;
	plain = plain_task(task);
	leader = plain->group_leader;
	same = s->call.resolved && s->call.target.pid == (u32)task->tgid &&
	       s->call.target.start_ns == leader->start_boottime;
	execed = target_execed(s, leader);
	renew = !same || execed ||
		((target_changed(s, plain) || call_is_late(s, self)) && !target_ends(s, plain));
	if (renew && cfg_witness && !access_is_of(s)) {
		s->held.missed = 1;
		return 0;
	}
	call_is_new_here(s, (u64)self);
	s->call.flags |= PVM_CALL_TARGET_CONFIRMED;
	if (renew) {
		/* Only a number can be handed on to a function that is verified once, and no pointer is made
		 * into one. */
		bpf_probe_read_kernel(&address, sizeof(address), ctx);
		call_retarget(s, address, same, execed, HOOK_ACCESS);
	}
	aside_begin(s, (u64)self, (u64)task);
	return 0;
}

/*
 * Where the kernel asks its security modules, when ids, capabilities and dumpable let the caller pass: what they answered
 * about the target. The capabilities' own module is one of them.
 *
 * Between mm_access's begin and this it waits for a target that is executing a file (exec_update_lock): so whether that, or who
 * it is, changed is looked at once more.
 */
SEC("fexit/security_ptrace_access_check")
int pvm_leave(unsigned long long *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0], *plain, *leader;
	bool refused, execed, changed;
	struct pvm_aside *aside;
	struct pvm_state *s;
	u64 by, address = 0;

	/* Most that come by want something else. */
	if ((u32)ctx[1] != ACCESS_MODE)
		return 0;
	refused = (s32)ctx[2];
	by = bpf_get_current_task();
	plain = plain_task(task);
	leader = plain->group_leader;
	aside = aside_own(by);
	if (aside && !refused && aside->whom == (u64)task && aside->cred == (u64)plain->real_cred &&
	    aside->exec_id == (u32)leader->self_exec_id) {
		aside->by |= ASIDE_PASSED;
		return 0;
	}
	s = state_inside(by);
	if (!s || s->call.target.pid != (u32)task->tgid ||
	    s->call.target.start_ns != leader->start_boottime)
		return 0;
	execed = target_execed(s, leader);
	changed = execed || (s->cred != (u64)plain->real_cred && !target_ends(s, plain));
	/* That they let a call pass is not believed of one whose end was not seen (user/event/access.c). */
	if ((refused || changed) && cfg_witness && !access_is_of(s))
		return 0;
	if (changed) {
		s->call.flags |= PVM_CALL_TARGET_CONFIRMED;
		bpf_probe_read_kernel(&address, sizeof(address), ctx);
		call_retarget(s, address, true, execed, HOOK_LEAVE);
	}
	s->call.access.flags |= PVM_ACCESS_ASKED | (refused ? PVM_ACCESS_REFUSED : 0);
	return 0;
}

/* Returns the state of the current thread's call, with what was kept aside, for what comes behind that. */
static __always_inline struct pvm_state *state_for_pages(u64 by)
{
	struct pvm_state *s = state_inside(by);

	if (s)
		aside_take(s, by);
	return s;
}

/* The arguments are mm, start, count, flags, pages and locked, then the result. */
SEC("fexit/pin_user_pages_remote")
int pvm_pin(unsigned long long *ctx)
{
	u64 by = bpf_get_current_task();
	struct pvm_aside *aside = aside_own(by);
	struct pvm_state *s;

	if (aside && !aside->has_chunk) {
		aside->start = ctx[1];
		aside->cnt = ctx[6];
		aside->has_chunk = 1;
		return 0;
	}
	s = state_for_pages(by);
	if (s)
		pins_take(&s->held, ctx[1], ctx[6]);
	return 0;
}

/* This takes the same where it has too many arguments for fexit (before 6.5), or cannot be hooked so. */
SEC("kprobe/pin_user_pages_remote")
int pvm_pin_begin(struct pt_regs *regs)
{
	struct pvm_state *s = state_inside(bpf_get_current_task());

	if (s) {
		s->held.missed |= s->held.open;
		s->held.open = 1;
		s->held.start = arch_function_second(regs);
	}
	return 0;
}

SEC("kretprobe/pin_user_pages_remote")
int pvm_pin_end(struct pt_regs *regs)
{
	struct pvm_state *s = state_inside(bpf_get_current_task());

	if (s) {
		s->held.missed |= !s->held.open;
		s->held.open = 0;
		pins_take(&s->held, s->held.start, arch_function_result(regs));
	}
	return 0;
}

static __always_inline void pins_free(struct pvm_held *h, u64 cnt)
{
	h->freed_chunks++;
	h->freed_pages += cnt;
}

/* This is the second hook on what is held: what is let go was held. A hook can be passed over, by the guard against its own
 * recursion or because its CPU is in another program; both of them for the same pages is not to be expected. */
SEC("fentry/unpin_user_pages_dirty_lock")
int pvm_unpin(unsigned long long *ctx)
{
	u64 by = bpf_get_current_task();
	struct pvm_aside *aside = aside_own(by);
	struct pvm_state *s;

	if (aside) {
		aside->freed_chunks++;
		aside->freed_pages += ctx[1];
		return 0;
	}
	s = state_inside(by);
	if (s)
		pins_free(&s->held, ctx[1]);
	return 0;
}

/* This takes the same where there is no fentry (arm64 before 6.4). */
SEC("kprobe/unpin_user_pages_dirty_lock")
int pvm_unpin_begin(struct pt_regs *regs)
{
	struct pvm_state *s = state_inside(bpf_get_current_task());

	if (s)
		pins_free(&s->held, arch_function_second(regs));
	return 0;
}

#endif
