/* SPDX-License-Identifier: Apache-2.0 */
/* hooks - which programs of the kernel half are loaded, where they are attached, and how to find out what a
 * kernel allows: by attaching something harmless there, never by its version. */
#ifndef PVM_HOOKS_H
#define PVM_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/predict.h"
#include "event/record.h"
#include "kernel/skips.h"
#include "kernel/witness.h"

struct pvmtrace_bpf;
struct bpf_link;
struct bpf_program;

#define HOOKS_MAX 48 /* each program is attached once at most */
#define ENOTSUPP 524 /* the kernel's own error, which user space has no name for */

struct hooks {
	struct pvmtrace_bpf *skel;
	bool fentry;			   /* --attach fentry */
	struct bpf_link *links[HOOKS_MAX]; /* in the order in which they were attached */
	size_t cnt;
	bool access; /* whose memory the kernel opens is seen */
	bool leave;  /* what its security modules say to that is seen */
	bool pins; /* which pages of it the kernel holds is seen; before hooks__attach: is tried */
	bool pins_by_fexit;	   /* that they are held is seen so; else by kprobes */
	bool pins_by_kprobes;	   /* that they are let go as well */
	enum openings_by openings; /* of objects of ours; before hooks__attach: is tried */
	bool lacks;		   /* all of these may not have run for a while */
	struct witness witness;	   /* its steer is set before hooks__attach */
	struct skips stackless_at; /* the counts when a thread without a shadow stack was found */
	/* These hooks are on the calls themselves: on the functions, by how their programs' names begin, or the tracepoints. */
	const char *entries, *exits;
	struct bpf_program *enter, *exit;
};

/* This says how much is hooked. */
enum hooks_extent {
	HOOKS_ALONE, /* the calls themselves */
	HOOKS_LEAST, /* where they can be preempted, by programs that find out what was passed over */
	HOOKS_WITNESSED, /* and witnesses, where they are needed */
	HOOKS_CONFIRMED, /* and what confirms calls */
};

/* Chooses, before the programs are loaded, those that will be, by the kernel's types in the file btf, or its own for NULL.
 * Returns 0, or EX_UNAVAILABLE after a message if fentry is wanted and not to be had. extent: whether what the kernel itself
 * does for a call, and witnesses of it, are hooked too, where they can be, with either method. */
int hooks__choose(struct hooks *h, struct pvmtrace_bpf *skel, const char *btf, bool fentry,
		  enum hooks_extent extent);
/* Attaches them. Returns 0 or -errno. */
int hooks__attach(struct hooks *h);
void hooks__detach(struct hooks *h);
/* Returns what is confirmed, which is known once they are attached. */
struct confirm_info hooks__confirms(const struct hooks *h);
/* Returns what sums of pages are made with; its page_shift is 0 if there are none. Pages may lack once the kernel has
 * skipped runs of both hooks. */
struct pin_key hooks__key(const struct hooks *h);
/* Returns how many calls there are, at most, for which the kernel passed over all hooks on them: of each kind of hook it
 * counts the runs that it skipped, and a call that one of them saw is told. */
uint64_t hooks__skipped(const struct hooks *h);
#define HOOKS_FDS (HOOKS_MAX + WITNESS_LINKS + 1)
/* Gives the descriptors of all links by which they are attached. Returns how many. */
size_t hooks__fds(const struct hooks *h, int fds[HOOKS_FDS]);
/* Is called from time to time: see witness__tick. */
void hooks__tick(struct hooks *h);
/* Returns the runs of the first hooks that the kernel skipped, at entry or at exit, whatever others saw of the call. Kernels
 * before 5.12, which do not count them, skip none. */
uint64_t hooks__misses(const struct hooks *h);

#endif
