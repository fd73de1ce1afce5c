/* SPDX-License-Identifier: Apache-2.0 */
/* terminal - what stdout is to a person: how wide, and whether colours are welcome. */
#ifndef PVM_TERMINAL_H
#define PVM_TERMINAL_H

#include <stdbool.h>

/* Returns the columns; 0: fd is no terminal, or does not know. */
unsigned int terminal__width(int fd);
/* Returns whether it is a terminal that understands colours, and nobody asked for none (NO_COLOR, see
 * no-color.org). */
bool terminal__color(int fd);

#endif
