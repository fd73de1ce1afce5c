/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts - what can be left out of the line of a call, and all that is known of it: one row each.
 *
 * A row has the part; the part that it stands in (CNT: in none); its kind; where the text or the list is of which an end can
 * be shown (struct fit_source; NO_ENDS: it is neither); when it gets its minimum, and when what it wants
 * (enum fit_turn); how the formats name it (parts.c), which are json, ecs and ocsf.
 *
 * `truncated` names what was cut in the order of this list read backwards; a parent stands before its children. Pairs are for
 * the caller and the target, in this order. Only lines of less than about 2,600 bytes come to cutting what is before NS.
 */
#ifndef PVM_RENDER_PARTS_H
#define PVM_RENDER_PARTS_H

#include <stddef.h>
#include <stdint.h>

/* clang-format off */
#define FIT_PARTS(PART)                                                                                                                       \
	/* the caller's name */                                                                                                               \
	PART(NAME, CNT, WHOLE, NO_ENDS, WHO, WHO, NO_FORM, FORM("process.name"), FORM("actor.process.name"))                                  \
	/* what the call named as its target */                                                                                               \
	PART(ASKED, CNT, WHOLE, NO_ENDS, WHO, WHO, NO_FORM, FORM2("pvmtrace.target.arg", "pvmtrace.target.kind"),                             \
	     FORM2("unmapped.target.arg", "unmapped.target.kind"))                                                                            \
	/* what else is said of the call itself */                                                                                            \
	PART(TOP, CNT, WHOLE, NO_ENDS, WHO, WHO, FORM("*"), FORM2("event.*", "pvmtrace.*"), FORM2("metadata.*", "unmapped.*"))                \
	PART(CALLER, CNT, WHOLE, NO_ENDS, WHO, WHO, FORM("caller.*"), FORM3("process.*", "container", "pvmtrace.caller"),                     \
	     FORM2("actor.*", "unmapped.caller"))                                                                                             \
	PART(TARGET, CNT, WHOLE, NO_ENDS, WHO, WHO, FORM("target.*"), FORM2("Target.process.*", "pvmtrace.target.*"),                         \
	     FORM2("process.*", "unmapped.target.*"))                                                                                         \
	PART(RELATION, CNT, WHOLE, NO_ENDS, WHO, WHO, OR_NULL("relation", "relation"), IN_REST("relation"))                                   \
	PART(ACCESS, CNT, WHOLE, NO_ENDS, WHO, WHO, OR_NULL("access", "access"), IN_REST("access"))                                           \
	/* which rule told of it; the last format has it in TOP */                                                                             \
	PART(RULE, CNT, WHOLE, NO_ENDS, WHO, WHO, OR_NULL("rule", "rule"), FORM("rule"), NO_FORM)                                             \
	/* of the remote list all but its status and first element */                                                                         \
	PART(REMOTE, CNT, WHOLE, NO_ENDS, WHO, WHO, FORM("remote.*"), IN_REST("remote.*"))                                                    \
	PART(LOCAL, CNT, WHOLE, NO_ENDS, WHO, WHO, OR_NULL("local", "local"), IN_REST("local"))                                               \
	PART(NS, CALLER, WHOLE, NO_ENDS, HOME, HOME, NS_OR_NULL("caller"), IN_REST2("caller.ns", "caller.containers"))                        \
	PART(TARGET_NS, TARGET, WHOLE, NO_ENDS, HOME, HOME, NS_OR_NULL("target"), IN_REST2("target.ns", "target.containers"))                 \
	PART(HOST, CNT, WHOLE, NO_ENDS, HOME, HOME, OR_NULL("host", "host"), FORM("host"), FORM("device.*"))                                  \
	/* who is behind it, but for what names it */                                                                                         \
	PART(ANCESTORS, CALLER, WHOLE, NO_ENDS, OWNER_PATH, OWNER_PATH,                                                                       \
	     BEHIND_OR_NULL,                                                                                                                  \
	     FORM3("process.parent.*", "pvmtrace.caller.ancestors", "pvmtrace.caller.traced_by"),                                             \
	     FORM3("actor.process.parent_process.*", "unmapped.caller.ancestors", "unmapped.caller.traced_by"))                               \
	PART(TARGET_PARENT, TARGET, WHOLE, NO_ENDS, OWNER_PATH, OWNER_PATH, OR_NULL("target.parent", "parent"),                               \
	     FORM("Target.process.parent.*"), FORM("process.parent_process.*"))                                                               \
	PART(EXE, CALLER, TEXT, TEXT_AT(caller.exe), PATH, PATH, TEXT_OR_NULL("caller.exe", "exe"), TEXT("process.executable", "executable"), \
	     OCSF_FILE("actor.process.file"))                                                                                                 \
	PART(TARGET_EXE, TARGET, TEXT, TEXT_AT(target.exe), PATH, PATH, TEXT_OR_NULL("target.exe", "exe"),                                    \
	     TEXT("Target.process.executable", "executable"), OCSF_FILE("process.file"))                                                      \
	/* of the process whose memory the target works in */                                                                                 \
	PART(OWNER_EXE, TARGET, TEXT, TEXT_AT(owner.exe), OWNER_PATH, OWNER_PATH, TEXT_OR_NULL("target.memory_of.exe", "exe"),                \
	     TEXT_IN_REST("target.memory_of.exe", "exe"))                                                                                     \
	PART(CGROUP, CALLER, TEXT, CGROUP_AT(caller.cgroup), PATH, PATH, TEXT_OR_NULL("caller.cgroup", "cgroup"),                             \
	     TEXT_IN_REST("caller.cgroup", "cgroup"))                                                                                         \
	PART(TARGET_CGROUP, TARGET, TEXT, CGROUP_AT(target.cgroup), PATH, PATH, TEXT_OR_NULL("target.cgroup", "cgroup"),                      \
	     TEXT_IN_REST("target.cgroup", "cgroup"))                                                                                         \
	PART(COMM_HEX, CALLER, WHOLE, NO_ENDS, HEX, HEX, IN_ALL("caller.comm_hex"))                                                           \
	PART(TARGET_COMM_HEX, TARGET, WHOLE, NO_ENDS, HEX, HEX, IN_ALL("target.comm_hex"))                                                    \
	PART(PCOMM_HEX, CALLER, WHOLE, NO_ENDS, HEX, HEX, IN_ALL("caller.pcomm_hex"))                                                         \
	PART(TARGET_PCOMM_HEX, TARGET, WHOLE, NO_ENDS, HEX, HEX, IN_ALL("target.pcomm_hex"))                                                  \
	PART(OWNER_COMM_HEX, TARGET, WHOLE, NO_ENDS, OWNER_HEX, OWNER_HEX, IN_ALL("target.memory_of.comm_hex"))                               \
	/* of the paths, in their order */                                                                                                    \
	PART(EXE_HEX, CALLER, TEXT_HEX, NO_ENDS, HEX, HEX, IN_ALL("caller.exe_hex"))                                                          \
	PART(TARGET_EXE_HEX, TARGET, TEXT_HEX, NO_ENDS, HEX, HEX, IN_ALL("target.exe_hex"))                                                   \
	PART(OWNER_EXE_HEX, TARGET, TEXT_HEX, NO_ENDS, OWNER_HEX, OWNER_HEX, IN_ALL("target.memory_of.exe_hex"))                              \
	PART(CGROUP_HEX, CALLER, TEXT_HEX, NO_ENDS, HEX, HEX, IN_ALL("caller.cgroup_hex"))                                                    \
	PART(TARGET_CGROUP_HEX, TARGET, TEXT_HEX, NO_ENDS, HEX, HEX, IN_ALL("target.cgroup_hex"))                                             \
	/* of what lies at the remote elements */                                                                                             \
	PART(REGIONS, REMOTE, REGIONS, NO_ENDS, OWNER_PATH, LIST_1, IN_ALL("remote.regions"))                                                 \
	PART(REGIONS_EXIT, REMOTE, REGIONS, NO_ENDS, LATE_LIST, LIST_2, IN_ALL("remote.regions_exit"))                                        \
	PART(REMOTE_EXIT, REMOTE, LIST, LIST_AT(remote.iov_exit, remote.exit_cnt), LATE_LIST, LIST_2, IN_ALL("remote.iov_exit"))              \
	PART(LOCAL_EXIT, LOCAL, LIST, LIST_AT(local.iov_exit, local.exit_cnt), LAST_LIST, LIST_3, IN_ALL("local.iov_exit"))                   \
	PART(REMOTE_IOV, CNT, LIST, LIST_AT(remote.iov, remote.captured), RANGE, LIST_1, IN_ALL("remote.iov"))                                \
	PART(LOCAL_IOV, LOCAL, LIST, LIST_AT(local.iov, local.captured), LATE_LIST, LIST_2, IN_ALL("local.iov"))                              \
	/* what moved first */                                                                                                                       \
	PART(DATA, CNT, BULK, NO_ENDS, ARGS, ARGS, OR_NULL("data", "data"), IN_REST("data"))                                                         \
	PART(ARGS_HEX, CALLER, BULK, NO_ENDS, COPIES, COPIES, IN_ALL("caller.args_hex"))                                                      \
	PART(ARGS, CALLER, ARGS, NO_ENDS, ARGS, ARGS, FORM("caller.args"), FORM("process.args"), FORM("actor.process.cmd_line"))              \
	/* arguments that stand in the line a second time */                                                                                  \
	PART(ARGS_COPY, CALLER, BULK, NO_ENDS, COPIES, COPIES, NO_FORM, NO_FORM, FORM("unmapped.caller.args"))
/* clang-format on */

#define PART_ID(part, ...) FIT_##part,
enum fit_part { FIT_PARTS(PART_ID) FIT_CNT };
#undef PART_ID

enum fit_kind {
	KIND_WHOLE,    /* is written whole or not at all */
	KIND_BULK,     /* likewise, and has no minimum unless it is short */
	KIND_TEXT,     /* a path, of which both ends can be shown */
	KIND_TEXT_HEX, /* its bytes in hex */
	KIND_LIST,     /* a list, whose first elements can be shown */
	KIND_ARGS,     /* the first of them can be shown */
	KIND_REGIONS,  /* likewise */
};

#define FIT_BIT(part) (1ULL << (part))

/* Gives the parts of one kind, FIT_BIT. */
#define PART_IF(part, is) | ((is) ? FIT_BIT(FIT_##part) : 0)
#define PART_IF_LIST(part, in_part, kind, ...) PART_IF(part, KIND_##kind == KIND_LIST)
#define PART_IF_TEXT(part, in_part, kind, ...) PART_IF(part, KIND_##kind == KIND_TEXT)
#define PART_IF_TEXT_HEX(part, in_part, kind, ...) PART_IF(part, KIND_##kind == KIND_TEXT_HEX)
#define FIT_LISTS (0 FIT_PARTS(PART_IF_LIST))
#define FIT_TEXTS (0 FIT_PARTS(PART_IF_TEXT))
#define FIT_TEXT_HEXES (0 FIT_PARTS(PART_IF_TEXT_HEX))

/* Those of these kinds stand together (parts.c), the hex of paths in the order of the paths. */
enum {
	FIT_FIRST_LIST = __builtin_ctzll(FIT_LISTS),
	FIT_LAST_LIST = 63 - __builtin_clzll(FIT_LISTS),
	FIT_LIST_CNT = __builtin_popcountll(FIT_LISTS),
	FIT_FIRST_TEXT = __builtin_ctzll(FIT_TEXTS),
	FIT_TEXT_CNT = __builtin_popcountll(FIT_TEXTS),
	FIT_FIRST_TEXT_HEX = __builtin_ctzll(FIT_TEXT_HEXES),
};

/* This says who is served before whom; of one turn those that stand first in the table. Minimums are for who, whom and what,
 * then for which memory, then for from which program. What is wanted is for lists first and arguments last. */
enum fit_turn {
	TURN_WHO,
	TURN_RANGE,
	TURN_HOME,
	TURN_LIST_1,
	TURN_LIST_2,
	TURN_LIST_3,
	TURN_PATH,
	TURN_OWNER_PATH,
	TURN_LATE_LIST,
	TURN_LAST_LIST,
	TURN_HEX,
	TURN_OWNER_HEX,
	TURN_ARGS,
	TURN_COPIES,
	TURN_CNT,
};

enum fit_format_id { FIT_JSON, FIT_ECS, FIT_OCSF, FIT_FORMAT_CNT };

/* This is a part in a format. */
struct fit_form {
	/* This is how `truncated` names it: by one name, or several, each with a NUL behind it, and one more at the end. NULL: the
	 * format does not have it. */
	const char *names;
	uint8_t names_sz; /* what these take there, with quotes and commas */
	uint8_t instead;  /* what stands in its place when it is cut, in bytes */
	/* It says what a path takes besides its bytes, and how often those stand in the line at most. */
	uint8_t text_extra;
	uint8_t text_copies;
};

/* This says where in struct call_info a text or a list is, and its length, a size_t or an uint32_t. */
struct fit_source {
	uint16_t at, len_at;
	uint8_t head; /* thirds of the room that the beginning of a text has; its end has the others */
};

struct fit_row {
	uint8_t parent; /* FIT_CNT: none */
	uint8_t kind;
	struct fit_source source;
	uint8_t minimum, want; /* turns */
	struct fit_form in[FIT_FORMAT_CNT];
};

extern const struct fit_row fit_rows[FIT_CNT];

#define FIT_BIT(part) (1ULL << (part))
_Static_assert(FIT_CNT < 64, "parts stand in masks");

/* For --omit, which knows parts by their names in the format json. */
/* FIT_BIT of the part of that name, or 0. */
uint64_t parts__named(const char *name);
/* The names of these parts, in the order of `truncated`, with ", " between them: as many as fit. */
void parts__list(uint64_t parts, char *buf, size_t sz);
/* These, and all that stands in them, says nothing without them, or says them once more. */
uint64_t parts__with_siblings(uint64_t parts);

#endif
