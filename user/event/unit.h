/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit - the unit of the system's manager that a cgroup is in, by its path: the first name that is no slice's. What is
 * below it is the unit's own (user@UID.service: that user's), and says nothing. Pure.
 */
#ifndef PVM_UNIT_H
#define PVM_UNIT_H

#include <stddef.h>

#include "event/record.h"

#define UNIT_MAX 256 /* systemd's UNIT_NAME_MAX, with the NUL */

/* Its name, as systemctl(1) has it, within the len bytes of the path. NULL: it is in none. */
const char *unit__of(const char *path, size_t len, size_t *unit_len);
/* Whether that is one that a value means: a unit's name, which without a type is a service's, or a shell pattern for some, in
 * which a backslash stands for itself. cut: the path lacks names, in which it could be. */
enum tristate unit__hit(const char *value, const char *path, size_t len, bool cut);

#endif
