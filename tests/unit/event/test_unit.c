/* SPDX-License-Identifier: Apache-2.0 */
/* The unit that a cgroup is in, and the filters on it and on the program, as a recording is judged by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "event/container.h"
#include "event/judge.h"
#include "event/unit.h"
#include "fixture.h"

static const struct {
	const char *path, *unit;
} paths[] = {
	{ "/system.slice/ssh.service", "ssh.service" },
	{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service" },
	{ "/user.slice/user-1000.slice/session-3.scope", "session-3.scope" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/evil.service",
	  "user@1000.service" },
	{ "/system.slice/ssh.service/inner.service", "ssh.service" },
	{ "/system.slice/_tasks.service", "tasks.service" },
	{ "/init.scope", "init.scope" },
	{ "/docker/0123/system.slice/ssh.service", NULL },
	{ "/", NULL },
	{ "", NULL },
	{ "/system.slice", NULL },
	{ "/system.slice/plain", NULL },
	{ "/.service", NULL },
};

static void the_first_name_that_is_no_slice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		size_t len = 0;
		const char *unit = unit__of(paths[i].path, strlen(paths[i].path), &len);

		if (!unit != !paths[i].unit || (unit && (len != strlen(paths[i].unit) ||
							 memcmp(unit, paths[i].unit, len) != 0)))
			fail_msg("%s: %.*s", paths[i].path, unit ? (int)len : 4,
				 unit ? unit : "none");
	}
}

static enum tristate hit(const char *value, const char *path, bool cut)
{
	return unit__hit(value, path, strlen(path), cut);
}

static void values(void **state)
{
	(void)state;
	assert_int_equal(hit("ssh", "/system.slice/ssh.service", false), YES);
	assert_int_equal(hit("ssh.service", "/system.slice/ssh.service", false), YES);
	assert_int_equal(hit("ss?*", "/system.slice/ssh.service", false), YES);
	assert_int_equal(hit("session-*.scope", "/user.slice/user-0.slice/session-1.scope", false),
			 YES);
	assert_int_equal(hit("session-*", "/user.slice/user-0.slice/session-1.scope", false), NO);
	assert_int_equal(hit("sshd", "/system.slice/ssh.service", false), NO);
	assert_int_equal(hit("ssh", "/", false), NO);
	/* Only a unit's type is one, whatever dots a name has. */
	assert_int_equal(hit("dbus-org.x.hostname1", "/system.slice/dbus-org.x.hostname1.service",
			     false),
			 YES);
	assert_int_equal(hit("dbus-org.x.*", "/system.slice/dbus-org.x.hostname1.service", false),
			 YES);
	assert_int_equal(hit("session-1.*", "/user.slice/session-1.scope", false), YES);
	assert_int_equal(hit("ssh.socket", "/system.slice/ssh.socket.service", false), NO);
	assert_int_equal(hit("a.scope", "/system.slice/a.service", false), NO);
	/* A name is its own pattern. */
	assert_int_equal(hit("a\\x2db", "/system.slice/a\\x2db.service", false), YES);
	assert_int_equal(hit("a\\x2d?.service", "/system.slice/a\\x2db.service", false), YES);
	assert_int_equal(hit("a\\x2db", "/system.slice/ax2db.service", false), NO);
	/* What lies before the gap decides. */
	assert_int_equal(hit("ssh", "/system.slice/ssh.service" CGROUP_GAP "x", true), YES);
	assert_int_equal(hit("ssh", "/system.slice" CGROUP_GAP "ssh.service", true), UNKNOWN);
}

static struct filter_value value;

static struct options options_of(enum filter_field field, const char *text, bool exclude)
{
	struct options o = { .rule_cnt = 1 };

	value = (struct filter_value){ .text = text, .exclude = exclude };
	o.rules[0].filter[PVM_CALLER][field] = (struct filter_list){ &value, 1 };
	return o;
}

/* What decides on a recorded call by this program in this cgroup. */
static const struct rule *decides(const struct options *o, const char *exe, uint8_t flags,
				  const char *cgroup)
{
	struct fixture_call f;
	struct call_info c = { .outcome = PVM_SUCCEEDED };

	fixture__call(&f);
	f.call.caller.flags |= flags;
	c.raw = &f.call;
	c.caller = (struct task_info){ .task = &f.call.caller,
				       .exe = exe,
				       .exe_len = exe ? strlen(exe) : 0,
				       .cgroup = cgroup,
				       .cgroup_len = cgroup ? strlen(cgroup) : 0 };
	c.target.task = &f.call.target;
	return judge__call(o, &c);
}

static bool passes(const struct options *o, const char *exe, uint8_t flags, const char *cgroup)
{
	return decides(o, exe, flags, cgroup);
}

static void recorded_programs(void **state)
{
	struct options want = options_of(FILTER_EXE, "/usr/bin/*", false), leave;

	(void)state;
	assert_true(passes(&want, "/usr/bin/strace", 0, NULL));
	assert_false(passes(&want, "/usr/bin/x/strace", 0, NULL));
	assert_false(passes(&want, "/opt/strace", 0, NULL));
	assert_false(passes(&want, "/usr/bin/strace", PVM_TASK_MNT_OTHER, NULL));
	/* What is not known is not hidden. */
	assert_true(passes(&want, NULL, 0, NULL));
	assert_true(passes(&want, "/usr/bin/strace", PVM_TASK_EXE_DELETED, NULL));
	assert_false(passes(&want, "/opt/strace", PVM_TASK_EXE_DELETED, NULL));
	leave = options_of(FILTER_EXE, "/usr/bin/strace", true);
	assert_false(passes(&leave, "/usr/bin/strace", 0, NULL));
	assert_true(passes(&leave, "/usr/bin/strace", PVM_TASK_MNT_OTHER, NULL));
	assert_true(passes(&leave, "/usr/bin/strace", PVM_TASK_EXE_DELETED, NULL));
	assert_true(passes(&leave, NULL, 0, NULL));
}

/* A rule that drops needs to know which file it was: one that is gone may be the one that stood at the path. */
static void programs_that_rules_drop(void **state)
{
	struct options o = options_of(FILTER_EXE, "/usr/bin/strace", true);

	(void)state;
	o.rules[0].name = "rest";
	o.rules[0].action = RULE_DROP;
	o.rules[1].action = RULE_TELL;
	o.rule_cnt = 2;
	assert_ptr_equal(decides(&o, "/opt/strace", 0, NULL), &o.rules[0]);
	assert_ptr_equal(decides(&o, "/opt/strace", PVM_TASK_EXE_DELETED, NULL), &o.rules[0]);
	assert_ptr_equal(decides(&o, "/usr/bin/strace", 0, NULL), &o.rules[1]);
	assert_ptr_equal(decides(&o, "/usr/bin/strace", PVM_TASK_EXE_DELETED, NULL), &o.rules[1]);
	assert_ptr_equal(decides(&o, "/opt/strace", PVM_TASK_MNT_OTHER, NULL), &o.rules[1]);
	value.exclude = false;
	assert_ptr_equal(decides(&o, "/usr/bin/strace", 0, NULL), &o.rules[0]);
	assert_ptr_equal(decides(&o, "/usr/bin/strace", PVM_TASK_EXE_DELETED, NULL), &o.rules[1]);
	assert_ptr_equal(decides(&o, "/usr/bin/strace", PVM_TASK_MNT_OTHER, NULL), &o.rules[1]);
}

/* Whether a call of a process with these ancestors, the last one of this pid, passes. */
static bool descendant_passes(const struct options *o, uint8_t flags, uint32_t last_pid)
{
	struct relative_info behind[] = {
		{ .pid = 70, .exe = "/bin/sh", .exe_len = 7 },
		{ .pid = 60, .exe = "/opt/agent", .exe_len = 10 },
		{ .pid = last_pid },
	};
	struct ancestry_info ancestry = { .ancestors = behind,
					  .cnt = 3,
					  .above = last_pid == 2 ? PVM_ABOVE_NONE
								 : PVM_ABOVE_UNKNOWN };
	struct fixture_call f;
	struct call_info c = { .outcome = PVM_SUCCEEDED };

	fixture__call(&f);
	f.call.caller.flags |= flags;
	c.raw = &f.call;
	c.caller.task = &f.call.caller;
	c.target.task = &f.call.target;
	c.ancestry[PVM_CALLER] = last_pid ? &ancestry : NULL;
	return judge__call(o, &c);
}

static void recorded_ancestors(void **state)
{
	struct options want = options_of(FILTER_ANCESTOR_EXE, "/opt/*", false);

	(void)state;
	assert_true(descendant_passes(&want, 0, 1));
	/* There the same program may have another path. */
	assert_true(descendant_passes(&want, PVM_TASK_MNT_OTHER, 1));
	want = options_of(FILTER_ANCESTOR_EXE, "/opt/other", false);
	assert_false(descendant_passes(&want, 0, 1));
	assert_false(descendant_passes(&want, 0, 2)); /* the kernel's own */
	/* There are more than were told, or none is known. */
	assert_true(descendant_passes(&want, 0, 50));
	assert_true(descendant_passes(&want, 0, 0));
	/* An ancestor's path may be made: it excludes nobody, nor is it enough to drop. */
	want = options_of(FILTER_ANCESTOR_EXE, "/opt/agent", true);
	assert_true(descendant_passes(&want, 0, 1));
	want.rules[0].action = RULE_DROP;
	assert_false(descendant_passes(&want, 0, 1));
	want = options_of(FILTER_ANCESTOR_EXE, "/opt/agent", false);
	want.rules[0].action = RULE_DROP;
	assert_false(descendant_passes(&want, 0, 1));
	want = options_of(FILTER_ANCESTOR_EXE, "/opt/other", true);
	want.rules[0].action = RULE_DROP;
	assert_true(descendant_passes(&want, 0, 1));
	want = options_of(FILTER_ANCESTOR_EXE, "/opt/agent", true);
	assert_true(descendant_passes(&want, PVM_TASK_MNT_OTHER, 50));
	assert_true(descendant_passes(&want, 0, 0));
}

static void recorded_units(void **state)
{
	struct options o = options_of(FILTER_UNIT, "ssh", false);

	(void)state;
	assert_true(judge__needed(&o, PVM_CALLER) && !judge__needed(&o, PVM_TARGET));
	assert_true(passes(&o, NULL, 0, "/system.slice/ssh.service"));
	assert_false(passes(&o, NULL, 0, "/system.slice/cron.service"));
	assert_true(passes(&o, NULL, 0, NULL));
	o = options_of(FILTER_UNIT, "ssh", true);
	assert_false(passes(&o, NULL, 0, "/system.slice/ssh.service"));
	assert_true(passes(&o, NULL, 0, "/system.slice/cron.service"));
	/* A user cannot call himself a service of the system. */
	assert_true(passes(&o, NULL, 0, "/user.slice/user-1.slice/user@1.service/ssh.service"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_name_that_is_no_slice),
		cmocka_unit_test(values),
		cmocka_unit_test(recorded_programs),
		cmocka_unit_test(programs_that_rules_drop),
		cmocka_unit_test(recorded_ancestors),
		cmocka_unit_test(recorded_units),
	};

	return cmocka_run_group_tests_name("units, and programs", tests, NULL, NULL);
}
