/* SPDX-License-Identifier: Apache-2.0 */
/* random_call - calls as no kernel makes them: every field at random, strings of hostile bytes, lists of up to 1024
 * elements. */
#ifndef PVM_RANDOM_CALL_H
#define PVM_RANDOM_CALL_H

#include "rendering.h"

/* Makes of a new sample another one, by the numbers of fixture__random. */
void random_call(struct sample *s);
/* Makes the same as a summary. */
void random_summary(struct sample *s);

#endif
