/* SPDX-License-Identifier: Apache-2.0 */
#include "event/names.h"

#include <string.h>

#include "bpf/event.h"

const char *abi_name(int abi)
{
	static const char *const names[PVM_ABI_CNT] = {
		[PVM_ABI_X86_64] = "x86_64", [PVM_ABI_I386] = "i386", [PVM_ABI_X32] = "x32",
		[PVM_ABI_ARM64] = "arm64",   [PVM_ABI_ARM] = "arm",
	};

	return abi >= PVM_ABI_X86_64 && abi < PVM_ABI_CNT ? names[abi] : "unknown";
}

enum pvm_abi abi_of(const char *name)
{
	int abi = PVM_ABI_CNT - 1;

	while (abi > 0 && strcmp(abi_name(abi), name) != 0)
		abi--;
	return (enum pvm_abi)abi;
}

const char *abi_word(const struct abi_info *a)
{
	return a->abi ? abi_name((int)a->abi) : a->other;
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

const char *const attach_names[] = {
	[ATTACH_TRACEPOINT] = "tracepoint",
	[ATTACH_FENTRY] = "fentry",
	NULL,
};

const char *attach_name(enum attach_method attach)
{
	return attach_names[attach];
}

const char *const resolve_names[] = {
	[RESOLVE_AUTO] = "auto",
	[RESOLVE_KFUNC] = "kfunc",
	[RESOLVE_WALK] = "walk",
	NULL,
};

const char *resolve_name(enum resolve_method resolve)
{
	return resolve == RESOLVE_AUTO ? NULL : resolve_names[resolve];
}

enum resolve_method resolve_of(const char *name)
{
	enum resolve_method resolve = RESOLVE_WALK;

	while (resolve > RESOLVE_AUTO && strcmp(resolve_names[resolve], name) != 0)
		resolve--;
	return resolve;
}

static const char *const ends[END_UNKNOWN] = {
	[END_NONE] = "",
	[END_SIGNAL] = "signal",
	[END_DURATION] = "duration",
	[END_COUNT] = "count",
	[END_READER_GONE] = "reader_gone",
	[END_RECORDING_CUT] = "recording_cut",
	[END_RECORDING_DAMAGED] = "recording_damaged",
};

static const char *end_name(enum end_reason reason)
{
	return reason < END_UNKNOWN ? ends[reason] : NULL;
}

enum end_reason end_of(const char *name)
{
	enum end_reason reason = END_NONE;

	while (reason < END_UNKNOWN && strcmp(ends[reason], name) != 0)
		reason++;
	return reason;
}

const char *error_word(const struct error_info *e)
{
	return e->code == ERROR_UNKNOWN ? e->other : error_code_name(e->code);
}

const char *end_word(const struct stop_info *s)
{
	return s->reason == END_UNKNOWN ? s->other : end_name(s->reason);
}

const char *doubt_name(const struct doubt *d)
{
	switch (d->kind) {
	case DOUBT_LOST:
		return "lost";
	case DOUBT_UNBALANCED:
		return "unbalanced";
	case DOUBT_END:
		return end_name(d->end);
	case DOUBT_ERROR:
	default:
		return d->error == ERROR_UNKNOWN ? d->other : error_code_name(d->error);
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
