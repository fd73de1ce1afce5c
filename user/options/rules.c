/* SPDX-License-Identifier: Apache-2.0 */
/* rules - groups of filters, each with a name and with what becomes of its calls: of configuration files only. */
#include "options/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "bpf/event.h"
#include "bpf/keys.h"
#include "event/judge.h"
#include "event/names.h"

#define BLANKS " \t"
#define AGGREGATE_S 60
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* Returns the action of that name, or -1. */
static int action_of(const char *text)
{
	for (int i = 0; rule_action_names[i]; i++) {
		if (!strcmp(rule_action_names[i], text))
			return i;
	}
	return -1;
}

static int refuse(const char *value, const char *why)
{
	log__error("rule: '%.200s'%s %s", value, strlen(value) > 200 ? "..." : "", why);
	return EX_CONFIG;
}

/* Returns the first filter that was given, or NULL. */
static const struct option_setting *first_filter(const struct options *o)
{
	for (size_t i = 0; i < o->setting_cnt; i++) {
		if (option__is_filter(o->settings[i].def))
			return &o->settings[i];
	}
	return NULL;
}

/* A line is told where only that of a rule would say too little. */
static int refuse_early_filters(const struct options *o, const char *value)
{
	const struct option_setting *s = first_filter(o);

	if (!s)
		return 0;
	log__error("rule: '%.100s' stands behind %s of line %u, which is in no rule: beside rules "
		   "there are no other filters; put it into the rules that it is for",
		   value, s->def->name, s->line);
	return EX_CONFIG;
}

static int check_name(const struct options *o, const char *value, const char *name, size_t len)
{
	if (strspn(name, NAME_CHARS) < len)
		return refuse(value, "has a name of other characters than letters, digits, '.', "
				     "'_' and '-'");
	if (len > RULE_NAME_MAX)
		return refuse(value, "has a name of more than 64 characters");
	for (size_t i = 0; i < o->rule_cnt; i++) {
		const char *other = o->rules[i].name;

		if (other && strlen(other) == len && !memcmp(other, name, len))
			return refuse(value, "is the second rule of this name");
	}
	return 0;
}

/* What was wrong with its line does not make the filters behind it those of another rule. */
static struct rule *begin_rule(struct option_parse *p)
{
	struct options *o = p->o;

	if (p->has_rules)
		o->rule_cnt++;
	p->has_rules = true;
	p->op = (struct option_choice){ 0 };
	p->outcome = (struct option_choice){ 0 };
	return &o->rules[o->rule_cnt - 1];
}

static int set_rule(struct option_parse *p, const struct option_def *d, const char *value)
{
	size_t len = strcspn(value, BLANKS);
	const char *word = value + len + strspn(value + len, BLANKS);
	int action = action_of(word), err;
	struct rule *rule;

	(void)d;
	if (p->has_rules && p->o->rule_cnt == RULES_MAX - 1)
		return refuse(value, "is one too many: there can be 15 rules");
	err = p->has_rules ? 0 : refuse_early_filters(p->o, value);
	if (!err)
		err = check_name(p->o, value, value, len);
	if (!err && !*word)
		err = refuse(value,
			     "does not say what becomes of its calls: tell, aggregate or drop");
	else if (!err && action < 0)
		err = refuse(value, "does not end in tell, aggregate or drop");
	rule = begin_rule(p);
	if (err)
		return err;
	rule->action = (enum rule_action)action;
	rule->name = strndup(value, len);
	if (rule->name)
		return 0;
	log__error("rule: out of memory");
	return EX_SOFTWARE;
}

const struct option_def option_rule = {
	.name = "rule",
	.arg = "NAME tell|aggregate|drop",
	.set = set_rule,
	.group = GROUP_FILTER,
	.help = "A rule is a group of filters that must all hold, with a name and with what becomes of its "
		"calls: to tell them, to aggregate them (as --aggregate does) or to drop them. Filters "
		"behind its line are its own, up to the next rule. The first rule that holds for a call "
		"decides; calls that none holds for are told, unless a rule tells. Beside rules there are "
		"no other filters, and all other options stand before them.",
};

bool option__is_filter(const struct option_def *d)
{
	return d->group == GROUP_FILTER && d != &option_rule;
}

/* Returns the filter that user space has to judge, call by call; NULL: there is none. */
static const char *judged_late(const struct rule *rule)
{
	if (rule->region.cnt)
		return "region";
	if ((rule->relation.wanted | rule->relation.excluded) & 1u << PVM_OTHER_CONTAINER)
		return "relation other-container";
	return NULL;
}

/* What user space has to judge is not added up in the kernel, nor is what such a judgement may come before. */
static int check_aggregate(const struct options *o, const struct rule *rule)
{
	if (rule->action != RULE_AGGREGATE)
		return 0;
	for (const struct rule *before = o->rules; before <= rule; before++) {
		const char *late = judged_late(before);

		if (late && before == rule)
			log__error(
				"aggregate: not with %s: that is judged call by call, when a call is "
				"told, and sums are made before",
				late);
		else if (late)
			log__error(
				"aggregate: not behind rule %s: its %s is judged call by call, when a "
				"call is told, and sums are made before; put this rule before that one",
				before->name, late);
		else
			continue;
		return EX_CONFIG;
	}
	return 0;
}

/* A rule that no call can come to, or that leaves nothing to tell, is no rule that somebody meant. */
static int check_order(const struct options *o, const struct rule *rule)
{
	bool tells = false;

	for (const struct rule *before = o->rules; before < rule; before++) {
		tells = tells || before->action != RULE_DROP;
		if (judge__asks(before))
			continue;
		log__error("it stands behind rule %s, which has no filters: no call can come to it",
			   before->name);
		return EX_CONFIG;
	}
	if (judge__asks(rule) || rule->action != RULE_DROP || tells)
		return 0;
	log__error("it has no filters, and drops all calls that there are");
	return EX_CONFIG;
}

static int check_one(const struct options *o, const struct rule *rule)
{
	int err = options_check__rule(rule);

	if (!err)
		err = check_aggregate(o, rule);
	if (!err)
		err = check_order(o, rule);
	return err ? EX_CONFIG : 0;
}

/* Returns the line on which the named rule of this number begins. */
static unsigned line_of(const struct options *o, size_t number)
{
	for (size_t i = 0; i < o->setting_cnt; i++) {
		if (o->settings[i].def == &option_rule && !number--)
			return o->settings[i].line;
	}
	return 0;
}

int options_rules__check(const struct option_parse *p, const char *path)
{
	const struct options *o = p->o;
	char about[384];
	int err = 0;

	for (size_t i = 0; p->has_rules && i < o->rule_cnt; i++) {
		int rule_err;

		snprintf(about, sizeof(about), "%.200s:%u: rule %s: ", path, line_of(o, i),
			 o->rules[i].name);
		log__about(about);
		rule_err = check_one(o, &o->rules[i]);
		err = err ? err : rule_err;
	}
	log__about(NULL);
	return err;
}

int options_rules__beside(const struct option_parse *p, const struct options *command)
{
	const struct option_setting *s = p->has_rules ? first_filter(command) : NULL;

	if (!s)
		return 0;
	log__error("--%s%s%.200s: not together with the rules of the configuration file: put "
		   "it there, into the rules that it is for",
		   s->def->name, s->value ? " " : "", s->value ? s->value : "");
	return EX_USAGE;
}

void options_rules__complete(struct option_parse *p)
{
	struct options *o = p->o;
	bool tells = false;

	if (!p->has_rules)
		return;
	for (size_t i = 0; i < o->rule_cnt; i++)
		tells = tells || o->rules[i].action == RULE_TELL;
	if (!tells)
		o->rules[o->rule_cnt++].action = RULE_TELL;
	if (options__aggregates(o) && !o->aggregate_s)
		o->aggregate_s = AGGREGATE_S;
}
