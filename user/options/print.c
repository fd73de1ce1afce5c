/* SPDX-License-Identifier: Apache-2.0 */
/* print - the options in force as a configuration file, made of the table of options, and a number that stands for them. */
#include "options/command_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "event/names.h"
#include "options/table.h"
#include "render/text_line.h"

#define WIDTH 98

#define HIDDEN "# Not all characters of the next value show"
#define SHOWN_MAX 4 /* bytes that one of a value takes where it is shown by its number */
/* FNV-1a of 64 bits. */
#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

/* Where they are put, and whether with what is said of each, and which are not set. */
struct print {
	FILE *f;
	bool comments;
};

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
static void put_value(const struct print *p, const struct option_def *d, const char *value)
{
	if (p->comments && !text__all_show(value)) {
		fprintf(p->f, HIDDEN);
		if (sizeof(HIDDEN ": ") + SHOWN_MAX * strlen(value) <= OPTION_LINE_MAX) {
			fprintf(p->f, ": ");
			text__print(p->f, value);
		}
		putc('\n', p->f);
	}
	fprintf(p->f, needs_quotes(value) ? "%s \"%s\"\n" : "%s %s\n", d->name, value);
}

/* Returns how often a flag is in force: its member counts it. */
static unsigned times(const struct options *o, const struct option_def *d)
{
	unsigned cnt = 0;

	memcpy(&cnt, (const char *)o + d->offset, d->size < sizeof(cnt) ? d->size : sizeof(cnt));
	return cnt;
}

/* Puts how it would be set. */
static void put_unset(const struct print *p, const struct option_def *d)
{
	char def[32] = "";

	if (!p->comments)
		return;
	if (d->def)
		option__number(d, d->def, def, sizeof(def));
	if (d->arg)
		fprintf(p->f, "#%s %s\n", d->name, *def ? def : d->def_text ? d->def_text : d->arg);
	else
		fprintf(p->f, "#%s\n", d->name);
}

static void put_flag(const struct print *p, const struct options *o, const struct option_def *d)
{
	unsigned cnt = times(o, d);

	if (!cnt)
		put_unset(p, d);
	while (cnt--)
		fprintf(p->f, "%s\n", d->name);
}

static void put_setting(const struct print *p, const struct options *o, const struct option_def *d)
{
	const char *last = NULL;

	for (size_t i = 0; i < o->setting_cnt; i++) {
		if (o->settings[i].def != d)
			continue;
		last = o->settings[i].value;
		if (option__adds_up(d))
			put_value(p, d, last);
	}
	if (last && !option__adds_up(d))
		put_value(p, d, last);
	if (!last)
		put_unset(p, d);
}

/* Ends a comment's line, or puts an empty one. */
static void put_end(const struct print *p)
{
	if (p->comments)
		putc('\n', p->f);
}

/* Puts it as a comment, broken between words. */
static void put_comment(const struct print *p, const char *text)
{
	size_t col = 0;

	while (p->comments && *text) {
		size_t len = strcspn(text, " ");

		if (!col || col + 1 + len > WIDTH)
			col = (size_t)fprintf(p->f, col ? "\n#" : "#") - (col != 0);
		col += (size_t)fprintf(p->f, " %.*s", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	put_end(p);
}

static void put_help(const struct print *p, const struct option_def *d)
{
	char allowed[128] = "", text[640];

	/* A filter's values are told by its help. */
	if (d->group != GROUP_FILTER)
		option__allowed(d, allowed, sizeof(allowed));
	snprintf(text, sizeof(text), "%s%s%s%s", d->help, *allowed ? " (" : "", allowed,
		 *allowed ? ")" : "");
	put_comment(p, text);
}

static void put_filter(const struct print *p, const struct option_setting *s)
{
	if (s->value)
		put_value(p, s->def, s->value);
	else
		fprintf(p->f, "%s\n", s->def->name);
}

/* They come last, each with the filters that are its own. */
static void put_rules(const struct print *p, const struct options *o)
{
	const struct rule *rule = o->rules;

	put_end(p);
	put_comment(p, option_rule.help);
	if (!rule->name) {
		put_unset(p, &option_rule);
		return;
	}
	for (size_t i = 0; i < o->setting_cnt; i++) {
		const struct option_setting *s = &o->settings[i];

		if (option__is_filter(s->def)) {
			put_filter(p, s);
		} else if (s->def == &option_rule) {
			if (rule != o->rules)
				put_end(p);
			fprintf(p->f, "%s %s %s\n", s->def->name, rule->name,
				rule_action_names[rule->action]);
			rule++;
		}
	}
}

static void put_all(const struct print *p, const struct options *o)
{
	for (size_t i = 0; i < options_table_cnt; i++) {
		const struct option_def *d = &options_table[i];

		if (d->command_only)
			continue;
		put_end(p);
		put_help(p, d);
		if (option__is_filter(d) && o->rules[0].name)
			put_unset(p, d);
		else if (d->arg)
			put_setting(p, o, d);
		else
			put_flag(p, o, d);
	}
	put_rules(p, o);
}

int options__hash(const struct options *o, uint64_t *hash)
{
	char *text = NULL;
	size_t len = 0;
	struct print p = { .f = open_memstream(&text, &len) };
	int err = 0;

	if (!p.f)
		return -ENOMEM;
	put_all(&p, o);
	if (fclose(p.f))
		err = -ENOMEM;
	*hash = HASH_BEGIN;
	for (size_t i = 0; !err && i < len; i++)
		*hash = (*hash ^ (unsigned char)text[i]) * HASH_PRIME;
	free(text);
	return err;
}

int options__print(const struct options *o)
{
	const struct print p = { .f = stdout, .comments = true };
	int err = check_values(o);
	char about[64];
	uint64_t hash;

	if (err)
		return err;
	put_comment(&p,
		    "Configuration of pvmtrace: options by their long names, one a line, each with "
		    "its value. What is commented out is not set; where it has a default, that is "
		    "shown.");
	if (!options__hash(o, &hash)) {
		snprintf(about, sizeof(about), "config_hash: %016" PRIx64, hash);
		put_comment(&p, about);
	}
	put_all(&p, o);
	if (!fflush(stdout))
		return 0;
	log__error("stdout: %s", strerror(errno));
	return EX_IOERR;
}
