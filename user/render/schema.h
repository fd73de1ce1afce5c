/* SPDX-License-Identifier: Apache-2.0 */
/* schema - docs/pvmtrace-event.schema.json, carried inside the program. */
#ifndef PVM_SCHEMA_H
#define PVM_SCHEMA_H

#include <stddef.h>

/* Returns the file, byte by byte; there is no NUL behind it. */
const char *schema__text(size_t *len);
/* Writes it to stdout (for --schema). Returns 0, or EX_IOERR after a message. */
int schema__print(void);

#endif
