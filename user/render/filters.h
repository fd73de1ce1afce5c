/* SPDX-License-Identifier: Apache-2.0 */
/* filters - the filters and rules in force, and what became of the calls of each rule, for the formats that are JSON. `nulls`
 * as in common.h. */
#ifndef PVM_RENDER_FILTERS_H
#define PVM_RENDER_FILTERS_H

#include "event/record.h"
#include "render/json_writer.h"

/* Puts of a run "filters": those that no rule has, and all files that filters mean. */
void filters__put(struct json *j, const struct start_info *s, bool nulls);
/* Puts "rules", each with its filters; empty: there are none. */
void filters__rules(struct json *j, const struct options *o, bool nulls);
/* Puts "rules", each with what became of its calls; empty: there are none. */
void filters__fates(struct json *j, const struct stats_info *s, bool nulls);

#endif
