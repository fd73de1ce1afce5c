/* SPDX-License-Identifier: Apache-2.0 */
/* destination - where the records of a run go. There are two: to_lines renders them, and to_recording keeps those of
 * calls as they came, and renders only the program's own. Nobody else asks which of them it is. */
#ifndef PVM_DESTINATION_H
#define PVM_DESTINATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/record.h"
#include "output/recording.h"

struct outputs;

/* This is a record as it came through a ring. */
struct raw_record {
	const void *data;
	size_t size;
};

enum verdict {
	VERDICT_PASSES,
	VERDICT_FILTERED,
	VERDICT_NONSENSE, /* it is no record of ours */
};

struct destination_ops {
	/* Returns whether a record may be taken from the rings: there is room for what it becomes. */
	bool (*room)(void *ctx);
	/* Writes what is pending. Returns 0, or as sink__flush. */
	int (*flush)(void *ctx);
	/* Keeps what only a later replay needs. Returns 0 (also if nothing is kept), or -EAGAIN: there is no room now. */
	int (*keep)(void *ctx, enum frame_kind kind, const void *data, size_t size);
	/* Takes an identity: a path, arguments or a cgroup. Returns 0 or -errno. */
	int (*identity)(void *ctx, const struct raw_record *raw);
	/* Returns whether a call is to be told. Decodes it into rec as far as that takes, and as far as `put` needs it. */
	enum verdict (*judge)(void *ctx, const struct raw_record *raw, struct record *rec);
	/* Takes a call or a summary. calls: how many it stands for as their last record. Returns 0, -EAGAIN or -ENOMEM. */
	int (*put)(void *ctx, const struct raw_record *raw, struct record *rec, uint64_t calls);
	/* Tells a record of the program's own; books: how a replay can tell it again; NULL: it knows. Returns 0,
	 * -EAGAIN or -ENOMEM. */
	int (*tell)(void *ctx, struct record *rec, const struct frame_books *books);
	/* Writes at the end what it holds itself, beside the sink. Returns how many calls cannot be written, and says how
	 * many of each rule. */
	uint64_t (*unwritten)(void *ctx, struct rule_counts rules[RULES_MAX]);
	/* Looks, once a second, at what others did to its own file (beside the sink's). now_ns: CLOCK_BOOTTIME. */
	void (*look)(void *ctx, struct outputs *o, uint64_t now_ns);
	/* Gives how many bytes it holds that are not written yet, with the sink's, and how many are written. */
	void (*bytes)(void *ctx, uint64_t *held, uint64_t *written);
	/* Closes it. Returns 0, or -errno: what was taken is not all in the file. */
	int (*close)(void *ctx);
};

struct destination {
	const struct destination_ops *ops;
	void *ctx;
};

#endif
