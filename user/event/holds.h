/* SPDX-License-Identifier: Apache-2.0 */
/* holds - whether filters hold, and so a rule, where not all is known that they ask for. It is pure. */
#ifndef PVM_HOLDS_H
#define PVM_HOLDS_H

#include <stdbool.h>

#include "base/options.h"
#include "event/record.h"

/* Says whether a value of a filter means what is looked at. */
typedef enum tristate (*holds_hit_fn)(const struct filter_value *value, const void *of);

/* Returns what holds of two things together. */
enum tristate holds__both(enum tristate a, enum tristate b);
/* Returns whether a filter holds: its values are alternatives, and an exclusion wins. */
enum tristate holds__list(const struct filter_list *list, holds_hit_fn hit, const void *of);
/* Returns what holds of a call that touches two of a kind: it has to hold of both for a rule that drops, else of either. */
enum tristate holds__joined(const struct rule *r, enum tristate a, enum tristate b);
/* Returns whether a rule is taken to hold where its filters say so much: what is not known hides no call, so that a rule that drops
 * does not hold there, and each other one does. */
bool holds__rule(const struct rule *r, enum tristate is);

#endif
