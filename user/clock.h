/* SPDX-License-Identifier: Apache-2.0 */
/* clock - from the kernel's clocks to RFC 3339. */
#ifndef PVM_CLOCK_H
#define PVM_CLOCK_H

#include <stdint.h>

#define CLOCK_TEXT_SZ 31 /* "2026-11-21T19:28:11.123456789Z" and a NUL */
#define NS_PER_S 1000000000ULL

/* What to add to a kernel time to get CLOCK_REALTIME, in ns. Both rates are the kernel's own, so
 * the sums change only when somebody sets the clock (or, for boottime, never against it). */
struct clock_base {
	int64_t mono_to_real;
	int64_t boot_to_real;
	uint64_t second;	  /* cache of clock__text: the second of day_text ... */
	char text[CLOCK_TEXT_SZ]; /* ... and its rendering */
};

/* Reads the clocks until two neighbouring reads are close enough that the offset is good to about a
 * microsecond. An offset that moved by less than a millisecond keeps its old value, so that times
 * of one run stay comparable. */
void clock__sync(struct clock_base *c);
uint64_t clock__mono_now(void); /* ns */
uint64_t clock__real_now(void); /* ns since 1970 */
static inline uint64_t clock__real_of_mono(const struct clock_base *c, uint64_t mono_ns)
{
	return mono_ns + (uint64_t)c->mono_to_real;
}
static inline uint64_t clock__real_of_boot(const struct clock_base *c, uint64_t boot_ns)
{
	return boot_ns + (uint64_t)c->boot_to_real;
}
/* Writes real_ns (ns since 1970, up to year 9999) as RFC 3339 UTC with nine digits and 'Z',
 * CLOCK_TEXT_SZ bytes with the NUL. c may be NULL; given, it caches the date and time of day of
 * the last second. No libc call on the cached path. */
void clock__text(struct clock_base *c, uint64_t real_ns, char out[CLOCK_TEXT_SZ]);

#endif
