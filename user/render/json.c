/* SPDX-License-Identifier: Apache-2.0 */
/* json - schema pvmtrace/1: which file renders which record. */
#include "render/json.h"

#include "render/formats.h"

int render_json(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		struct json *out)
{
	switch (r->type) {
	case REC_CALL:
		return json_call(cache, r, o, out);
	case REC_SUMMARY:
		return json_summary(cache, r, o, out);
	case REC_START:
		return json_start(cache, r, o, out);
	case REC_REOPEN:
		return json_reopen(cache, r, o, out);
	default:
		return json_state(cache, r, o, out);
	}
}
