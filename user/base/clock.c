/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define S_PER_DAY 86400U
#define LOOK_TRIES 32
#define LOOK_GOOD_NS 400       /* a look that is no wider is good enough */
#define STEP_MIN_NS 1000000ULL /* what moves the offset by less is no step */
/* This is PROC_TIME_INIT_INO of include/linux/proc_ns.h. */
#define INITIAL_TIME_NS "time:[4026531834]"
#define FRACTION_AT 20 /* where the nine digits stand in the text */

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

uint64_t clock__cpu_now(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t clock__boot_now(const struct clock_base *c)
{
	return read_clock(CLOCK_BOOTTIME) - (uint64_t)c->ns_offset;
}

uint64_t clock__real_of(const struct clock_base *c, uint64_t boot_ns)
{
	uint32_t i = c->cnt ? c->cnt - 1 : 0;

	while (i && boot_ns <= c->steps[i].after_ns)
		i--;
	return boot_ns + (uint64_t)c->steps[i].to_real;
}

void clock__add(struct clock_base *c, uint64_t after_ns, int64_t to_real)
{
	if (c->cnt == CLOCK_STEPS) {
		c->cnt--;
		memmove(c->steps, c->steps + 1, c->cnt * sizeof(c->steps[0]));
	}
	c->steps[c->cnt++] = (struct clock_step){ after_ns, to_real };
	c->total++;
}

/* Returns whether this is the offset that we know, as far as the look can tell. */
static bool is_known(const struct clock_base *c, const struct clock_look *look)
{
	uint64_t slack = STEP_MIN_NS + look->width_ns;

	/* They are unsigned numbers, which may wrap round. */
	return c->cnt && (uint64_t)look->to_real - (uint64_t)c->steps[c->cnt - 1].to_real + slack <=
				 2 * slack;
}

void clock__looked(struct clock_base *c, const struct clock_look *look)
{
	if (!is_known(c, look))
		clock__add(c, c->cnt ? c->checked_ns : 0, look->to_real);
	c->checked_ns = look->boot_ns;
}

static struct clock_look look(const struct clock_base *c)
{
	uint64_t before = clock__boot_now(c), real = read_clock(CLOCK_REALTIME);
	uint64_t width = clock__boot_now(c) - before;

	return (struct clock_look){ before, width, (int64_t)(real - before - width / 2) };
}

void clock__check(struct clock_base *c)
{
	struct clock_look best = look(c), next;

	/* A wide one could hide a step. */
	if (best.width_ns >= STEP_MIN_NS / 4 || !is_known(c, &best)) {
		for (int i = 1; i < LOOK_TRIES && best.width_ns > LOOK_GOOD_NS; i++) {
			next = look(c);
			if (next.width_ns < best.width_ns)
				best = next;
		}
	}
	clock__looked(c, &best);
}

bool clock__parse_offsets(const char *text, int64_t *boot_ns)
{
	long long second;
	long ns;

	/* There is a line a clock: its name, seconds, nanoseconds. */
	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the numbers */
		if (sscanf(text, "boottime %lld %ld", &second, &ns) != 2)
			continue;
		*boot_ns = second * (long long)NS_PER_S + ns;
		return true;
	}
	return false;
}

/* Reads "time:[4026531834]" of ours, or of what our children get; "" if there is none. */
static void read_ns(const char *path, char *text, size_t size)
{
	ssize_t len = readlink(path, text, size - 1);

	text[len > 0 ? len : 0] = '\0';
}

/* The file tells of the namespace that children get, which is ours unless we have only just left another one. */
static int read_ns_offset(int64_t *boot_ns)
{
	char ours[64], children[64], text[256];
	size_t len;
	FILE *f;

	*boot_ns = 0;
	read_ns("/proc/self/ns/time", ours, sizeof(ours));
	if (!ours[0] || !strcmp(ours, INITIAL_TIME_NS))
		return 0;
	read_ns("/proc/self/ns/time_for_children", children, sizeof(children));
	f = strcmp(ours, children) ? NULL : fopen("/proc/self/timens_offsets", "re");
	if (!f)
		return -EPERM;
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[len] = '\0';
	return clock__parse_offsets(text, boot_ns) ? 0 : -EPROTO;
}

int clock__open(struct clock_base *c)
{
	memset(c, 0, sizeof(*c));
	if (read_ns_offset(&c->ns_offset)) {
		log__error(
			"this is a time namespace whose offsets cannot be read, so all times would be "
			"wrong: start pvmtrace outside of it (nsenter --time=/proc/1/ns/time)");
		return EX_UNAVAILABLE;
	}
	clock__check(c);
	return 0;
}

static void put_digits(char *p, uint32_t value, int cnt)
{
	while (cnt--) {
		p[cnt] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Puts date and time of day into text[0 .. FRACTION_AT). Days are counted from 0000-03-01, so that a leap day is
 * the last one of its year; 146097 days are the 400 years after which the calendar repeats. */
static void put_second(uint64_t second, char *text)
{
	uint32_t day = (uint32_t)(second / S_PER_DAY) + 719468;
	uint32_t in_day = (uint32_t)(second % S_PER_DAY);
	uint32_t era = day / 146097, in_era = day % 146097;
	uint32_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	uint32_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	/* Months have 31 30 31 30 31 days, again and again from March: 153 days each five. */
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

void clock__text(struct clock_text *cache, uint64_t real_ns, char out[CLOCK_TEXT_SZ])
{
	uint64_t second = real_ns / NS_PER_S;

	if (!cache) {
		put_second(second, out);
	} else {
		if (cache->second != second || !cache->text[0]) {
			put_second(second, cache->text);
			cache->second = second;
		}
		memcpy(out, cache->text, FRACTION_AT);
	}
	put_digits(out + FRACTION_AT, (uint32_t)(real_ns % NS_PER_S), 9);
	memcpy(out + FRACTION_AT + 9, "Z", 2);
}
