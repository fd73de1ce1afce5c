/* SPDX-License-Identifier: Apache-2.0 */
/* render - the renderings of a record: record in, bytes out, and no I/O. What a line is made of beside its record is
 * kept by its renderer, and changes nothing in it. A further format is one new file, one row of FORMATS, and its place in
 * enum record_format. */
#ifndef PVM_RENDER_H
#define PVM_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"
#include "event/record.h"
#include "render/json_writer.h"

struct render_opts {
	uint32_t iov_limit; /* elements a side; UINT32_MAX: all */
	uint32_t max_line;  /* bytes with the LF */
	uint32_t args_room; /* bytes that the arguments may take of a long line; 0: no limit */
	uint32_t names_within; /* of so many bytes at a line's beginning are names of both sides; 0: anywhere */
	uint32_t data; /* bytes shown of what a call moved; 0: no such key */
	uint64_t omit; /* parts that the lines of calls do not have, with their siblings (parts.h) */
	unsigned int width; /* columns of the terminal; 0: no limit but max_line */
	bool color;
	bool args; /* text: the caller's arguments too */
};

struct renderer;

/* These are the names of the formats by enum record_format, up to a NULL. */
extern const char *const format_names[];

/* Makes a renderer; NULL: no memory. */
struct renderer *renderer__new(enum record_format format);
void renderer__free(struct renderer *renderer);
/* Renders r into out (reset first), one line with its LF, never longer than o->max_line. Returns 0, or -ENOMEM. */
int renderer__render(struct renderer *renderer, const struct record *r, const struct render_opts *o,
		     struct json *out);

#endif
