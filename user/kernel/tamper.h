/* SPDX-License-Identifier: Apache-2.0 */
/* tamper - keeps what was found of others' hands in the kernel half, until that is told. */
#ifndef PVM_TAMPER_H
#define PVM_TAMPER_H

#include <stddef.h>

struct tamper {
	char first[160];   /* empty: nothing was found */
	size_t cnt;	   /* how much was found since the last telling */
	char message[224]; /* as it was told last */
};

/* Takes note of it. Of what is found until that is told the first is named, and the rest counted. */
void tamper__find(struct tamper *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Returns for a person what was found since the last time, or NULL. It stays valid until the next call. */
const char *tamper__take(struct tamper *t);

#endif
