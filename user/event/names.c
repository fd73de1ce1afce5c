/* SPDX-License-Identifier: Apache-2.0 */
#include "event/names.h"

#include "bpf/event.h"

const char *abi_name(int abi)
{
	static const char *const names[] = {
		[PVM_ABI_X86_64] = "x86_64", [PVM_ABI_I386] = "i386", [PVM_ABI_X32] = "x32",
		[PVM_ABI_ARM64] = "arm64",   [PVM_ABI_ARM] = "arm",
	};

	return abi >= PVM_ABI_X86_64 && abi <= PVM_ABI_ARM ? names[abi] : "unknown";
}

const char *phase_name(int phase)
{
	static const char *const names[] = {
		[PVM_COMPLETE] = "complete",	 [PVM_IN_FLIGHT] = "in_flight",
		[PVM_UNFINISHED] = "unfinished", [PVM_ORPHAN] = "orphan",
		[PVM_ENDED] = "ended",
	};

	return phase >= PVM_COMPLETE && phase <= PVM_ENDED ? names[phase] : "unknown";
}

bool phase_has_exit(int phase)
{
	return phase == PVM_COMPLETE || phase == PVM_ORPHAN;
}

const char *attach_name(enum attach_method attach)
{
	return attach == ATTACH_FENTRY ? "fentry" : "tracepoint";
}

const char *resolve_name(enum resolve_method resolve)
{
	switch (resolve) {
	case RESOLVE_KFUNC:
		return "kfunc";
	case RESOLVE_WALK:
		return "walk";
	default:
		return NULL;
	}
}

const char *reason_name(enum pvm_reason reason)
{
	return reason == PVM_OVERFLOW ? "overflow" : "aggregate";
}

const char *reopen_name(enum reopen_reason reason)
{
	static const char *const names[] = {
		[REOPEN_SIGNAL] = "signal",	[REOPEN_SIZE] = "size",
		[REOPEN_EMPTIED] = "emptied",	[REOPEN_MOVED] = "moved",
		[REOPEN_REPLACED] = "replaced", [REOPEN_REMOVED] = "removed",
	};

	return names[reason];
}
