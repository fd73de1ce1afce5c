/* SPDX-License-Identifier: Apache-2.0 */
/* text_state - what the tracer says about itself, as one sentence a record. Such lines begin
 * with "--" where a call has its caller. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/options.h"
#include "bpf/keys.h"
#include "event/counts.h"
#include "event/names.h"
#include "render/text.h"

static void put_text(struct text_line *t, const char *text)
{
	if (text)
		text__bytes(t, text, strlen(text));
	else
		text__put(t, "?");
}

static void put_counter(struct text_line *t, const char *sep, const struct counter *c)
{
	text__put(t, sep);
	text__put(t, c->name);
	text__put(t, " ");
	text__u64(t, c->value);
}

static void put_fate(struct text_line *t, const char *fate, uint64_t calls)
{
	if (calls)
		put_counter(t, " ", &(struct counter){ .name = fate, .value = calls });
}

/* Puts what became of the calls of those that had some. */
static void put_fates(struct text_line *t, const struct stats_info *s)
{
	for (size_t i = 0; i < s->rule_cnt; i++) {
		const struct rule_counts *counts = &s->rule_counts[i];

		if (!s->rules[i].name || !(counts->told | counts->summarised | counts->dropped))
			continue;
		text__put(t, ", rule ");
		text__put(t, s->rules[i].name);
		put_fate(t, "told", counts->told);
		put_fate(t, "summarised", counts->summarised);
		put_fate(t, "dropped", counts->dropped);
	}
}

/* Puts those that are not 0, and always what came in and what was lost. */
static void put_counters(struct text_line *t, const struct stats_info *s)
{
	const char *sep = "";

	for (size_t i = 0; i < s->counter_cnt; i++) {
		const struct counter *c = &s->counters[i];

		if (!c->value && i != BOOK_SEEN && i != BOOK_LOST)
			continue;
		put_counter(t, sep, c);
		sep = ", ";
	}
	if (s->in_flight) {
		text__put(t, ", in flight ");
		text__u64(t, s->in_flight);
	}
	put_fates(t, s);
}

static void put_date(struct text_line *t, uint64_t real_ns)
{
	time_t now = (time_t)(real_ns / NS_PER_S);
	char text[64];
	struct tm tm;

	if (localtime_r(&now, &tm) && strftime(text, sizeof(text), "%Y-%m-%d UTC%z", &tm))
		text__put(t, text);
}

/* Puts what a key is called as an option. */
static void put_option(struct text_line *t, const char *key)
{
	for (; *key; key++)
		text__put(t, (char[]){ *key == '_' ? '-' : *key, '\0' });
}

static void put_filter(struct text_line *t, const char *whose, const char *field,
		       const struct filter_list *list)
{
	for (size_t i = 0; i < list->cnt; i++) {
		text__put(t, " --");
		text__put(t, whose);
		put_option(t, field);
		text__put(t, list->values[i].exclude ? " !" : " ");
		put_text(t, list->values[i].text);
	}
}

/* Puts them as they would be given. */
static void put_filters(struct text_line *t, const struct rule *rule)
{
	static const char *const whose[] = { [PVM_CALLER] = "caller-", [PVM_TARGET] = "target-" };

	for (int who = PVM_CALLER; who <= PVM_TARGET; who++) {
		for (int field = 0; field < FILTER_FIELD_CNT; field++)
			put_filter(t, whose[who], filter_field_name((enum filter_field)field),
				   &rule->filter[who][field]);
	}
	for (unsigned int op = PVM_READ; op <= PVM_WRITE; op++) {
		if (rule->ops != 1u << op)
			continue;
		text__put(t, " --op ");
		text__put(t, op_name(op));
	}
	for (int i = 0; i < PVM_RELATION_CNT; i++) {
		if (!((rule->relation.wanted | rule->relation.excluded) & 1u << i))
			continue;
		text__put(t, rule->relation.excluded & 1u << i ? " --relation !" : " --relation ");
		text__put(t, relation_names[i]);
	}
	if (rule->outcome) {
		text__put(t, " --outcome ");
		text__put(t, outcome_name(rule->outcome));
	}
	if (rule->min_bytes) {
		text__put(t, " --min-bytes ");
		text__u64(t, rule->min_bytes);
	}
	if (rule->no_self)
		text__put(t, " --no-self");
	put_filter(t, "", "region", &rule->region);
}

/* Each with what becomes of its calls, and for which ones. */
static void put_rules(struct text_line *t, const struct options *o)
{
	for (size_t i = 0; i < o->rule_cnt && o->rules[i].name; i++) {
		text__put(t, "; rule ");
		text__put(t, o->rules[i].name);
		text__put(t, " ");
		text__put(t, rule_action_names[o->rules[i].action]);
		put_filters(t, &o->rules[i]);
	}
}

/* They are spoken of only where the hooks need some. */
static void put_witnesses(struct text_line *t, const struct witness_info *w)
{
	char list[WITNESS_LIST_SZ];

	if (!w->needed)
		return;
	text__put(t, "; hooks can be preempted, witnesses: ");
	text__put(t, witness_info__list(w, list) ? list : "none");
	if (w->sees) {
		text__put(t, ", which see ");
		text__put(t, w->sees);
	}
	if (w->remains) {
		text__put(t, "; what can go by: ");
		text__put(t, w->remains);
	}
}

static void put_start(struct text_line *t, const struct record *r)
{
	const struct start_info *s = &r->start;

	text__put(t, "pvmtrace ");
	put_text(t, s->version);
	text__put(t, " on ");
	put_text(t, r->host->name);
	text__put(t, ", Linux ");
	put_text(t, r->host->kernel);
	text__put(t, " ");
	put_text(t, r->host->arch);
	text__put(t, ", ");
	put_date(t, r->real_ns);
	for (size_t i = 0; i < s->abi_cnt; i++) {
		if (!s->abis[i].covered)
			continue;
		text__put(t, i ? " " : ", sees ");
		put_text(t, abi_word(&s->abis[i]));
		text__put(t, s->abis[i].proven ? "" : " (not proven)");
	}
	if (s->options && s->options->rules[0].name)
		put_rules(t, s->options);
	else if (s->options)
		put_filters(t, s->options->rules);
	put_witnesses(t, &s->witnesses);
	for (size_t i = 0; i < s->note_cnt; i++) {
		text__put(t, "; ");
		put_text(t, s->notes[i]);
	}
}

static void put_lost(struct text_line *t, const struct lost_info *l)
{
	const char *sep = " (";

	text__u64(t, l->count);
	text__put(t, l->count == 1 ? " call since " : " calls since ");
	text__time(t, l->since_ns);
	for (size_t i = 0; i < l->by_cnt; i++) {
		if (!l->by[i].value)
			continue;
		put_counter(t, sep, &l->by[i]);
		sep = ", ";
	}
	text__put(t, *sep == ' ' ? "" : ")");
}

static void put_error(struct text_line *t, const struct error_info *e)
{
	put_text(t, error_word(e));
	text__put(t, ": ");
	put_text(t, e->message);
	if (e->since_ns) {
		text__put(t, " (since ");
		text__time(t, e->since_ns);
		if (e->until_ns) {
			text__put(t, " until ");
			text__time(t, e->until_ns);
		}
		text__put(t, ")");
	}
}

static void put_tamper(struct text_line *t, const struct tamper_info *o)
{
	const struct pvm_task *task = o->by.task;

	text__bytes(t, task->comm, strnlen(task->comm, sizeof(task->comm)));
	text__put(t, "[");
	text__u64(t, task->pid);
	text__put(t, "]");
	if (task->flags & PVM_TASK_CREDS) {
		text__put(t, " of uid ");
		text__u64(t, task->uid);
	}
	text__put(t, o->error ? " tried to open the tracer's " : " opened the tracer's ");
	text__put(t, object_name(o->raw->kind));
	text__put(t, " ");
	text__u64(t, o->raw->id);
	text__put(t, ", ");
	text__bytes(t, o->raw->name, strnlen(o->raw->name, sizeof(o->raw->name)));
	if (o->error) {
		text__put(t, ": ");
		text__put(t, o->error);
	}
	if (o->by.exe) {
		text__put(t, " (");
		text__bytes(t, o->by.exe, o->by.exe_len);
		text__put(t, ")");
	}
}

static void put_stop(struct text_line *t, const struct stop_info *s)
{
	put_text(t, s->signal ? s->signal : end_word(s));
	text__put(t, ", ");
	text__tint(t, s->complete ? TINT_GOOD : TINT_BAD);
	text__put(t, s->complete   ? "complete"
		     : s->balanced ? "incomplete"
				   : "books do not balance");
	text__tint(t, TINT_PLAIN);
	for (size_t i = 0; i < s->incomplete_cnt; i++) {
		text__put(t, i ? ", " : " (");
		put_text(t, doubt_name(&s->incomplete[i]));
	}
	text__put(t, s->incomplete_cnt ? "): " : ": ");
	put_counters(t, &s->stats);
}

static void put_name(struct text_line *t, enum record_type type)
{
	text__put(t, " -- ");
	text__tint(t, type == REC_LOST || type == REC_ERROR || type == REC_TAMPER ? TINT_BAD
										  : TINT_NOTE);
	text__put(t, record_name(type));
	text__tint(t, TINT_PLAIN);
	text__put(t, ": ");
}

void text_state(struct text_line *t, const struct record *r)
{
	text__time(t, r->real_ns);
	put_name(t, r->type);
	switch (r->type) {
	case REC_START:
		put_start(t, r);
		break;
	case REC_STATS:
		put_counters(t, &r->stats);
		break;
	case REC_LOST:
		put_lost(t, &r->lost);
		break;
	case REC_ERROR:
		put_error(t, &r->error);
		break;
	case REC_TAMPER:
		put_tamper(t, &r->tamper);
		break;
	case REC_STOP:
		put_stop(t, &r->stop);
		break;
	case REC_REOPEN:
		text__put(t, "a new file of run ");
		put_text(t, r->reopen.instance);
		text__put(t, " on ");
		put_text(t, r->host->name);
		break;
	default:
		break;
	}
}
