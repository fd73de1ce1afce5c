/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/witness_find.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/log.h"
#include "bpf/functions.h"
#include "base/text_file.h"
#include "bpf/control.h"
#include "kernel/call_programs.h"
#include "kernel/nothing.h"
#include "kernel/session.h"
#include "kernel/sysctl.h"
#include "pvmtrace.skel.h"

#define LSMS "/sys/kernel/security/lsm"
#define TEXT_SZ 4096
#define CALLED_BY_ALL "process_vm_rw"
/* In a build for tests (Makefile) kprobe.multi is refused, and what sees the calls in its place has to do. */
#ifdef PVM_MULTI_REFUSED
#define MULTI_REFUSED true
#else
#define MULTI_REFUSED false
#endif
/* A build for tests (Makefile) behaves as if a compiler had put that function into those of i386's calls. */
#ifdef PVM_WITNESSES_NATIVE
#define NOT_BY_I386 true
#else
#define NOT_BY_I386 false
#endif

static bool has_function(const struct btf *types, const char *name)
{
	return btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0;
}

/* Finds the functions that the calls end up in here: those of the hooks of fentry.h. */
static void find_functions(struct witness *w, const struct pvmtrace_bpf *skel,
			   const struct btf *types)
{
	struct bpf_program *prog;

	w->function_cnt = 0;

	bpf_object__for_each_program(prog, skel->obj) {
		const char *name = function_of(prog);

		if (w->function_cnt < WITNESS_FUNCTIONS && has_prefix(prog, ENTRY_PREFIX) &&
		    has_function(types, name))
			w->functions[w->function_cnt++] = name;
	}
}

/* Returns the type of a structure's member; NULL: it has none of that name. */
static const struct btf_type *member(const struct btf *types, const struct btf_type *t,
				     const char *name)
{
	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(types, btf_members(t)[i].name_off), name))
			return btf__type_by_id(types, btf_members(t)[i].type);
	return NULL;
}

static const struct btf_type *structure(const struct btf *types, const char *name)
{
	int id = btf__find_by_name_kind(types, name, BTF_KIND_STRUCT);

	return id > 0 ? btf__type_by_id(types, (uint32_t)id) : NULL;
}

/* Returns whether the kernel was built with what kprobe.multi needs (CONFIG_FPROBE). */
static bool has_multi(const struct btf *types)
{
	return structure(types, "fprobe") && structure(types, "bpf_kprobe_multi_link");
}

/* Returns whether the kernel lets it be attached, too: then the next best can still be loaded. */
static bool try_multi(struct witness *w, bool at_return)
{
	const struct bpf_link_create_opts opts = {
		.sz = sizeof(opts),
		.kprobe_multi = { .flags = at_return ? BPF_F_KPROBE_MULTI_RETURN : 0,
				  .cnt = (uint32_t)w->function_cnt,
				  .syms = w->functions },
	};
	int prog = nothing__load(BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, 0);
	int link = prog < 0	   ? prog
		   : MULTI_REFUSED ? -EPERM
				   : bpf_link_create(prog, 0, BPF_TRACE_KPROBE_MULTI, &opts);

	if (link < 0) {
		log__debug("kprobe.multi%s: %s", at_return ? ", returns" : "", strerror(-link));
		w->refused |= at_return ? WITNESS_RETURNS : WITNESS_MULTI;
	} else {
		close(link);
	}
	if (prog >= 0)
		close(prog);
	return link >= 0;
}

/*
 * With fentry on those functions it costs less to be on the one that all of them call (mm/process_vm_access.c): a function that
 * has both a fentry hook and fprobe's is entered by a list of both. Returns whether it can be used here: a compiler may have
 * made several of it, or none.
 */
static bool find_between(struct witness *w, const struct btf *types)
{
	if (!has_function(types, CALLED_BY_ALL))
		return false;
	w->functions[0] = CALLED_BY_ALL;
	w->function_cnt = 1;
	if (NOT_BY_I386) {
		w->functions[0] = PVM_SYS "process_vm_readv";
		w->functions[w->function_cnt++] = PVM_SYS "process_vm_writev";
	}
	if (!has_multi(types))
		return true;
	w->multi = try_multi(w, false);
	return w->multi;
}

/* Returns that come from a pool go unseen when as many calls are inside as it has: anybody can park some. */
static bool has_pool(const struct btf *types)
{
	return member(types, structure(types, "fprobe"), "rethook") != NULL;
}

/* A program attaches to the stub also where the kernel never calls it. */
static bool has_lsm(void)
{
	char text[TEXT_SZ], *at;

	text_file__read(LSMS, text, sizeof(text));
	for (at = strtok(text, ",\n"); at; at = strtok(NULL, ",\n"))
		if (!strcmp(at, "bpf"))
			return true;
	return false;
}

/* Before 6.1 a program of a kprobe must not use a map that takes memory as it goes. The registers of the caller are had
 * from a helper that is older (5.15). */
static bool can_witness(const struct btf *types)
{
	return structure(types, "bpf_mem_alloc") != NULL;
}

/* The kernel counts the runs of kprobes that it skips since it tells of links what these missed (6.7). */
static bool counts_skips(const struct btf *types)
{
	const struct btf_type *by_kind = member(types, structure(types, "bpf_link_info"), "");

	return member(types, member(types, by_kind, "kprobe_multi"), "missed") != NULL;
}

void witness_find__kinds(struct witness *w, const struct pvmtrace_bpf *skel,
			 const struct btf *types, bool fentry)
{
	if (!w->preemptible || !can_witness(types))
		return;
	if (!fentry || !find_between(w, types)) {
		w->around = fentry;
		w->refused = 0;
		find_functions(w, skel, types);
		w->multi = has_multi(types) && try_multi(w, false);
	}
	w->counted = counts_skips(types);
	w->returns = w->multi && !has_pool(types) && try_multi(w, true);
	w->kprobe = !w->multi && !access(KPROBE_PMU, R_OK) && !sysctl__kprobes_are_off();
	w->end = !w->returns && !fentry;
	w->permit = has_lsm();
	/* A thread that it does not see is found by the one that sees all, at the latest; if it can be told at all. */
	if (w->returns && w->permit && member(types, structure(types, "task_struct"), "ret_stack"))
		w->session_type = session__type(types);
}
