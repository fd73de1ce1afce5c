/* SPDX-License-Identifier: Apache-2.0 */
/* json - what the files of the JSON rendering share. events.md is the contract; nobody else
 * knows these key names. */
#ifndef PVM_RENDER_JSON_H
#define PVM_RENDER_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "render/fit.h"
#include "render/own.h"

/* Puts {"time":..,"schema":..,"type":..,"seq":..,"told":..,"run":..,"id":.. and the end of every record. */
void json_head(struct json *j, struct render_cache *cache, const struct record *r);

/* This says what of a call's line can be cut. */
extern const struct fit_format json_format;

/* These put the objects of the same names. */
void json_caller(struct json *j, struct fit_plan *plan, const struct call_info *c);
void json_target(struct json *j, struct fit_plan *plan, const struct call_info *c);
void json_relation(struct json *j, struct fit_plan *plan, const struct call_info *c);
/* Puts relation and access. */
void json_verdict(struct json *j, struct fit_plan *plan, const struct call_info *c);
void json_rule(struct json *j, struct fit_plan *plan, const struct call_info *c);
/* Puts true, false, or null for what is not known. */
static inline void json_tristate(struct json *j, const char *key, enum tristate value)
{
	if (value == UNKNOWN)
		json__null(j, key);
	else
		json__bool(j, key, value == YES);
}

/* Puts the keys of a caller or target, but for its arguments, which stand last. */
void json_task(struct json *j, struct fit_plan *plan, const struct task_info *t, bool is_target);
/* Puts the same keys of a target that is not resolved; all are null. */
void json_no_task(struct json *j, struct fit_plan *plan);
void json_args(struct json *j, struct fit_plan *plan, const struct task_info *t);
/* Puts the key of the target that says whose memory it is. */
void json_owner(struct json *j, struct fit_plan *plan, const struct task_info *t);
/* Puts the end of a line that the tracer tells about itself. */
void json_own_end(struct json *j, const struct own_plan *plan, const struct record *r);
/* Puts the end of a line of calls. */
void json_calls_end(struct json *j, struct fit_plan *plan, const struct record *r);

int json_call(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	      struct json *j);
int json_summary(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		 struct json *j);
int json_start(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	       struct json *j);
int json_reopen(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		struct json *j);
/* Renders stats, lost, error, tamper and stop. */
int json_state(struct render_cache *cache, const struct record *r, const struct render_opts *o,
	       struct json *j);

#endif
