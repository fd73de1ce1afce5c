/* SPDX-License-Identifier: Apache-2.0 */
/* relatives - who is behind a caller or a target, in the formats that are JSON. `nulls` as in common.h. */
#ifndef PVM_RENDER_RELATIVES_H
#define PVM_RENDER_RELATIVES_H

#include "bpf/keys.h"
#include "render/fit.h"

#define RELATIVE_EXE 256 /* bytes of a path that are shown; of a longer one, its end */

/* A path in that length. Valid until the next call of the same renderer. */
const char *relative__exe(struct render_cache *cache, const struct relative_info *r, size_t *len);
/* An object of all that is told of one; NULL: null, or nothing. */
void relative__put(struct json *j, struct render_cache *cache, const char *key,
		   const struct relative_info *r, bool nulls);
/* "ancestors": nearest first; and "ancestors_cut". */
void relatives__put(struct json *j, struct render_cache *cache, const struct ancestry_info *a,
		    bool nulls);
/* "session_leader"; NULL: null, or nothing. */
void relatives__session(struct json *j, const struct relative_info *r, bool nulls);
/* "tty": as ps(1) calls it. */
void relatives__tty(struct json *j, const struct ancestry_info *a, bool nulls);
/* Of a process, its parent; NULL: there is none, or not known. */
const struct relative_info *relatives__parent(const struct call_info *c, enum pvm_who who);

#endif
