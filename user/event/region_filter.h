/* SPDX-License-Identifier: Apache-2.0 */
/* region_filter - the filter by what lies at the remote elements. */
#ifndef PVM_REGION_FILTER_H
#define PVM_REGION_FILTER_H

#include <stdbool.h>

#include "base/options.h"
#include "event/judge.h"
#include "event/record.h"

#define REGION_EXEC "exec"
#define REGION_FILE "file:" /* with a pattern behind it */
#define REGION_FILE_LEN (sizeof(REGION_FILE) - 1)

/*
 * Returns whether a call passes. It is judged by each region by itself, and one that passes is enough: an element more, in
 * what a filter excludes, hides no other. A call without a target, or of empty elements, touches nothing. What is not known is not
 * hidden: that includes elements that were not looked at, that reach into the next mapping, or that were rewritten.
 */
bool region_filter__passes(const struct filter_list *list, const struct call_info *call);

#endif
