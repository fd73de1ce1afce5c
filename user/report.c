/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "bpf/control.h"
#include "bpf/keys.h"
#include "event/names.h"
#include "event/unseen.h"
#include "options/command_line.h"
#include "run_facts.h"
#include "version.h"

#define LIBBPF_SZ 32
#define CONFIG_HASH_SZ 17

void report__note(struct report *r, const char *note)
{
	if (r->note_cnt < REPORT_NOTES)
		r->notes[r->note_cnt++] = note;
	else
		log__warn("no room in `start` for this note: %s", note);
}

/* Fetches both halves' counters as they stand. */
static void count(const struct report *r, struct pvm_counts *kernel, struct books_user *user)
{
	const struct collector *c = r->collector;

	*user = c->books;
	user->identity_evicted = identity__evicted(c->identity);
	user->arrays_evicted = arrays__evicted(c->arrays);
	c->from.ops->counts(c->from.ctx, kernel, user);
}

void report__books(struct report *r, struct books *b)
{
	struct books_user user;
	struct pvm_counts kernel;

	count(r, &kernel, &user);
	books__fill(b, &kernel, &user);
	memcpy(b->rules, r->collector->rules, sizeof(b->rules));
	r->collector->from.ops->add_drops(r->collector->from.ctx, b->rules);
}

static void copy_text(char *to, size_t size, const char *from)
{
	if (from)
		memcpy(to, from, strnlen(from, size - 1));
}

/* Where it may be told again, it is by what the counters say now. */
static int tell(struct report *r, struct record *rec)
{
	struct collector *c = r->collector;
	struct frame_books frame = { .type = rec->type, .real_ns = rec->real_ns };

	count(r, &frame.kernel, &frame.user);
	if (rec->type == REC_ERROR) {
		frame.since_ns = rec->error.since_ns;
		frame.until_ns = rec->error.until_ns;
		copy_text(frame.text, sizeof(frame.text), error_word(&rec->error));
		copy_text(frame.message, sizeof(frame.message), rec->error.message);
	} else if (rec->type == REC_LOST) {
		frame.since_ns = rec->lost.since_ns;
	} else if (rec->type == REC_STOP) {
		copy_text(frame.text, sizeof(frame.text), end_word(&rec->stop));
		copy_text(frame.signal, sizeof(frame.signal), rec->stop.signal);
	}
	return c->to.ops->tell(c->to.ctx, rec, &frame);
}

/* Returns when a record is told: now, or when it was. */
static struct moment told_at(const struct report *r)
{
	const struct source *from = &r->collector->from;

	return from->ops->now(from->ctx);
}

/* Dates another moment, as far from the first one as it really was. 0 stays 0: there is none. */
static uint64_t date_by(const struct moment *now, uint64_t boot_ns)
{
	return boot_ns ? now->real_ns - (now->boot_ns - boot_ns) : 0;
}

static void libbpf_text(char out[LIBBPF_SZ])
{
	snprintf(out, LIBBPF_SZ, "%u.%u", libbpf_major_version(), libbpf_minor_version());
}

/* Gives what stands for the options in force; "": there was no memory. */
static void config_hash_text(const struct options *o, char out[CONFIG_HASH_SZ])
{
	uint64_t hash;

	out[0] = '\0';
	if (!options__hash(o, &hash))
		snprintf(out, CONFIG_HASH_SZ, "%016llx", (unsigned long long)hash);
}

int report__start(struct report *r)
{
	struct collector *c = r->collector;
	struct moment now = told_at(r);
	struct record rec = { .type = REC_START, .real_ns = now.real_ns };
	char libbpf[LIBBPF_SZ], config_hash[CONFIG_HASH_SZ];
	struct run_facts facts;
	struct books b;

	libbpf_text(libbpf);
	config_hash_text(c->options, config_hash);
	c->from.ops->facts(c->from.ctx, &facts);
	if (c->options->data_bytes)
		report__note(
			r,
			"the first bytes that calls moved are told (--data): other processes' memory, and "
			"the secrets in it");
	report__books(r, &b);
	r->told = b;
	r->told_ns = now.boot_ns;
	r->start_ns = rec.real_ns;
	rec.start = (struct start_info){
		.version = PVMTRACE_VERSION,
		.libbpf = libbpf,
		.attach = facts.attach,
		.resolve = facts.resolve,
		.confirms = facts.confirms,
		.witnesses = witness_info__of(facts.witnesses),
		.openings = facts.openings,
		.audit = facts.audit,
		.sandbox = facts.sandbox,
		.config_hash = config_hash[0] ? config_hash : NULL,
		.abis = facts.abis,
		.abi_cnt = facts.abi_cnt,
		.files = facts.files,
		.file_cnt = facts.file_cnt < BOUND_TOLD ? facts.file_cnt : BOUND_TOLD,
		.files_more = facts.file_cnt > BOUND_TOLD ? facts.file_cnt - BOUND_TOLD : 0,
		.notes = r->notes,
		.note_cnt = r->note_cnt,
		.options = c->options,
		.counters = b.counters,
		.counter_cnt = b.cnt,
		.pid = facts.pid,
		.user = facts.user,
		.instance = c->run_id,
	};
	rec.start.unseen =
		unseen__list(facts.attach, rec.start.witnesses.needed, &rec.start.unseen_cnt);
	/* A recording's header says it. */
	return c->to.ops->tell(c->to.ctx, &rec, NULL);
}

static struct stats_info stats_of(const struct report *r, const struct books *b)
{
	const struct options *o = r->collector->options;

	return (struct stats_info){
		.counters = b->counters,
		.counter_cnt = b->cnt,
		.in_flight = b->in_flight,
		.rules = o->rules,
		.rule_counts = b->rules,
		.rule_cnt = o->rules[0].name ? o->rule_cnt : 0,
	};
}

int report__stats(struct report *r)
{
	struct record rec = { .type = REC_STATS, .real_ns = told_at(r).real_ns };
	struct books b;

	report__books(r, &b);
	rec.stats = stats_of(r, &b);
	return tell(r, &rec);
}

int report__lost(struct report *r)
{
	struct moment now = told_at(r);
	struct record rec = { .type = REC_LOST, .real_ns = now.real_ns };
	struct counter by[BOOKS_CAUSES];
	struct books b;
	int err;

	report__books(r, &b);
	if (b.lost == r->told.lost)
		return 0;
	for (size_t i = 0; i < b.cause_cnt; i++)
		by[i] = (struct counter){
			.name = b.causes[i].name,
			.value = b.causes[i].value - r->told.causes[i].value,
		};
	rec.lost = (struct lost_info){
		.count = b.lost - r->told.lost,
		.by = by,
		.by_cnt = b.cause_cnt,
		.since_ns = date_by(&now, r->told_ns),
		.until_ns = rec.real_ns,
	};
	err = tell(r, &rec);
	if (!err) {
		r->told = b;
		r->told_ns = now.boot_ns;
		r->lost_records++;
	}
	return err;
}

/* Notes the doubt. other: see struct error_info. */
static void doubt(struct report *r, enum error_code code, const char *other)
{
	struct doubt d = { .kind = DOUBT_ERROR, .error = code };

	if (error_code_is_harmless(code))
		return;
	copy_text(d.other, sizeof(d.other), other);
	books__doubt(&r->doubts, &d);
}

void report__doubt(struct report *r, enum error_code code)
{
	doubt(r, code, NULL);
}

/* Tells an error. other: see struct error_info. */
static int tell_error(struct report *r, enum error_code code, const char *other,
		      const char *message, uint64_t since_ns, uint64_t until_ns)
{
	struct moment now = told_at(r);
	struct record rec = { .type = REC_ERROR, .real_ns = now.real_ns };

	doubt(r, code, other);
	rec.error = (struct error_info){
		.code = code,
		.other = other,
		.message = message,
		.since_ns = date_by(&now, since_ns),
		.until_ns = date_by(&now, until_ns),
	};
	return tell(r, &rec);
}

int report__error_span(struct report *r, enum error_code code, const char *message,
		       uint64_t since_ns, uint64_t until_ns)
{
	return tell_error(r, code, NULL, message, since_ns, until_ns);
}

int report__error(struct report *r, enum error_code code, const char *message, uint64_t since_ns)
{
	return report__error_span(r, code, message, since_ns, 0);
}

/* Tells the stop. other: see struct stop_info. */
static int tell_stop(struct report *r, enum end_reason reason, const char *other,
		     const char *signal)
{
	struct record rec = { .type = REC_STOP, .real_ns = told_at(r).real_ns };
	struct doubt incomplete[BOOKS_REASONS];
	struct books b;
	size_t cnt;

	report__books(r, &b);
	cnt = books__incomplete(&b, &r->doubts, incomplete);
	rec.stop = (struct stop_info){
		.reason = reason,
		.other = other,
		.signal = signal,
		.stats = stats_of(r, &b),
		.balanced = books__balanced(&b),
		.complete = !cnt,
		.incomplete = incomplete,
		.incomplete_cnt = cnt,
	};
	return tell(r, &rec);
}

int report__stop(struct report *r, enum end_reason reason, const char *signal)
{
	return tell_stop(r, reason, NULL, signal);
}

void report__metrics(struct report *r, struct metrics *m, const struct kernel *k, bool running)
{
	const struct collector *c = r->collector;
	struct doubt incomplete[BOOKS_REASONS];
	struct run_facts facts;
	char libbpf[LIBBPF_SZ], config_hash[CONFIG_HASH_SZ];
	struct books b;
	struct metrics_info info = {
		.version = PVMTRACE_VERSION,
		.libbpf = libbpf,
		.config_hash = config_hash,
		.attach = k->ops->fentry(k->tracer) ? ATTACH_FENTRY : ATTACH_TRACEPOINT,
		.resolve = k->ops->resolve(k->tracer),
		.books = &b,
		.rules = c->options->rules,
		.rule_cnt = c->options->rules[0].name ? c->options->rule_cnt : 0,
		.start_ns = r->start_ns,
		.last_call_ns = c->last_call_ns,
		.ring_bytes = c->options->ring_bytes,
		.array_ring_bytes = c->options->array_ring_bytes,
		.told = &c->told,
		.held_max = sink__buffer(c->options->max_line),
		.every_s = c->options->stats_interval_s,
		.alive = { k->ops->alive(k->tracer, PVM_CALLER),
			   k->ops->alive(k->tracer, PVM_TARGET) },
		.incomplete = incomplete,
		.running = running,
	};

	if (!m->path)
		return;
	libbpf_text(libbpf);
	config_hash_text(c->options, config_hash);
	report__books(r, &b);
	c->from.ops->facts(c->from.ctx, &facts);
	info.abis = facts.abis;
	info.abi_cnt = facts.abi_cnt;
	c->to.ops->bytes(c->to.ctx, &info.held, &info.written);
	info.incomplete_cnt = books__incomplete(&b, &r->doubts, incomplete);
	(void)metrics__write(m, &info);
}

int report__again(struct report *r, const struct frame_books *books)
{
	enum error_code code;
	enum end_reason end;

	switch (books->type) {
	case REC_STATS:
		return report__stats(r);
	case REC_LOST:
		/* The recording says when the one before it was, by the clock of this one. */
		if (books->since_ns)
			r->told_ns = books->since_ns;
		return report__lost(r);
	case REC_ERROR:
		code = error_code_of(books->text);
		return tell_error(r, code, code == ERROR_UNKNOWN ? books->text : NULL,
				  books->message, books->since_ns, books->until_ns);
	case REC_STOP:
		end = end_of(books->text);
		return tell_stop(r, end, end == END_UNKNOWN ? books->text : NULL,
				 books->signal[0] ? books->signal : NULL);
	default:
		return 0;
	}
}
