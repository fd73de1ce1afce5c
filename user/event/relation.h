/* SPDX-License-Identifier: Apache-2.0 */
/* relation - what the two processes of a call have in common. It is pure. */
#ifndef PVM_RELATION_H
#define PVM_RELATION_H

#include "event/record.h"

/* Sets all of it to unknown. */
void relation__none(struct call_info *out);
/* Fills it in; call has a target, and out's task_infos are filled. */
void relation__fill(const struct pvm_call *call, struct call_info *out);
/* Returns whether caller and target are in different containers by the host's own word: their outermost ids differ, and no user
 * gave them to himself. same_container goes by all ids, whoever gave them. */
enum tristate relation__other_container(const struct call_info *call);

#endif
