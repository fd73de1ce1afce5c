/* SPDX-License-Identifier: Apache-2.0 */
#include "render/render.h"

#include <stdlib.h>
#include <string.h>

#include "render/formats.h"

struct format {
	const char *name;
	int (*render)(struct render_cache *cache, const struct record *r,
		      const struct render_opts *o, struct json *out);
};

struct renderer {
	const struct format *format;
	struct render_cache cache;
};

#define ROW(name) { #name, render_##name },
static const struct format formats[] = { FORMATS(ROW) };

static const struct format *find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	}
	return NULL;
}

bool renderer__knows(const char *format)
{
	return find(format) != NULL;
}

#define SEPARATOR ", "
#define SEPARATED(name) SEPARATOR #name

const char *renderer__names(void)
{
	return FORMATS(SEPARATED) + sizeof(SEPARATOR) - 1;
}

struct renderer *renderer__new(const char *format)
{
	const struct format *found = find(format);
	struct renderer *renderer = found ? calloc(1, sizeof(*renderer)) : NULL;

	if (renderer)
		renderer->format = found;
	return renderer;
}

void renderer__free(struct renderer *renderer)
{
	free(renderer);
}

int renderer__render(struct renderer *renderer, const struct record *r, const struct render_opts *o,
		     struct json *out)
{
	return renderer->format->render(&renderer->cache, r, o, out);
}
