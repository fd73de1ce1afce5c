/* SPDX-License-Identifier: Apache-2.0 */
/* setting - takes one option as it is given, on the command line or in the file. */
#include "options/table.h"

#include <stdlib.h>
#include <sysexits.h>

#include "base/log.h"

int option__set(struct option_parse *p, const struct option_def *d, const char *value)
{
	char allowed[128];

	if (d->arg && !*value) {
		option__allowed(d, allowed, sizeof(allowed));
		log__error("--%s: '' is not valid; allowed: %s", d->name,
			   *allowed ? allowed : "at least one character");
		return EX_USAGE;
	}
	return d->set(p, d, value);
}

int option__note(struct option_parse *p, const struct option_setting *s)
{
	struct options *o = p->o;
	struct option_setting *grown =
		realloc(o->settings, (o->setting_cnt + 1) * sizeof(*o->settings));

	if (!grown) {
		log__error("--%s: out of memory", s->def->name);
		return EX_SOFTWARE;
	}
	o->settings = grown;
	o->settings[o->setting_cnt++] = *s;
	return 0;
}
