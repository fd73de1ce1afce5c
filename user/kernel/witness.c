/* SPDX-License-Identifier: Apache-2.0 */
/* witness - loads, attaches and counts the witnesses that were found. */
#include "kernel/witness.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/log.h"
#include "bpf/control.h"
#include "event/witness_info.h"
#include "kernel/map.h"
#include "kernel/self_test.h"
#include "kernel/session.h"
#include "kernel/steer.h"
#include "kernel/skips.h"
#include "kernel/witness_need.h"
#include "pvmtrace.skel.h"

#define STACKLESS "a thread was found that has no shadow stack: "
#define FIRE_TRIES 3
#define OVER_MIN 8192
/* This is LOCAL_FREE_TARGET: elements that a CPU lays aside of a map whose oldest go. */
#define LRU_ASIDE 128

/* A build that counts what witnesses cost (Makefile) does without. */
#ifdef PVM_NO_WITNESSES
#define WITNESSES false
#else
#define WITNESSES true
#endif
/* In another one the kernel half is as where there are witnesses, but there are none, and no hook sees how a call ends. */
#ifdef PVM_ENDS_UNSEEN
#define ENDS_UNSEEN true
#else
#define ENDS_UNSEEN false
#endif
/* A third one has hooks that callers can pass over (bpf/stages.h). */
#ifdef PVM_HOOKS_PASSED_OVER
#define PASS_OVER true
#else
#define PASS_OVER false
#endif
/* A fourth one has a table with room for few calls, of which each hook looks for its own. */
#ifdef PVM_FEW_CALLS
#define FEW_CALLS 64
#else
#define FEW_CALLS 0
#endif

void witness__look(struct witness *w, bool fentry)
{
	struct witness_need need = { .preemptible = false };

	if (WITNESSES && !ENDS_UNSEEN)
		need = witness_need__of_hooks(fentry);
	*w = (struct witness){
		.preemptible = need.preemptible,
		.apart = need.preemptible && need.regs,
		.session = -1,
	};
}

/* Returns the elements of pvm_over (bpf/stages.h). */
static uint32_t room_for_over(const struct witness *w)
{
	const int cpus = libbpf_num_possible_cpus();
	const uint32_t aside = cpus > 0 ? 2U * LRU_ASIDE * (uint32_t)cpus : 0;

	if (!witness__beside(w))
		return 1;
	return aside > OVER_MIN ? aside : OVER_MIN;
}

void witness__choose(const struct witness *w, struct pvmtrace_bpf *skel, bool fentry)
{
	uint32_t last = fentry ? PVM_SAW_FEXIT : PVM_SAW_EXIT;

	bpf_program__set_autoload(skel->progs.pvm_begin, w->multi);
	bpf_program__set_autoload(skel->progs.pvm_begin_session, w->session_type);
	if (w->session_type)
		bpf_program__set_expected_attach_type(skel->progs.pvm_begin_session,
						      w->session_type);
	bpf_program__set_autoload(skel->progs.pvm_return, w->returns);
	bpf_program__set_autoload(skel->progs.pvm_begin_kprobe, w->kprobe);
	bpf_program__set_autoload(skel->progs.pvm_end, w->end);
	bpf_program__set_autoload(skel->progs.pvm_permit, w->permit);
	bpf_program__set_autoload(skel->progs.pvm_sweep_dead, witness__beside(w));
	if (w->end)
		last |= PVM_SAW_END;
	if (w->returns && w->around)
		last |= PVM_SAW_RETURN;
	skel->rodata->cfg_last = last;
	skel->rodata->cfg_around = w->around;
	skel->rodata->cfg_witness = witness__beside(w);
	skel->rodata->cfg_ends_unseen = ENDS_UNSEEN;
	skel->rodata->cfg_pass_over = PASS_OVER;
	skel->rodata->cfg_stacks = w->returns;
	skel->rodata->cfg_quick = w->returns && !w->around && !FEW_CALLS &&
				  cpus__rows_are_own(cpus__end(CPUS_POSSIBLE), PVM_CPU_ROWS);
	if (FEW_CALLS)
		bpf_map__set_max_entries(skel->maps.pvm_state, FEW_CALLS);
	bpf_map__set_max_entries(skel->maps.pvm_over, room_for_over(w));
}

bool witness__any(const struct witness *w)
{
	return ENDS_UNSEEN || w->multi || w->kprobe || w->end || w->permit;
}

bool witness__beside(const struct witness *w)
{
	return w->apart || witness__any(w);
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

/* Attaches a link of its own for begin and return: in a session the return goes with an entry that was passed over. */
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

static void close_session(struct witness *w)
{
	if (w->session >= 0)
		close(w->session);
	w->session = -1;
}

static bool attach_begins(struct witness *w, const struct pvmtrace_bpf *skel)
{
	if (!w->permit) /* see witness__find */
		w->session_type = 0;
	if (w->session_type) {
		int link = session__attach(bpf_program__fd(skel->progs.pvm_begin_session),
					   w->session_type, w->functions, w->function_cnt);

		if (link >= 0) {
			w->session = link;
			return true;
		}
		log__debug("pvm_begin_session: %s", strerror(-link));
		w->session_type = 0;
	}
	return attach_multi(w, skel->progs.pvm_begin, false, &w->begins);
}

static bool attach_kprobes(struct witness *w, const struct bpf_program *prog)
{
	for (size_t i = 0; i < w->function_cnt; i++)
		if (!keep(w, prog, bpf_program__attach_kprobe(prog, false, w->functions[i])))
			return false;
	return true;
}

static bool attach_one(struct witness *w, const struct pvmtrace_bpf *skel, enum witness_bit bit)
{
	switch (bit) {
	case WITNESS_PERMIT:
		return keep(w, skel->progs.pvm_permit, bpf_program__attach(skel->progs.pvm_permit));
	case WITNESS_MULTI:
		return attach_begins(w, skel);
	case WITNESS_KPROBE:
		return attach_kprobes(w, skel->progs.pvm_begin_kprobe);
	case WITNESS_RETURNS:
		return attach_multi(w, skel->progs.pvm_return, true, &w->ends);
	default:
		return keep(w, skel->progs.pvm_end, bpf_program__attach(skel->progs.pvm_end));
	}
}

/* Makes a call. Returns false if that could not be tried. */
static bool call_read(const struct witness *w)
{
	(void)w;
	self_test__call();
	return true;
}

static bool call_write(const struct witness *w)
{
	(void)w;
	self_test__call_write();
	return true;
}

static bool call_on_child(const struct witness *w)
{
	(void)w;
	return self_test__call_on_child();
}

static int be_self(void *ctx)
{
	const struct pvmtrace_bpf *skel = ctx;

	return kernel_map__run(skel->links.pvm_look);
}

static bool call_i386(const struct witness *w)
{
	bool done;

	w->steer->wanted.self_child = 1;
	done = !steer__give(w->steer) && self_test__call_i386(be_self, w->steer->skel);
	w->steer->wanted.self_child = 0;
	return !steer__give(w->steer) && done;
}

/*
 * Returns whether it sees a call of ours, which hooks at a begin note in self_inside, and those at an end take from there.
 * Those at a begin are looked at before there are any at an end.
 */
static bool sees(const struct witness *w, enum witness_bit bit,
		 bool (*call)(const struct witness *w), bool *untried)
{
	volatile uint32_t *inside = &w->steer->skel->bss->self_inside;
	const bool end = bit & (WITNESS_RETURNS | WITNESS_END);
	bool seen = false;

	for (int i = 0; i < FIRE_TRIES && !seen; i++) {
		*inside = end;
		if (!call(w)) {
			*untried = true;
			return true; /* for all that is known */
		}
		seen = *inside != end;
	}
	*inside = 0;
	return seen;
}

/* A compiler may have put the function that all calls are said to come by into some of them. */
static bool fires(struct witness *w, enum witness_bit bit)
{
	bool untried = false;

	if (bit == WITNESS_PERMIT)
		return sees(w, bit, call_on_child, &untried);
	return sees(w, bit, call_read, &untried) && sees(w, bit, call_write, &untried) &&
	       (w->lacks_i386 || sees(w, bit, call_i386, &w->lacks_i386));
}

/* From now on begins are looked at of each call, by kprobe.multi, in the session's place. Returns whether it is so. */
static bool begin_exactly(struct witness *w, struct pvmtrace_bpf *skel)
{
	w->steer->wanted.begins_exact = 1;
	w->exact = !steer__give(w->steer) && w->multi &&
		   (w->begins || attach_multi(w, skel->progs.pvm_begin, false, &w->begins));
	w->steer->wanted.begins_exact = w->exact;
	(void)steer__give_new(w->steer);
	return w->exact;
}

/* Drops what one was attached by, also if it was attached in part. Without returns it is not known at a begin that the call
 * before is over (bpf/here.h). */
static void drop(struct witness *w, struct pvmtrace_bpf *skel, size_t before, enum witness_bit bit)
{
	while (w->cnt > before)
		bpf_link__destroy(w->links[--w->cnt]);
	if (bit == WITNESS_RETURNS) {
		w->ends = NULL;
		(void)begin_exactly(w, skel);
	}
	if (bit != WITNESS_MULTI)
		return;
	w->begins = NULL;
	w->session_type = 0;
	close_session(w);
}

static void attach_and_try(struct witness *w, struct pvmtrace_bpf *skel, enum witness_bit bit,
			   bool *in_force)
{
	const size_t before = w->cnt;
	bool attached;

	if (!*in_force)
		return;
	attached = attach_one(w, skel, bit);
	*in_force = attached && fires(w, bit);
	if (*in_force)
		return;
	*(attached ? &w->silent : &w->refused) |= bit;
	drop(w, skel, before, bit);
}

void witness__attach(struct witness *w, struct pvmtrace_bpf *skel)
{
	attach_and_try(w, skel, WITNESS_PERMIT, &w->permit);
	attach_and_try(w, skel, WITNESS_MULTI, &w->multi);
	attach_and_try(w, skel, WITNESS_KPROBE, &w->kprobe);
	attach_and_try(w, skel, WITNESS_RETURNS, &w->returns);
	attach_and_try(w, skel, WITNESS_END, &w->end);
	/* Before the first link that needs shadow stacks no thread has one. */
	skel->bss->stackless_seen = 0;
	w->attached_ns = clock__mono_now();
	w->noted = witness_info__lacks(w->refused, w->silent, w->note);
}

/* This is struct bpf_link_info of linux/bpf.h, as of a link of kprobe.multi; its last member is newer than some headers
 * (6.7). */
struct multi_info {
	uint32_t type, id, prog_id, pad;
	uint64_t addrs;
	uint32_t count, flags;
	uint64_t missed;
};

/* Returns what a program's guard does not count: there was no room to remember a return. */
static uint64_t link_missed(int link)
{
	struct multi_info info = {};
	uint32_t len = sizeof(info);

	if (link < 0 || bpf_obj_get_info_by_fd(link, &info, &len))
		return 0;
	return info.missed;
}

static uint64_t begins_missed(const struct witness *w)
{
	return w->begins_missed + link_missed(w->begins ? bpf_link__fd(w->begins) : w->session);
}

static uint64_t ends_missed(const struct witness *w)
{
	return w->ends_missed + (w->ends ? link_missed(bpf_link__fd(w->ends)) : 0);
}

/* Detaches them. What links count goes with them. */
void witness__detach(struct witness *w)
{
	w->begins_missed = begins_missed(w);
	w->ends_missed = ends_missed(w);
	while (w->cnt)
		bpf_link__destroy(w->links[--w->cnt]);
	close_session(w);
	w->begins = w->ends = NULL;
}

bool witness__wants_sweep(struct witness *w)
{
	uint64_t now = clock__mono_now();

	if (!w->returns || w->stackless || now < w->sweep_ns)
		return false;
	w->sweep_ns = now + (now - w->attached_ns);
	return true;
}

bool witness__tick(struct witness *w, struct pvmtrace_bpf *skel)
{
	if (!w->returns || w->stackless || !skel->bss->stackless_seen)
		return false;
	w->stackless = true;
	if (begin_exactly(w, skel))
		log__info(STACKLESS "begins of calls are seen by kprobe.multi from now on");
	else
		log__warn(STACKLESS "begins of calls are not seen by kprobe.multi: %s",
			  w->multi ? strerror(errno) : "it is not in force");
	return true;
}

uint64_t witness__misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return 0;
	return info.recursion_misses;
}

void witness__skips(const struct witness *w, const struct pvmtrace_bpf *skel, struct skips *s)
{
	s->counted = w->counted;
	s->bounding =
		witness_info__bounding(witness__bits(w), w->ftrace_was_off, w->kprobes_were_off);
	s->stackless = w->stackless;
	s->exact = w->exact;
	if (w->multi)
		s->begins =
			begins_missed(w) + witness__misses(w->session_type && !w->exact
								   ? skel->progs.pvm_begin_session
								   : skel->progs.pvm_begin);
	if (w->kprobe)
		s->begins = witness__misses(skel->progs.pvm_begin_kprobe);
	if (w->returns)
		s->returns = witness__misses(skel->progs.pvm_return) + ends_missed(w);
	if (w->end)
		s->ends = witness__misses(skel->progs.pvm_end);
}
