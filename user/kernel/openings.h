/* SPDX-License-Identifier: Apache-2.0 */
/* openings - tells the kernel half which maps, programs and links are the tracer's own (bpf/opening.h). */
#ifndef PVM_OPENINGS_H
#define PVM_OPENINGS_H

#define OPENINGS_ROOM 256 /* objects */

struct hooks;
struct iterators;

/* Does so for all that there are; a link that is made later is not known. The maps are not frozen yet. Returns 0 or -errno. */
int openings__know_own(const struct hooks *h, const struct iterators *iterators);

#endif
