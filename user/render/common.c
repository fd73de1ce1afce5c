/* SPDX-License-Identifier: Apache-2.0 */
#include "render/common.h"

#include "bpf/rules.h"

#include <string.h>

#include "base/digits.h"
#include "bpf/keys.h"
#include "event/names.h"

#define FLAGS_KNOWN ((uint64_t)(PVM_FLAG_PIDFD | PVM_FLAG_NOWAIT))

void common__flags(struct json *j, uint64_t flags)
{
	json__hex(j, "flags", flags);
	if (!flags) {
		json__empty_arr(j, "flag_names");
		return;
	}
	json__open_arr(j, "flag_names");
	if (flags & PVM_FLAG_PIDFD)
		json__word(j, NULL, "PROCESS_VM_PIDFD");
	if (flags & PVM_FLAG_NOWAIT)
		json__word(j, NULL, "PROCESS_VM_NOWAIT");
	if (flags & ~FLAGS_KNOWN)
		json__hex(j, NULL, flags & ~FLAGS_KNOWN);
	json__close_arr(j);
}

void common__id(struct json *j, const char *key, const struct record *r)
{
	if (r->type == REC_CALL) {
		json__str(j, key, r->call.id);
		return;
	}
	json__open_str(j, key);
	json__part(j, r->run, strlen(r->run));
	json__part(j, "-s", 2);
	json__part_u64(j, r->seq);
	json__close_str(j);
}

void common__run(struct json *j, const struct record *r)
{
	json__str(j, "run", r->run);
}

const char *common__status(enum list_status status)
{
	static const char *const names[] = {
		[LIST_OK] = "ok",	    [LIST_NONE] = "none", [LIST_INVALID] = "invalid",
		[LIST_PARTIAL] = "partial", [LIST_LATE] = "late", [LIST_FAULT] = "fault",
		[LIST_LOST] = "lost",
	};

	return names[status];
}

void common__pinned(struct json *j, const struct pvm_pins *pins)
{
	json__open_obj(j, "pinned");
	json__hex(j, "first", pins->first);
	json__hex(j, "last", pins->last);
	json__u64(j, "pages", pins->pages);
	json__close_obj(j);
}

void common__errors(struct json *j, const struct summary_info *s)
{
	json__open_obj(j, "errors");
	for (size_t i = 0; i < s->error_cnt; i++)
		json__u64(j, s->errors[i].name, s->errors[i].calls);
	json__close_obj(j);
}

void common__abis(struct json *j, const struct summary_info *s)
{
	json__open_arr(j, "abis");
	for (size_t i = 0; i < s->abi_cnt; i++) {
		json__open_obj(j, NULL);
		json__word(j, "abi", abi_name(s->abis[i].abi));
		json__u64(j, "calls", s->abis[i].calls);
		json__close_obj(j);
	}
	json__close_arr(j);
}

/* In as many digits as make them sort. */
static void put_address(struct json *j, const char *key, bool known, uint64_t address)
{
	char text[2 + 16 + 1] = "0x";

	*put_hex(text + 2, address, 16) = '\0';
	json__str(j, key, known ? text : NULL);
}

void common__range(struct json *j, const struct summary_info *s, bool nulls)
{
	if (s->range_known || nulls) {
		put_address(j, "low", s->range_known, s->low);
		put_address(j, "high", s->range_known, s->high);
	}
}

void common__args_hex(struct json *j, struct fit_plan *plan, const struct task_info *t)
{
	const char *at = t->args, *arg;
	size_t left = t->args_len, len;
	bool needed = false;

	while (!needed && (arg = fit__next_arg(&at, &left, &len)))
		needed = json__needs_hex(arg, len);
	if (!needed || !fit__begin(j, plan, FIT_ARGS_HEX))
		return;
	at = t->args;
	left = t->args_len;
	json__open_arr(j, "args_hex");
	while ((arg = fit__next_arg(&at, &left, &len)))
		json__bytes_hex(j, NULL, arg, len);
	json__close_arr(j);
	fit__end(j, plan);
}

void common__data(struct json *j, const struct fit_plan *plan, const struct call_info *c)
{
	uint32_t len = c->data_len < plan->data ? c->data_len : plan->data;
	char *p;

	json__open_obj(j, "data");
	p = json__begin(j, "hex", 2 * PVM_DATA_MAX + 2);
	if (p) {
		*p++ = '"';
		for (uint32_t i = 0; i < len; i++)
			p = put_hex(p, c->data[i], 2);
		*p++ = '"';
		json__end(j, p, true);
	}
	json__u64(j, "len", len);
	if (c->transferred_known)
		json__bool(j, "cut", c->transferred > len);
	else if (plan->format->nulls)
		json__null(j, "cut");
	json__word(j, "origin", "user");
	json__bool(j, "toctou", true);
	json__close_obj(j);
}

void common__containers(struct json *j, const struct task_info *t, bool known)
{
	if (!known) {
		json__null(j, "containers");
		return;
	}
	json__open_arr(j, "containers");
	for (size_t i = 0; i < t->container_cnt; i++)
		json__bytes(j, NULL, t->containers[i].id, t->containers[i].len);
	json__close_arr(j);
}

#define TARGET_VAGUE (PVM_CALL_TARGET_GONE | PVM_CALL_TARGET_UNSURE | PVM_CALL_TARGET_EXECED)

/* This can be said only of two looks that both found one, which executed nothing in between. */
enum tristate common__moved(const struct pvm_call *call)
{
	if (call->flags & PVM_CALL_TARGET_MOVED)
		return YES;
	return call->phase == PVM_COMPLETE && call->resolved == PVM_RESOLVED_ENTRY &&
			       !(call->flags & TARGET_VAGUE)
		       ? NO
		       : UNKNOWN;
}

/* Puts a limit. 0: there is none. */
static void put_limit(struct json *j, const char *key, uint64_t value, bool nulls)
{
	if (value)
		json__u64(j, key, value);
	else if (nulls)
		json__null(j, key);
}

static void put_omitted(struct json *j, uint64_t parts)
{
	json__open_arr(j, "omit");
	for (unsigned int part = FIT_CNT; part-- > 0;) {
		const char *name = fit_rows[part].in[FIT_JSON].names;

		for (; parts & FIT_BIT(part) && name && *name; name += strlen(name) + 1)
			json__word(j, NULL, name);
	}
	json__close_arr(j);
}

void common__limits(struct json *j, const struct options *o, bool nulls)
{
	json__open_obj(j, "limits");
	json__u64(j, "iov_limit", o->iov_limit < PVM_IOV_MAX ? o->iov_limit : PVM_IOV_MAX);
	json__u64(j, "regions", o->regions);
	json__u64(j, "args_bytes", o->args_bytes);
	json__u64(j, "data_bytes", o->data_bytes);
	json__u64(j, "ancestors", o->ancestors);
	put_omitted(j, o->omit);
	json__u64(j, "max_line", o->max_line);
	json__u64(j, "stats_interval_s", o->stats_interval_s);
	json__u64(j, "in_flight_after_ms", o->in_flight_after_ms);
	put_limit(j, "aggregate_s", o->aggregate_s, nulls);
	put_limit(j, "duration_s", o->duration_s, nulls);
	put_limit(j, "count", o->count, nulls);
	json__u64(j, "ring_bytes", o->ring_bytes);
	json__u64(j, "array_ring_bytes", o->array_ring_bytes);
	json__close_obj(j);
}

void common__pad(struct json *j, size_t pad)
{
	static const char spaces[] = "                                ";

	json__open_str(j, "pad");
	for (size_t part; pad; pad -= part) {
		part = pad < sizeof(spaces) - 1 ? pad : sizeof(spaces) - 1;
		json__part(j, spaces, part);
	}
	json__close_str(j);
}

void common__confirms(struct json *j, const struct confirm_info *c, bool nulls)
{
	static const char *const hooks[] = {
		[PAGES_UNSEEN] = NULL,
		[PAGES_FEXIT] = "fexit",
		[PAGES_KPROBE] = "kprobe",
	};

	json__open_obj(j, "confirms");
	json__bool(j, "target", c->target);
	json__bool(j, "access", c->access);
	if (c->pages != PAGES_UNSEEN || nulls)
		json__str(j, "pages", hooks[c->pages]);
	json__close_obj(j);
}

static void text_or_null(struct json *j, const char *key, const char *text, bool nulls)
{
	if (text || nulls)
		json__str(j, key, text);
}

void common__witnesses(struct json *j, const struct witness_info *w, bool nulls)
{
	if (!w->known) {
		if (nulls)
			json__null(j, "witnesses");
		return;
	}
	json__open_obj(j, "witnesses");
	json__bool(j, "needed", w->needed);
	text_or_null(j, "begin", w->begin, nulls);
	text_or_null(j, "return", w->returns, nulls);
	text_or_null(j, "end", w->end, nulls);
	json__bool(j, "permission", w->permission);
	text_or_null(j, "sees", w->sees, nulls);
	text_or_null(j, "remains", w->remains, nulls);
	json__close_obj(j);
}

void common__sandbox(struct json *j, uint8_t bits)
{
	const char *names[SANDBOX_LAYERS];
	const size_t cnt = sandbox_info__list(bits, names);

	json__open_arr(j, "sandbox");
	for (size_t i = 0; i < cnt; i++)
		json__word(j, NULL, names[i]);
	json__close_arr(j);
}

void common__texts(struct json *j, const char *key, const char *const *texts, size_t cnt)
{
	json__open_arr(j, key);
	for (size_t i = 0; i < cnt; i++)
		json__bytes(j, NULL, texts[i], strlen(texts[i]));
	json__close_arr(j);
}

void common__doubts(struct json *j, const char *key, const struct doubt *doubts, size_t cnt)
{
	json__open_arr(j, key);
	for (size_t i = 0; i < cnt; i++)
		json__str(j, NULL, doubt_name(&doubts[i]));
	json__close_arr(j);
}

void common__counters(struct json *j, const char *key, const struct counter *counters, size_t cnt,
		      bool zeroes)
{
	json__open_obj(j, key);
	for (size_t i = 0; i < cnt; i++)
		if (counters[i].value || zeroes)
			json__u64(j, counters[i].name, counters[i].value);
	json__close_obj(j);
}
