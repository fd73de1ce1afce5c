/* SPDX-License-Identifier: Apache-2.0 */
/* tracer - owns the BPF skeleton: open, configure, load, look, attach are steps of their own, each checked.
 * After tracer__attach no step needs a capability any more, except where the kernel refuses bpf(2) to
 * unprivileged users altogether (tracer__needs_cap_bpf). */
#ifndef PVM_TRACER_H
#define PVM_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "bpf/control.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "event/counts.h"
#include "event/predict.h"
#include "event/record.h"

struct tracer;
struct privileges;

/* Every function that returns int gives 0 or, after a message on stderr, a sysexits status. */

/* Opens the skeleton and applies the options to it; nothing is in the kernel yet. */
int tracer__open(struct tracer **out, const struct options *o);
/* Loads programs and maps and fills the filters. */
int tracer__load(struct tracer *t);
/* Finds out who we are on the host and which processes the pid filters mean: EX_USAGE for a pid that does
 * not exist or is a thread's. */
int tracer__look(struct tracer *t);
/* Attaches the hooks; they see only self-test calls until tracer__go. */
int tracer__attach(struct tracer *t);
void tracer__go(struct tracer *t);
void tracer__close(struct tracer *t); /* takes NULL */
/* Returns what the rings and maps of an opened tracer take of the kernel's memory when they are full, about. */
uint64_t tracer__map_bytes(const struct tracer *t);

/* Returns whether the hooks are on the calls' own functions (--attach fentry). */
bool tracer__fentry(const struct tracer *t);
/* Returns how targets are looked up; RESOLVE_AUTO: not known yet. */
enum resolve_method tracer__resolve(const struct tracer *t);
/* Returns whether the collector runs outside the initial pid namespace: sweeps see that namespace only. */
bool tracer__in_pid_ns(const struct tracer *t);
/* Returns what the kernel's own work confirms, which is known once it is attached. */
struct confirm_info tracer__confirms(const struct tracer *t);
/* Returns by what it sees who opens objects of its own, which is known then, too. */
enum openings_by tracer__openings(const struct tracer *t);
/* Returns which witnesses are in force, as bits of enum witness_bit (witness_info.h), which is known once it is attached.
 * *note: which of those that this kernel has are not, and why; NULL: none. note may be NULL. */
uint8_t tracer__witness(const struct tracer *t, const char **note);
/* A switch was off, or may have been. From now on what it stops without a count bounds no calls that may be missing, and
 * with ftrace's fewer pages than a list needs are no evidence. */
void tracer__ftrace_was_off(struct tracer *t);
void tracer__kprobes_were_off(struct tracer *t);
/* Returns what the kernel half's sums of pages are made with, which is known once it is attached. */
struct pin_key tracer__pin_key(const struct tracer *t);
/* Returns how many of the processes that --target-pid or --caller-pid asks for have not ended. */
size_t tracer__alive(struct tracer *t, enum pvm_who who);
/* Returns whether others still work in the memory of a process of --target-pid that has ended or has executed another file. */
bool tracer__memory_left(struct tracer *t);
uint32_t tracer__host_pid(const struct tracer *t);
/* Returns what wakes us, mapped. */
struct pvm_bell *tracer__bell(struct tracer *t);
/* Returns what somebody did to maps of the kernel half since the last look, or NULL: it is set right, but calls may be
 * missing. */
const char *tracer__tampered(struct tracer *t);
/* Takes note of the hooks that our last call came by. Returns whether these are, with those of the calls before, all that calls
 * of ours ever came by. */
bool tracer__own_hooks_saw(struct tracer *t);
/* No more of our calls are made at this look. */
void tracer__own_hooks_end(struct tracer *t);
/* So many calls of our own the kernel half has counted by now. */
void tracer__expect_own(struct tracer *t, uint64_t n);
/* Says how far the end of the run has come. */
void tracer__stop(struct tracer *t, enum pvm_stopping how_far);

/* Return whether a hook may have to be attached while it runs, and whether types of modules may have to be read then. */
bool tracer__attaches_later(const struct tracer *t);
bool tracer__reads_types_later(const struct tracer *t);

/* Returns whether sweeps or counters would be refused (before 5.19) once p is carried out: tried in a child. */
bool tracer__needs_cap_bpf(struct tracer *t, const struct privileges *p);

/* Adds to a counter what the kernel half did not see. */
void tracer__count(struct tracer *t, enum pvm_count what, uint64_t n);
/* Gives the sums of the counters of all CPUs. */
void tracer__counts(struct tracer *t, struct pvm_counts *out);
/* Adds the calls that the kernel half dropped, by the options' rules. */
void tracer__add_drops(const struct tracer *t, struct rule_counts rules[RULES_MAX]);
/* See hooks__skipped. */
uint64_t tracer__skipped_runs(const struct tracer *t);
/* See hooks__misses. */
uint64_t tracer__misses(const struct tracer *t);

/* Runs the iterator over all tasks: calls inside that are older than older_ns are told as phase. Returns 0 or
 * -errno. */
int tracer__sweep(struct tracer *t, enum pvm_phase phase, uint64_t older_ns);
/* Removes the hooks; rings and counters stay readable. */
void tracer__detach(struct tracer *t);

/* Makes one self-test call of each ABI that this program can make. Fills abis (room for ABIS_MAX) and *cnt. Returns
 * EX_SOFTWARE if the native one was not seen through the ring. self-test records are looked for with consume(ctx), which drains
 * the ring and reports each PVM_SELF_TEST by tracer__self_test_seen. */
int tracer__self_test(struct tracer *t, int (*consume)(void *ctx), void *ctx, struct abi_info *abis,
		      size_t *cnt);
void tracer__self_test_seen(struct tracer *t, const void *data, size_t size);
/* This says whether the hooks see this very program. */
enum tracer_firing {
	FIRING_NOT,	/* no call of several */
	FIRING_AGAIN,	/* not the first one, but a later one: they were silent until now */
	FIRING_UNKNOWN, /* the kernel passed over each of several, which it counts */
	FIRING,
};

/* Finds out by a self-test call that is only counted, and more of them if the counter does not move. */
enum tracer_firing tracer__firing(struct tracer *t);

/* These are for the rings. The callbacks' negative result ends a consume and is returned by it; the record is consumed. */
typedef int (*tracer_sample_fn)(void *ctx, void *data, size_t size);
int tracer__open_rings(struct tracer *t, tracer_sample_fn call, tracer_sample_fn array, void *ctx);
/* Lists the files that filters mean, or the first BOUND_TOLD of them. What it gives is valid until the next call. Returns how many
 * there are. */
size_t tracer__files(struct tracer *t, const struct bound_info **out);
/* Whether there are such filters, and the paths are not those of the host: this process has a mount namespace of its own. */
bool tracer__names_elsewhere(const struct tracer *t);
/* Looks whether they are others now: as exe_bind__look does. It is called about once a second. */
const char *tracer__files_changed(struct tracer *t, enum error_code *code);
/* Returns, with --audit, the ring of struct pvm_seen. */
int tracer__seen_fd(const struct tracer *t);
int tracer__poll_fd(struct tracer *t);
int tracer__consume_calls(struct tracer *t);
int tracer__consume_arrays(struct tracer *t);

/*
 * Closes the window of summaries, if there are any in it, and hands each of them to take as a PVM_SUMMARY record.
 * Where take's result is not 0 it ends with that: the summary stays, with those behind it, and is the first one
 * next time; no other window is closed until then. Closing waits for the hooks that are running: some
 * milliseconds.
 */
int tracer__take_summaries(struct tracer *t, tracer_sample_fn take, void *ctx);
/* Returns the calls in summaries that were not taken yet, of any window. */
uint64_t tracer__summaries_left(struct tracer *t);
/* Is called about once a second: modules of file systems may have come whose types are of use. */
void tracer__tick(struct tracer *t);
/* Returns when every hook that runs now has ended. */
void tracer__await_hooks(const struct tracer *t);

/* The kernel half is to forget, or told what to think of a cgroup: at tracer__apply at the latest. Errors are harmless
 * (the entry may be gone). */
void tracer__forget_proc(struct tracer *t, uint32_t pid);
void tracer__forget_ancestry(struct tracer *t, uint64_t id);
void tracer__forget_cgroup(struct tracer *t, const struct pvm_cgroup_key *key);
void tracer__forget_text(struct tracer *t, uint64_t id);
void tracer__judge_cgroup(struct tracer *t, const struct pvm_cgroup_key *key,
			  const struct pvm_cgroup_val *val);
void tracer__apply(struct tracer *t);

#endif
