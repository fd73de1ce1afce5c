/* SPDX-License-Identifier: Apache-2.0 */
/* finish - the end of a run: from the mark on which entries are ignored to the `stop` record. */
#ifndef PVM_FINISH_H
#define PVM_FINISH_H

struct loop;

/* The exit status of the program. */
int finish__run(struct loop *l);

#endif
