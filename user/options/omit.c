/* SPDX-License-Identifier: Apache-2.0 */
/* omit - values of --omit: parts of a call's line, by the names that `truncated` has for them. */
#include "options/table.h"

#include <stdio.h>
#include <string.h>

#include "render/parts.h"

/* Which call it was, and its result. */
static const char *const stays[] = {
	"time",
	"schema",
	"type",
	"seq",
	"told",
	"run",
	"id",
	"phase",
	"op",
	"outcome",
	"ret",
	"error",
	"truncated",
	"omitted",
	"caller",
	"caller.pid",
	"caller.tid",
	"caller.comm",
	"caller.uid",
	"caller.entity_id",
	"target",
	"target.arg",
	"target.kind",
	"target.resolved",
	"target.pid",
	"target.tid",
	"target.uid",
	"target.entity_id",
	"remote",
	"remote.count",
	"remote.captured",
	"remote.status",
	"remote.total_len",
};

static bool always_stays(const char *name)
{
	for (size_t i = 0; i < sizeof(stays) / sizeof(stays[0]); i++) {
		if (!strcmp(stays[i], name))
			return true;
	}
	return false;
}

int option__set_omit(struct option_parse *p, const struct option_def *d, const char *value)
{
	uint64_t part = parts__named(value);
	char names[1024], why[1100];

	if (part) {
		p->o->omit |= part;
		return 0;
	}
	if (always_stays(value))
		return option__refuse(
			d, value,
			"tells which call it was and what came of it: each line has it; all else of an "
			"object is named by '.*' behind it");
	parts__list(~0ULL, names, sizeof(names));
	snprintf(why, sizeof(why), "is no part of a line; allowed: %s", names);
	return option__refuse(d, value, why);
}
