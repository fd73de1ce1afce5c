/* SPDX-License-Identifier: Apache-2.0 */
/* notify - tells a service manager how we are: sd_notify(3)'s protocol, which is one datagram a message to the
 * socket named by $NOTIFY_SOCKET. Without that variable all of this does nothing. */
#ifndef PVM_NOTIFY_H
#define PVM_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;		   /* -1: nobody to tell */
	uint64_t every_ns; /* between two beats: half of $WATCHDOG_USEC; 0: nobody waits for them */
	uint64_t next_ns;  /* CLOCK_MONOTONIC; the next beat */
};

/* Connects, so call it while the socket is in reach: before any right is given up. Takes the variables out
 * of the environment: children are not to speak for us. A socket that cannot be had is only warned of. */
void notify__open(struct notify *n);
/* Tells the manager. state: assignments, a line each ("READY=1\nSTATUS=..."). It waits up to a second for a
 * manager that is behind; what cannot be told is not told. */
void notify__say(const struct notify *n, const char *state);
/* Tells the same around a reload: then the manager is to be told READY=1 when it is done. */
void notify__reloading(const struct notify *n, uint64_t now_ns);
/* Says WATCHDOG=1 if it is time to; never waits. now_ns: CLOCK_MONOTONIC. */
void notify__beat(struct notify *n, uint64_t now_ns);
void notify__close(struct notify *n);

#endif
