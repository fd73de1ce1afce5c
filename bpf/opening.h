/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * opening.h - who opens one of the tracer's own maps, programs and links by its number, by which others can come to them: with the
 * right to do so, a descriptor is what all that can be done to them begins with. It is seen where bpf(2) ends. What was asked for
 * stands in the caller's memory, which another thread of it can change meanwhile, and what is behind the descriptor another one can
 * take away: so both are looked at.
 */
#ifndef PVM_OPENING_H
#define PVM_OPENING_H

#include "arch.h"
#include "base.h"
#include "current.h"
#include "fentry.h"
#include "hooks.h"
#include "identity.h"
#include "maps.h"
#include "reader.h"
#include "settings.h"
#include "state.h"
#include "steer.h"
#include "task.h"

/* Commands of bpf(2) (include/uapi/linux/bpf.h). */
#define PROG_GET_FD_BY_ID 13
#define MAP_GET_FD_BY_ID 14
#define LINK_GET_FD_BY_ID 30

/* Of calls that the kernel refused no more are told: anybody can make them. */
#define REFUSED_NS 1000000000ULL

/* Our own objects, which the user half finds before the maps are frozen. It sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct pvm_object_key);
	__type(value, struct pvm_object_val);
} pvm_objects SEC(".maps");

/* When the last refused one was told. Two CPUs that are there at once tell one more. */
static u64 opening_refused_ns;

/* Returns which kind of object a command of bpf(2) asks for; 0: none. */
static __always_inline u32 opening_kind(u32 command)
{
	switch (command) {
	case MAP_GET_FD_BY_ID:
		return PVM_OBJECT_MAP;
	case PROG_GET_FD_BY_ID:
		return PVM_OBJECT_PROG;
	case LINK_GET_FD_BY_ID:
		return PVM_OBJECT_LINK;
	}
	return 0;
}

/* Returns the number of what is behind a descriptor of the current task, which is one of this kind. */
static __always_inline u32 opening_id(u32 kind, u32 fd)
{
	struct file *file = file_of_fd(bpf_get_current_task(), fd);
	void *at = file ? BPF_CORE_READ(file, private_data) : NULL;

	if (!at)
		return 0;
	if (kind == PVM_OBJECT_MAP)
		return BPF_CORE_READ((struct bpf_map *)at, id);
	if (kind == PVM_OBJECT_PROG)
		return BPF_CORE_READ((struct bpf_prog *)at, aux, id);
	return BPF_CORE_READ((struct bpf_link *)at, id);
}

/* Tells of an object of ours. hook: enum pvm_hook; slot: enum pvm_slot. */
__noinline int opening_tell(u32 kind, u32 id, u64 ret, u32 hook, u32 slot)
{
	struct pvm_object_key key = { .kind = kind, .id = id };
	struct pvm_object_val *object = bpf_map_lookup_elem(&pvm_objects, &key);
	struct pvm_state *s = state_at(slot);
	struct pvm_opened *out;

	if (!s || !object)
		return 0;
	s->slot = slot;
	s->hook = hook;
	s->sent[PVM_CALLER].pid = 0;
	__builtin_memset(&s->call.caller, 0, sizeof(s->call.caller));
	caller_fill(&s->call.caller);
	identity_settle(PVM_CALLER, slot);
	out = bpf_ringbuf_reserve(&pvm_calls, sizeof(*out), 0);
	if (!out) {
		pvm_shared.openings_lost++;
		return 0;
	}
	out->hdr.size = sizeof(*out);
	out->hdr.type = PVM_OPENED;
	out->hdr.version = PVM_WIRE_VERSION;
	out->at_ns = bpf_ktime_get_boot_ns();
	out->ret = ret;
	out->id = id;
	out->kind = kind;
	__builtin_memcpy(out->name, object->name, sizeof(out->name));
	out->by = s->call.caller;
	bpf_ringbuf_submit(out, BPF_RB_NO_WAKEUP);
	wake();
	return 0;
}

static __always_inline bool opening_is_ours(u32 kind, u32 id)
{
	struct pvm_object_key key = { .kind = kind, .id = id };

	return id && bpf_map_lookup_elem(&pvm_objects, &key);
}

/* Takes a call of bpf(2) that has ended. attr: where its arguments are in the caller's memory. It is verified by itself. */
__noinline int opening_look(u64 command, u64 attr, u64 ret, u32 hook, u32 slot)
{
	u32 kind = opening_kind(command), id = 0;
	u64 now;

	if (!kind || pvm_control.stopping || is_reader(bpf_get_current_pid_tgid() >> 32))
		return 0;
	bpf_probe_read_user(&id, sizeof(id), (void *)attr);
	if ((s64)ret >= 0 && !opening_is_ours(kind, id))
		id = opening_id(kind, ret);
	if (!opening_is_ours(kind, id))
		return 0;
	if ((s64)ret < 0) {
		now = bpf_ktime_get_boot_ns();
		if (opening_refused_ns && now - opening_refused_ns < REFUSED_NS)
			return 0;
		opening_refused_ns = now;
	}
	opening_tell(kind, id, ret, hook, slot);
	return 0;
}

/* The same, by the registers of a call by this ABI. */
static __always_inline void opening_take(struct pt_regs *regs, u32 abi, s64 ret, u32 hook, u32 slot)
{
	u64 args[PVM_ARG_CNT];

	arch_args(regs, ARCH_CALL(abi, 0), true, args);
	opening_look(args[0], arch_user_address(args[1]), ret, hook, slot);
}

/* A call of bpf(2) has ended, if its number means that in this mode. */
static __always_inline void opening_exit(struct pt_regs *regs, u32 abi_op, s64 ret)
{
	if (arch_mode_fits(abi_op, ARCH_COMPAT(regs, current_task())))
		opening_take(regs, ARCH_ABI(abi_op), ret, HOOK_EXIT, SLOT_OPENED);
}

/* Where functions can be hooked, only bpf(2) itself pays for it. Of what its callers by x32, and on arm64 of 32 bits, have in their
 * registers the function gets the same as of others. */
#define OPENING_FEXIT(name, prefix, abi, hook, slot)                       \
	SEC("fexit/" prefix "bpf")                                         \
	int pvm_o_##name(unsigned long long *ctx)                          \
	{                                                                  \
		opening_take(function_regs(ctx), abi, ctx[1], hook, slot); \
		return 0;                                                  \
	}

#if defined(__TARGET_ARCH_x86)
OPENING_FEXIT(x64, PVM_SYS, PVM_ABI_X86_64, HOOK_OPENED, SLOT_OPENED)
OPENING_FEXIT(ia32, PVM_SYS_IA32, PVM_ABI_I386, HOOK_OPENED_32, SLOT_OPENED_32)
#else
OPENING_FEXIT(arm64, PVM_SYS, PVM_ABI_ARM64, HOOK_OPENED, SLOT_OPENED)
#endif

#endif
