/* SPDX-License-Identifier: Apache-2.0 */
#include "event/names.h"

#include <string.h>

#include "bpf/event.h"
#include "bpf/keys.h"

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

const char *record_name(enum record_type type)
{
	static const char *const names[] = {
		[REC_START] = "start",	 [REC_CALL] = "process_vm_access",
		[REC_STATS] = "stats",	 [REC_LOST] = "lost",
		[REC_REOPEN] = "reopen", [REC_ERROR] = "error",
		[REC_STOP] = "stop",	 [REC_SUMMARY] = "process_vm_summary",
		[REC_TAMPER] = "tamper",
	};

	return names[type];
}

_Static_assert(PVM_WRITE == PVM_READ + 1 && PVM_FAILED == PVM_SUCCEEDED + 1,
	       "names are in the order of what they name");

const char *const op_names[] = { "read", "write", NULL };
const char *const outcome_names[] = { "success", "failure", NULL };

const char *op_name(unsigned int op)
{
	return op_names[op != PVM_READ];
}

const char *syscall_name(unsigned int op)
{
	return op == PVM_READ ? "process_vm_readv" : "process_vm_writev";
}

const char *outcome_name(unsigned int outcome)
{
	return outcome == PVM_SUCCEEDED || outcome == PVM_FAILED
		       ? outcome_names[outcome - PVM_SUCCEEDED]
		       : "unknown";
}

const char *openings_name(enum openings_by by)
{
	static const char *const hooks[] = { [OPENINGS_UNSEEN] = NULL,
					     [OPENINGS_FEXIT] = "fexit",
					     [OPENINGS_SYS_EXIT] = "sys_exit" };

	return hooks[by];
}

static const struct {
	const char *object, *command;
} objects[] = {
	[PVM_OBJECT_MAP] = { "map", "BPF_MAP_GET_FD_BY_ID" },
	[PVM_OBJECT_PROG] = { "program", "BPF_PROG_GET_FD_BY_ID" },
	[PVM_OBJECT_LINK] = { "link", "BPF_LINK_GET_FD_BY_ID" },
};

const char *object_name(uint32_t kind)
{
	return objects[kind].object;
}

const char *object_command(uint32_t kind)
{
	return objects[kind].command;
}

const char *kind_name(unsigned int kind)
{
	return kind == PVM_KIND_PIDFD ? "pidfd" : "pid";
}

const char *resolved_name(unsigned int resolved)
{
	return resolved == PVM_RESOLVED_EXIT ? "exit" : "entry";
}

const char *const relation_names[] = {
	[PVM_KIN_NONE] = "none",
	[PVM_KIN_SELF] = "self",
	[PVM_KIN_CHILD] = "child",
	[PVM_KIN_PARENT] = "parent",
	[PVM_OTHER_USER] = "other-user",
	[PVM_OTHER_CONTAINER] = "other-container",
	NULL,
};

const char *const rule_action_names[] = {
	[RULE_TELL] = "tell",
	[RULE_AGGREGATE] = "aggregate",
	[RULE_DROP] = "drop",
	NULL,
};

const char *kinship_name(unsigned int kinship)
{
	return relation_names[kinship];
}

const char *region_name(const struct pvm_region *r)
{
	static const char *const names[PVM_REGION_KIND_CNT] = {
		[PVM_REGION_NONE] = "none",   [PVM_REGION_HEAP] = "heap",
		[PVM_REGION_STACK] = "stack", [PVM_REGION_FILE] = "file",
		[PVM_REGION_ANON] = "anon",   [PVM_REGION_SHARED] = "shared",
		[PVM_REGION_VDSO] = "vdso",   [PVM_REGION_VVAR] = "vvar",
	};

	return names[r->kind];
}

const char *filter_field_name(enum filter_field field)
{
	static const char *const names[FILTER_FIELD_CNT] = {
		[FILTER_PID] = "pid",
		[FILTER_COMM] = "comm",
		[FILTER_UID] = "uid",
		[FILTER_CGROUP] = "cgroup",
		[FILTER_CONTAINER] = "container",
		[FILTER_EXE] = "exe",
		[FILTER_UNIT] = "unit",
		[FILTER_ANCESTOR_EXE] = "ancestor_exe",
	};

	return names[field];
}

const char *access_name(enum access_by by)
{
	static const char *const names[] = {
		[ACCESS_BY_NONE] = NULL,
		[ACCESS_BY_SELF] = "self",
		[ACCESS_BY_MEMORY] = "same_memory",
		[ACCESS_BY_USER] = "same_user",
		[ACCESS_BY_CAP] = "cap_sys_ptrace",
		[ACCESS_BY_OTHER] = "other",
	};

	return names[by];
}

const char *denied_name(enum access_denied denied_by)
{
	static const char *const names[] = {
		[ACCESS_DENIED_NONE] = NULL,	       [ACCESS_DENIED_USER] = "user",
		[ACCESS_DENIED_DUMPABLE] = "dumpable", [ACCESS_DENIED_CAP] = "cap",
		[ACCESS_DENIED_LSM] = "lsm",
	};

	return names[denied_by];
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
