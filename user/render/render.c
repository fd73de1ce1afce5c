/* SPDX-License-Identifier: Apache-2.0 */
/* render - the table of renderings. */
#include <string.h>

#include "render/render.h"

static const struct renderer renderers[] = {
	{ "json", render_json },
	{ "ecs", render_ecs },
	{ "ocsf", render_ocsf },
	{ "text", render_text },
};

#define RENDERER_CNT (sizeof(renderers) / sizeof(renderers[0]))

const struct renderer *renderer__find(const char *name)
{
	for (size_t i = 0; i < RENDERER_CNT; i++) {
		if (!strcmp(renderers[i].name, name))
			return &renderers[i];
	}
	return NULL;
}

const char *renderer__names(void)
{
	static char names[128];
	size_t len = 0;

	for (size_t i = 0; i < RENDERER_CNT; i++) {
		const char *name = renderers[i].name;
		size_t need = strlen(name) + 2;

		if (len + need >= sizeof(names))
			break;
		if (i) {
			memcpy(names + len, ", ", 2);
			len += 2;
		}
		memcpy(names + len, name, need - 1);
		len += need - 2;
	}
	return names;
}
