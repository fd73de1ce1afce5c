/* SPDX-License-Identifier: Apache-2.0 */
/* witness - the hooks that see what the first ones pass over (bpf/witness.h): whether this kernel needs them, which of
 * them it has, and how many calls can still have gone by unseen. */
#ifndef PVM_WITNESS_H
#define PVM_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/witness_info.h"

struct btf;
struct bpf_link;
struct bpf_program;
struct pvmtrace_bpf;
struct skips;

#define WITNESS_FUNCTIONS 8
/* Each is attached once at most: kprobes to each function, and the four others by one link. */
#define WITNESS_LINKS (WITNESS_FUNCTIONS + 4)

/* This is what is in force. */
struct witness {
	bool preemptible; /* the first hooks can be preempted, and then pass over calls */
	bool apart; /* so a call can be over of which no hook saw the end, and that can be found out */
	bool multi;			       /* kprobe.multi where the calls' functions begin, */
	bool returns;			       /* and where they return; else, where they begin, */
	bool kprobe;			       /* kprobes, */
	struct steer *steer;		       /* set before witness__attach */
	bool end;			       /* and where calls end, tp/raw_syscalls/sys_exit */
	bool permit;			       /* lsm/ptrace_access_check */
	bool counted;			       /* the kernel counts what it skips of them, */
	bool ftrace_was_off, kprobes_were_off; /* but not what it does while a switch is off */
	const char *functions[WITNESS_FUNCTIONS]; /* that they are on */
	size_t function_cnt;
	bool around; /* the first hooks are on the same functions, and come between those at a begin and those at an end */
	bool lacks_i386; /* of such calls it is not known whether they are seen: there are none, or none of ours */
	struct bpf_link *links[WITNESS_LINKS];
	size_t cnt;
	struct bpf_link *begins, *ends; /* of these, what multi and returns are attached by */
	uint32_t session_type; /* session.h; 0: begins are not seen by a session. Then begins is NULL until a thread was
				* found that it does not see */
	int session;			     /* its link; -1: none */
	bool stackless;			     /* a thread without a shadow stack was found, */
	bool exact;			     /* and begins are seen of each call (pvm_begin) */
	uint64_t attached_ns, sweep_ns;	     /* mono: all were attached; the next sweep is due */
	uint64_t begins_missed, ends_missed; /* by links that are closed by now */
	/* These are bits of enum witness_bit: of those that could not be attached, and of those that did not see a call of
	 * ours; and what that means, if there are any. */
	uint8_t refused, silent;
	char note[WITNESS_NOTE_SZ];
	bool noted;
};

/* Finds out by running a program (without fentry: on a tracepoint) whether hooks can be preempted here. No witness is in
 * force then. It needs CAP_BPF and CAP_PERFMON. */
void witness__look(struct witness *w, bool fentry);
bool witness__any(const struct witness *w);
/* Returns whether the kernel half is as with witnesses: the sweep and the hooks find out what was passed over. */
bool witness__beside(const struct witness *w);
/* Chooses, before loading, what of skel is loaded. */
void witness__choose(const struct witness *w, struct pvmtrace_bpf *skel, bool fentry);
/* What cannot be attached, or does not see calls of ours then, is left out, and no more in force. No call of others is taken
 * until all hooks are attached. */
void witness__attach(struct witness *w, struct pvmtrace_bpf *skel);
void witness__detach(struct witness *w);
/* Returns are not seen, and begins not by a session, of threads without a shadow stack; and there are such only of threads
 * that were being made when these were attached (bpf/witness.h). Returns whether it is time for a sweep to look for them:
 * ever more seldom. */
bool witness__wants_sweep(struct witness *w);
/* Looks whether hooks or the sweep came upon such a thread by now: then begins are seen from here on of each call, by
 * kprobe.multi. Returns whether it is so. */
bool witness__tick(struct witness *w, struct pvmtrace_bpf *skel);
/* Returns what is in force, as bits of enum witness_bit (witness_info.h). */
uint8_t witness__bits(const struct witness *w);
/* Gives their part of s: skipped runs, and which of them say something. */
void witness__skips(const struct witness *w, const struct pvmtrace_bpf *skel, struct skips *s);
/* Returns the runs of a program that the kernel skipped. */
uint64_t witness__misses(const struct bpf_program *prog);

#endif
