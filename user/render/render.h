/* SPDX-License-Identifier: Apache-2.0 */
/* render - the renderings of a record: pure functions, record in, bytes out. A further format is one new
 * file and one line in the table of render.c. */
#ifndef PVM_RENDER_H
#define PVM_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/json_writer.h"
#include "event/record.h"

struct render_opts {
	uint32_t iov_limit; /* elements a side; UINT32_MAX: all */
	uint32_t max_line;  /* bytes with the LF */
	unsigned int width; /* columns of the terminal; 0: no limit but max_line */
	bool color;
	bool args; /* text: the caller's arguments too */
};

struct renderer {
	const char *name;
	/* Renders r into out (reset first), one line with its LF, never longer than o->max_line.
	 * 0, or -ENOMEM. */
	int (*render)(const struct record *r, const struct render_opts *o, struct json *out);
};

/* NULL if there is no format of that name. */
const struct renderer *renderer__find(const char *name);
/* "json, ..." for messages. */
const char *renderer__names(void);

int render_json(const struct record *r, const struct render_opts *o, struct json *out);
int render_ecs(const struct record *r, const struct render_opts *o, struct json *out);
int render_ocsf(const struct record *r, const struct render_opts *o, struct json *out);
int render_text(const struct record *r, const struct render_opts *o, struct json *out);

#endif
