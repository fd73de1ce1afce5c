/* SPDX-License-Identifier: Apache-2.0 */
/* own_hooks - which hooks see the tracer's own calls. That one does is enough for the calls of others to be told; that one does no
 * more is worth to be known. */
#ifndef PVM_OWN_HOOKS_H
#define PVM_OWN_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

struct tamper;

/* These are bits of enum pvm_saw. */
struct own_hooks {
	uint32_t ever;	/* saw a call at an earlier look */
	uint32_t now;	/* and at this one */
	uint32_t since; /* did not see any at so many looks, one after the other */
	unsigned int looks;
};

/* Another call of this look came by these. */
void own_hooks__saw(struct own_hooks *h, uint32_t saw);
/* Returns whether all saw a call at this look that ever did. */
bool own_hooks__all(const struct own_hooks *h);
/* A look has ended. Hooks that saw no call at several looks are put into found, once: one look can hit a CPU on which the kernel
 * runs none of them just now. switched_off: a switch of the kernel was off, which is told otherwise; then only those count that
 * need none. */
void own_hooks__end(struct own_hooks *h, bool switched_off, struct tamper *found);

#endif
