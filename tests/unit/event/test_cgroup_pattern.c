/* SPDX-License-Identifier: Apache-2.0 */
/* test_cgroup_pattern - patterns that no cgroup can match, and those that others leave nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "event/cgroup_pattern.h"
#include "fixture.h"

static void test_good(void **state)
{
	static const char *const good[] = {
		"/",	  "\\/",      "/a",	"/a/b.service", "/*",	   "*",
		"?",	  "*b",	      "/a/.b",	"/a/...",	"/a/..b",  "/a/.*",
		"/a/*..", "[/]a",     "/[ab]",	"/[]]",		"/[!]]",   "/[[:alpha:]]",
		"/\\[a",  "/a b",     "/a\\ ",	"/a]",		"/[a-z]b", "/sys/fs/cgroups",
		"/sys",	  "/\\*/\\?", "/a/[.]", "/x/..*",	"/ a",	   "/[\\]]a",
	};
	char name[300] = "/";

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *fault = cgroup_pattern__fault(good[i]);

		if (fault)
			fail_msg("%s: %s", good[i], fault);
	}
	memset(name + 1, 'a', 255);
	assert_null(cgroup_pattern__fault(name));
	name[256] = 'a';
	assert_non_null(strstr(cgroup_pattern__fault(name), "255"));
}

static void test_bad(void **state)
{
	static const struct {
		const char *pattern, *has;
	} bad[] = {
		{ "a", "begin with" },
		{ " /a", "begin with" },
		{ "\\a", "begin with" },
		{ "[a]b", "begin with" },
		{ "[!/]b", "begin with" },
		{ "/a/", "end with" },
		{ "*/", "end with" },
		{ "/a\\/", "end with" },
		{ "//", "in a row" },
		{ "//a", "in a row" },
		{ "/a//b", "in a row" },
		{ "/a\\//b", "in a row" },
		{ "/.", "'.' or '..'" },
		{ "/..", "'.' or '..'" },
		{ "/./a", "'.' or '..'" },
		{ "/a/../b", "'.' or '..'" },
		{ "*/../b", "'.' or '..'" },
		{ "/a*/.", "'.' or '..'" },
		{ "/a/\\./b", "'.' or '..'" },
		{ "/a/.\\.", "'.' or '..'" },
		{ "/[a", "has no ']'" },
		{ "/[", "has no ']'" },
		{ "/[]", "has no ']'" },
		{ "/[!]", "has no ']'" },
		{ "/a[[:alpha:]", "has no ']'" },
		{ "/a[b\\]", "has no ']'" },
		{ "/[z-a]", "no character" },
		{ "/a\\", "nothing behind" },
		{ "/a ", "blank" },
		{ "/a\t", "blank" },
		{ "/* ", "blank" },
		{ "/a\nb", "LF" },
		{ "/sys/fs/cgroup", "without /sys/fs/cgroup" },
		{ "/sys/fs/cgroup/", "without /sys/fs/cgroup" },
		{ "/sys/fs/cgroup/system.slice", "without /sys/fs/cgroup" },
		{ "/sys/fs/cgroup*", "without /sys/fs/cgroup" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *fault = cgroup_pattern__fault(bad[i].pattern);

		if (!fault || !strstr(fault, bad[i].has))
			fail_msg("'%s': %s", bad[i].pattern, fault ? fault : "taken");
	}
}

static void test_covers(void **state)
{
	static const struct {
		const char *by, *wanted;
		bool want;
	} cases[] = {
		{ "*", "/*", true },
		{ "/*", "/*", true },
		{ "?*", "/*", true },
		{ "**", "/*", true },
		{ "*/*", "/*", true },
		{ "*", "/a/b", true },
		{ "/", "/*", false },
		{ "/", "/", true },
		{ "/", "/a", false },
		{ "/?*", "/*", false },
		{ "/a*", "/*", false },
		{ "/a", "/a/b", true },
		{ "/a", "/a/b/*", true },
		{ "/a", "/a*", false },
		{ "/a", "/ab", false },
		{ "/a/b", "/a", false },
		{ "/a*", "/ab/c", true },
		{ "/a*", "/ab*", true },
		{ "/ab*", "/a*", false },
		{ "*a*", "/x/a/y", true },
		{ "/?", "/a/b", true },
		{ "/?", "/[ab]/c", true },
		{ "/?", "/*", false },
		{ "/[ab]", "/a", true },
		{ "/[ab]", "/[ab]/c", true },
		{ "/[ab]", "/c", false },
		{ "/[ab]", "/?", false },
		{ "/\\a", "/a", true },
		{ "/a", "/\\a\\/b", true },
		{ "/a?c", "/abc", true },
		{ "/a*c", "/abc", true },
		{ "/a*c", "/abcd", false },
		{ "/a*c", "/a*c/d", true },
		{ "/*.service", "/system.slice/a.service", true },
		{ "/*.service", "/system.slice/*.service/x", true },
		{ "/*.service", "/system.slice/*", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cgroup_pattern__covers(cases[i].by, cases[i].wanted) != cases[i].want)
			fail_msg("%s, %s", cases[i].by, cases[i].wanted);
	}
}

static void make(char *text, size_t max, const char *alphabet)
{
	size_t len = 1 + fixture__random() % max;

	for (size_t i = 0; i < len; i++)
		text[i] = alphabet[fixture__random() % strlen(alphabet)];
	text[len] = '\0';
}

/* Returns whether the pattern matches the path, or an ancestor of it. */
static bool matches(const char *pattern, const char *path)
{
	char part[32];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = part; slash != NULL;) {
		if (!fnmatch(pattern, part, 0))
			return true;
		slash = strrchr(part, '/');
		if (!slash || slash == part)
			return false;
		*slash = '\0';
	}
	return false;
}

/* It is held against what fnmatch says of many short paths: what is covered has no path of its own, and what is refused none
 * at all. */
static void test_random(void **state)
{
	char by[8], wanted[8], path[12] = "/";
	unsigned covered = 0, refused = 0;

	(void)state;
	fixture__seed(11);
	for (int round = 0; round < 200000; round++) {
		bool gone, bad;

		make(by, 5, "/ab*?[].\\");
		make(wanted, 6, "/ab*?[].\\");
		gone = cgroup_pattern__covers(by, wanted);
		bad = cgroup_pattern__fault(wanted) != NULL;
		covered += gone;
		refused += bad;
		for (int i = 0; (gone || bad) && i < 20; i++) {
			make(path + 1, 6, "/ab.");
			if (strstr(path, "//") || path[strlen(path) - 1] == '/' ||
			    strstr(path, "/./") || strstr(path, "/../"))
				continue;
			if (!fnmatch("*/.", path, 0) || !fnmatch("*/..", path, 0))
				continue;
			if (gone && matches(wanted, path) && !matches(by, path))
				fail_msg("%s does not cover %s: %s", by, wanted, path);
			if (bad && !strchr(wanted, '[') && !fnmatch(wanted, path, 0))
				fail_msg("%s is refused, but matches %s", wanted, path);
		}
	}
	assert_true(covered > 1000 && refused > 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
