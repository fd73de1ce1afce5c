/* SPDX-License-Identifier: Apache-2.0 */
/* to_lines - the destination that renders every record into a line of the sink, and numbers them. */
#ifndef PVM_TO_LINES_H
#define PVM_TO_LINES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/options.h"
#include "destination.h"
#include "output/place.h"
#include "render/json_writer.h"
#include "render/render.h"

struct collector;

struct to_lines {
	struct collector *collector;
	struct renderer *renderer;
	struct render_opts render_opts;
	struct json json;
	uint64_t seq; /* of the last line */
};

extern const struct destination_ops to_lines; /* ctx: struct to_lines */

/* Opens the output that the options name as c's sink, and does what to_lines__open does, too. owner: whom a file is given
 * to; uid, gid: who will open it anew. Returns 0, or EX_IOERR or EX_SOFTWARE after a message. */
int to_lines__open_output(struct to_lines *l, struct collector *c, const struct options *o,
			  const struct owner *owner, uid_t uid, gid_t gid);
/* Becomes the lines and the destination of c, whose sink, host, run id and source are asked from the first line on. Returns
 * 0, or EX_SOFTWARE after a message. */
int to_lines__open(struct to_lines *l, struct collector *c, const struct options *o);
void to_lines__close(struct to_lines *l);
/* Numbers, renders and commits a record; its type, time and payload are given. weight: as sink__commit. Returns 0, -EAGAIN
 * if the sink has no room, or -ENOMEM. */
int to_lines__put(struct to_lines *l, struct record *rec, uint64_t weight);
/* Returns how many calls stand in lines that are not yet written, and says how many of each rule. */
uint64_t to_lines__pending(const struct to_lines *l, struct rule_counts rules[RULES_MAX]);
/* Tells `reopen`, which goes before whatever is pending. It is for sink__on_new; ctx is the lines. */
void to_lines__on_new_file(void *ctx, enum reopen_reason reason);
/* These do as the ops of these names, for whoever renders some records too. */
bool to_lines__room(void *ctx);
int to_lines__flush(void *ctx);
void to_lines__bytes(void *ctx, uint64_t *held, uint64_t *written);

#endif
