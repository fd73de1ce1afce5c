/* SPDX-License-Identifier: Apache-2.0 */
/* scratch - a directory for a test, and what the tests of the sink do with the files in it. */
#ifndef PVM_SCRATCH_H
#define PVM_SCRATCH_H

#include <stdbool.h>

#include "output/sink.h"

/* This is the directory, which is also the current one between these two (fixtures of cmocka). The second
 * removes it with the files out, out.1, out.2, link, other, ballast, conf and socket. */
extern char scratch[32];
int scratch__setup(void **state);
int scratch__teardown(void **state);

void write_file(const char *name, const char *text);
/* Fails the test unless the file holds just this text. */
void expect_file(const char *name, const char *text);

/* Opens a sink on the file "out", whose owner stays who it is. */
struct sink *open_out(void);
/* Commits a line (LF included) that stands for one call, or one that goes first and stands for
 * none. */
void put_text(struct sink *s, const char *text, bool first);

#endif
