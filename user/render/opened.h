/* SPDX-License-Identifier: Apache-2.0 */
/* opened - what `tamper` says, in all formats that are JSON. */
#ifndef PVM_RENDER_OPENED_H
#define PVM_RENDER_OPENED_H

#include <stdbool.h>

#include "render/own.h"

/* Puts "command", "object", "ret", with nulls "error", and "caller". nulls: also of what is not known; without, the error has a
 * place of its own, and so has the program's path if has_exe is false. */
void opened__put(struct json *j, const struct own_plan *plan, const struct tamper_info *t,
		 bool nulls, bool has_exe);
/* Puts the path of the program under this key, if it is known and there is room. */
void opened__exe(struct json *j, const struct own_plan *plan, const char *key,
		 const struct tamper_info *t, bool nulls);

#endif
