/* SPDX-License-Identifier: Apache-2.0 */
#include "to_lines.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "collector.h"
#include "output/terminal.h"
#include "render/fit.h"
#include "render/parts.h"

int to_lines__open(struct to_lines *l, struct collector *c, const struct options *o)
{
	*l = (struct to_lines){ .collector = c, .renderer = renderer__new(o->format) };
	c->lines = l;
	c->to = (struct destination){ &to_lines, l };
	/* Usual arguments take little more than their bytes; others, which take up to six for each, are cut (fit.h). */
	l->render_opts =
		(struct render_opts){ .iov_limit = o->iov_limit,
				      .max_line = o->max_line,
				      .args_room = o->args_bytes / 2 * 3,
				      .names_within = o->max_line > FIT_LINE_USUAL ? 0 : FIT_LINE,
				      .data = o->data_bytes,
				      .omit = parts__with_siblings(o->omit),
				      .args = o->verbose > 0 };
	if (!o->output) {
		l->render_opts.width = terminal__width(STDOUT_FILENO);
		l->render_opts.color = terminal__color(STDOUT_FILENO);
	}
	json__init(&l->json);
	if (l->renderer && json__reserve(&l->json, o->max_line))
		return 0;
	log__error("out of memory");
	return EX_SOFTWARE;
}

int to_lines__open_output(struct to_lines *l, struct collector *c, const struct options *o,
			  const struct owner *owner, uid_t uid, gid_t gid)
{
	const struct sink_opts opts = {
		.path = o->output,
		.owner = *owner,
		.allow_fifo = o->allow_fifo,
		.max_size = o->max_size,
		.keep = o->keep,
		.max_line = o->max_line,
		.buffer = sink__buffer(o->max_line),
	};

	if (sink__open(&c->sink, &opts) || sink__check_reopen(c->sink, uid, gid))
		return EX_IOERR;
	sink__on_new(c->sink, to_lines__on_new_file, l);
	return to_lines__open(l, c, o);
}

void to_lines__close(struct to_lines *l)
{
	renderer__free(l->renderer);
	json__free(&l->json);
}

static void stamp(const struct to_lines *l, struct record *rec)
{
	const struct collector *c = l->collector;

	rec->host = &c->host;
	rec->run = c->run_id;
	rec->seq = l->seq + 1;
	rec->told_ns = c->from.ops->told_ns(c->from.ctx);
}

static int put_reopen(struct to_lines *l, enum reopen_reason reason)
{
	struct record rec = {
		.type = REC_REOPEN,
		.real_ns = clock__real_now(),
		.reopen = { .instance = l->collector->run_id, .reason = reason },
	};
	int err;

	stamp(l, &rec);
	err = renderer__render(l->renderer, &rec, &l->render_opts, &l->json);
	if (!err)
		err = sink__put_first(l->collector->sink, l->json.buf, l->json.len);
	if (!err)
		l->seq++;
	return err;
}

void to_lines__on_new_file(void *ctx, enum reopen_reason reason)
{
	if (put_reopen(ctx, reason))
		log__error("out of memory");
}

/* Turns to a new file between two lines, if nothing is pending, so that `reopen` has its place in the order. */
static void turn_file(struct to_lines *l)
{
	struct sink *sink = l->collector->sink;

	if (sink__turn_due(sink) && !sink__flush(sink) && sink__turn_due(sink) && !sink__turn(sink))
		to_lines__on_new_file(l, REOPEN_SIZE);
}

/* The sink's kinds: of each rule's calls, told one by one, and told together. */
#define KIND_OF_RULE(number, summary) ((uint32_t)(number)*2 + (summary) + 1)

static uint32_t kind_of(const struct collector *c, const struct record *rec)
{
	const struct rule *rule = rec->type == REC_CALL || rec->type == REC_SUMMARY ? rec->call.rule
										    : NULL;

	return rule ? KIND_OF_RULE(rule - c->options->rules, rec->type == REC_SUMMARY) : 0;
}

uint64_t to_lines__pending(const struct to_lines *l, struct rule_counts rules[RULES_MAX])
{
	const struct sink *sink = l->collector->sink;

	for (size_t i = 0; i < RULES_MAX; i++)
		rules[i] = (struct rule_counts){
			.told = sink__pending_kind(sink, KIND_OF_RULE(i, 0)),
			.summarised = sink__pending_kind(sink, KIND_OF_RULE(i, 1)),
		};
	return sink__pending_weight(sink);
}

/* Renders into the line buffer and copies the line to the sink: one copy of 2 KB keeps the writer and the
 * sink apart. */
int to_lines__put(struct to_lines *l, struct record *rec, uint64_t weight)
{
	char *to;
	int err;

	turn_file(l);
	to = sink__reserve(l->collector->sink);
	if (!to)
		return -EAGAIN;
	stamp(l, rec);
	err = renderer__render(l->renderer, rec, &l->render_opts, &l->json);
	if (err)
		return err;
	memcpy(to, l->json.buf, l->json.len);
	sink__commit(l->collector->sink, l->json.len, weight, kind_of(l->collector, rec));
	l->seq++;
	return 0;
}

bool to_lines__room(void *ctx)
{
	const struct to_lines *l = ctx;

	return sink__reserve(l->collector->sink) != NULL;
}

int to_lines__flush(void *ctx)
{
	struct to_lines *l = ctx;
	int err = sink__flush(l->collector->sink);

	/* A window can be drawn to another size. */
	if (l->render_opts.width)
		l->render_opts.width = terminal__width(STDOUT_FILENO);
	return err;
}

static int keep(void *ctx, enum frame_kind kind, const void *data, size_t size)
{
	(void)ctx;
	(void)kind;
	(void)data;
	(void)size;
	return 0;
}

static int identity(void *ctx, const struct raw_record *raw)
{
	struct to_lines *l = ctx;

	return collector__learn(l->collector, raw);
}

static enum verdict judge(void *ctx, const struct raw_record *raw, struct record *rec)
{
	struct collector *c = ((struct to_lines *)ctx)->collector;

	if (collector__decode(c, raw, &rec->call))
		return VERDICT_NONSENSE;
	collector__remind(c, &rec->call);
	return collector__judge(c, &rec->call);
}

static int put(void *ctx, const struct raw_record *raw, struct record *rec, uint64_t calls)
{
	(void)raw;
	return to_lines__put(ctx, rec, calls);
}

static int tell(void *ctx, struct record *rec, const struct frame_books *books)
{
	(void)books;
	return to_lines__put(ctx, rec, 0);
}

/* What the sink holds is the sink's. */
static uint64_t unwritten(void *ctx, struct rule_counts rules[RULES_MAX])
{
	(void)ctx;
	(void)rules;
	return 0;
}

static void look(void *ctx, struct outputs *o, uint64_t now_ns)
{
	(void)ctx;
	(void)o;
	(void)now_ns;
}

void to_lines__bytes(void *ctx, uint64_t *held, uint64_t *written)
{
	const struct to_lines *l = ctx;

	*held = sink__pending(l->collector->sink);
	*written = sink__written(l->collector->sink);
}

static int close_it(void *ctx)
{
	(void)ctx;
	return 0;
}

const struct destination_ops to_lines = {
	.room = to_lines__room,
	.flush = to_lines__flush,
	.keep = keep,
	.identity = identity,
	.judge = judge,
	.put = put,
	.tell = tell,
	.unwritten = unwritten,
	.look = look,
	.bytes = to_lines__bytes,
	.close = close_it,
};
