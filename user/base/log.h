/* SPDX-License-Identifier: Apache-2.0 */
/* log - talk on stderr: one line a message, "pvmtrace: ..." in front. stdout is for records only. */
#ifndef PVM_LOG_H
#define PVM_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Sets how much is said. quiet: only errors. verbose: also debug. Errors are always said. */
void log__setup(bool quiet, unsigned verbose);
/* Puts a text in front of each message until the next call (NULL: nothing): a place in a file. The text must stay. */
void log__about(const char *text);
/* From now on errors go into text (the last one stays) instead of to stderr; NULL: no more. */
void log__keep(char *text, size_t size);
void log__error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log__warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log__info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log__debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
