/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_json_plan - what of a call is left out when its line would be too long. The line is first
 * written without its arrays of unbounded length; what each part took is then known, and the room
 * is given to the parts in the order of their value, which is the contract's order of cuts read
 * backwards. What a part is too large for goes to the next one: otherwise a caller could hide its
 * ranges behind one argument of 4 KiB. Among the arrays of ranges it does not: the last of them
 * that is shown at all is the one that is shortened. The first element of the remote array is never
 * cut.
 *
 * Below the contract's cuts (local.iov, remote.iov, the iov_exits, caller.args, the _hex keys,
 * cgroups, exes) a very short line (--max-line near 1,024) loses, in this order and each named in
 * `truncated`: host, target.ns, caller.ns, local, remote.* (the remote array but count, captured,
 * status, total_len and its first element), relation, target.* and caller.* (all but who it is),
 * and * (keys at top level that are not the result). What is an object then becomes null; keys that
 * stand for a ".*" are left out.
 */
#include <string.h>

#include "digits.h"
#include "render_json.h"

#define NO_PARENT JP_CNT

struct part_def {
	const char *name;
	enum json_part parent;
	uint32_t cut_sz; /* bytes that stand there instead when it is cut */
};

#define NULL_SZ(key) (sizeof(",\"" key "\":null") - 1)

static const struct part_def parts[JP_CNT] = {
	[JP_TOP] = { "*", NO_PARENT, 0 },
	[JP_CALLER] = { "caller.*", NO_PARENT, 0 },
	[JP_TARGET] = { "target.*", NO_PARENT, 0 },
	[JP_RELATION] = { "relation", NO_PARENT, NULL_SZ("relation") },
	[JP_REMOTE] = { "remote.*", NO_PARENT, 0 },
	[JP_LOCAL] = { "local", NO_PARENT, NULL_SZ("local") },
	[JP_NS] = { "caller.ns", JP_CALLER, NULL_SZ("ns") },
	[JP_TARGET_NS] = { "target.ns", JP_TARGET, NULL_SZ("ns") },
	[JP_HOST] = { "host", NO_PARENT, NULL_SZ("host") },
	[JP_EXE] = { "caller.exe", JP_CALLER, NULL_SZ("exe") },
	[JP_TARGET_EXE] = { "target.exe", JP_TARGET, NULL_SZ("exe") },
	[JP_CGROUP] = { "caller.cgroup", JP_CALLER, NULL_SZ("cgroup") },
	[JP_TARGET_CGROUP] = { "target.cgroup", JP_TARGET, NULL_SZ("cgroup") },
	[JP_COMM_HEX] = { "caller.comm_hex", JP_CALLER, 0 },
	[JP_TARGET_COMM_HEX] = { "target.comm_hex", JP_TARGET, 0 },
	[JP_PCOMM_HEX] = { "caller.pcomm_hex", JP_CALLER, 0 },
	[JP_TARGET_PCOMM_HEX] = { "target.pcomm_hex", JP_TARGET, 0 },
	[JP_EXE_HEX] = { "caller.exe_hex", JP_CALLER, 0 },
	[JP_TARGET_EXE_HEX] = { "target.exe_hex", JP_TARGET, 0 },
	[JP_CGROUP_HEX] = { "caller.cgroup_hex", JP_CALLER, 0 },
	[JP_TARGET_CGROUP_HEX] = { "target.cgroup_hex", JP_TARGET, 0 },
	[JP_ARGS_HEX] = { "caller.args_hex", JP_CALLER, 0 },
	[JP_ARGS] = { "caller.args", JP_CALLER, 0 },
	[JP_REMOTE_EXIT] = { "remote.iov_exit", JP_REMOTE, 0 },
	[JP_LOCAL_EXIT] = { "local.iov_exit", JP_LOCAL, 0 },
	[JP_REMOTE_IOV] = { "remote.iov", NO_PARENT, 0 },
	[JP_LOCAL_IOV] = { "local.iov", JP_LOCAL, 0 },
};

/* An array of elements: those that there are, and those that the limit lets through. */
struct elements {
	const struct iov_elem *iov;
	uint32_t cnt;
	uint32_t want;
};

static struct elements elements_of(const struct call_info *c, enum json_part part,
				   const struct render_opts *o)
{
	bool remote = part == JP_REMOTE_IOV || part == JP_REMOTE_EXIT;
	const struct array_info *a = remote ? &c->remote : &c->local;
	struct elements e;

	if (part == JP_LOCAL_IOV || part == JP_REMOTE_IOV)
		e = (struct elements){ .iov = a->iov, .cnt = a->captured };
	else
		e = (struct elements){ .iov = a->iov_exit, .cnt = a->iov_exit ? a->exit_cnt : 0 };
	e.want = e.cnt < o->iov_limit ? e.cnt : o->iov_limit;
	return e;
}

static uint32_t *shown_of(struct json_plan *plan, enum json_part part)
{
	switch (part) {
	case JP_LOCAL_IOV:
		return &plan->iov[0];
	case JP_REMOTE_IOV:
		return &plan->iov[1];
	case JP_LOCAL_EXIT:
		return &plan->exit[0];
	default:
		return &plan->exit[1];
	}
}

void json_plan__whole(struct json_plan *plan, const struct call_info *c,
		      const struct render_opts *o)
{
	plan->given = JP_ALL;
	plan->cut = plan->seen = 0;
	plan->args = UINT32_MAX;
	plan->cache = true;
	memset(plan->bytes, 0, sizeof(plan->bytes));
	for (enum json_part part = JP_REMOTE_EXIT; part < JP_CNT; part++) {
		struct elements e = elements_of(c, part, o);

		*shown_of(plan, part) = e.want;
		if (e.want < e.cnt)
			plan->cut |= JP_BIT(part);
	}
}

void json_plan__bare(struct json_plan *plan, const struct call_info *c, const struct render_opts *o)
{
	memset(plan, 0, sizeof(*plan));
	plan->given = JP_ALL;
	plan->iov[1] = elements_of(c, JP_REMOTE_IOV, o).want > 0;
}

static uint32_t name_sz(enum json_part part)
{
	return (uint32_t)strlen(parts[part].name) + sizeof("\"\",") - 1;
}

/* What a part takes when it is cut: what stands in its place, and its name. */
static int64_t cut_cost(enum json_part part)
{
	return parts[part].cut_sz + name_sz(part);
}

static int64_t children_cost(const struct json_plan *plan, enum json_part parent)
{
	int64_t cost = 0;

	for (enum json_part part = 0; part < JP_CNT; part++) {
		if (parts[part].parent == parent && (plan->seen & JP_BIT(part)))
			cost += cut_cost(part);
	}
	return cost;
}

static uint32_t elem_sz(const struct iov_elem *e)
{
	uint64_t len = e->len < JSON_MAX_INT ? e->len : JSON_MAX_INT;

	return sizeof("{\"base\":\"0x\",\"len\":}") - 1 + hex_digits(e->base) + dec_digits(len);
}

/* Gives an array as many elements as there is room for; to show all of it frees its name's
 * place. */
static void fit_elements(struct json_plan *plan, enum json_part part, const struct elements *e,
			 int64_t *room)
{
	uint32_t *shown = shown_of(plan, part), cnt = *shown;
	int64_t name = e->want == e->cnt ? name_sz(part) : 0;
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
		plan->cut |= JP_BIT(part);
	}
}

static void fit_args(struct json_plan *plan, const struct task_info *t, struct json *scratch,
		     int64_t *room)
{
	int64_t name = name_sz(JP_ARGS), used = 0, kept = 0;
	const char *at = t->args, *arg;
	size_t left = t->args_len, len, from;
	uint32_t cnt = 0;

	json__reset(scratch);
	json__open_arr(scratch, NULL);
	from = scratch->len;
	while ((arg = json_next_arg(&at, &left, &len))) {
		json__bytes(scratch, NULL, arg, len);
		used = (int64_t)(scratch->len - from);
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
		plan->cut |= JP_BIT(JP_ARGS);
	}
}

static void fit_part(struct json_plan *plan, enum json_part part, const struct call_info *c,
		     const struct render_opts *o, struct json *scratch, int64_t *room)
{
	struct elements e;
	int64_t cost;

	if (part >= JP_REMOTE_EXIT) {
		e = elements_of(c, part, o);
		fit_elements(plan, part, &e, room);
		return;
	}
	if (part == JP_ARGS) {
		fit_args(plan, &c->caller, scratch, room);
		return;
	}
	cost = plan->bytes[part] + children_cost(plan, part) - cut_cost(part);
	if (cost <= *room) {
		*room -= cost;
		plan->given |= JP_BIT(part);
	} else {
		plan->cut |= JP_BIT(part);
	}
}

void json_plan__fit(struct json_plan *plan, const struct call_info *c, const struct render_opts *o,
		    struct json *scratch, size_t len)
{
	int64_t room = (int64_t)o->max_line - (int64_t)len;

	for (enum json_part part = JP_REMOTE_EXIT; part < JP_CNT; part++) {
		if (elements_of(c, part, o).cnt > *shown_of(plan, part))
			plan->seen |= JP_BIT(part);
	}
	if (c->caller.args && c->caller.args_len)
		plan->seen |= JP_BIT(JP_ARGS);
	for (enum json_part part = 0; part < JP_CNT; part++)
		room += plan->bytes[part];
	room -= children_cost(plan, NO_PARENT);

	plan->given = plan->cut = 0;
	for (enum json_part part = 0; part < JP_CNT; part++) {
		enum json_part parent = parts[part].parent;

		if (!(plan->seen & JP_BIT(part)))
			continue;
		/* No list grows where there was no room for the counts of one. */
		if (part >= JP_REMOTE_EXIT && plan->cut & (JP_BIT(JP_LOCAL) | JP_BIT(JP_REMOTE)))
			room = 0;
		if (parent == NO_PARENT || (plan->given & JP_BIT(parent)))
			fit_part(plan, part, c, o, scratch, &room);
	}
}

void json_plan__names(const struct json_plan *plan, struct json *j)
{
	for (enum json_part part = JP_CNT; part-- > 0;) {
		if (plan->cut & JP_BIT(part))
			json__str(j, NULL, parts[part].name);
	}
}
