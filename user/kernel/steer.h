/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steer - how the kernel half is told what to do. What it is told stands in our memory, from where it takes it when we run
 * an iterator of it (bpf/steer.h): a map that it stood in could be written to by whoever has a descriptor of it. What the
 * kernel half writes is ours to be read, and sealed.
 */
#ifndef PVM_STEER_H
#define PVM_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/control.h"

struct bpf_link;
struct pvmtrace_bpf;
struct tamper;

/* Its address is given to the kernel half before that is loaded: it has to stay where it is. */
struct steer {
	struct pvm_control wanted; /* is written by whoever wants something, who then gives it */
	struct pvm_control given;
	struct tamper *found;
	uint32_t self; /* our pid, as the kernel half knows it */
	struct pvmtrace_bpf *skel;
	const struct bpf_link *iterator;
};

/* Gives what is wanted for the first time. Returns as steer__give. */
int steer__begin(struct steer *s, struct pvmtrace_bpf *skel, const struct bpf_link *iterator,
		 struct tamper *found);
/* Gives what is wanted. Returns 0 or -errno; -EFAULT: the kernel half does not take it. */
int steer__give(struct steer *s);
/* Gives it if anything is wanted that was not given yet. */
int steer__give_new(struct steer *s);
/* Looks whether the kernel half goes by what was given, as giving does, too. If another's program has written to it, that is put
 * into found, and what was given is given anew. */
void steer__look(struct steer *s);
/* Returns how many commands the kernel half has carried out so far. */
uint32_t steer__done(const struct steer *s);
/* Returns whether there was no room for what the command at this place wanted. */
bool steer__refused(const struct steer *s, uint32_t place);
/* From now on nobody can write to any map of the kernel half by system calls, also not we; but to the rings' reader's side,
 * and to what wakes a reader. Needs CAP_BPF. Returns 0 or -errno. */
int steer__seal(struct pvmtrace_bpf *skel);

#endif
