/* SPDX-License-Identifier: Apache-2.0 */
/* help - the help text, made of the table of options. */
#include "options/command_line.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "options/table.h"

#define TEXT_COL 34 /* where the explanations begin */
#define WIDTH 98

static const char *const group_titles[GROUP_CNT] = {
	[GROUP_FILTER] = "Filters",
	[GROUP_OUTPUT] = "Output",
	[GROUP_RUN] = "Run",
	[GROUP_TALK] = "Talk and information",
};

static const char *const group_notes[GROUP_CNT] = {
	[GROUP_FILTER] =
		"A filter may be given several times: its values are alternatives. Different "
		"filters must all hold. A value that starts with '!' excludes, and excluding "
		"wins.",
	[GROUP_OUTPUT] = "Records go to stdout, one a line; everything else goes to stderr.",
};

static const struct {
	int status;
	const char *meaning;
} statuses[] = {
	{ EX_OK, "all well, also after SIGINT or SIGTERM" },
	{ EX_USAGE, "the command line is wrong" },
	{ EX_DATAERR, "the file to be replayed is damaged or is no recording" },
	{ EX_NOINPUT, "the file to be replayed cannot be opened" },
	{ EX_UNAVAILABLE, "the kernel lacks what is needed, or refuses the sandbox" },
	{ EX_SOFTWARE, "internal error" },
	{ EX_IOERR, "the output could not be written, or its reader went away" },
	{ EX_CANTCREAT, "the file for --record cannot be created" },
	{ EX_TEMPFAIL, "calls were lost, and --fail-on-loss was given" },
	{ EX_NOPERM, "no permission: CAP_BPF and CAP_PERFMON are needed" },
	{ EX_CONFIG, "the configuration file is wrong" },
};

static const struct {
	const char *command;
	const char *meaning;
} examples[] = {
	{ "pvmtrace", "every call of the machine, as JSON" },
	{ "pvmtrace -p 4242 -o /var/log/pvmtrace.json", "who looks into process 4242" },
	{ "pvmtrace --caller-comm '!strace' --op write", "writes by anything but strace" },
	{ "pvmtrace --target-uid 0 --caller-uid '!0' --no-self",
	  "root's processes, seen by others" },
	{ "pvmtrace --outcome failure -c 10 | jq .error", "why the next ten failed" },
};

/* Prints text from column col on, broken between words; what follows on further lines is indented by
 * indent. */
static void put_wrapped(const char *text, size_t col, size_t indent)
{
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (!first && col + 1 + len > WIDTH) {
			printf("\n%*s", (int)indent, "");
			col = indent;
		} else if (!first) {
			putchar(' ');
			col++;
		}
		printf("%.*s", (int)len, text);
		col += len;
		first = false;
		text += len;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* Puts what may be given and what holds if nothing is, as the table has it: " (1 to 9, default 3)". */
static void put_limits(const struct option_def *d, char *buf, size_t sz)
{
	char allowed[128] = "", def[32] = "";

	buf[0] = '\0';
	/* A filter's values are told by its help, and those of "read|write" by its argument. */
	if (d->group != GROUP_FILTER || d->def)
		option__allowed(d, allowed, sizeof(allowed));
	if (d->def)
		option__number(d, d->def, def, sizeof(def));
	else if (d->def_text)
		snprintf(def, sizeof(def), "%s", d->def_text);
	if (*allowed || *def)
		snprintf(buf, sz, " (%s%s%s%s)", allowed, *allowed && *def ? "; " : "",
			 *def ? "default " : "", def);
}

static void put_option(const struct option_def *d)
{
	char text[512], limits[192];
	int col;

	put_limits(d, limits, sizeof(limits));
	snprintf(text, sizeof(text), "%s%s", d->help, limits);
	col = d->letter ? printf("  -%c, --%s", d->letter, d->name) : printf("      --%s", d->name);
	if (d->arg)
		col += printf(" %s", d->arg);
	if (col + 1 < TEXT_COL)
		printf("%*s", TEXT_COL - col, "");
	else
		printf("\n%*s", TEXT_COL, "");
	put_wrapped(text, TEXT_COL, TEXT_COL);
}

static void put_group(enum option_group group)
{
	printf("\n%s:\n", group_titles[group]);
	if (group_notes[group]) {
		printf("  ");
		put_wrapped(group_notes[group], 2, 2);
	}
	for (size_t i = 0; i < options_table_cnt; i++) {
		if (options_table[i].group == group)
			put_option(&options_table[i]);
	}
}

void options__help(void)
{
	puts("Usage: pvmtrace [-p PID]... [-f FORMAT] [-o FILE] [filters] [--duration SECONDS] [-c N]\n");
	put_wrapped(
		"Shows every process_vm_readv and process_vm_writev call of this machine: who, on "
		"whom, which ranges of memory, and with what result. One record a line.",
		0, 0);
	for (unsigned group = 0; group < GROUP_CNT; group++)
		put_group((enum option_group)group);

	puts("\nRules, in a configuration file only:");
	printf("  %s %s\n    ", option_rule.name, option_rule.arg);
	put_wrapped(option_rule.help, 4, 4);
	puts("\nSignals: SIGINT and SIGTERM end the run, SIGHUP opens the output file again, SIGUSR1 "
	     "writes stats.");
	puts("\nExit status:");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		printf("  %2d  %s\n", statuses[i].status, statuses[i].meaning);
	puts("\nExamples:");
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		printf("  %-52s # %s\n", examples[i].command, examples[i].meaning);
	fflush(stdout);
}
