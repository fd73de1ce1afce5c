/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/tamper.h"

#include <stdarg.h>
#include <stdio.h>

void tamper__find(struct tamper *t, const char *format, ...)
{
	va_list args;

	if (!t->cnt++) {
		va_start(args, format);
		vsnprintf(t->first, sizeof(t->first), format, args);
		va_end(args);
	}
}

const char *tamper__take(struct tamper *t)
{
	if (!t->cnt)
		return NULL;
	if (t->cnt == 1)
		snprintf(t->message, sizeof(t->message), "%s: calls may be missing", t->first);
	else
		snprintf(t->message, sizeof(t->message),
			 "%s, and %zu more like it: calls may be missing", t->first, t->cnt - 1);
	t->cnt = 0;
	return t->message;
}
