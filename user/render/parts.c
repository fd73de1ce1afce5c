/* SPDX-License-Identifier: Apache-2.0 */
#include "render/parts.h"

#include <stddef.h>

#define TEXT_SZ(key) (sizeof(",\"" key "\":\"\"") - 1)
#define NULL_SZ(key) (sizeof(",\"" key "\":null") - 1)
#define OCSF_FILE_SZ \
	(sizeof(",\"file\":{\"name\":\"\",\"path\":\"\",\"type_id\":1,\"is_deleted\":false}") - 1)

/* What a row may say of a part in one format: only names; not there; or besides, what becomes null; a path. */
#define QUOTED(name) "\"" name "\""
#define FORM(name)                    \
	{                             \
		.names = QUOTED(name) \
	}
#define FORM2(a, b)                              \
	{                                        \
		.names = QUOTED(a) "," QUOTED(b) \
	}
#define FORM3(a, b, c)                                         \
	{                                                      \
		.names = QUOTED(a) "," QUOTED(b) "," QUOTED(c) \
	}
#define NO_FORM               \
	{                     \
		.names = NULL \
	}
#define OR_NULL(name, key)                                     \
	{                                                      \
		.names = QUOTED(name), .instead = NULL_SZ(key) \
	}
#define NS_OR_NULL(task)                                                    \
	{                                                                   \
		.names = QUOTED(task ".ns") "," QUOTED(task ".containers"), \
		.instead = NULL_SZ("containers") + NULL_SZ("ns"),           \
	}
#define TEXT(name, key)                                                             \
	{                                                                           \
		.names = QUOTED(name), .text_extra = TEXT_SZ(key), .text_copies = 1 \
	}
#define TEXT_OR_NULL(name, key)                                                             \
	{                                                                                   \
		.names = QUOTED(name), .instead = NULL_SZ(key), .text_extra = TEXT_SZ(key), \
		.text_copies = 1,                                                           \
	}
#define OCSF_FILE(name)                                                             \
	{                                                                           \
		.names = QUOTED(name), .text_extra = OCSF_FILE_SZ, .text_copies = 2 \
	}

/* In the last two formats, under the object that they keep for what their schema has no key for; in all three. */
#define IN_REST(name) FORM("pvmtrace." name), FORM("unmapped." name)
#define IN_REST2(a, b) FORM2("pvmtrace." a, "pvmtrace." b), FORM2("unmapped." a, "unmapped." b)
#define TEXT_IN_REST(name, key) TEXT("pvmtrace." name, key), TEXT("unmapped." name, key)
#define IN_ALL(name) FORM(name), IN_REST(name)

#define ROW(part, in_part, of_kind, minimum_turn, want_turn, ...) \
	[FIT_##part] = {                                          \
		.parent = FIT_##in_part,                          \
		.kind = KIND_##of_kind,                           \
		.minimum = TURN_##minimum_turn,                   \
		.want = TURN_##want_turn,                         \
		.in = { __VA_ARGS__ },                            \
	},

const struct fit_row fit_rows[FIT_CNT] = { FIT_PARTS(ROW) };

/* A path's hex, and what is the target's, is found by counting. */
_Static_assert(FIT_EXE_HEX - FIT_EXE == FIT_TARGET_CGROUP_HEX - FIT_TARGET_CGROUP,
	       "pairs of paths");
_Static_assert(FIT_CALLER + 1 == FIT_TARGET && FIT_NS + 1 == FIT_TARGET_NS &&
		       FIT_EXE + 1 == FIT_TARGET_EXE && FIT_CGROUP + 1 == FIT_TARGET_CGROUP &&
		       FIT_COMM_HEX + 1 == FIT_TARGET_COMM_HEX &&
		       FIT_PCOMM_HEX + 1 == FIT_TARGET_PCOMM_HEX,
	       "pairs of tasks");
