/* SPDX-License-Identifier: Apache-2.0 */
/* test_relatives - whether a caller has more ancestors than are told, in each format that is JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "rendering.h"

/* Returns what stands at the end of a path of keys; NULL: there is no such key. */
static const json_t *at(const json_t *line, const char *const *keys)
{
	for (; line && *keys; keys++)
		line = json_object_get(line, *keys);
	return line;
}

static void more_of_them_none_or_not_known(void **state)
{
	static const struct {
		enum record_format format;
		const char *keys[4];
		bool nulls;
	} formats[] = {
		{ FORMAT_JSON, { "caller", "ancestors_cut" }, true },
		{ FORMAT_ECS, { "pvmtrace", "caller", "ancestors_cut" }, false },
		{ FORMAT_OCSF, { "unmapped", "caller", "ancestors_cut" }, false },
	};
	struct relative_info parent = { .pid = 300, .comm = "sh" };
	struct ancestry_info behind = { .ancestors = &parent, .cnt = 1 };
	struct sample *s = sample__new();

	(void)state;
	s->r.call.ancestry[PVM_CALLER] = &behind;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		for (int above = PVM_ABOVE_UNKNOWN; above <= PVM_ABOVE_MORE; above++) {
			const json_t *told;
			json_t *line;

			behind.above = (enum pvm_above)above;
			line = rendering__line_in(formats[i].format, &s->r, &rendering_defaults);
			told = at(line, formats[i].keys);
			if (above == PVM_ABOVE_UNKNOWN && formats[i].nulls)
				assert_true(json_is_null(told));
			else if (above == PVM_ABOVE_UNKNOWN)
				assert_null(told);
			else
				assert_true(above == PVM_ABOVE_MORE ? json_is_true(told)
								    : json_is_false(told));
			json_decref(line);
		}
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_of_them_none_or_not_known),
	};

	return cmocka_run_group_tests_name("relatives", tests, NULL, rendering__teardown);
}
