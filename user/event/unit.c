/* SPDX-License-Identifier: Apache-2.0 */
#include "event/unit.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "event/container.h"

/* Types of units that have cgroups (systemd.unit(5)). */
static const char *const types[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

static bool ends_in(const char *name, size_t len, const char *end)
{
	size_t end_len = strlen(end);

	return len > end_len && !memcmp(name + len - end_len, end, end_len);
}

static bool is_unit(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (ends_in(name, len, types[i]))
			return true;
	}
	return false;
}

const char *unit__of(const char *path, size_t len, size_t *unit_len)
{
	const char *end = path + len;

	for (const char *name = path; name < end; name += *unit_len) {
		const char *slash;

		name += *name == '/';
		slash = memchr(name, '/', (size_t)(end - name));
		*unit_len = (size_t)((slash ? slash : end) - name);
		if (ends_in(name, *unit_len, ".slice"))
			continue;
		if (!is_unit(name, *unit_len))
			return NULL;
		/* What could be taken for one of the kernel's own files has this before it. */
		*unit_len -= *name == '_';
		return name + (*name == '_');
	}
	return NULL;
}

/* Types of all units, by which a value has one. */
static const char *const all_types[] = { ".service", ".scope", ".socket",   ".mount",
					 ".swap",    ".slice", ".target",   ".device",
					 ".path",    ".timer", ".automount" };

static bool has_type(const char *value)
{
	for (size_t i = 0; i < sizeof(all_types) / sizeof(all_types[0]); i++) {
		if (ends_in(value, strlen(value), all_types[i]))
			return true;
	}
	return false;
}

/* A backslash is one of a unit's own, as systemd escapes what its name stands for. */
static bool matches(const char *pattern, const char *unit)
{
	return !fnmatch(pattern, unit, FNM_NOESCAPE);
}

enum tristate unit__hit(const char *value, const char *path, size_t len, bool cut)
{
	char wanted[2 * UNIT_MAX], unit[UNIT_MAX];
	size_t known = cgroup_known_len(path, len, cut), unit_len = 0;
	const char *name = unit__of(path, known, &unit_len);

	if (!name || unit_len >= sizeof(unit) || strlen(value) >= UNIT_MAX)
		return cut && !name ? UNKNOWN : NO;
	memcpy(unit, name, unit_len);
	unit[unit_len] = '\0';
	/* A pattern with a dot may mean the type too. */
	if (strchr(value, '.') && matches(value, unit))
		return YES;
	if (has_type(value))
		return NO;
	snprintf(wanted, sizeof(wanted), "%s.service", value);
	return matches(wanted, unit) ? YES : NO;
}
