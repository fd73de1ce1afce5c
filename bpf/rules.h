/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rules.h - what both halves have to understand alike beyond the layout (event.h): what a call's arguments, its arrays and its
 * result mean, and what a filter lets pass. Each rule stands here once. The functions are pure, without any state.
 */
#ifndef PVM_RULES_H
#define PVM_RULES_H

#include "event.h"
#include "keys.h"
#include "types.h"

#define PVM_RULE static inline __attribute__((always_inline, unused))

/* These are values of PVM_ARG_FLAGS; include/uapi/linux has no names for them yet. */
enum pvm_arg_flag {
	PVM_FLAG_PIDFD = 1,  /* PROCESS_VM_PIDFD: the first argument is a descriptor */
	PVM_FLAG_NOWAIT = 2, /* PROCESS_VM_NOWAIT */
};

PVM_RULE __u8 pvm_kind_of(const __u64 *args)
{
	return args[PVM_ARG_FLAGS] & PVM_FLAG_PIDFD ? PVM_KIND_PIDFD : PVM_KIND_PID;
}

/* Returns the first argument: a signed number of 32 bits, whatever stands above them. */
PVM_RULE __s32 pvm_target_arg(const __u64 *args)
{
	return (__s32)(__u32)args[PVM_ARG_PID];
}

/* Returns the bytes of one element of an array. */
PVM_RULE __u32 pvm_element_sz(__u32 abi)
{
	return abi == PVM_ABI_X86_64 || abi == PVM_ABI_ARM64 ? sizeof(struct pvm_element)
							     : sizeof(struct pvm_element32);
}

/* Returns how many elements the kernel will use: lib/iov_iter.c takes the local count as unsigned int, the remote one as
 * unsigned long. */
PVM_RULE __u64 pvm_used_count(const struct pvm_side *side, int remote)
{
	return remote ? side->count : (__u32)side->count;
}

/* Returns where a look at a side stands in the data of a call's record. Both looks at entry come first, then both at exit, without
 * gaps; the lengths of those before it have to be known already. */
PVM_RULE __u32 pvm_data_at(const struct pvm_call *call, int remote, int at_exit)
{
	__u32 at = remote ? call->local.entry_len : 0;

	if (!at_exit)
		return at;
	at = call->local.entry_len + call->remote.entry_len;
	return remote ? at + call->local.exit_len : at;
}

/* Returns how many bytes all of them take. */
PVM_RULE __u32 pvm_data_len(const struct pvm_call *call)
{
	return pvm_data_at(call, 1, 1) + call->remote.exit_len;
}

/* Arrays are looked at by pages of this size, the smallest of any architecture: what is readable is a multiple of it. */
#define PVM_PAGE_SHIFT 12
#define PVM_PAGE_SZ (1 << PVM_PAGE_SHIFT)
/* No architecture has larger pages than this: arm64's are of 64 KiB. */
#define PVM_PAGE_SHIFT_MAX 16
/* An array that does not begin on a page lies on one more. */
#define PVM_ARRAY_PAGES (PVM_IOV_MAX * PVM_ELEMENT_MAX / PVM_PAGE_SZ + 1)
/* A mask of pages has a byte, of which pvm_page_mask uses 7 bits at most. */
PVM_ASSERT(PVM_ARRAY_PAGES <= 7);

/* Returns one bit for each page that len bytes at addr lie on. len > 0. */
PVM_RULE __u8 pvm_page_mask(__u64 addr, __u32 len)
{
	__u32 pages = ((addr & (PVM_PAGE_SZ - 1)) + len + PVM_PAGE_SZ - 1) / PVM_PAGE_SZ;

	return (1u << (pages & 7)) - 1;
}

#define PVM_ERRNO_MAX \
	4095 /* include/linux/err.h: below -PVM_ERRNO_MAX nothing is an error number */

/* Returns whether a result says that the call failed. */
PVM_RULE int pvm_is_error(__s64 ret)
{
	return ret < 0 && ret >= -PVM_ERRNO_MAX;
}

/* Says whether a call in this phase has ended, and its exit was seen. */
PVM_RULE int pvm_has_exit(__u8 phase)
{
	return phase == PVM_COMPLETE || phase == PVM_ORPHAN;
}

/* Returns what a call came to. The result of an orphan proves nothing unless it is an error: it may be the call's own
 * number. */
PVM_RULE __u8 pvm_outcome_of(__u8 phase, __s64 ret)
{
	if (!pvm_has_exit(phase))
		return PVM_UNKNOWN;
	if (ret < 0)
		return pvm_is_error(ret) ? PVM_FAILED : PVM_UNKNOWN;
	return phase == PVM_COMPLETE ? PVM_SUCCEEDED : PVM_UNKNOWN;
}

/* Returns the rules whose filter passes a value: those of one filter are alternatives, and an exclusion wins. has: which rules
 * have such a filter; is: what the value means to them. Both are PVM_WANTED and PVM_EXCLUDED. */
PVM_RULE __u32 pvm_rules_left(__u32 has, __u32 is)
{
	return ~(is >> PVM_RULES_MAX) & (is | ~has) & PVM_ALL_RULES;
}

/* Returns what the kernel asks of a caller without rights (kernel/ptrace.c, __ptrace_may_access, for real ids). */
PVM_RULE int pvm_is_user_of(const struct pvm_task *caller, const struct pvm_task *target)
{
	return target->uid == caller->uid && target->euid == caller->uid &&
	       target->suid == caller->uid && target->gid == caller->gid &&
	       target->egid == caller->gid && target->sgid == caller->gid;
}

/* Returns the bits 1 << enum pvm_relation that hold of a call with a target, but for that of containers. *open takes those that
 * are not known. */
PVM_RULE __u32 pvm_relation_of(const struct pvm_call *call, __u32 *open)
{
	__u32 is = 1u << (call->kinship & 3);

	*open = 1u << PVM_OTHER_CONTAINER;
	if (!(call->caller.flags & call->target.flags & PVM_TASK_CREDS))
		*open |= 1u << PVM_OTHER_USER;
	else if (!pvm_is_user_of(&call->caller, &call->target))
		is |= 1u << PVM_OTHER_USER;
	return is;
}

/* With these flags a target may have been another one than what is told, unless the kernel was seen to use it. */
#define PVM_TARGET_DOUBT                                                         \
	(PVM_CALL_TARGET_MOVED | PVM_CALL_TARGET_GONE | PVM_CALL_TARGET_UNSURE | \
	 PVM_CALL_TARGET_EXECED)

/* Returns whether the target that a call tells was seen to be, or may be, another one than at first. */
PVM_RULE int pvm_target_may_differ(const struct pvm_call *call)
{
	return call->flags & PVM_TARGET_DOUBT && !(call->flags & PVM_CALL_TARGET_CONFIRMED);
}

/* Returns whether it may not be the one that the call was about: there is none, or nobody looked at the end of a call that may
 * have moved bytes. */
PVM_RULE int pvm_target_is_doubtful(const struct pvm_call *call)
{
	if (!call->resolved || pvm_target_may_differ(call))
		return 1;
	if (call->flags & PVM_CALL_TARGET_CONFIRMED)
		return 0;
	return !pvm_has_exit(call->phase) ||
	       (call->phase == PVM_ORPHAN && !pvm_is_error(call->ret));
}

/*
 * Returns the rules that are left of a call. The process that it names and the owner of that one's memory hide each other not:
 * a rule that tells has to hold for the one or for the other, one of those that drop (drop) for both. Where the target may be
 * another one than was judged, none that drops for what it asks of the target holds, and each other one does, if there are
 * several (asks: those that look at the target; 0 if there is one): else one that tells would make way for one that drops.
 */
PVM_RULE __u32 pvm_rules_left_of(const struct pvm_call *call, __u32 drop, __u32 asks)
{
	__u32 target = call->rules[PVM_TARGET], owner = call->owner.rules;

	if (call->flags & PVM_CALL_OWNER)
		target = ((target | owner) & ~drop) | (target & owner & drop);
	if (asks && pvm_target_is_doubtful(call))
		target &= ~(asks & drop);
	if (asks && pvm_target_may_differ(call))
		target |= asks & ~drop;
	return call->rules[PVM_CALLER] & target;
}

/* Says whether --outcome (wanted; 0: any) and --min-bytes let a call of this outcome pass, which moved so many bytes if it
 * succeeded. They never hide a result that is not known. */
PVM_RULE int pvm_result_passes(__u32 wanted, __u64 min_bytes, __u8 outcome, __u64 moved)
{
	if (outcome == PVM_UNKNOWN)
		return 1;
	if (wanted && outcome != wanted)
		return 0;
	return !min_bytes || (outcome == PVM_SUCCEEDED && moved >= min_bytes);
}

/* These are enum pvm_usual with their errno (include/uapi/asm-generic/errno-base.h: the same on both architectures):
 * each(name, errno). */
#define PVM_USUALS(each)                                                               \
	each(EPERM, 1) each(ESRCH, 3) each(EINTR, 4) each(ENOMEM, 12) each(EFAULT, 14) \
		each(EINVAL, 22)

#define PVM_USUAL_CASE(name, number) \
	case number:                 \
		return PVM_USUAL_##name;

/* Returns which usual result an errno is. error: positive. */
PVM_RULE __u32 pvm_usual_of(__u64 error)
{
	switch (error) {
		PVM_USUALS(PVM_USUAL_CASE)
	default:
		return PVM_USUAL_CNT;
	}
}

PVM_RULE enum pvm_home pvm_home(const struct pvm_task *task)
{
	if (!task->ns_pid)
		return PVM_HOME_UNKNOWN;
	if (task->ns_pid != PVM_PID_NS_HOST)
		return PVM_HOME_OTHER;
	if (task->flags & PVM_TASK_MNT_OTHER)
		return PVM_HOME_HOST_PIDS;
	return task->flags & PVM_TASK_MNT_HOST ? PVM_HOME_HOST : PVM_HOME_UNKNOWN;
}

/* Calls that lasted this long have their regions looked at once more, at exit: what is mapped there can have been changed
 * meanwhile. Of such a call the second look is a small part, and hardly one takes so long that nobody holds up. */
#define PVM_LOOK_AGAIN_NS 10000000

/* Whether the target's own user may reach into its memory, as far as that goes: kernel/ptrace.c, SUID_DUMP_USER. */
PVM_RULE int pvm_is_dumpable(const struct pvm_access *access)
{
	return access->dumpable == 1;
}

/*
 * Adds one run of pages more to a sum that begins with 0. The caller chooses the addresses and wants two lists of the same sum:
 * the key is random for each run and kept from it, and no step is linear in what it chooses.
 */
PVM_RULE __u64 pvm_pins_mix(__u64 x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return x;
}

PVM_RULE __u64 pvm_pins_add(__u64 sum, __u64 first, __u64 pages, __u64 key_first, __u64 key_pages)
{
	return pvm_pins_mix(sum ^ pvm_pins_mix(first + key_first) ^
			    pvm_pins_mix(pages + key_pages));
}

#endif
