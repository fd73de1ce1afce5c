/* SPDX-License-Identifier: Apache-2.0 */
/* text_file - what the kernel tells in a small file of /proc or /sys. */
#ifndef PVM_TEXT_FILE_H
#define PVM_TEXT_FILE_H

#include <stddef.h>

/* Reads the file's begin into text, up to size - 1 bytes, with a NUL behind them. Returns how many; 0: there is nothing to
 * read. */
size_t text_file__read(const char *path, char *text, size_t size);

#endif
