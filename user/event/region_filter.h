/* SPDX-License-Identifier: Apache-2.0 */
/* region_filter - the filter by what lies at the remote elements. */
#ifndef PVM_REGION_FILTER_H
#define PVM_REGION_FILTER_H

#include <stdbool.h>

#include "base/options.h"
#include "event/holds.h"
#include "event/record.h"

#define REGION_EXEC "exec"
#define REGION_FILE "file:" /* with a pattern behind it */
#define REGION_FILE_LEN (sizeof(REGION_FILE) - 1)

/*
 * Returns whether a rule's filter by region holds for a call. It is judged by each region by itself, and one that it holds for is
 * enough: an element more, in what a filter excludes, hides no other. So a rule that drops has to hold for all of them. A call
 * without a target, or of empty elements, touches nothing. Elements that were not looked at, that reach into the next mapping,
 * or that were rewritten are not known.
 */
enum tristate region_filter__holds(const struct rule *r, const struct call_info *call);

#endif
