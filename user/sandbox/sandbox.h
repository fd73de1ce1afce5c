/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox - the cage that the collector puts itself into before it reads what any process may have chosen: whoever takes it
 * over by that has gained nothing. It asks no service manager for it.
 */
#ifndef PVM_SANDBOX_H
#define PVM_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/asked.h"
#include "sandbox/places.h"

/* What this host has of it. */
struct sandbox_offer {
	bool seccomp;
	int landlock; /* the version of its interface; 0: it has none */
};

struct sandbox {
	struct sandbox_asked asked;
	struct sandbox_offer has;
	struct landlock_place places[PLACES_MAX];
	size_t place_cnt;
	int self;	  /* of /proc/self */
	uint8_t in_force; /* enum sandbox_bit */
};

/* Asks what the kernel has, and opens the places where the run will have something to do: as long as there are rights to. Returns 0
 * or, after a message, a sysexits status. */
int sandbox__prepare(struct sandbox *s, const struct sandbox_asked *asked);
/* Puts all in force that the kernel has; with --no-sandbox it only looks what is. s->in_force says what that is. Returns 0, or
 * EX_UNAVAILABLE (69) after a message: then the caller must not go on. */
int sandbox__enter(struct sandbox *s);

/* Asks the kernel. */
struct sandbox_offer sandbox__offer(void);
/* Tries it in a child, which first does what fn does. Returns 0, or EX_UNAVAILABLE and why. */
int sandbox__try(const struct options *o, int (*fn)(void *ctx), void *ctx, char *why, size_t size);

#endif
