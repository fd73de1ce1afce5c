/* SPDX-License-Identifier: Apache-2.0 */
/* formats - which there are, and what renders each of them. */
#ifndef PVM_RENDER_FORMATS_H
#define PVM_RENDER_FORMATS_H

#include "render/cache.h"
#include "render/render.h"

/* They are in the order of enum record_format. */
#define FORMATS(FORMAT) FORMAT(json) FORMAT(ecs) FORMAT(ocsf) FORMAT(text)

/* This does what renderer__render does, with the renderer's cache. */
#define FORMAT_RENDERS(name)                                                  \
	int render_##name(struct render_cache *cache, const struct record *r, \
			  const struct render_opts *o, struct json *out);
FORMATS(FORMAT_RENDERS)
#undef FORMAT_RENDERS

#endif
