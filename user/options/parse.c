/* SPDX-License-Identifier: Apache-2.0 */
/* parse - the command line by getopt_long, which is fed from the table; then, below it, the file. */
#include "options/command_line.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "options/table.h"

#define LONG_ONLY 256 /* long options return this plus their row, letters return themselves */

static void set_defaults(struct option_parse *p, struct options *o)
{
	*p = (struct option_parse){ .o = o };
	memset(o, 0, sizeof(*o));
	o->rule_cnt = 1;
	for (size_t i = 0; i < options_table_cnt; i++)
		option__reset(p, &options_table[i]);
}

static void build_getopt(struct option *longs, char *letters)
{
	/* '+' says: no reordering, so that the strings stay where they are; ':' has a missing value told from an
	 * unknown option. */
	*letters++ = '+';
	*letters++ = ':';
	for (size_t i = 0; i < options_table_cnt; i++) {
		const struct option_def *d = &options_table[i];

		longs[i] = (struct option){
			.name = d->name,
			.has_arg = d->arg ? required_argument : no_argument,
			.val = LONG_ONLY + (int)i,
		};
		if (!d->letter)
			continue;
		*letters++ = d->letter;
		if (d->arg)
			*letters++ = ':';
	}
	*letters = '\0';
}

/* Returns the row that a value of getopt_long or optopt stands for, or NULL. */
static const struct option_def *find_row(int val)
{
	if (val >= LONG_ONLY)
		return &options_table[val - LONG_ONLY];
	for (size_t i = 0; val && i < options_table_cnt; i++) {
		if (options_table[i].letter == val)
			return &options_table[i];
	}
	return NULL;
}

static bool is_rule(const char *word)
{
	return !strcmp(word, "--rule") || !strncmp(word, "--rule=", strlen("--rule="));
}

/* Refuses what getopt_long itself refused: c is its answer, word the argument it was looking at. */
static int refuse_word(int c, const char *word)
{
	const struct option_def *d = find_row(optopt);
	const char *value = strchr(word, '=');

	if (c == ':' && d)
		log__error("--%s: the value (%s) is missing", d->name, d->arg);
	else if (d && optopt >= LONG_ONLY)
		log__error("--%s: takes no value, but '%.200s' was given", d->name,
			   value ? value + 1 : "");
	else if (is_rule(word))
		log__error("'--rule': rules stand in a configuration file only (--config)");
	else if (optopt)
		log__error("'-%c' is not an option; see pvmtrace --help", optopt);
	else
		log__error(
			"'%.200s' is not an option, or short for more than one; see pvmtrace --help",
			word);
	return EX_USAGE;
}

static int take(struct option_parse *p, const struct option_setting *s)
{
	int err = option__set(p, s->def, s->value);

	return err ? err : option__note(p, s);
}

/* Joins the arguments in one line, as far as they fit. */
static void join_command(struct options *o, int argc, char **argv)
{
	size_t len = 0;

	for (int i = 1; i < argc; i++) {
		int n = snprintf(o->command + len, sizeof(o->command) - len, "%s%s",
				 i > 1 ? " " : "", argv[i]);

		if (n < 0 || (size_t)n >= sizeof(o->command) - len) {
			memcpy(o->command + sizeof(o->command) - 4, "...", 4);
			return;
		}
		len += (size_t)n;
	}
}

/* Returns whether there is what ends the reading of the command line: nothing else will be done. */
static bool only_prints(const struct options *o)
{
	return o->help || o->version || o->schema;
}

static int parse_command(struct option_parse *p, int argc, char **argv)
{
	struct option longs[OPTION_MAX + 1] = { 0 };
	char letters[2 + 2 * OPTION_MAX + 1];
	int err = 0;

	build_getopt(longs, letters);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while (!err && !only_prints(p->o)) {
		const char *word = argv[optind ? optind : 1];
		int c = getopt_long(argc, argv, letters, longs, NULL);
		const struct option_def *d = find_row(c);

		if (c == -1)
			break;
		if (c == '?' || c == ':' || !d)
			err = refuse_word(c, word);
		else
			err = take(p, &(struct option_setting){ .def = d,
								.value = d->arg ? optarg : NULL });
	}
	if (!err && !only_prints(p->o) && optind < argc) {
		log__error("'%.200s' is not expected: there are only options; see pvmtrace --help",
			   argv[optind]);
		err = EX_USAGE;
	}
	return err;
}

bool options__on_command_line(const struct options *o, const char *name)
{
	for (size_t i = 0; i < o->setting_cnt; i++) {
		if (!o->settings[i].line && !strcmp(o->settings[i].def->name, name))
			return true;
	}
	return false;
}

/* Takes back what the file gives of options that the command line gives too. */
static void drop_overridden(struct option_parse *p, const struct options *command)
{
	struct options *o = p->o;
	size_t kept = 0;

	for (size_t i = 0; i < o->setting_cnt; i++) {
		const struct option_def *d = o->settings[i].def;

		if (options__on_command_line(command, d->name))
			option__reset(p, d);
		else
			o->settings[kept++] = o->settings[i];
	}
	o->setting_cnt = kept;
}

/* Puts the file under what the command line gave: every line of the file is checked, also those that do not
 * count. */
static int put_file_below(struct options *command)
{
	struct options merged;
	struct option_parse p;
	int err;

	set_defaults(&p, &merged);
	err = options_file__read(&p, command->config);
	if (!err)
		err = options_rules__beside(&p, command);
	if (!err)
		drop_overridden(&p, command);
	for (size_t i = 0; !err && i < command->setting_cnt; i++)
		err = take(&p, &command->settings[i]);
	if (!err)
		err = options_check__all(&merged);
	if (!err)
		options_rules__complete(&p);
	memcpy(merged.command, command->command, sizeof(merged.command));
	options__free(command);
	*command = merged;
	return err;
}

int options__parse(struct options *o, int argc, char **argv)
{
	struct option_parse p;
	int err;

	set_defaults(&p, o);
	join_command(o, argc, argv);
	err = parse_command(&p, argc, argv);
	if (!err && !only_prints(o))
		err = o->config ? put_file_below(o) : options_check__all(o);
	if (err)
		options__free(o);
	return err;
}

static void free_filters(struct rule *rule)
{
	for (size_t who = 0; who < 2; who++) {
		for (size_t field = 0; field < FILTER_FIELD_CNT; field++) {
			free(rule->filter[who][field].values);
			rule->filter[who][field] = (struct filter_list){ 0 };
		}
	}
	free(rule->region.values);
	rule->region = (struct filter_list){ 0 };
}

void options__free(struct options *o)
{
	for (size_t i = 0; i < o->rule_cnt; i++) {
		free_filters(&o->rules[i]);
		free((char *)o->rules[i].name);
		o->rules[i].name = NULL;
	}
	free(o->settings);
	free(o->config_text);
	o->settings = NULL;
	o->setting_cnt = 0;
	o->config_text = NULL;
}
