/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text - one aligned line a call, for people:
 *
 *   time caller(pid) → target(pid) op bytes result uid first-remote-range flags arguments
 *
 * A field that is too long for its column pushes the next ones; those that follow take up the room
 * that they do not need. On a narrow terminal the flags stand before the range, because the end of
 * the line is what is cut.
 */
#include "render/text.h"

#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "bpf/rules.h"
#include "event/names.h"
#include "event/path.h"
#include "render/common.h"
#include "render/fit.h"
#include "render/formats.h"
#include "render/regions.h"

#define NARROW 120 /* terminals of fewer columns */

struct columns {
	unsigned int arrow, op, amount_end, result, rest, flags;
};

static const struct columns wide_columns = { 31, 51, 66, 67, 75, 112 };
static const struct columns narrow_columns = { 27, 43, 56, 57, 64, 0 };

#define UID_COLS 9 /* "uid=1000 " */

static void put_task(struct text_line *t, const struct pvm_task *task)
{
	text__bytes(t, task->comm, PVM_COMM_SZ);
	text__put(t, "(");
	text__u64(t, task->pid);
	text__put(t, ")");
}

static void put_caller(struct text_line *t, const struct task_info *caller)
{
	if (!task_is_read(caller))
		text__put(t, "?");
	put_task(t, caller->task);
}

static void put_target(struct text_line *t, const struct call_info *c)
{
	if (c->target.task) {
		put_task(t, c->target.task);
		if (c->owner.task) {
			text__tint(t, TINT_NOTE);
			text__put(t, "\xe2\x86\x92"
				     "memory of ");
			put_task(t, c->owner.task);
			text__tint(t, TINT_PLAIN);
		}
		return;
	}
	text__put(t, c->raw->kind == PVM_KIND_PIDFD ? "?(fd " : "?(");
	if (c->target_arg < 0)
		text__put(t, "-");
	text__u64(t, c->target_arg < 0 ? -(uint64_t)c->target_arg : (uint64_t)c->target_arg);
	text__put(t, ")");
}

/* Puts what moved, and of how much unless that is the same: "4096", "100/4096", "?/64K". */
static void put_amount(struct text_line *t, const struct call_info *c, unsigned int end)
{
	char text[2 * TEXT_AMOUNT_SZ + 1] = "?";
	size_t len = 1;

	if (c->transferred_known)
		len = text__amount(text, c->transferred);
	if (!c->transferred_known || !c->requested_known || c->transferred != c->requested) {
		text[len++] = '/';
		if (c->requested_known)
			len += text__amount(text + len, c->requested);
		else
			text[len++] = '?';
	}
	text[len] = '\0';
	text__to(t, end > len ? end - (unsigned int)len : 0);
	text__put(t, text);
}

static void put_result(struct text_line *t, const struct call_info *c)
{
	text__tint(t, c->outcome == PVM_SUCCEEDED ? TINT_GOOD
		      : c->outcome == PVM_FAILED  ? TINT_BAD
						  : TINT_ODD);
	text__put(t, c->outcome == PVM_SUCCEEDED ? "ok"
		     : c->outcome != PVM_FAILED	 ? "?"
		     : c->error			 ? c->error
						 : "failed");
	text__tint(t, TINT_PLAIN);
}

/* Returns the first element that is not empty, or the first one. */
static const struct iov_elem *first_range(const struct list_info *a)
{
	for (uint32_t i = 0; i < a->captured; i++) {
		if (a->iov[i].len)
			return &a->iov[i];
	}
	return a->captured ? a->iov : NULL;
}

static void put_range(struct text_line *t, const struct call_info *c, const struct render_opts *o)
{
	static const char *const nothing[] = {
		[LIST_OK] = "-",	  [LIST_NONE] = "-",
		[LIST_INVALID] = "-",	  [LIST_PARTIAL] = "unreadable",
		[LIST_LATE] = "-",	  [LIST_FAULT] = "unreadable",
		[LIST_LOST] = "not kept",
	};
	const struct list_info *a = &c->remote;
	const struct iov_elem *e = o->iov_limit ? first_range(a) : NULL;
	char len[TEXT_AMOUNT_SZ];

	if (e) {
		text__amount(len, e->len);
		text__hex(t, e->base);
		text__put(t, "+");
		text__put(t, len);
	} else {
		text__put(t, nothing[a->status]);
	}
	if (a->captured > (e != NULL)) {
		text__put(t, " (+");
		text__u64(t, a->captured - (e != NULL));
		text__put(t, ")");
	}
}

/* Returns whether it can be seen as one, without quotes. */
static bool is_word(const char *arg, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (arg[i] == ' ' || arg[i] == '"' || arg[i] == '\'')
			return false;
	}
	return len > 0;
}

static void put_quoted(struct text_line *t, const char *arg, size_t len, bool quoted)
{
	const char *quote = quoted ? "\"" : "", *inner;

	text__put(t, quote);
	for (; *quote && (inner = memchr(arg, '"', len)); arg = inner + 1) {
		text__bytes(t, arg, (size_t)(inner - arg));
		text__put(t, "\\\"");
		len -= (size_t)(inner - arg) + 1;
	}
	text__bytes(t, arg, len);
	text__put(t, quote);
}

/* Returns whether a name reads like what this program says itself, or is no word to all eyes: other blanks are not ASCII. */
static bool is_misleading(const char *name, size_t len)
{
	static const char *const ours[] = { "[", "(", "?", "anon", "shared", "file", "nothing" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		if (len >= strlen(ours[i]) && !memcmp(name, ours[i], strlen(ours[i])))
			return true;
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] & 0x80)
			return true;
	}
	return !is_word(name, len);
}

/* The last part of a path; of memory's name, which is no path, all of it. */
static void put_base(struct text_line *t, const struct region_info *r)
{
	const char *slash = path__begins(r->text, r->text_len, PATH_MEMFD)
				    ? r->text
				    : memrchr(r->text, '/', r->text_len);
	const char *base = slash ? slash + 1 : r->text;
	size_t len = (size_t)(r->text + r->text_len - base);

	put_quoted(t, base, len, is_misleading(base, len));
}

/* "[heap]", "libc.so.6 rw-", "anon rw-", "nothing mapped". */
static void put_region(struct text_line *t, const struct region_info *r)
{
	enum pvm_region_kind kind = (enum pvm_region_kind)r->raw->kind;
	char perms[REGIONS_PERMS_SZ];

	if (kind == PVM_REGION_NONE || kind == PVM_REGION_UNKNOWN) {
		text__put(t, kind == PVM_REGION_NONE ? "nothing mapped" : "?");
		return;
	}
	if (kind == PVM_REGION_FILE && r->text) {
		put_base(t, r);
	} else if (kind == PVM_REGION_FILE || kind == PVM_REGION_ANON ||
		   kind == PVM_REGION_SHARED) {
		text__put(t, region_name(r->raw));
		if (r->text) {
			text__put(t, ":");
			put_quoted(t, r->text, r->text_len, !is_word(r->text, r->text_len));
		}
	} else {
		text__put(t, "[");
		text__put(t, region_name(r->raw));
		text__put(t, "]");
		return;
	}
	regions__perms(r->raw, perms);
	perms[3] = '\0'; /* whether it is shared is another word for its kind */
	text__put(t, " ");
	text__put(t, perms);
	if (r->raw->flags & PVM_REGION_DELETED)
		text__put(t, " (deleted)");
}

static bool one_runs_on(const struct regions_info *regions)
{
	for (uint32_t i = 0; i < regions->cnt; i++) {
		if (regions->at[i].runs_on == YES)
			return true;
	}
	return false;
}

static bool all_unknown(const struct regions_info *regions)
{
	for (uint32_t i = 0; i < regions->cnt; i++) {
		if (regions->at[i].raw->kind != PVM_REGION_UNKNOWN)
			return false;
	}
	return true;
}

/* What lies at the first range, in how many more places the others lie, and whether that is not all. */
static void put_regions(struct text_line *t, const struct call_info *c)
{
	const struct regions_info *regions = &c->regions;

	if (!regions->known || !regions->cnt || all_unknown(regions))
		return;
	text__put(t, " ");
	put_region(t, &regions->at[0]);
	if (regions->cnt > 1) {
		text__put(t, " (+");
		text__u64(t, regions->cnt - 1);
		text__put(t, ")");
	}
	if (one_runs_on(regions))
		text__put(t, " runs on");
}

/* Stands before the flag of this number, counted from 0; col: where the first one stands. */
static void begin_flag(struct text_line *t, size_t number, unsigned int col)
{
	if (number) {
		text__put(t, ", ");
		return;
	}
	text__to(t, col);
	text__tint(t, TINT_NOTE);
}

static bool is_native(enum pvm_abi abi)
{
	return abi == PVM_ABI_X86_64 || abi == PVM_ABI_ARM64;
}

static const char *phase_note(const struct pvm_call *call)
{
	static const char *const phases[] = {
		[PVM_IN_FLIGHT] = "parked",
		[PVM_UNFINISHED] = "unfinished",
		[PVM_ORPHAN] = "orphan",
		[PVM_ENDED] = "end unseen",
	};

	return call->phase <= PVM_ENDED ? phases[call->phase] : NULL;
}

/* By what right the call was permitted, if that is worth a word. */
static const char *right_note(const struct call_info *c)
{
	switch (c->access.by) {
	case ACCESS_BY_CAP:
		return "by CAP_SYS_PTRACE";
	case ACCESS_BY_OTHER:
		return "by no known right";
	default:
		return NULL;
	}
}

/* Whether the kernel may have gone for another process than the one that is shown, of a call that is over. */
static bool may_have_moved(const struct call_info *c)
{
	return c->target.task && c->raw->phase == PVM_COMPLETE &&
	       !(c->raw->flags & PVM_CALL_TARGET_CONFIRMED) && common__moved(c->raw) == UNKNOWN;
}

/* Whether the caller may be the puppet of another process. */
static bool is_traced(const struct call_info *c)
{
	return c->ancestry[PVM_CALLER] && c->ancestry[PVM_CALLER]->tracer;
}

/* Puts the flags that hold, in the order of how much they should catch the eye, behind as many others as were put before.
 * of_pair: only those that are the same for all calls of a sum. */
static void add_flags(struct text_line *t, const struct call_info *c, bool of_pair, size_t put,
		      unsigned int col)
{
	const struct pvm_call *raw = c->raw;
	const enum list_status l = c->local.status, r = c->remote.status;
	const bool denied = c->ret_known && (c->ret == -EPERM || c->ret == -EACCES);
	const struct {
		const char *name;
		bool holds;
		bool pair;
	} all[] = {
		{ "denied", denied, false },
		{ "changed", c->local.changed == YES || c->remote.changed == YES, false },
		{ "moved", raw->flags & PVM_CALL_TARGET_MOVED, false },
		{ "maybe moved", may_have_moved(c), false },
		{ "traced", is_traced(c), true },
		{ "other container", c->same_container == NO, true },
		{ "other user", c->same_uid == NO, true },
		{ right_note(c), true, false },
		{ "set-id", c->same_uid == YES && c->same_user == NO, true },
		{ abi_name(raw->abi), !is_native(raw->abi), false },
		{ phase_note(raw), raw->phase != PVM_COMPLETE, false },
		{ "seen by the audit only", raw->flags & PVM_CALL_AUDIT, false },
		{ "partial", c->partial == YES, false },
		{ kinship_name(raw->kinship), c->target.task && raw->kinship != PVM_KIN_NONE,
		  true },
		{ "same memory", c->same_memory == YES && raw->kinship != PVM_KIN_SELF, true },
		{ "mapped anew", c->regions_exit.known, false },
		{ "late", l == LIST_LATE || r == LIST_LATE, false },
		{ "partly unreadable", l == LIST_PARTIAL || r == LIST_PARTIAL, false },
		{ "unreadable", l == LIST_FAULT || r == LIST_FAULT, false },
		{ "invalid count", l == LIST_INVALID || r == LIST_INVALID, false },
		{ "not kept", l == LIST_LOST || r == LIST_LOST, false },
		{ "deleted exe", raw->caller.flags & PVM_TASK_EXE_DELETED, true },
		{ "pidfd", c->flags & PVM_FLAG_PIDFD, false },
		{ "confirmed", c->confirmed == YES, false },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i].holds || !all[i].name || (of_pair && !all[i].pair))
			continue;
		begin_flag(t, put++, col);
		text__put(t, all[i].name);
	}
	text__tint(t, TINT_PLAIN);
}

/* Puts of a sum how many calls came by other ABIs, and what holds of the two processes. */
static void put_sum_flags(struct text_line *t, const struct summary_info *s, unsigned int col)
{
	size_t put = 0;

	for (size_t i = 0; i < s->abi_cnt; i++) {
		if (is_native(s->abis[i].abi))
			continue;
		begin_flag(t, put++, col);
		text__u64(t, s->abis[i].calls);
		text__put(t, " ");
		text__put(t, abi_name(s->abis[i].abi));
	}
	add_flags(t, &s->call, true, put, col);
}

static const struct columns *columns_of(const struct render_opts *o)
{
	return o->width && o->width < NARROW ? &narrow_columns : &wide_columns;
}

/* Puts the line up to the amount. */
static void put_who(struct text_line *t, const struct record *r, const struct columns *cols)
{
	const struct call_info *c = &r->call;
	bool is_read = c->raw->op == PVM_READ;

	text__time(t, r->real_ns);
	text__to(t, 0);
	put_caller(t, &c->caller);
	text__to(t, cols->arrow);
	text__put(t, "\xe2\x86\x92 ");
	put_target(t, c);
	text__to(t, cols->op);
	if (!is_read)
		text__tint(t, TINT_ODD);
	text__put(t, op_name(c->raw->op));
	if (!is_read)
		text__tint(t, TINT_PLAIN);
}

/* Puts the caller's uid, the real one: what the kernel asks. */
static void put_uid(struct text_line *t, const struct pvm_task *task)
{
	text__put(t, "uid=");
	if (task->flags & PVM_TASK_CREDS)
		text__u64(t, task->uid);
	else
		text__put(t, "?");
}

static void put_relative(struct text_line *t, const struct relative_info *r)
{
	text__put(t, " ");
	if (!r->gone)
		text__bytes(t, r->comm, PVM_COMM_SZ);
	text__put(t, "(");
	text__u64(t, r->pid);
	text__put(t, ")");
}

/* Puts who is behind the caller, nearest first, and "..." for those that were not read; and who traces it. Of those that are
 * gone only the pid is known. */
static void put_behind(struct text_line *t, const struct ancestry_info *a)
{
	if (a && a->cnt) {
		text__put(t, "  behind:");
		for (size_t i = 0; i < a->cnt; i++)
			put_relative(t, &a->ancestors[i]);
		text__put(t, a->above == PVM_ABOVE_MORE ? " ..." : "");
	}
	if (a && a->tracer) {
		text__put(t, "  traced by:");
		put_relative(t, a->tracer);
	}
}

/* Puts one after the other, in quotes what a blank would take apart; "..." where more were not read. */
static void put_args(struct text_line *t, const struct task_info *task)
{
	const char *at = task->args, *arg;
	size_t left = task->args_len, len;

	if (!at)
		return;
	text__put(t, "  args:");
	while ((arg = fit__next_arg(&at, &left, &len)) && !t->full) {
		text__put(t, " ");
		put_quoted(t, arg, len, !is_word(arg, len));
	}
	text__put(t, task->args_cut ? " ..." : "");
}

/* Puts what stands there on demand. What the caller can make longer at will comes last. */
static void put_more(struct text_line *t, const struct call_info *c)
{
	put_behind(t, c->ancestry[PVM_CALLER]);
	put_args(t, &c->caller);
}

/* Puts " [profilers]". */
static void put_rule(struct text_line *t, const struct call_info *c)
{
	if (!call_rule(c))
		return;
	text__tint(t, TINT_NOTE);
	text__put(t, " [");
	text__put(t, call_rule(c));
	text__put(t, "]");
	text__tint(t, TINT_PLAIN);
}

static void put_call(struct text_line *t, const struct record *r, const struct render_opts *o)
{
	const struct columns *cols = columns_of(o);
	const struct call_info *c = &r->call;

	put_who(t, r, cols);
	put_amount(t, c, cols->amount_end);
	text__to(t, cols->result);
	put_result(t, c);
	if (!cols->flags)
		add_flags(t, c, false, 0, cols->rest);
	text__to(t, cols->rest);
	put_uid(t, c->caller.task);
	text__to(t, cols->flags ? cols->rest + UID_COLS : 0);
	put_range(t, c, o);
	put_regions(t, c);
	if (cols->flags)
		add_flags(t, c, false, 0, cols->flags);
	put_rule(t, c);
	if (o->args)
		put_more(t, c);
}

/* Puts "(1234 calls in 998 ms: 1230 EFAULT, 4 EPERM) 0x1000-0x1fff", the bytes that the remote lists named. */
static void put_span(struct text_line *t, const struct summary_info *s)
{
	uint64_t ms = s->last_ns > s->first_ns ? (s->last_ns - s->first_ns) / NS_PER_MS : 0;

	text__tint(t, TINT_NOTE);
	text__put(t, "(");
	text__u64(t, s->calls);
	text__put(t, s->calls == 1 ? " call in " : " calls in ");
	text__u64(t, ms);
	text__put(t, " ms");
	for (size_t i = 0; i < s->error_cnt; i++) {
		text__put(t, i ? ", " : ": ");
		text__u64(t, s->errors[i].calls);
		text__put(t, " ");
		text__put(t, s->errors[i].name);
	}
	text__put(t, ")");
	text__tint(t, TINT_PLAIN);
	if (s->changed == YES) {
		text__tint(t, TINT_ODD);
		text__put(t, " list changed");
		text__tint(t, TINT_PLAIN);
	}
	if (s->range_known) {
		text__put(t, " ");
		text__hex(t, s->low);
		text__put(t, "-");
		text__hex(t, s->high);
	}
}

static void put_summary(struct text_line *t, const struct record *r, const struct render_opts *o)
{
	const struct columns *cols = columns_of(o);
	char amount[TEXT_AMOUNT_SZ] = "?";
	size_t len = 1;

	put_who(t, r, cols);
	if (r->summary.sums_known)
		len = text__amount(amount, r->summary.bytes);
	text__to(t, cols->amount_end > len ? cols->amount_end - (unsigned int)len : 0);
	text__put(t, amount);
	text__to(t, cols->result);
	put_result(t, &r->call);
	if (!cols->flags)
		put_sum_flags(t, &r->summary, cols->rest);
	text__to(t, cols->rest);
	put_uid(t, r->call.caller.task);
	text__to(t, cols->flags ? cols->rest + UID_COLS : 0);
	put_span(t, &r->summary);
	if (cols->flags)
		put_sum_flags(t, &r->summary, cols->flags);
	put_rule(t, &r->call);
	if (o->args)
		put_more(t, &r->call);
}

int render_text(struct render_cache *cache, const struct record *r, const struct render_opts *o,
		struct json *out)
{
	struct text_line t;

	text__begin(&t, cache, o, out);
	/* Arguments are worth more than a line that does not wrap. */
	if (o->args && (r->type == REC_CALL || r->type == REC_SUMMARY))
		t.width = 0;
	if (r->type == REC_CALL)
		put_call(&t, r, o);
	else if (r->type == REC_SUMMARY)
		put_summary(&t, r, o);
	else
		text_state(&t, r);
	return text__end(&t);
}
