/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <string.h>
#include <time.h>

#define S_PER_DAY 86400U
#define SYNC_TRIES 32
#define SYNC_GOOD_NS 400     /* distance of two neighbouring reads that is good enough */
#define SYNC_KEEP_NS 1000000 /* an offset that moved by less keeps its old value */
#define FRACTION_AT 20	     /* where the nine digits stand in the text */

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t clock__mono_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock__real_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

/* What to add to clock id to get CLOCK_REALTIME, from the tightest of some pairs of reads: being
 * put off the CPU in between only widens a pair. */
static int64_t offset_to_real(clockid_t id)
{
	uint64_t before, after, real, best = UINT64_MAX;
	int64_t offset = 0;
	int i;

	for (i = 0; i < SYNC_TRIES && best > SYNC_GOOD_NS; i++) {
		before = read_clock(id);
		real = read_clock(CLOCK_REALTIME);
		after = read_clock(id);
		if (after - before >= best)
			continue;
		best = after - before;
		offset = (int64_t)(real - before - best / 2);
	}
	return offset;
}

static void move_offset(int64_t *old, int64_t now)
{
	int64_t moved = now - *old;

	if (moved >= SYNC_KEEP_NS || moved <= -SYNC_KEEP_NS)
		*old = now;
}

void clock__sync(struct clock_base *c)
{
	move_offset(&c->mono_to_real, offset_to_real(CLOCK_MONOTONIC));
	move_offset(&c->boot_to_real, offset_to_real(CLOCK_BOOTTIME));
}

static void put_digits(char *p, uint32_t value, int cnt)
{
	while (cnt--) {
		p[cnt] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Date and time of day into text[0 .. FRACTION_AT). Days are counted from 0000-03-01, so that a
 * leap day is the last one of its year; 146097 days are the 400 years after which the calendar
 * repeats. */
static void put_second(uint64_t second, char *text)
{
	uint32_t day = (uint32_t)(second / S_PER_DAY) + 719468;
	uint32_t in_day = (uint32_t)(second % S_PER_DAY);
	uint32_t era = day / 146097, in_era = day % 146097;
	uint32_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint32_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	/* Months of 31 30 31 30 31 days, again and again from March: 153 days each five. */
	uint32_t from_march = (5 * in_year + 2) / 153;
	uint32_t month = from_march < 10 ? from_march + 3 : from_march - 9;

	memcpy(text, "0000-00-00T00:00:00.", FRACTION_AT);
	put_digits(text, era * 400 + year_of_era + (month <= 2), 4);
	put_digits(text + 5, month, 2);
	put_digits(text + 8, in_year - (153 * from_march + 2) / 5 + 1, 2);
	put_digits(text + 11, in_day / 3600, 2);
	put_digits(text + 14, in_day / 60 % 60, 2);
	put_digits(text + 17, in_day % 60, 2);
}

void clock__text(struct clock_base *c, uint64_t real_ns, char out[CLOCK_TEXT_SZ])
{
	uint64_t second = real_ns / NS_PER_S;

	if (!c) {
		put_second(second, out);
	} else {
		if (c->second != second || !c->text[0]) {
			put_second(second, c->text);
			c->second = second;
		}
		memcpy(out, c->text, FRACTION_AT);
	}
	put_digits(out + FRACTION_AT, (uint32_t)(real_ns % NS_PER_S), 9);
	memcpy(out + FRACTION_AT + 9, "Z", 2);
}
