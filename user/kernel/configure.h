/* SPDX-License-Identifier: Apache-2.0 */
/* configure - what of the options the kernel half has to know before it is loaded. */
#ifndef PVM_CONFIGURE_H
#define PVM_CONFIGURE_H

#include <stdint.h>

#include "base/options.h"

struct pvmtrace_bpf;

/* Sets what the options ask of the kernel half. digest_key: random; no caller may know how long lists are
 * compared. */
void configure__skeleton(struct pvmtrace_bpf *skel, const struct options *o,
			 const uint64_t digest_key[2]);

#endif
