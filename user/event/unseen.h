/* SPDX-License-Identifier: Apache-2.0 */
/* unseen - what no hook sees, in words: `start` and --probe tell it. */
#ifndef PVM_UNSEEN_H
#define PVM_UNSEEN_H

#include <stdbool.h>
#include <stddef.h>

/* Returns what the attach method does not see, *cnt sentences. They are constants. */
const char *const *unseen__list(bool fentry, size_t *cnt);

#endif
