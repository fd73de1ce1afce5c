/* SPDX-License-Identifier: Apache-2.0 */
#include "witness.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "bpf/event.h"
#include "log.h"
#include "preempt.h"
#include "preempt.skel.h"
#include "pvmtrace.skel.h"
#include "self_test.h"
#include "skips.h"
#include "sysctl.h"
#include "witness_info.h"

#define KPROBES "/sys/bus/event_source/devices/kprobe/type"
#define LSMS "/sys/kernel/security/lsm"
#define MODES "/sys/kernel/debug/sched/preempt"
#define TEXT_SZ 4096
#define ENTRY_PREFIX "pvm_f_"

/* A line of text that the kernel tells, "" if it does not. */
static void read_text(const char *path, char text[TEXT_SZ])
{
	FILE *f = fopen(path, "re");
	size_t len = f ? fread(text, 1, TEXT_SZ - 1, f) : 0;

	text[len] = '\0';
	if (f)
		fclose(f);
}

static bool kernel_preempts(void)
{
	struct utsname name = { .version = "" };
	char modes[TEXT_SZ];

	(void)uname(&name);
	read_text(MODES, modes);
	return preempt__in_kernel(name.version, modes);
}

/* The fact, by a program that runs where the tracer's will. */
static bool hook_is_preemptible(bool fentry)
{
	struct preempt_bpf *skel = preempt_bpf__open();
	struct bpf_program *prog, *other;
	struct bpf_link *link = NULL;
	struct preempt_look look = { .fentry = fentry };

	if (!skel)
		return preempt__of_hook(&look);
	prog = fentry ? skel->progs.pvm_preempt_fentry : skel->progs.pvm_preempt_tp;
	other = fentry ? skel->progs.pvm_preempt_tp : skel->progs.pvm_preempt_fentry;
	bpf_program__set_autoload(other, false);
	if (!preempt_bpf__load(skel))
		link = bpf_program__attach(prog);
	if (link) {
		for (int i = 0; i < 3 && !skel->bss->ran; i++)
			self_test__call();
		look.ran = skel->bss->ran;
		look.guarded = skel->bss->guarded;
		look.told = skel->bss->told;
		look.pinned = skel->bss->pinned;
	} else {
		log__debug("whether hooks can be preempted could not be tried");
	}
	bpf_link__destroy(link);
	preempt_bpf__destroy(skel);
	return preempt__of_hook(&look);
}

static const char *function_of(const struct bpf_program *prog)
{
	const char *slash = strchr(bpf_program__section_name(prog), '/');

	return slash ? slash + 1 : "";
}

static bool has_function(const struct btf *types, const char *name)
{
	return btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0;
}

/* The functions that the calls end up in here: those of the hooks of fentry.h. */
static void find_functions(struct witness *w, const struct pvmtrace_bpf *skel,
			   const struct btf *types)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, skel->obj) {
		const char *name = function_of(prog);

		if (w->function_cnt < WITNESS_FUNCTIONS &&
		    !strncmp(bpf_program__name(prog), ENTRY_PREFIX, strlen(ENTRY_PREFIX)) &&
		    has_function(types, name))
			w->functions[w->function_cnt++] = name;
	}
}

/* The type of a structure's member; NULL: it has none of that name. */
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

/* Whether the kernel was built with what kprobe.multi needs (CONFIG_FPROBE). */
static bool has_multi(const struct btf *types)
{
	return structure(types, "fprobe") && structure(types, "bpf_kprobe_multi_link");
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

	read_text(LSMS, text);
	for (at = strtok(text, ",\n"); at; at = strtok(NULL, ",\n"))
		if (!strcmp(at, "bpf"))
			return true;
	return false;
}

/* A build that counts what witnesses cost (Makefile) does without. */
#ifdef PVM_NO_WITNESSES
#define WITNESSES false
#else
#define WITNESSES true
#endif

void witness__look(struct witness *w, bool fentry)
{
	*w = (struct witness){ .preemptible = WITNESSES && kernel_preempts() &&
					      hook_is_preemptible(fentry) };
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

void witness__find(struct witness *w, const struct pvmtrace_bpf *skel, const struct btf *types,
		   bool fentry)
{
	if (!w->preemptible || !can_witness(types))
		return;
	find_functions(w, skel, types);
	w->counted = counts_skips(types);
	w->multi = has_multi(types);
	w->returns = w->multi && !has_pool(types);
	w->kprobe = !w->multi && !access(KPROBES, R_OK) && !sysctl__kprobes_are_off();
	w->end = !w->returns && !fentry;
	w->permit = has_lsm();
}

void witness__choose(const struct witness *w, struct pvmtrace_bpf *skel, bool fentry)
{
	uint32_t last = fentry ? PVM_SAW_FEXIT : PVM_SAW_EXIT;

	bpf_program__set_autoload(skel->progs.pvm_begin, w->multi);
	bpf_program__set_autoload(skel->progs.pvm_return, w->returns);
	bpf_program__set_autoload(skel->progs.pvm_begin_kprobe, w->kprobe);
	bpf_program__set_autoload(skel->progs.pvm_end, w->end);
	bpf_program__set_autoload(skel->progs.pvm_permit, w->permit);
	if (w->end)
		last |= PVM_SAW_END;
	if (fentry && w->returns)
		last |= PVM_SAW_RETURN;
	skel->rodata->cfg_last = last;
	skel->rodata->cfg_witness = witness__any(w);
	skel->rodata->cfg_quick = w->returns && libbpf_num_possible_cpus() <= PVM_CPU_ROWS;
	if (!witness__any(w))
		bpf_map__set_max_entries(skel->maps.pvm_over, 1);
}

bool witness__any(const struct witness *w)
{
	return w->multi || w->kprobe || w->end || w->permit;
}

uint8_t witness__bits(const struct witness *w)
{
	return WITNESS_KNOWN | (w->preemptible ? WITNESS_NEEDED : 0) |
	       (w->multi ? WITNESS_MULTI : 0) | (w->kprobe ? WITNESS_KPROBE : 0) |
	       (w->returns ? WITNESS_RETURNS : 0) | (w->end ? WITNESS_END : 0) |
	       (w->permit ? WITNESS_PERMIT : 0);
}

static bool keep(struct witness *w, const struct bpf_program *prog, struct bpf_link *link)
{
	if (!link) {
		log__debug("%s: %s", bpf_program__name(prog), strerror(errno));
		return false;
	}
	w->links[w->cnt++] = link;
	return true;
}

/* A link of its own for begin and return: in a session the return goes with an entry that was passed over. */
static bool attach_multi(struct witness *w, const struct bpf_program *prog, bool at_return,
			 struct bpf_link **link)
{
	const struct bpf_kprobe_multi_opts opts = {
		.sz = sizeof(opts),
		.syms = w->functions,
		.cnt = w->function_cnt,
		.retprobe = at_return,
	};

	*link = bpf_program__attach_kprobe_multi_opts(prog, NULL, &opts);
	return keep(w, prog, *link);
}

static bool attach_kprobes(struct witness *w, const struct bpf_program *prog)
{
	for (size_t i = 0; i < w->function_cnt; i++)
		if (!keep(w, prog, bpf_program__attach_kprobe(prog, false, w->functions[i])))
			return false;
	return true;
}

void witness__attach(struct witness *w, struct pvmtrace_bpf *skel)
{
	w->end = w->end && keep(w, skel->progs.pvm_end, bpf_program__attach(skel->progs.pvm_end));
	w->returns = w->returns && attach_multi(w, skel->progs.pvm_return, true, &w->ends);
	w->permit = w->permit &&
		    keep(w, skel->progs.pvm_permit, bpf_program__attach(skel->progs.pvm_permit));
	w->multi = w->multi && attach_multi(w, skel->progs.pvm_begin, false, &w->begins);
	w->kprobe = w->kprobe && attach_kprobes(w, skel->progs.pvm_begin_kprobe);
}

void witness__detach(struct witness *w)
{
	while (w->cnt)
		bpf_link__destroy(w->links[--w->cnt]);
}

uint64_t witness__misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return 0;
	return info.recursion_misses;
}

/* linux/bpf.h, struct bpf_link_info, as of a link of kprobe.multi; its last member is newer than some headers (6.7). */
struct multi_info {
	uint32_t type, id, prog_id, pad;
	uint64_t addrs;
	uint32_t count, flags;
	uint64_t missed;
};

/* What a program's guard does not count: there was no room to remember a return. */
static uint64_t link_missed(const struct bpf_link *link)
{
	struct multi_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &len))
		return 0;
	return info.missed;
}

void witness__skips(const struct witness *w, const struct pvmtrace_bpf *skel, struct skips *s)
{
	s->counted = w->counted;
	s->bounding =
		witness_info__bounding(witness__bits(w), w->ftrace_was_off, w->kprobes_were_off);
	if (w->multi)
		s->begins = witness__misses(skel->progs.pvm_begin) + link_missed(w->begins);
	if (w->kprobe)
		s->begins = witness__misses(skel->progs.pvm_begin_kprobe);
	if (w->returns)
		s->returns = witness__misses(skel->progs.pvm_return) + link_missed(w->ends);
	if (w->end)
		s->ends = witness__misses(skel->progs.pvm_end);
}
