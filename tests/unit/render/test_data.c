/* SPDX-License-Identifier: Apache-2.0 */
/* test_data - what a call moved first: whether more moved than is shown, in each format that is JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "rendering.h"

#define SHOWN 16

/* Of these bytes that moved, and so many that were read, it is (UNKNOWN: it is not known how many moved). */
static const struct {
	uint64_t moved;
	uint32_t read;
	enum tristate cut;
} calls[] = {
	{ SHOWN, SHOWN, NO },
	{ SHOWN + 1, SHOWN, YES },
	{ SHOWN + 1, SHOWN + 1, YES },
	{ SHOWN - 1, 7, YES },
	{ 7, 7, NO },
	{ 1ULL << 31, SHOWN, YES },
	{ SHOWN, SHOWN, UNKNOWN },
};

static const json_t *told(const json_t *line, enum record_format format)
{
	if (format != FORMAT_JSON)
		line = json_object_get(line, format == FORMAT_ECS ? "pvmtrace" : "unmapped");
	return json_object_get(json_object_get(line, "data"), "cut");
}

static void more_moved_than_is_shown(void **state)
{
	struct render_opts o = rendering_defaults;
	struct sample *s = sample__new();

	(void)state;
	o.data = SHOWN;
	s->r.call.data = s->moved;
	for (int format = FORMAT_JSON; format <= FORMAT_OCSF; format++) {
		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
			const json_t *cut;
			json_t *line;

			s->r.call.data_len = calls[i].read;
			s->r.call.transferred = calls[i].moved;
			s->r.call.transferred_known = calls[i].cut != UNKNOWN;
			line = rendering__line_in((enum record_format)format, &s->r, &o);
			cut = told(line, (enum record_format)format);
			if (calls[i].cut != UNKNOWN)
				assert_true(json_is_boolean(cut) &&
					    json_is_true(cut) == (calls[i].cut == YES));
			else
				assert_true(format == FORMAT_JSON ? json_is_null(cut) : !cut);
			json_decref(line);
		}
	}
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_moved_than_is_shown),
	};

	return cmocka_run_group_tests_name("data", tests, NULL, rendering__teardown);
}
