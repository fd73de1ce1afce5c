/* SPDX-License-Identifier: Apache-2.0 */
/* live - a run of the tracer: makes its parts and joins them, in the order in which rights are needed and given up. */
#ifndef PVM_LIVE_H
#define PVM_LIVE_H

#include "base/options.h"

/* Traces until something ends the run. Returns the exit status of the program. */
int live__run(const struct options *o);

#endif
