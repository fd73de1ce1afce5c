/* SPDX-License-Identifier: Apache-2.0 */
/* decode_check - whether bytes are a record of ours, each field of it checked against the record's size and its own range:
 * what passes can be decoded without a look at what lies outside. It is pure. */
#ifndef PVM_DECODE_CHECK_H
#define PVM_DECODE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/event.h"

/* Returns the type of a record, an enum pvm_type; or -EBADMSG when the bytes cannot be a record of ours (shorter than a
 * header, size field not the given size, unknown version or type). */
int decode_check__type(const void *data, size_t size);
bool decode_check__call(const struct pvm_call *call, size_t size);
bool decode_check__opened(const struct pvm_opened *opened, size_t size);
bool decode_check__summary(const struct pvm_summary *sum, size_t size);

/* Returns where in a record its pages are: behind all data, of which every part is a multiple of 8 bytes. */
size_t decode_check__pins(const struct pvm_call *call);

#endif
