/* SPDX-License-Identifier: Apache-2.0 */
/* value - what a value may be, how it is written, and the one shape of a complaint about one. */
#include "options/table.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/units.h"

void option__number(const struct option_def *d, uint64_t n, char *buf, size_t sz)
{
	if (d->unit && n >= MIB && n % MIB == 0)
		snprintf(buf, sz, "%lluM", (unsigned long long)(n / MIB));
	else if (d->unit && n >= KIB && n % KIB == 0)
		snprintf(buf, sz, "%lluK", (unsigned long long)(n / KIB));
	else
		snprintf(buf, sz, "%llu", (unsigned long long)n);
}

void option__allowed(const struct option_def *d, char *buf, size_t sz)
{
	char min[24], max[24];
	size_t len = 0;

	buf[0] = '\0';
	if (d->names) {
		for (size_t i = 0; d->names[i] && len < sz; i++)
			len += (size_t)snprintf(buf + len, sz - len, "%s%s", i ? ", " : "",
						d->names[i]);
	} else if (d->max) {
		option__number(d, d->min, min, sizeof(min));
		option__number(d, d->max, max, sizeof(max));
		snprintf(buf, sz, "%s to %s%s", min, max, d->allowed ? d->allowed : "");
	} else if (d->allowed) {
		snprintf(buf, sz, "%s", d->allowed);
	}
}

int option__refuse(const struct option_def *d, const char *value, const char *why)
{
	log__error("--%s: '%.200s'%s %s", d->name, value, strlen(value) > 200 ? "..." : "", why);
	return EX_USAGE;
}

int option__refuse_allowed(const struct option_def *d, const char *value, const char *why)
{
	char allowed[128], text[192];

	option__allowed(d, allowed, sizeof(allowed));
	snprintf(text, sizeof(text), "%s; allowed: %s", why, allowed);
	return option__refuse(d, value, text);
}

int option__refuse_value(const struct option_def *d, const char *value)
{
	return option__refuse_allowed(d, value, "is not valid");
}

bool option__digits(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)text[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*out = n;
	return len > 0;
}

bool option__all_digits(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}
