/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/witness_need.h"

#include <bpf/libbpf.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "base/text_file.h"
#include "kernel/preempt.h"
#include "kernel/self_test.h"
#include "preempt.skel.h"

#define MODES "/sys/kernel/debug/sched/preempt"
#define TEXT_SZ 4096

static bool kernel_preempts(void)
{
	struct utsname name = { .version = "" };
	char modes[TEXT_SZ];

	(void)uname(&name);
	text_file__read(MODES, modes, sizeof(modes));
	return preempt__in_kernel(name.version, modes);
}

/* Finds the fact, by a program that runs where the tracer's will. regs: see struct witness_need. */
static bool hook_is_preemptible(bool fentry, bool *regs)
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
		*regs = skel->bss->regs;
	} else {
		log__debug("whether hooks can be preempted could not be tried");
	}
	bpf_link__destroy(link);
	preempt_bpf__destroy(skel);
	return preempt__of_hook(&look);
}

struct witness_need witness_need__of_hooks(bool fentry)
{
	struct witness_need need = { .preemptible = false };

	need.preemptible = kernel_preempts() && hook_is_preemptible(fentry, &need.regs);
	return need;
}
