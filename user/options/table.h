/* SPDX-License-Identifier: Apache-2.0 */
/* table - a row of the table of options, for those who build something out of it: the parser,
 * the help, and the tests. */
#ifndef PVM_OPTIONS_TABLE_H
#define PVM_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/options.h"

enum option_group {
	GROUP_FILTER,
	GROUP_OUTPUT,
	GROUP_RUN,
	GROUP_TALK,
	GROUP_CNT,
};

#define OPTION_MAX 64
#define OPTION_LINE_MAX 8192u /* bytes of a line of a configuration file */

/* This is what an option of two names has been given so far: bit n stands for the row's names[n]. */
struct option_choice {
	unsigned wanted;
	unsigned excluded;
};

struct option_parse {
	struct options *o;
	struct option_choice op;
	struct option_choice outcome;
	bool has_rules; /* the last one of o->rules is what filters are given to */
};

struct option_def {
	const char *name;
	const char *arg; /* what the value is called; NULL: the option takes none */
	const char *help;
	/* Stores a value, never NULL or empty where arg is set. Returns 0, or an exit status after a message. */
	int (*set)(struct option_parse *p, const struct option_def *d, const char *value);
	size_t offset, size;	  /* of the member of struct options */
	uint64_t min, max, def;	  /* numbers; max 0: no number */
	const char *def_text;	  /* of the first of names */
	const char *const *names; /* the values there are, up to a NULL */
	const char *allowed; /* what a value may be, where the members above do not say it all */
	enum option_group group;
	enum filter_field field;
	char letter;	   /* 0: there is only the long form */
	bool unit;	   /* a number of bytes that may end in K, M or G */
	bool power;	   /* it is to be a power of two */
	bool command_only; /* of no use in a configuration file, and refused there */
	bool trace_only;   /* of no use with --replay, and refused beside it */
};

extern const struct option_def options_table[];
extern const size_t options_table_cnt;
/* The line of a configuration file that begins a rule. It is no option of the command line. */
extern const struct option_def option_rule;

/* Returns whether it is one that a rule can have. */
bool option__is_filter(const struct option_def *d);
/* Returns where a value of the option is kept: a filter's in the last rule. */
static inline void *option__member(const struct option_parse *p, const struct option_def *d)
{
	size_t rule = option__is_filter(d) ? p->o->rule_cnt - 1 : 0;

	return (char *)p->o + rule * sizeof(struct rule) + d->offset;
}

/* Complains about a value in the one shape: which option, what was given, why not (and what is allowed; "is not valid"). All
 * return EX_USAGE. */
int option__refuse(const struct option_def *d, const char *value, const char *why);
int option__refuse_allowed(const struct option_def *d, const char *value, const char *why);
int option__refuse_value(const struct option_def *d, const char *value);
/* Reads digits only: no sign, no blanks, no other base, nothing after them. */
bool option__digits(const char *text, size_t len, uint64_t *out);
bool option__all_digits(const char *text);
/* This is a row's set, for filters by process, name, user, cgroup and container. */
int option__set_filter(struct option_parse *p, const struct option_def *d, const char *value);
/* This is a row's set, for parts of lines. */
int option__set_omit(struct option_parse *p, const struct option_def *d, const char *value);
/* Checks what options that were all read can do only together, or not together. Returns 0, or EX_USAGE after a message. */
int options_check__all(const struct options *o);
/* Checks what filters of a rule can do only together, or not together. Returns likewise. */
int options_check__rule(const struct rule *rule);
/* Checks a file's rules. Returns 0, or EX_CONFIG after messages, each with the file and the line. */
int options_rules__check(const struct option_parse *p, const char *path);
/* Refuses filters of the command line beside a file's rules. Returns 0, or EX_USAGE after a message. */
int options_rules__beside(const struct option_parse *p, const struct options *command);
/* Adds what is meant where rules do not say it: calls that no rule is for are told, unless a rule tells; a window. */
void options_rules__complete(struct option_parse *p);
/* Returns whether a rule adds calls up. */
bool options__aggregates(const struct options *o);
/* Returns whether the option's values are alternatives to each other; else the last one holds. */
bool option__adds_up(const struct option_def *d);
/* Takes back what the option was given. */
void option__reset(struct option_parse *p, const struct option_def *d);
/* Checks and stores a value (NULL where the option takes none). Returns 0, or an exit status after a message. */
int option__set(struct option_parse *p, const struct option_def *d, const char *value);
/* Notes in p->o->settings what was set. Returns 0, or EX_SOFTWARE after a message. */
int option__note(struct option_parse *p, const struct option_setting *s);
/* Reads the file into p->o, which is to hold the defaults. Returns 0, or EX_CONFIG after messages, each with the file and,
 * for up to ten wrong ones, the line. */
int options_file__read(struct option_parse *p, const char *path);
/* Returns whether a character stands there (NUL-terminated) that a line of a file cannot have: a control character, one of
 * U+0080 to U+009F among them, other than a tab. */
bool options__is_control(const char *at);
/* Writes what a value may be ("1 to 86400"), "" where anything goes. */
void option__allowed(const struct option_def *d, char *buf, size_t sz);
/* Writes a number as the option would take it: with K or M where it has a unit. */
void option__number(const struct option_def *d, uint64_t n, char *buf, size_t sz);

#endif
