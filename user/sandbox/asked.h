/* SPDX-License-Identifier: Apache-2.0 */
/* asked - what a run does behind the bars, by which they are made. It is pure data. */
#ifndef PVM_SANDBOX_ASKED_H
#define PVM_SANDBOX_ASKED_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/options.h"

struct sandbox_asked {
	const struct options *options;
	bool reopens; /* lines go to a file by its name, which is opened again when another one is there */
	int output;	   /* the descriptor that lines are written to */
	mode_t kind;	   /* what that is (st_mode), which sandbox__prepare asks */
	bool tracing;	   /* it is no replay */
	bool notifies;	   /* a service manager is told of it */
	bool attach_later; /* a hook may have to be attached while it runs */
	bool types_later;  /* types of modules may have to be learned while it runs */
};

#endif
