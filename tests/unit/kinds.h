/* SPDX-License-Identifier: Apache-2.0 */
/* kinds - calls of which each has another kind of what a key can say: where the fixture's call has one only. */
#ifndef PVM_KINDS_H
#define PVM_KINDS_H

#include "fixture.h"

#define KINDS 12

/* Makes the fixture's call one of these. number: below KINDS; label: id of the name that a mapping has. */
void kinds__make(struct fixture_call *f, unsigned int number, uint64_t label);

/* Makes one of an object that somebody opened, or was refused. It stays valid until the next call. */
const struct pvm_opened *kinds__opened(bool refused);

#endif
