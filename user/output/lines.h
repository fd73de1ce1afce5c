/* SPDX-License-Identifier: Apache-2.0 */
/* lines - bytes that are whole lines, each with its LF. */
#ifndef PVM_LINES_H
#define PVM_LINES_H

#include <stddef.h>

/* Returns the length of the whole lines within the first max bytes; 0 if the first line is longer. */
size_t lines__whole(const char *data, size_t len, size_t max);

#endif
