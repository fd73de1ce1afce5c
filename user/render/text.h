/* SPDX-License-Identifier: Apache-2.0 */
/* text - what the files of the text rendering share. */
#ifndef PVM_RENDER_TEXT_H
#define PVM_RENDER_TEXT_H

#include "event/record.h"
#include "render/text_line.h"

/* Puts what is no call: what the tracer says about itself. */
void text_state(struct text_line *t, const struct record *r);

#endif
