/* SPDX-License-Identifier: Apache-2.0 */
#include "event/decode_check.h"

#include <errno.h>

#include "bpf/rules.h"

#define CALL_FLAGS                                                                         \
	(PVM_CALL_TARGET_MOVED | PVM_CALL_TARGET_CONFIRMED | PVM_CALL_TARGET_GONE |        \
	 PVM_CALL_TARGET_UNSURE | PVM_CALL_TARGET_EXECED | PVM_CALL_PINS | PVM_CALL_DATA | \
	 PVM_CALL_MEMORY_FLAGS | PVM_CALL_RELATION_WAIT | PVM_CALL_TRACED | PVM_CALL_DATA_MORE)
#define ACCESS_FLAGS                                                                             \
	(PVM_ACCESS_KNOWN | PVM_ACCESS_DUMPABLE | PVM_ACCESS_CAPABLE | PVM_ACCESS_CAPABLE_EXEC | \
	 PVM_ACCESS_COVERED | PVM_ACCESS_ASKED | PVM_ACCESS_REFUSED | PVM_ACCESS_TRACED |        \
	 PVM_ACCESS_DEEP)
#define TASK_FLAGS                                                                     \
	(PVM_TASK_EXE | PVM_TASK_EXE_DELETED | PVM_TASK_CGROUP_WAIT | PVM_TASK_CREDS | \
	 PVM_TASK_REJECTED | PVM_TASK_MNT_HOST | PVM_TASK_MNT_OTHER)
#define ERRNO_MAX 4095 /* include/linux/err.h: MAX_ERRNO */
#define SIDE_RING_FLAGS (PVM_SIDE_RING | PVM_SIDE_ENTRY_LOST | PVM_SIDE_EXIT_LOST)
#define SIDE_FLAGS (PVM_SIDE_ENTRY | PVM_SIDE_EXIT | PVM_SIDE_SAME | SIDE_RING_FLAGS)

#define LOOK_FLAGS                                                                            \
	(PVM_LOOK_TAKEN | PVM_LOOK_AT_EXIT | PVM_LOOK_RING | PVM_LOOK_LOST | PVM_LOOK_AGAIN | \
	 PVM_LOOK_AGAIN_LOST)

int decode_check__type(const void *data, size_t size)
{
	const struct pvm_hdr *hdr = data;

	if (size < sizeof(*hdr) || hdr->size != size || hdr->version != PVM_WIRE_VERSION)
		return -EBADMSG;
	if ((hdr->type < PVM_CALL || hdr->type > PVM_SUMMARY) &&
	    (hdr->type < PVM_ANCESTRY || hdr->type > PVM_OPENED))
		return -EBADMSG;
	return hdr->type;
}

static bool side_valid(const struct pvm_side *side, bool remote, uint32_t elem)
{
	uint64_t cnt = pvm_used_count(side, remote);
	bool is_inline = cnt >= 1 && cnt <= PVM_INLINE_CNT;
	uint32_t len = is_inline ? (uint32_t)cnt * elem : 0;

	if (side->flags & ~SIDE_FLAGS)
		return false;
	if ((side->entry_len && side->entry_len != len) ||
	    (side->exit_len && side->exit_len != len))
		return false;
	if (side->flags & SIDE_RING_FLAGS)
		return (side->flags & PVM_SIDE_RING) && !(side->flags & PVM_SIDE_SAME) &&
		       !is_inline && cnt && cnt <= PVM_IOV_MAX;
	if (side->flags & PVM_SIDE_SAME)
		return (side->flags & PVM_SIDE_ENTRY) && (side->flags & PVM_SIDE_EXIT) &&
		       side->entry_len && !side->exit_len;
	return true;
}

static bool task_valid(const struct pvm_task *task)
{
	const uint8_t mnt = PVM_TASK_MNT_HOST | PVM_TASK_MNT_OTHER;

	return !(task->flags & ~TASK_FLAGS) && (task->flags & mnt) != mnt &&
	       task->hier <= PVM_HIER_MEMORY;
}

static bool owner_valid(const struct pvm_call *call)
{
	const struct pvm_owner *owner = &call->owner;

	return !(call->flags & PVM_CALL_OWNER) ||
	       (call->resolved && owner->pid && !(owner->flags & ~TASK_FLAGS) &&
		owner->hier <= PVM_HIER_MEMORY);
}

static bool access_valid(const struct pvm_access *access)
{
	return !(access->flags & ~ACCESS_FLAGS) && access->yama <= PVM_YAMA_NO_ATTACH;
}

size_t decode_check__pins(const struct pvm_call *call)
{
	return sizeof(*call) + pvm_data_len(call);
}

bool decode_check__call(const struct pvm_call *call, size_t size)
{
	uint32_t elem;
	size_t used;

	if (decode_check__type(call, size) != PVM_CALL || size < sizeof(*call))
		return false;
	if (call->phase < PVM_COMPLETE || call->phase > PVM_ENDED || call->abi < PVM_ABI_X86_64 ||
	    call->abi >= PVM_ABI_CNT || call->op < PVM_READ || call->op > PVM_WRITE ||
	    call->kind < PVM_KIND_PID || call->kind > PVM_KIND_PIDFD ||
	    call->resolved > PVM_RESOLVED_EXIT || call->kinship > PVM_KIN_PARENT ||
	    (call->flags & ~(CALL_FLAGS | (call->phase == PVM_ORPHAN ? PVM_CALL_AUDIT : 0))))
		return false;
	if (call->look & ~LOOK_FLAGS || (!(call->look & PVM_LOOK_TAKEN) && call->region_cnt))
		return false;
	elem = pvm_element_sz(call->abi);
	if (!side_valid(&call->local, false, elem) || !side_valid(&call->remote, true, elem))
		return false;
	if (!task_valid(&call->caller) || !task_valid(&call->target) || !owner_valid(call) ||
	    !access_valid(&call->access))
		return false;
	used = decode_check__pins(call) +
	       (call->flags & PVM_CALL_PINS ? sizeof(struct pvm_pins) : 0);
	/* A sweep takes the room before it knows how much there is to tell. */
	return call->phase == PVM_IN_FLIGHT ? size >= used : size == used;
}

bool decode_check__opened(const struct pvm_opened *opened, size_t size)
{
	return decode_check__type(opened, size) == PVM_OPENED && size == sizeof(*opened) &&
	       opened->ret >= -ERRNO_MAX && opened->ret <= INT32_MAX &&
	       opened->kind >= PVM_OBJECT_MAP && opened->kind <= PVM_OBJECT_LINK &&
	       task_valid(&opened->by);
}

bool decode_check__summary(const struct pvm_summary *sum, size_t size)
{
	const struct pvm_tally *tally = &sum->tally;

	return decode_check__type(sum, size) == PVM_SUMMARY && size == sizeof(*sum) &&
	       tally->calls && tally->outcome >= PVM_SUCCEEDED && tally->outcome <= PVM_UNKNOWN &&
	       tally->reason >= PVM_OVERFLOW && tally->reason <= PVM_AGGREGATE;
}
