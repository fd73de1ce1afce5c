/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz - what libFuzzer calls in a target, and what targets share. Whoever includes this needs cmocka's headers no more: its
 * assertions abort in a target, which libFuzzer takes for a find. */
#ifndef PVM_FUZZ_H
#define PVM_FUZZ_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

/* The address sanitizer's own hook. */
const char *__asan_default_options(void);

/* Where errors go that the program tells: at the end of an input it is emptied. */
#define FUZZ_TEXT_SZ 2048
extern char fuzz_text[FUZZ_TEXT_SZ];

/* Makes a file without a name. Returns its descriptor. */
int fuzz__file(const char *name);
/* Gives the file other contents, and goes to its begin. */
void fuzz__fill_file(int fd, const void *data, size_t size);
/* Returns all that is in it with a NUL behind, to be freed by the caller. */
char *fuzz__read_file(int fd, size_t *size);
/* Expects one line without bytes that steer a terminal, and its LF. color: sequences of colours are none of these. */
void fuzz__expect_text(const char *line, size_t len, bool color);
/* Reads bytes, so that the sanitizer says which of them are nobody's. */
void fuzz__touch(const void *bytes, size_t len);

#endif
