/* SPDX-License-Identifier: Apache-2.0 */
/* lines - numbered lines that show when a part of them is missing, for the tests of the sink. */
#ifndef PVM_UNIT_LINES_H
#define PVM_UNIT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "output/sink.h"

#define LINE_MIN 20

/* This is what came out so far. */
struct got {
	char *data;
	size_t len, cap;
};

/* Opens a sink with fd as the process's stdout, which it has only for that moment. */
int open_as_stdout(struct sink **out, int fd, size_t max_line, size_t buffer);
int open_as_file(struct sink **out, const char *path, uid_t uid, gid_t gid);

/* Commits line number no of len bytes (at least LINE_MIN). Returns false if there is no room. */
bool put_line(struct sink *s, uint32_t no, size_t len, uint64_t weight);

/* Returns the calls that s says are out: those that were put, but for what is pending. */
uint64_t written_weight(const struct sink *s);

/* Reads up to max bytes that are there now. Returns false at the end. */
bool take(struct got *got, int fd, size_t max);
/* Puts a file's contents into got, from its start. */
void take_file(struct got *got, const char *path);
void got__free(struct got *got);

/* Fails the test unless data is nothing but whole lines numbered from first on, one by one.
 * Returns the number that comes next. */
uint32_t check_lines(const char *data, size_t len, uint32_t first);

#endif
