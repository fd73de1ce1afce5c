/* SPDX-License-Identifier: Apache-2.0 */
/* --omit: which parts a name stands for, and what is no part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "capture.h"
#include "options/command_line.h"
#include "render/parts.h"

/* Two words behind the name of the program, or one and NULL. text gets what was said. */
static int parse(struct options *o, const char *first, const char *second, char *text)
{
	const char *argv[] = { "pvmtrace", first, second, NULL };
	struct capture c;
	int err;

	capture__start(&c, STDERR_FILENO);
	err = options__parse(o, second ? 3 : 2, (char **)argv);
	capture__end(&c, text);
	return err;
}

static void each_name_is_one_part(void **state)
{
	char names[1024], text[CAPTURE_SZ], word[64];
	uint64_t all = 0;
	struct options o;

	(void)state;
	parts__list(~0ULL, names, sizeof(names));
	assert_true(strlen(names) < sizeof(names) - 1);
	for (const char *name = names; *name; name += strspn(name, ", ")) {
		size_t len = strcspn(name, ",");

		snprintf(word, sizeof(word), "--omit=%.*s", (int)len, name);
		assert_int_equal(parse(&o, word, NULL, text), 0);
		assert_true(o.omit && !(o.omit & (o.omit - 1)));
		all |= o.omit;
		options__free(&o);
		name += len;
	}
	for (unsigned int part = 0; part < FIT_CNT; part++)
		assert_int_equal(!!(all & FIT_BIT(part)),
				 fit_rows[part].in[FIT_JSON].names != NULL);
}

static void names_add_up(void **state)
{
	char text[CAPTURE_SZ];
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, "--omit=host", "--omit=caller.containers", text), 0);
	assert_true(o.omit == (FIT_BIT(FIT_HOST) | FIT_BIT(FIT_NS)));
	options__free(&o);
	assert_int_equal(parse(&o, "--omit=*", "--omit=*", text), 0);
	assert_true(o.omit == FIT_BIT(FIT_TOP));
	options__free(&o);
}

static void what_goes_with_a_part(void **state)
{
	(void)state;
	assert_true(parts__with_siblings(0) == 0);
	assert_true(parts__with_siblings(FIT_BIT(FIT_HOST)) == FIT_BIT(FIT_HOST));
	assert_true(parts__with_siblings(FIT_BIT(FIT_LOCAL)) ==
		    (FIT_BIT(FIT_LOCAL) | FIT_BIT(FIT_LOCAL_IOV) | FIT_BIT(FIT_LOCAL_EXIT)));
	assert_true(parts__with_siblings(FIT_BIT(FIT_ARGS) | FIT_BIT(FIT_TARGET_CGROUP)) ==
		    (FIT_BIT(FIT_ARGS) | FIT_BIT(FIT_ARGS_HEX) | FIT_BIT(FIT_ARGS_COPY) |
		     FIT_BIT(FIT_TARGET_CGROUP) | FIT_BIT(FIT_TARGET_CGROUP_HEX)));
}

static const struct {
	const char *words[2];
	const char *said[2];
} refused[] = {
	{ { "--omit", "caller.id" }, { "--omit: 'caller.id' is no part", "caller.ns, " } },
	{ { "--omit", "caller.ns.pid" }, { "--omit: 'caller.ns.pid'", "remote.iov_exit, " } },
	{ { "--omit", "local,host" }, { "--omit: 'local,host'", "local, " } },
	{ { "--omit", "loca" }, { "--omit: 'loca'", "local, " } },
	{ { "--omit", "target.pid" }, { "--omit: 'target.pid' tells", "each line has it" } },
	{ { "--omit", "type" }, { "--omit: 'type' tells", "each line has it" } },
	{ { "--omit", "ret" }, { "--omit: 'ret' tells", "each line has it" } },
	{ { "--omit", "caller" }, { "--omit: 'caller' tells", "'.*'" } },
	{ { "--omit", NULL }, { "--omit:", "missing" } },
	{ { "--omit=", NULL }, { "--omit: ''", "at least one" } },
	{ { "--omit=host", "-ftext" }, { "--omit: ", "--format text" } },
};

static void what_is_no_part_is_refused(void **state)
{
	char text[CAPTURE_SZ];
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int err = parse(&o, refused[i].words[0], refused[i].words[1], text);

		if (err != EX_USAGE || !strstr(text, refused[i].said[0]) ||
		    !strstr(text, refused[i].said[1]))
			fail_msg("%s: status %d, said: %s", refused[i].words[0], err, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_is_one_part),
		cmocka_unit_test(names_add_up),
		cmocka_unit_test(what_goes_with_a_part),
		cmocka_unit_test(what_is_no_part_is_refused),
	};

	return cmocka_run_group_tests_name("--omit", tests, NULL, NULL);
}
