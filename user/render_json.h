/* SPDX-License-Identifier: Apache-2.0 */
/* render_json - what the files of the JSON rendering share. events.md is the contract; nobody else
 * knows these key names. */
#ifndef PVM_RENDER_JSON_H
#define PVM_RENDER_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "render.h"

/* Constant text: keys whose values are known here. */
#define JSON_RAW(j, text) json__raw(j, NULL, text, sizeof(text) - 1)

/*
 * What can be left out of a call's line when it is too long. Each part is more valuable than all
 * that follow it, and a parent stands before its children; so the order of cuts is this list read
 * backwards. Pairs are for the caller and the target, in this order.
 */
enum json_part {
	/* Beyond the contract's order of cuts: only lines of less than about 2,600 bytes come to
	 * this. */
	JP_TOP,
	JP_CALLER,
	JP_TARGET,
	JP_RELATION,
	JP_REMOTE,
	JP_LOCAL,
	JP_NS,
	JP_TARGET_NS,
	JP_HOST,
	/* The contract's order: exe is cut last, the local array's elements first. */
	JP_EXE,
	JP_TARGET_EXE,
	JP_CGROUP,
	JP_TARGET_CGROUP,
	JP_COMM_HEX,
	JP_TARGET_COMM_HEX,
	JP_PCOMM_HEX,
	JP_TARGET_PCOMM_HEX,
	JP_EXE_HEX,
	JP_TARGET_EXE_HEX,
	JP_CGROUP_HEX,
	JP_TARGET_CGROUP_HEX,
	JP_ARGS_HEX,
	JP_ARGS,
	JP_REMOTE_EXIT,
	JP_LOCAL_EXIT,
	JP_REMOTE_IOV,
	JP_LOCAL_IOV,
	JP_CNT,
};

#define JP_BIT(part) (1u << (part))
#define JP_ALL (JP_BIT(JP_CNT) - 1)

/* What a line shows, and what its parts took when it was written. */
struct json_plan {
	uint32_t given;	  /* parts that are written, JP_BIT */
	uint32_t cut;	  /* parts that are named in `truncated` */
	uint32_t iov[2];  /* elements shown, [local, remote] */
	uint32_t exit[2]; /* of iov_exit */
	uint32_t args;	  /* arguments shown */
	bool cache;	  /* nothing but arrays may be cut: rendered tasks may be used again */
	uint32_t seen;	  /* parts that have something to write, JP_BIT */
	uint32_t bytes[JP_CNT]; /* of parts other than arrays */
};

/* Between these two a part is written. False: it is not to be, and json_part__end is not called. */
static inline bool json_part__begin(const struct json *j, struct json_plan *plan,
				    enum json_part part)
{
	if (!(plan->given & JP_BIT(part)))
		return false;
	plan->seen |= JP_BIT(part);
	plan->bytes[part] -= (uint32_t)j->len;
	return true;
}

static inline void json_part__end(const struct json *j, struct json_plan *plan, enum json_part part)
{
	plan->bytes[part] += (uint32_t)j->len;
}

/* {"time":..,"schema":..,"type":..,"seq":.. and the end of every record. */
void json_head(struct json *j, const struct record *r, const char *type);
void json_time(struct json *j, const char *key, uint64_t real_ns);
void json_host(struct json *j, const struct host *host);

/* The objects of the same names. */
void json_caller(struct json *j, struct json_plan *plan, const struct call_info *c);
void json_target(struct json *j, struct json_plan *plan, const struct call_info *c);
/* The keys of a caller or target. */
void json_task(struct json *j, struct json_plan *plan, const struct task_info *t, bool is_target);
/* Splits off the first argument of args[0 .. *len), which moves on. NULL: there is none left. */
const char *json_next_arg(const char **args, size_t *len, size_t *arg_len);

/* A line without arrays of unbounded length (but for the first remote element), to learn what it
 * takes. */
void json_plan__bare(struct json_plan *plan, const struct call_info *c,
		     const struct render_opts *o);
/* Makes of it a plan that fits: len bytes were written by it. scratch is overwritten. */
void json_plan__fit(struct json_plan *plan, const struct call_info *c, const struct render_opts *o,
		    struct json *scratch, size_t len);
/* The elements that are shown if there is room: captured ones within --iov-limit. */
void json_plan__whole(struct json_plan *plan, const struct call_info *c,
		      const struct render_opts *o);
/* Writes the names of what was cut as the elements of an array. */
void json_plan__names(const struct json_plan *plan, struct json *j);

int json_call(const struct record *r, const struct render_opts *o, struct json *j);
int json_summary(const struct record *r, const struct render_opts *o, struct json *j);
int json_start(const struct record *r, const struct render_opts *o, struct json *j);
int json_reopen(const struct record *r, const struct render_opts *o, struct json *j);
/* stats, lost, error, stop */
int json_state(const struct record *r, const struct render_opts *o, struct json *j);

#endif
