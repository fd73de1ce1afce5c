/* SPDX-License-Identifier: Apache-2.0 */
/* unseen - what no hook sees, in words: `start` and --probe tell it. */
#ifndef PVM_UNSEEN_H
#define PVM_UNSEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"

/* Returns what the attach method does not see, *cnt sentences. They are constants. preemptible: witness_info.needed. */
const char *const *unseen__list(enum attach_method attach, bool preemptible, size_t *cnt);

#endif
