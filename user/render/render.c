/* SPDX-License-Identifier: Apache-2.0 */
#include "render/render.h"

#include <stdlib.h>
#include <string.h>

#include "render/formats.h"

typedef int format_renders(struct render_cache *cache, const struct record *r,
			   const struct render_opts *o, struct json *out);

struct renderer {
	format_renders *render;
	uint64_t omit; /* parts that the cache's pieces were written without */
	struct render_cache cache;
};

#define RENDERS(name) render_##name,
static format_renders *const formats[] = { FORMATS(RENDERS) };
_Static_assert(sizeof(formats) / sizeof(formats[0]) == FORMAT_TEXT + 1, "each format has its row");

#define NAME(name) #name,
const char *const format_names[] = { FORMATS(NAME) NULL };

struct renderer *renderer__new(enum record_format format)
{
	struct renderer *renderer = calloc(1, sizeof(*renderer));

	if (renderer)
		renderer->render = formats[format];
	return renderer;
}

void renderer__free(struct renderer *renderer)
{
	free(renderer);
}

int renderer__render(struct renderer *renderer, const struct record *r, const struct render_opts *o,
		     struct json *out)
{
	if (renderer->omit != o->omit) {
		memset(&renderer->cache, 0, sizeof(renderer->cache));
		renderer->omit = o->omit;
	}
	return renderer->render(&renderer->cache, r, o, out);
}
