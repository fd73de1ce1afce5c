/* SPDX-License-Identifier: Apache-2.0 */
#include "render_fit.h"

#include <errno.h>
#include <string.h>

#include "digits.h"

#define ELEM_MIN (sizeof("{\"base\":\"0x0\",\"len\":0},") - 1)
#define NO_PARENT FIT_CNT
#define FIRST_ARRAY FIT_REMOTE_EXIT
#define LAST_ARRAY FIT_LOCAL_IOV

static const uint8_t parents[FIT_CNT] = {
	[FIT_NAME] = NO_PARENT,
	[FIT_ASKED] = NO_PARENT,
	[FIT_TOP] = NO_PARENT,
	[FIT_CALLER] = NO_PARENT,
	[FIT_TARGET] = NO_PARENT,
	[FIT_RELATION] = NO_PARENT,
	[FIT_REMOTE] = NO_PARENT,
	[FIT_LOCAL] = NO_PARENT,
	[FIT_NS] = FIT_CALLER,
	[FIT_TARGET_NS] = FIT_TARGET,
	[FIT_HOST] = NO_PARENT,
	[FIT_EXE] = FIT_CALLER,
	[FIT_TARGET_EXE] = FIT_TARGET,
	[FIT_CGROUP] = FIT_CALLER,
	[FIT_TARGET_CGROUP] = FIT_TARGET,
	[FIT_COMM_HEX] = FIT_CALLER,
	[FIT_TARGET_COMM_HEX] = FIT_TARGET,
	[FIT_PCOMM_HEX] = FIT_CALLER,
	[FIT_TARGET_PCOMM_HEX] = FIT_TARGET,
	[FIT_EXE_HEX] = FIT_CALLER,
	[FIT_TARGET_EXE_HEX] = FIT_TARGET,
	[FIT_CGROUP_HEX] = FIT_CALLER,
	[FIT_TARGET_CGROUP_HEX] = FIT_TARGET,
	[FIT_ARGS_HEX] = FIT_CALLER,
	[FIT_ARGS] = FIT_CALLER,
	[FIT_REMOTE_EXIT] = FIT_REMOTE,
	[FIT_LOCAL_EXIT] = FIT_LOCAL,
	[FIT_REMOTE_IOV] = NO_PARENT,
	[FIT_LOCAL_IOV] = FIT_LOCAL,
	[FIT_ARGS_COPY] = FIT_CALLER,
};

/* Gives what was written since the last call to the innermost part. */
static void account(const struct json *j, struct fit_plan *plan)
{
	unsigned int part = plan->depth ? plan->open[plan->depth - 1] : FIT_CNT;

	plan->bytes[part] += (uint32_t)(j->len - plan->mark);
	plan->mark = j->len;
}

bool fit__begin_measured(const struct json *j, struct fit_plan *plan, enum fit_part part)
{
	if (!(plan->given & FIT_BIT(part)))
		return false;
	plan->seen |= FIT_BIT(part);
	account(j, plan);
	plan->open[plan->depth++] = (uint8_t)part;
	return true;
}

void fit__end_measured(const struct json *j, struct fit_plan *plan)
{
	account(j, plan);
	plan->depth--;
}

static uint32_t elem_sz(const struct iov_elem *e)
{
	uint64_t len = e->len < JSON_MAX_INT ? e->len : JSON_MAX_INT;

	return sizeof("{\"base\":\"0x\",\"len\":}") - 1 + hex_digits(e->base) + dec_digits(len);
}

const char *fit__next_arg(const char **args, size_t *len, size_t *arg_len)
{
	const char *arg = *args, *end;

	if (!*len)
		return NULL;
	end = memchr(arg, '\0', *len);
	*arg_len = end ? (size_t)(end - arg) : *len;
	*args += *arg_len + (end != NULL);
	*len -= *arg_len + (end != NULL);
	return arg;
}

void fit__put_truncated(struct json *j, const struct fit_plan *plan)
{
	if (!plan->cut) {
		JSON_RAW(j, "\"truncated\":[]");
		return;
	}
	json__open_arr(j, "truncated");
	for (unsigned int part = FIT_CNT; part-- > 0;) {
		const char *names = plan->format->names[part];

		if (plan->cut & FIT_BIT(part))
			json__raw(j, NULL, names, strlen(names));
	}
	json__close_arr(j);
}

/* An array of elements: those that there are, and those that the limit lets through. */
struct elements {
	const struct iov_elem *iov;
	uint32_t cnt;
	uint32_t want;
};

static struct elements elements_of(const struct call_info *c, unsigned int part,
				   const struct render_opts *o)
{
	bool remote = part == FIT_REMOTE_IOV || part == FIT_REMOTE_EXIT;
	const struct array_info *a = remote ? &c->remote : &c->local;
	struct elements e;

	if (part == FIT_LOCAL_IOV || part == FIT_REMOTE_IOV)
		e = (struct elements){ .iov = a->iov, .cnt = a->captured };
	else
		e = (struct elements){ .iov = a->iov_exit, .cnt = a->iov_exit ? a->exit_cnt : 0 };
	e.want = e.cnt < o->iov_limit ? e.cnt : o->iov_limit;
	return e;
}

static uint32_t *shown_of(struct fit_plan *plan, unsigned int part)
{
	switch (part) {
	case FIT_LOCAL_IOV:
		return &plan->iov[0];
	case FIT_REMOTE_IOV:
		return &plan->iov[1];
	case FIT_LOCAL_EXIT:
		return &plan->exit[0];
	default:
		return &plan->exit[1];
	}
}

/* What a whole line needs, and no more: it is written for each call. */
static void plan_whole(struct fit_plan *plan, const struct fit_format *format,
		       const struct call_info *c, const struct render_opts *o)
{
	plan->format = format;
	plan->whole = true;
	plan->cut = 0;
	plan->args = UINT32_MAX;
	for (unsigned int part = FIRST_ARRAY; part <= LAST_ARRAY; part++) {
		struct elements e = elements_of(c, part, o);

		*shown_of(plan, part) = e.want;
		if (e.want < e.cnt)
			plan->cut |= FIT_BIT(part);
	}
}

/* The first remote element is never cut. */
static void plan_bare(struct fit_plan *plan, const struct fit_format *format,
		      const struct call_info *c, const struct render_opts *o)
{
	*plan = (struct fit_plan){ .format = format, .given = FIT_BIT(FIT_CNT) - 1 };
	plan->iov[1] = elements_of(c, FIT_REMOTE_IOV, o).want > 0;
}

static int64_t name_sz(const struct fit_plan *plan, unsigned int part)
{
	return (int64_t)strlen(plan->format->names[part]) + 1;
}

/* What a part takes when it is cut. */
static int64_t cut_sz(const struct fit_plan *plan, unsigned int part)
{
	return plan->format->instead[part] + name_sz(plan, part);
}

/* The same of all children together. */
static int64_t children_cost(const struct fit_plan *plan, unsigned int parent)
{
	int64_t cost = 0;

	for (unsigned int part = 0; part < FIT_CNT; part++) {
		if (parents[part] == parent && (plan->seen & FIT_BIT(part)))
			cost += cut_sz(plan, part);
	}
	return cost;
}

/* Gives an array as many elements as there is room for; to show all of it frees its name's
 * place. */
static void fit_elements(struct fit_plan *plan, unsigned int part, const struct elements *e,
			 int64_t *room)
{
	uint32_t *shown = shown_of(plan, part), cnt = *shown;
	int64_t name = e->want == e->cnt ? name_sz(plan, part) : 0;
	int64_t used = 0, kept = 0;

	for (; cnt < e->want; cnt++) {
		used += elem_sz(&e->iov[cnt]) + (cnt > 0);
		if (used > *room + name)
			break;
		if (used <= *room) {
			*shown = cnt + 1;
			kept = used;
		}
	}
	if (cnt == e->want && name) {
		*shown = cnt;
		*room -= used - name;
	} else {
		*room = cnt < e->want ? 0 : *room - kept;
		plan->cut |= FIT_BIT(part);
	}
}

static void fit_args(struct fit_plan *plan, const struct task_info *t, struct json *scratch,
		     int64_t *room)
{
	int64_t name = name_sz(plan, FIT_ARGS), used = 0, kept = 0;
	size_t left = t->args_len, len;
	const char *at = t->args, *arg;
	uint32_t cnt = 0;

	while ((arg = fit__next_arg(&at, &left, &len))) {
		json__reset(scratch);
		json__bytes(scratch, NULL, arg, len);
		/* Less its quotes. */
		used += (int64_t)scratch->len - 2 + plan->format->arg_extra + (cnt > 0);
		if (used > *room + name)
			break;
		cnt++;
		if (used <= *room) {
			plan->args = cnt;
			kept = used;
		}
	}
	if (!arg) {
		plan->args = cnt;
		*room -= used - name;
	} else {
		*room -= kept;
		plan->cut |= FIT_BIT(FIT_ARGS);
	}
}

static bool is_array(unsigned int part)
{
	return part >= FIRST_ARRAY && part <= LAST_ARRAY;
}

static void fit_part(struct fit_plan *plan, unsigned int part, const struct call_info *c,
		     const struct render_opts *o, struct json *scratch, int64_t *room)
{
	struct elements e;
	int64_t cost;

	if (is_array(part)) {
		e = elements_of(c, part, o);
		fit_elements(plan, part, &e, room);
		return;
	}
	if (part == FIT_ARGS) {
		fit_args(plan, &c->caller, scratch, room);
		return;
	}
	cost = plan->bytes[part] + children_cost(plan, part) - cut_sz(plan, part);
	if (cost <= *room) {
		*room -= cost;
		plan->given |= FIT_BIT(part);
	} else {
		plan->cut |= FIT_BIT(part);
	}
}

/* Makes of a bare plan, whose line took len bytes, one that fits. scratch is overwritten. */
static void plan_fit(struct fit_plan *plan, const struct call_info *c, const struct render_opts *o,
		     struct json *scratch, size_t len)
{
	int64_t room = (int64_t)o->max_line - (int64_t)len;

	for (unsigned int part = FIRST_ARRAY; part <= LAST_ARRAY; part++) {
		if (elements_of(c, part, o).cnt > *shown_of(plan, part))
			plan->seen |= FIT_BIT(part);
	}
	if (c->caller.args && c->caller.args_len)
		plan->seen |= FIT_BIT(FIT_ARGS);
	for (unsigned int part = 0; part < FIT_CNT; part++)
		room += plan->bytes[part];
	room -= children_cost(plan, NO_PARENT);

	plan->given = plan->cut = 0;
	for (unsigned int part = 0; part < FIT_CNT; part++) {
		unsigned int parent = parents[part];

		if (!(plan->seen & FIT_BIT(part)))
			continue;
		if (plan->format->counts_first && is_array(part) &&
		    plan->cut & (FIT_BIT(FIT_LOCAL) | FIT_BIT(FIT_REMOTE)))
			room = 0;
		if (parent == NO_PARENT || (plan->given & FIT_BIT(parent)))
			fit_part(plan, part, c, o, scratch, &room);
	}
}

/* False if the elements alone are too many, which is cheaper to know than to try. */
static bool may_fit(const struct fit_plan *plan, const struct render_opts *o)
{
	uint64_t cnt = (uint64_t)plan->iov[0] + plan->iov[1] + plan->exit[0] + plan->exit[1];

	return cnt * ELEM_MIN < o->max_line;
}

static void put_line(struct json *j, struct fit_plan *plan, const struct record *r,
		     void (*put)(struct json *j, struct fit_plan *plan, const struct record *r))
{
	json__reset(j);
	plan->mark = 0;
	put(j, plan, r);
	json__end_line(j);
}

int fit__call(struct json *j, const struct record *r, const struct render_opts *o,
	      const struct fit_format *format,
	      void (*put)(struct json *j, struct fit_plan *plan, const struct record *r))
{
	struct fit_plan plan;

	plan_whole(&plan, format, &r->call, o);
	if (may_fit(&plan, o)) {
		put_line(j, &plan, r, put);
		if (j->len <= o->max_line && !j->failed)
			return 0;
	}
	plan_bare(&plan, format, &r->call, o);
	put_line(j, &plan, r, put);
	plan_fit(&plan, &r->call, o, j, j->len);
	put_line(j, &plan, r, put);
	return j->failed ? -ENOMEM : 0;
}
