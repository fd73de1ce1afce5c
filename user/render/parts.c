/* SPDX-License-Identifier: Apache-2.0 */
#include "render/parts.h"

#include <stdio.h>
#include <string.h>

#include "event/record.h"

#define TEXT_SZ(key) (sizeof(",\"" key "\":\"\"") - 1)
#define NULL_SZ(key) (sizeof(",\"" key "\":null") - 1)
#define OCSF_FILE_SZ \
	(sizeof(",\"file\":{\"name\":\"\",\"path\":\"\",\"type_id\":1,\"is_deleted\":false}") - 1)

/* A row may say of a part in one format: only names; that it is not there; or besides, what becomes null; a path. */
#define NAMES(name) .names = name "\0", .names_sz = sizeof("\"" name "\",") - 1
#define NAMES2(a, b) .names = a "\0" b "\0", .names_sz = sizeof("\"" a "\",\"" b "\",") - 1
#define NAMES3(a, b, c) \
	.names = a "\0" b "\0" c "\0", .names_sz = sizeof("\"" a "\",\"" b "\",\"" c "\",") - 1
#define FORM(name)          \
	{                   \
		NAMES(name) \
	}
#define FORM2(a, b)          \
	{                    \
		NAMES2(a, b) \
	}
#define FORM3(a, b, c)          \
	{                       \
		NAMES3(a, b, c) \
	}
#define NO_FORM               \
	{                     \
		.names = NULL \
	}
#define OR_NULL(name, key)                           \
	{                                            \
		NAMES(name), .instead = NULL_SZ(key) \
	}
#define BEHIND_OR_NULL                                                               \
	{                                                                            \
		NAMES2("caller.ancestors", "caller.traced_by"),                      \
			.instead = NULL_SZ("ancestors") + NULL_SZ("ancestors_cut") + \
				   NULL_SZ("traced_by"),                             \
	}
#define NS_OR_NULL(task)                                                  \
	{                                                                 \
		NAMES2(task ".ns", task ".containers"),                   \
			.instead = NULL_SZ("containers") + NULL_SZ("ns"), \
	}
#define TEXT(name, key)                                                   \
	{                                                                 \
		NAMES(name), .text_extra = TEXT_SZ(key), .text_copies = 1 \
	}
#define TEXT_OR_NULL(name, key)                                                   \
	{                                                                         \
		NAMES(name), .instead = NULL_SZ(key), .text_extra = TEXT_SZ(key), \
			     .text_copies = 1,                                    \
	}
#define OCSF_FILE(name)                                                   \
	{                                                                 \
		NAMES(name), .text_extra = OCSF_FILE_SZ, .text_copies = 2 \
	}

/* The part stands in the last two formats, under the object that they keep for what their schema has no key for; or in all
 * three. */
#define IN_REST(name) FORM("pvmtrace." name), FORM("unmapped." name)
#define IN_REST2(a, b) FORM2("pvmtrace." a, "pvmtrace." b), FORM2("unmapped." a, "unmapped." b)
#define TEXT_IN_REST(name, key) TEXT("pvmtrace." name, key), TEXT("unmapped." name, key)
#define IN_ALL(name) FORM(name), IN_REST(name)

/* A text says where it is, and a list does; nothing else has ends. */
#define KIND_OF_TEXT_AT(...) KIND_TEXT
#define KIND_OF_CGROUP_AT(...) KIND_TEXT
#define KIND_OF_LIST_AT(...) KIND_LIST
#define KIND_OF_NO_ENDS KIND_WHOLE
#define SAME_KIND(a, b, kind) (((a) == (kind)) == ((b) == (kind)))
#define HAS_SOURCE(part, in_part, kind, source, ...)                                \
	_Static_assert(SAME_KIND(KIND_##kind, KIND_OF_##source, KIND_TEXT) &&       \
			       SAME_KIND(KIND_##kind, KIND_OF_##source, KIND_LIST), \
		       #part " says where it is");
FIT_PARTS(HAS_SOURCE)

#define OF_CALL(member) offsetof(struct call_info, member)
#define SOURCE(member, length, thirds)                                             \
	{                                                                          \
		.at = OF_CALL(member), .len_at = OF_CALL(length), .head = (thirds) \
	}
/* An executable is known by the end of its path. A cgroup is by its beginning, which the host names, then by its end. */
#define TEXT_AT(member) SOURCE(member, member##_len, 0)
#define CGROUP_AT(member) SOURCE(member, member##_len, 2)
#define LIST_AT(member, cnt) SOURCE(member, cnt, 0)
#define NO_ENDS   \
	{         \
		0 \
	}

#define ROW(part, in_part, of_kind, source_at, minimum_turn, want_turn, ...) \
	[FIT_##part] = {                                                     \
		.parent = FIT_##in_part,                                     \
		.kind = KIND_##of_kind,                                      \
		.source = source_at,                                         \
		.minimum = TURN_##minimum_turn,                              \
		.want = TURN_##want_turn,                                    \
		.in = { __VA_ARGS__ },                                       \
	},

const struct fit_row fit_rows[FIT_CNT] = { FIT_PARTS(ROW) };

/* A mask has a bit for each part. */
_Static_assert(FIT_CNT < 64, "as many parts as a mask has bits");

/* Says that all from the first of them to the last stand together. */
#define STAND_TOGETHER(parts) \
	((parts) >> __builtin_ctzll(parts) == FIT_BIT(__builtin_popcountll(parts)) - 1)
_Static_assert(STAND_TOGETHER(FIT_LISTS), "lists stand together");
_Static_assert(STAND_TOGETHER(FIT_TEXTS), "paths stand together");
_Static_assert(FIT_TEXT_HEXES == FIT_TEXTS << (FIT_FIRST_TEXT_HEX - FIT_FIRST_TEXT),
	       "there is a hex of each path");

#define STANDS_BEHIND(part, in_part, ...)                                                \
	_Static_assert((int)FIT_##in_part == FIT_CNT || (int)FIT_##in_part < FIT_##part, \
		       #part " stands behind " #in_part);
FIT_PARTS(STANDS_BEHIND)

/* A path's hex, and what is the target's, is found by counting. */
_Static_assert(FIT_EXE_HEX - FIT_EXE == FIT_TARGET_CGROUP_HEX - FIT_TARGET_CGROUP &&
		       FIT_EXE_HEX - FIT_EXE == FIT_TARGET_EXE_HEX - FIT_TARGET_EXE &&
		       FIT_EXE_HEX - FIT_EXE == FIT_OWNER_EXE_HEX - FIT_OWNER_EXE &&
		       FIT_EXE_HEX - FIT_EXE == FIT_CGROUP_HEX - FIT_CGROUP,
	       "pairs of paths");
_Static_assert(FIT_CALLER + 1 == FIT_TARGET && FIT_ANCESTORS + 1 == FIT_TARGET_PARENT &&
		       FIT_NS + 1 == FIT_TARGET_NS && FIT_EXE + 1 == FIT_TARGET_EXE &&
		       FIT_CGROUP + 1 == FIT_TARGET_CGROUP &&
		       FIT_COMM_HEX + 1 == FIT_TARGET_COMM_HEX &&
		       FIT_PCOMM_HEX + 1 == FIT_TARGET_PCOMM_HEX,
	       "pairs of tasks");

/* Returns the next of the names of a form; *at moves on. NULL: there is none left. */
static const char *next_name(const char **at, size_t *len)
{
	const char *name = *at;

	if (!name || !*name)
		return NULL;
	*len = strlen(name);
	*at = name + *len + 1;
	return name;
}

uint64_t parts__named(const char *name)
{
	for (unsigned int part = 0; part < FIT_CNT; part++) {
		const char *at = fit_rows[part].in[FIT_JSON].names, *one;
		size_t len;

		while ((one = next_name(&at, &len))) {
			if (strlen(name) == len && !memcmp(name, one, len))
				return FIT_BIT(part);
		}
	}
	return 0;
}

void parts__list(uint64_t parts, char *buf, size_t sz)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int part = FIT_CNT; part-- > 0;) {
		const char *at = fit_rows[part].in[FIT_JSON].names, *one;
		size_t len;

		while (parts & FIT_BIT(part) && used < sz && (one = next_name(&at, &len)))
			used += (size_t)snprintf(buf + used, sz - used, "%s%.*s", used ? ", " : "",
						 (int)len, one);
	}
}

uint64_t parts__with_siblings(uint64_t parts)
{
	/* Parents stand before their children. */
	for (unsigned int part = 0; part < FIT_CNT; part++) {
		if (fit_rows[part].parent < FIT_CNT && parts & FIT_BIT(fit_rows[part].parent))
			parts |= FIT_BIT(part);
	}
	for (unsigned int part = FIT_EXE; part <= FIT_TARGET_CGROUP; part++) {
		if (parts & FIT_BIT(part))
			parts |= FIT_BIT(part - FIT_EXE + FIT_EXE_HEX);
	}
	if (parts & FIT_BIT(FIT_ARGS))
		parts |= FIT_BIT(FIT_ARGS_HEX) | FIT_BIT(FIT_ARGS_COPY);
	return parts;
}
