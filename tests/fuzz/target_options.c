/* SPDX-License-Identifier: Apache-2.0 */
/* options - a command line, its words separated by NULs: it is taken, or refused with a message. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "options/command_line.h"
#include "options/table.h"
#include "tests/fuzz/fuzz.h"

#define WORDS_MAX 64

int __wrap_options_file__read(struct option_parse *p, const char *path);

/* A configuration file that it names is one without a line. */
int __wrap_options_file__read(struct option_parse *p, const char *path)
{
	(void)p;
	fuzz__touch(path, strlen(path) + 1);
	return 0;
}

/* Returns how many words there are; each is memory of its own. */
static int split(const uint8_t *data, size_t size, char **argv)
{
	int argc = 1;

	argv[0] = strdup("pvmtrace");
	assert_non_null(argv[0]);
	while (size && argc < WORDS_MAX) {
		size_t len = strnlen((const char *)data, size);

		argv[argc] = malloc(len + 1);
		assert_non_null(argv[argc]);
		memcpy(argv[argc], data, len);
		argv[argc++][len] = '\0';
		len += len < size;
		data += len;
		size -= len;
	}
	argv[argc] = NULL;
	return argc;
}

/* What was given is there: a filter has as many values as the settings say, and each text is one of the command line's. */
static void check(const struct options *o)
{
	assert_true(o->rule_cnt >= 1 && o->rule_cnt <= RULES_MAX);
	fuzz__touch(o->command, strlen(o->command) + 1);
	assert_true(strlen(o->command) < sizeof(o->command));
	for (size_t i = 0; i < o->setting_cnt; i++) {
		const struct option_setting *s = &o->settings[i];

		assert_true(s->def >= options_table && s->def < options_table + options_table_cnt);
		assert_int_equal(s->value != NULL, s->def->arg != NULL);
		assert_true(options__on_command_line(o, s->def->name));
		if (s->value)
			fuzz__touch(s->value, strlen(s->value) + 1);
	}
	for (int who = 0; who < 2; who++) {
		for (int field = 0; field < FILTER_FIELD_CNT; field++) {
			const struct filter_list *f = &o->rules[0].filter[who][field];

			for (size_t i = 0; i < f->cnt; i++)
				fuzz__touch(f->values[i].text, strlen(f->values[i].text) + 1);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS_MAX + 2];
	struct options o;
	int argc = split(data, size, argv), status;

	fuzz_text[0] = '\0';
	status = options__parse(&o, argc, argv);
	if (!status)
		check(&o);
	else
		assert_true((status == EX_USAGE || status == EX_CONFIG) && fuzz_text[0]);
	options__free(&o);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return 0;
}
