/* SPDX-License-Identifier: Apache-2.0 */
/* clock - from the kernel's clocks to RFC 3339. */
#ifndef PVM_CLOCK_H
#define PVM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

#define CLOCK_TEXT_SZ 31 /* "2026-11-21T19:28:11.123456789Z" and a NUL */

#define CLOCK_STEPS 256 /* that are remembered */

/* From a moment on, CLOCK_BOOTTIME and this are CLOCK_REALTIME. Both have the kernel's own rate, in suspend
 * too, so the sum changes only when somebody sets the clock. */
struct clock_step {
	uint64_t after_ns; /* CLOCK_BOOTTIME of the last look at which the clock had not been set yet */
	int64_t to_real; /* ns */
};

/* A moment is dated by what held then. So its date stays the same, whatever the clock does later, until
 * CLOCK_STEPS more steps were seen. */
struct clock_base {
	struct clock_step
		steps[CLOCK_STEPS]; /* oldest first; the first holds for all before the second */
	uint32_t cnt;
	uint64_t total;	     /* steps that there ever were */
	uint64_t checked_ns; /* CLOCK_BOOTTIME of the last look */
	int64_t ns_offset;   /* by which our time namespace shifts CLOCK_BOOTTIME */
};

/* This is one look at both clocks. Being put off the CPU in between only makes it wider. */
struct clock_look {
	uint64_t boot_ns;
	uint64_t width_ns; /* how long it took: to_real is good to half of it */
	int64_t to_real;
};

/* This is the second that was rendered last. */
struct clock_text {
	uint64_t second;
	char text[CLOCK_TEXT_SZ];
};

/* Learns by how much our time namespace shifts what we read, and looks at the clocks. Returns 0, or a sysexits status after
 * a message: times would be wrong. */
int clock__open(struct clock_base *c);
/* Looks at the clocks. That takes three reads, unless the clock was set: then until two neighbouring reads are close enough
 * that the offset is good to about a microsecond. A step of less than a millisecond is none, so that times of one run stay
 * comparable. */
void clock__check(struct clock_base *c);
/* Takes what a look saw. It is pure. */
void clock__looked(struct clock_base *c, const struct clock_look *look);
/* Adds a step that is known from elsewhere. */
void clock__add(struct clock_base *c, uint64_t after_ns, int64_t to_real);
uint64_t clock__boot_now(const struct clock_base *c); /* ns, as the kernel half has it */
uint64_t clock__mono_now(void);			      /* ns, in our time namespace */
uint64_t clock__real_now(void);			      /* ns since 1970 */
uint64_t clock__cpu_now(void);			      /* ns that we ran */
/* Returns the date of a kernel time. It is settled once there was a look after it. */
uint64_t clock__real_of(const struct clock_base *c, uint64_t boot_ns);
/* Reads the offset of CLOCK_BOOTTIME in the text of /proc/PID/timens_offsets, ns. Returns false if there is
 * none. */
bool clock__parse_offsets(const char *text, int64_t *boot_ns);
/* Writes real_ns (ns since 1970, up to year 9999) as RFC 3339 UTC with nine digits and 'Z', CLOCK_TEXT_SZ bytes
 * with the NUL. cache may be NULL; given, it holds the date and time of day of the last second. There is no libc
 * call on the cached path. */
void clock__text(struct clock_text *cache, uint64_t real_ns, char out[CLOCK_TEXT_SZ]);

#endif
