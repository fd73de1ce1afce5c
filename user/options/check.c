/* SPDX-License-Identifier: Apache-2.0 */
/* check - options that exclude each other, or do nothing without another. */
#include "options/table.h"

#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "bpf/event.h"
#include "bpf/keys.h"

/* Refuses what has a meaning for a trace only: nothing is silently left undone. */
static int check_replay(const struct options *o)
{
	for (size_t i = 0; o->replay && i < o->setting_cnt; i++) {
		const struct option_setting *s = &o->settings[i];

		if (!s->def->trace_only)
			continue;
		log__error("--%s%s%.200s: not together with --replay: it would change nothing",
			   s->def->name, s->value ? " " : "", s->value ? s->value : "");
		return EX_USAGE;
	}
	return 0;
}

static bool was_given(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->setting_cnt; i++) {
		if (!strcmp(o->settings[i].def->name, name))
			return true;
	}
	return false;
}

/* Holds the limit of the output file against what it depends on. */
static int check_max_size(const struct options *o)
{
	const unsigned long long limit = o->max_size;

	if (!limit && was_given(o, "keep"))
		log__error("--keep %u: only together with --max-size", o->keep);
	else if (limit && !o->output)
		log__error("--max-size %llu: only together with --output FILE", limit);
	else if (limit && limit < 4ULL * o->max_line)
		log__error("--max-size %llu: at least 4 times --max-line, %llu", limit,
			   4ULL * o->max_line);
	else
		return 0;
	return EX_USAGE;
}

static int check_omit(const struct options *o)
{
	if (!o->omit || o->format != FORMAT_TEXT)
		return 0;
	log__error("--omit: not together with --format text, whose lines have no such parts");
	return EX_USAGE;
}

static int check_allow_fifo(const struct options *o)
{
	if (!o->allow_fifo || o->output)
		return 0;
	log__error("--allow-fifo: only together with --output FILE");
	return EX_USAGE;
}

/* Nothing is looked up, or what is summed up is not told one by one: there would be nothing to judge. */
static int check_region(const struct options *o)
{
	for (size_t i = 0; i < o->rule_cnt; i++) {
		const struct filter_list *region = &o->rules[i].region;

		if (!region->cnt)
			continue;
		if (!o->regions && !o->replay)
			log__error("--region %s%.200s: not together with --regions 0",
				   region->values->exclude ? "!" : "", region->values->text);
		else if (o->aggregate_s && !o->rules[i].name)
			log__error(
				"--region %s%.200s: not together with --aggregate, whose sums have no regions",
				region->values->exclude ? "!" : "", region->values->text);
		else
			continue;
		return EX_USAGE;
	}
	return 0;
}

bool options__aggregates(const struct options *o)
{
	for (size_t i = 0; i < o->rule_cnt; i++) {
		if (o->rules[i].action == RULE_AGGREGATE)
			return true;
	}
	return false;
}

/* It is the window of rules, where there are some. */
static int check_aggregate(const struct options *o)
{
	if (!o->aggregate_s || !o->rules[0].name || options__aggregates(o))
		return 0;
	log__error(
		"--aggregate %u: no rule of the configuration file aggregates: with rules, this is for "
		"how long those do that end in aggregate",
		o->aggregate_s);
	return EX_USAGE;
}

/* Returns the one process that a filter wants, 0 if it wants none or several. */
static uint32_t only_one(const struct filter_list *list)
{
	uint32_t one = 0;

	for (size_t i = 0; i < list->cnt; i++) {
		if (list->values[i].exclude)
			continue;
		if (one)
			return 0;
		one = list->values[i].number;
	}
	return one;
}

/* Refuses filters that leave nothing to each other. */
int options_check__rule(const struct rule *rule)
{
	const uint32_t caller = only_one(&rule->filter[PVM_CALLER][FILTER_PID]);
	const uint32_t target = only_one(&rule->filter[PVM_TARGET][FILTER_PID]);

	if (rule->no_self && caller && caller == target)
		log__error("--no-self: with --caller-pid %u and --target-pid %u no call can match",
			   caller, target);
	else if (rule->outcome == PVM_FAILED && rule->min_bytes)
		log__error("--min-bytes %llu: with --outcome failure no call can match: what fails "
			   "moves nothing",
			   (unsigned long long)rule->min_bytes);
	else
		return 0;
	return EX_USAGE;
}

/* Those of rules were checked where they stand. */
static int check_filters(const struct options *o)
{
	return o->rules[0].name ? 0 : options_check__rule(&o->rules[0]);
}

int options_check__all(const struct options *o)
{
	int (*const checks[])(const struct options *) = { check_replay,	    check_max_size,
							  check_allow_fifo, check_omit,
							  check_region,	    check_aggregate,
							  check_filters };
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(checks) / sizeof(checks[0]); i++)
		err = checks[i](o);
	return err;
}
