/* SPDX-License-Identifier: Apache-2.0 */
/* to_lines - the destination that renders every record into a line of the sink, and numbers them. */
#ifndef PVM_TO_LINES_H
#define PVM_TO_LINES_H

#include <stdint.h>

#include "destination.h"
#include "options/options.h"
#include "render/json_writer.h"
#include "render/render.h"

struct collector;

struct lines {
	struct collector *collector;
	struct renderer *renderer;
	struct render_opts render_opts;
	struct json json;
	uint64_t seq; /* of the last line */
};

extern const struct destination_ops to_lines; /* ctx: struct lines */

/* Becomes the lines and the destination of c, whose sink, host, run id and source are asked from the first line on. 0, or
 * EX_SOFTWARE after a message. */
int lines__open(struct lines *l, struct collector *c, const struct options *o);
void lines__close(struct lines *l);
/* Numbers, renders and commits a record; its type, time and payload are given. weight: as sink__commit. 0, -EAGAIN if
 * the sink has no room, -ENOMEM. */
int lines__put(struct lines *l, struct record *rec, uint64_t weight);
/* Tells `reopen`, which goes before whatever is pending. For sink__on_new; ctx is the lines. */
void lines__on_new_file(void *ctx, enum reopen_reason reason);
/* As the ops of these names, for whoever renders some records too. */
bool lines__room(void *ctx);
int lines__flush(void *ctx);

#endif
