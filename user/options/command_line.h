/* SPDX-License-Identifier: Apache-2.0 */
/* command_line - the command line and the configuration file: one table of options, strict values, clear errors. */
#ifndef PVM_COMMAND_LINE_H
#define PVM_COMMAND_LINE_H

#include <stdbool.h>

#include "base/options.h"

/* Fills o from the command line and the configuration file that it names. The command line wins: a row of the table that it
 * gives is not taken from the file at all. Returns 0, or EX_USAGE or (for what is wrong in the file) EX_CONFIG after
 * messages on stderr that name the option and the value, or file and line. Strings stay in argv or are freed by
 * options__free, with all the rest. */
int options__parse(struct options *o, int argc, char **argv);
void options__free(struct options *o);
/* Returns whether the command line itself gave the option of this long name. */
bool options__on_command_line(const struct options *o, const char *name);
/* Writes the help text (for -h) to stdout. */
void options__help(void);
/* Writes a configuration file to stdout that stands for the options in force: every option with what it is for, the others
 * commented out. Returns 0, EX_USAGE for a value that no line can hold, or EX_IOERR. */
int options__print(const struct options *o);
/* Gives a number that stands for the options in force: FNV-1a, 64 bits, of the lines of options__print that are neither empty
 * nor comments, each with its LF. Equal options in equal order have the same one, and others, but for chance, another. Returns 0
 * or -ENOMEM. */
int options__hash(const struct options *o, uint64_t *hash);

#endif
