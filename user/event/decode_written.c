/* SPDX-License-Identifier: Apache-2.0 */
#include "event/decode_written.h"

#include "event/decode_list.h"

/* User memory ends there at most: on x86 with five levels of pages, on arm64 with 52 bits; and for every 32-bit process. */
#define USER_END_X86_64 (1ULL << 56)
#define USER_END_ARM64 (1ULL << 52)
#define USER_END_32 (1ULL << 32)

static uint64_t end_of(uint64_t addr, uint64_t len)
{
	return addr + len >= addr ? addr + len : UINT64_MAX;
}

/* A read writes to the ranges of its local list, a write to those of the remote one, which are the caller's if the target
 * is. Of an orphan the result is not known: then it is all of the list. */
struct written written__of(const struct call_info *c)
{
	struct written w = { .bytes = c->transferred, .abi = c->raw->abi };

	if (c->raw->phase == PVM_ORPHAN && !c->ret_known)
		w.bytes = UINT64_MAX;
	if (!w.bytes)
		return w;
	if (c->raw->op == PVM_READ)
		w.list = &c->local;
	else if (c->raw->kinship == PVM_KIN_SELF || c->raw->flags & PVM_CALL_SAME_MEMORY)
		w.list = &c->remote;
	return w;
}

static bool covers(const struct iov_elem *iov, uint32_t cnt, uint64_t bytes, uint64_t addr,
		   uint64_t len, int abi)
{
	uint64_t begin = list__address(addr, abi), end = end_of(begin, len);

	for (uint32_t i = 0; i < cnt && bytes; i++) {
		uint64_t from = list__address(iov[i].base, abi);
		uint64_t part = iov[i].len < bytes ? iov[i].len : bytes;

		if (part && from < end && end_of(from, part) > begin)
			return true;
		bytes -= part;
	}
	return false;
}

bool written__hits(const struct written *w, const struct list_info *list, uint64_t len)
{
	const struct list_info *to = w->list;

	if (!to || !len)
		return false;
	return covers(to->iov, to->captured, w->bytes, list->addr, len, w->abi) ||
	       (to->iov_exit &&
		covers(to->iov_exit, to->exit_cnt, w->bytes, list->addr, len, w->abi));
}

bool written__can_be_list(const struct iov_elem *iov, uint32_t cnt, int abi)
{
	bool wide = abi == PVM_ABI_X86_64 || abi == PVM_ABI_ARM64;
	uint64_t user_end = abi == PVM_ABI_X86_64  ? USER_END_X86_64
			    : abi == PVM_ABI_ARM64 ? USER_END_ARM64
						   : USER_END_32;
	uint64_t longest = wide ? INT64_MAX : INT32_MAX;

	for (uint32_t i = 0; i < cnt; i++) {
		if (iov[i].len > longest)
			return false;
		if (iov[i].len && end_of(list__address(iov[i].base, abi), iov[i].len) > user_end)
			return false;
	}
	return true;
}
