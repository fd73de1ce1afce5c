/* SPDX-License-Identifier: Apache-2.0 */
/* print - the options in force as a configuration file, made of the table of options. */
#include "options/command_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "event/names.h"
#include "options/table.h"
#include "render/text_line.h"

#define WIDTH 98

#define HIDDEN "# Not all characters of the next value show"
#define SHOWN_MAX 4 /* bytes that one of a value takes where it is shown by its number */

/* Returns whether it would be another value without quotes around it. */
static bool needs_quotes(const char *value)
{
	return strchr("#= \t", value[0]) || strchr(value, '"') ||
	       strchr(" \t", value[strlen(value) - 1]) || strstr(value, " #") ||
	       strstr(value, "\t#");
}

/* Returns why no line can hold a value, or NULL. */
static const char *why_not(const struct option_def *d, const char *value)
{
	size_t len = strlen(d->name) + 1 + strlen(value) + (needs_quotes(value) ? 2 : 0);

	for (const char *p = value; *p; p++) {
		if (options__is_control(p))
			return "holds a control character, which a configuration file cannot have";
	}
	return len > OPTION_LINE_MAX ? "is too long for a line of a configuration file" : NULL;
}

/* Nothing is printed if a line cannot hold one of the values. */
static int check_values(const struct options *o)
{
	for (size_t i = 0; i < o->setting_cnt; i++) {
		const struct option_setting *s = &o->settings[i];
		const char *why = NULL;

		if (s->value && !s->def->command_only)
			why = why_not(s->def, s->value);
		if (!why)
			continue;
		log__error("--%s: '%.200s' %s", s->def->name, s->value, why);
		return EX_USAGE;
	}
	return 0;
}

/* What a person could not see, or could see otherwise than it is, is said in a comment before it, as far as a line can hold
 * that: the line itself must be what the value is. */
static void put_value(const struct option_def *d, const char *value)
{
	if (!text__all_show(value)) {
		printf(HIDDEN);
		if (sizeof(HIDDEN ": ") + SHOWN_MAX * strlen(value) <= OPTION_LINE_MAX) {
			printf(": ");
			text__print(stdout, value);
		}
		putchar('\n');
	}
	printf(needs_quotes(value) ? "%s \"%s\"\n" : "%s %s\n", d->name, value);
}

/* Returns how often a flag is in force: its member counts it. */
static unsigned times(const struct options *o, const struct option_def *d)
{
	unsigned cnt = 0;

	memcpy(&cnt, (const char *)o + d->offset, d->size < sizeof(cnt) ? d->size : sizeof(cnt));
	return cnt;
}

/* Puts how it would be set. */
static void put_unset(const struct option_def *d)
{
	char def[32] = "";

	if (d->def)
		option__number(d, d->def, def, sizeof(def));
	if (d->arg)
		printf("#%s %s\n", d->name, *def ? def : d->def_text ? d->def_text : d->arg);
	else
		printf("#%s\n", d->name);
}

static void put_flag(const struct options *o, const struct option_def *d)
{
	unsigned cnt = times(o, d);

	if (!cnt)
		put_unset(d);
	while (cnt--)
		puts(d->name);
}

static void put_setting(const struct options *o, const struct option_def *d)
{
	const char *last = NULL;

	for (size_t i = 0; i < o->setting_cnt; i++) {
		if (o->settings[i].def != d)
			continue;
		last = o->settings[i].value;
		if (option__adds_up(d))
			put_value(d, last);
	}
	if (last && !option__adds_up(d))
		put_value(d, last);
	if (!last)
		put_unset(d);
}

/* Puts it as a comment, broken between words. */
static void put_comment(const char *text)
{
	size_t col = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (!col || col + 1 + len > WIDTH)
			col = (size_t)printf(col ? "\n#" : "#") - (col != 0);
		col += (size_t)printf(" %.*s", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void put_help(const struct option_def *d)
{
	char allowed[128] = "", text[640];

	/* A filter's values are told by its help. */
	if (d->group != GROUP_FILTER)
		option__allowed(d, allowed, sizeof(allowed));
	snprintf(text, sizeof(text), "%s%s%s%s", d->help, *allowed ? " (" : "", allowed,
		 *allowed ? ")" : "");
	put_comment(text);
}

static void put_filter(const struct option_setting *s)
{
	if (s->value)
		put_value(s->def, s->value);
	else
		puts(s->def->name);
}

/* They come last, each with the filters that are its own. */
static void put_rules(const struct options *o)
{
	const struct rule *rule = o->rules;

	putchar('\n');
	put_comment(option_rule.help);
	if (!rule->name) {
		put_unset(&option_rule);
		return;
	}
	for (size_t i = 0; i < o->setting_cnt; i++) {
		const struct option_setting *s = &o->settings[i];

		if (option__is_filter(s->def)) {
			put_filter(s);
		} else if (s->def == &option_rule) {
			printf("%s%s %s %s\n", rule == o->rules ? "" : "\n", s->def->name,
			       rule->name, rule_action_names[rule->action]);
			rule++;
		}
	}
}

int options__print(const struct options *o)
{
	int err = check_values(o);

	if (err)
		return err;
	put_comment("Configuration of pvmtrace: options by their long names, one a line, each with "
		    "its value. What is commented out is not set; where it has a default, that is "
		    "shown.");
	for (size_t i = 0; i < options_table_cnt; i++) {
		const struct option_def *d = &options_table[i];

		if (d->command_only)
			continue;
		putchar('\n');
		put_help(d);
		if (option__is_filter(d) && o->rules[0].name)
			put_unset(d);
		else if (d->arg)
			put_setting(o, d);
		else
			put_flag(o, d);
	}
	put_rules(o);
	if (!fflush(stdout))
		return 0;
	log__error("stdout: %s", strerror(errno));
	return EX_IOERR;
}
