/* SPDX-License-Identifier: Apache-2.0 */
/* regions - what lies at the remote elements of a call, as the formats that are JSON write it. `nulls` as in common.h. */
#ifndef PVM_RENDER_REGIONS_H
#define PVM_RENDER_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/record.h"
#include "render/cache.h"
#include "render/json_writer.h"

/* One of them, an object. text_max: bytes of its path or name that are shown, the last ones. */
void regions__put_one(struct json *j, const struct region_info *info, size_t text_max, bool nulls);
/* A list of the first cnt of them; NULL: they are not told. cache: of a line of which nothing is cut, else NULL. */
void regions__put(struct json *j, struct render_cache *cache, const char *key,
		  const struct regions_info *regions, uint32_t cnt, size_t text_max, bool nulls);
/* Whether one of them has a longer path or name. */
bool regions__cut(const struct regions_info *regions, size_t text_max);
/* "rw-p", with a NUL; empty where nothing is mapped. */
#define REGIONS_PERMS_SZ 5
void regions__perms(const struct pvm_region *r, char out[REGIONS_PERMS_SZ]);

#endif
