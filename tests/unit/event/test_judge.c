/* SPDX-License-Identifier: Apache-2.0 */
/* test_judge - what each filter lets pass, when user space applies it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "bpf/keys.h"
#include "event/judge.h"
#include "fixture.h"
#include "options/command_line.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* Parses the options as they are typed, with one space between two words. */
static void parse(struct options *o, const char *text)
{
	static char copy[512];
	static char program[] = "pvmtrace";
	char *argv[16] = { program };
	int argc = 1;

	assert_true(strlen(text) < sizeof(copy));
	memcpy(copy, text, strlen(text) + 1);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc < 15);
		argv[argc++] = word;
	}
	assert_int_equal(options__parse(o, argc, argv), 0);
}

#define USERS "/user.slice/user-1000.slice/user@1000.service/"

struct cgroup_case {
	const char *options;
	const char *path; /* NULL: not known */
	bool pass;
};

static const struct cgroup_case cgroup_cases[] = {
	{ "--caller-comm x", "/a", true },
	/* Literal: the path, or an ancestor of it; whole names only. */
	{ "--caller-cgroup /a/b", "/a/b", true },
	{ "--caller-cgroup /a/b", "/a/b/c/d", true },
	{ "--caller-cgroup /a/b", "/a/bc", false },
	{ "--caller-cgroup /a/b", "/a", false },
	{ "--caller-cgroup /a/b", "/x/a/b", false },
	{ "--caller-cgroup /a/b", "/", false },
	{ "--caller-cgroup /", "/", true },
	/* Patterns: '*' goes over '/'. */
	{ "--caller-cgroup /a/*", "/a/b", true },
	{ "--caller-cgroup /a/*", "/a/b/c", true },
	{ "--caller-cgroup /a/*", "/a", false },
	{ "--caller-cgroup /a*c", "/a/b/c", true },
	{ "--caller-cgroup /a*c", "/a/b/c/d", true },
	{ "--caller-cgroup /a*c", "/a/b/d", false },
	{ "--caller-cgroup *docker*", "/system.slice/docker-x.scope/init", true },
	{ "--caller-cgroup /user-?.slice", "/user-1.slice/session", true },
	{ "--caller-cgroup /user-?.slice", "/user-10.slice", false },
	{ "--caller-cgroup /user-[0-4].slice", "/user-3.slice", true },
	{ "--caller-cgroup /user-[0-4].slice", "/user-5.slice", false },
	/* Alternatives; an exclusion wins, whatever the order. */
	{ "--caller-cgroup /a --caller-cgroup /b", "/b/c", true },
	{ "--caller-cgroup /a --caller-cgroup /b", "/c", false },
	{ "--caller-cgroup !/a", "/a/b", false },
	{ "--caller-cgroup !/a", "/b", true },
	{ "--caller-cgroup /a --caller-cgroup !/a/b", "/a/c", true },
	{ "--caller-cgroup /a --caller-cgroup !/a/b", "/a/b/c", false },
	{ "--caller-cgroup !/a/b --caller-cgroup /a", "/a/b", false },
	{ "--caller-cgroup !/a/b --caller-cgroup /a", "/b", false },
	/* A container is named by the beginning of its id. */
	{ "--caller-container " ID, "/docker/" ID, true },
	{ "--caller-container 0123", "/docker/" ID, true },
	{ "--caller-container 0123", "/docker/" OTHER, false },
	{ "--caller-container 1234", "/docker/" ID, false },
	{ "--caller-container 0123", "/a/b", false },
	{ "--caller-container !0123", "/docker/" ID, false },
	{ "--caller-container !0123", "/docker/" OTHER, true },
	{ "--caller-container !0123", "/a/b", true },
	{ "--caller-container ABCD", "/docker/" ID, false },
	{ "--caller-container FEDC", "/docker/" OTHER, true },
	{ "--caller-container !FeDc", "/docker/" OTHER, false },
	{ "--caller-container web", "/lxc.payload.web1", true },
	{ "--caller-container WEB1", "/lxc.payload.web1", true },
	{ "--caller-container web12", "/lxc.payload.web1", false },
	/* Of nested ones any is wanted, but only the outermost excludes: the others' names are chosen inside of it. */
	{ "--caller-container fed", "/docker/" ID "/docker/" OTHER, true },
	{ "--caller-container !fed", "/docker/" ID "/docker/" OTHER, true },
	{ "--caller-container !012", "/docker/" ID "/docker/" OTHER, false },
	/* Nor does one that a user of the host claims. */
	{ "--caller-container 012", USERS "docker-" ID ".scope", true },
	{ "--caller-container !012", USERS "docker-" ID ".scope", true },
	{ "--caller-container none", "/a/b", true },
	{ "--caller-container none", "/docker/" ID, false },
	{ "--caller-container !none", "/docker/" ID, true },
	{ "--caller-container !none", "/a/b", false },
	{ "--caller-container none --caller-container fed", "/docker/" OTHER, true },
	{ "--caller-container none --caller-container fed", "/docker/" ID, false },
	/* Different filters all must hold. */
	{ "--caller-cgroup /docker --caller-container 0123", "/docker/" ID, true },
	{ "--caller-cgroup /docker --caller-container 0123", "/crio/" ID, false },
	{ "--caller-cgroup /docker --caller-container 0123", "/docker/" OTHER, false },
	/* What is not known is not hidden. */
	{ "--caller-cgroup /a", NULL, true },
	{ "--caller-cgroup !/a", NULL, true },
	{ "--caller-container none", NULL, true },
	{ "--caller-container !none", NULL, true },
};

/* Judges in a place. The path is no string: what follows it is another's. */
static bool judge_in(const struct options *o, enum pvm_who who, const char *path, bool cut,
		     enum pvm_home home)
{
	char buf[512];
	int len = path ? snprintf(buf, sizeof(buf), "%s", path) : 0;
	const struct judge_place place = { path ? buf : NULL, (size_t)len, cut, home };

	memcpy(buf + len, "/a/b", 5);
	return judge__cgroup(o, who, &place);
}

static bool judge(const struct options *o, enum pvm_who who, const char *path)
{
	return judge_in(o, who, path, false, PVM_HOME_HOST);
}

static void test_cgroup(void **state)
{
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(cgroup_cases) / sizeof(cgroup_cases[0]); i++) {
		const struct cgroup_case *c = &cgroup_cases[i];

		parse(&o, c->options);
		if (judge(&o, PVM_CALLER, c->path) != c->pass)
			fail_msg("'%s': %s is %s", c->options, c->path ? c->path : "(unknown)",
				 c->pass ? "dropped" : "let through");
		/* The other of the two has no filter. */
		assert_true(judge(&o, PVM_TARGET, c->path));
		options__free(&o);
	}
}

/* A path that lacks names: what they might decide is let through, whether it is wanted or excluded. */
static void test_gap(void **state)
{
#define GAP "/h/own" CGROUP_GAP "last"
#define INSIDE "/docker/" ID CGROUP_GAP "docker/" OTHER
	static const struct cgroup_case cases[] = {
		{ "--caller-cgroup /h/own", GAP, true },
		{ "--caller-cgroup !/h/own", GAP, false },
		{ "--caller-cgroup /h", GAP, true },
		{ "--caller-cgroup !/h*", GAP, false },
		{ "--caller-cgroup /h/own/x", GAP, true },
		{ "--caller-cgroup !/h/own/x", GAP, true },
		{ "--caller-cgroup *x*", GAP, true },
		{ "--caller-cgroup !*x*", GAP, true },
		{ "--caller-cgroup !*/last", GAP, true },
		{ "--caller-cgroup *[...]*", GAP, true },
		/* What lies before the gap decides. */
		{ "--caller-cgroup /i", GAP, false },
		{ "--caller-cgroup /h/o", GAP, false },
		{ "--caller-cgroup /h/ownx", GAP, false },
		{ "--caller-cgroup /h/ownx*", GAP, false },
		{ "--caller-cgroup /h/y*", GAP, false },
		{ "--caller-cgroup /h/*", GAP, true },
		{ "--caller-cgroup /", GAP, false },
		/* Not even the beginning is known. */
		{ "--caller-cgroup /i", "[...]/a" CGROUP_GAP "last", true },
		{ "--caller-cgroup !/a", "[...]/a/b", true },
		{ "--caller-container 0123", "[...]/docker/" ID, true },
		{ "--caller-container !0123", "[...]/docker/" ID, true },
		/* The host made the outermost container; those below the gap may be any. */
		{ "--caller-container 0123", INSIDE, true },
		{ "--caller-container !0123", INSIDE, false },
		{ "--caller-container 7", INSIDE, true },
		{ "--caller-container !7", INSIDE, true },
		{ "--caller-container !fedc", INSIDE, true },
		{ "--caller-container none", INSIDE, false },
		{ "--caller-container !none", INSIDE, true },
		{ "--caller-container 7", GAP, true },
		{ "--caller-container !7", GAP, true },
		{ "--caller-container none", GAP, true },
		{ "--caller-container !none", GAP, true },
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(&o, cases[i].options);
		if (judge_in(&o, PVM_CALLER, cases[i].path, true, PVM_HOME_HOST) != cases[i].pass)
			fail_msg("'%s': %s is %s", cases[i].options, cases[i].path,
				 cases[i].pass ? "dropped" : "let through");
		options__free(&o);
	}
}

/* Asks whether "none" wants it and whether "!none" lets it through: what is undecided, both do. */
static void test_none(void **state)
{
	static const struct {
		const char *path;
		enum pvm_home home;
		bool none, other;
	} cases[] = {
		{ "/a", PVM_HOME_HOST, true, false },
		{ "/a", PVM_HOME_HOST_PIDS, false, true },
		{ "/a", PVM_HOME_OTHER, false, true },
		{ "/a", PVM_HOME_UNKNOWN, true, true },
		{ "/", PVM_HOME_OTHER, false, true },
		/* PrivateTmp= and the like give a service a mount namespace of its own. */
		{ "/system.slice/web.service", PVM_HOME_HOST, true, false },
		{ "/system.slice/web.service/sub", PVM_HOME_HOST_PIDS, true, false },
		{ "/system.slice/web.service", PVM_HOME_OTHER, false, true },
		{ USERS "app.slice/x.service", PVM_HOME_HOST, true, false },
		{ USERS "app.slice/x.service", PVM_HOME_HOST_PIDS, false, true },
		/* In a container, also where it shares the host's namespaces. */
		{ "/docker/" ID, PVM_HOME_OTHER, false, true },
		{ "/docker/" ID, PVM_HOME_HOST, false, true },
		{ "/system.slice/web.service/libpod-payload-" ID, PVM_HOME_HOST_PIDS, false, true },
		/* A user says so, who need not be in any. */
		{ USERS "docker-" ID ".scope", PVM_HOME_HOST, true, true },
		{ USERS "docker-" ID ".scope", PVM_HOME_UNKNOWN, true, true },
		{ USERS "docker-" ID ".scope", PVM_HOME_OTHER, false, true },
		{ NULL, PVM_HOME_OTHER, true, true },
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const bool exclude = i % 2;
		const char *path = cases[i / 2].path;

		parse(&o, exclude ? "--target-container !none" : "--target-container none");
		if (judge_in(&o, PVM_TARGET, path, false, cases[i / 2].home) !=
		    (exclude ? cases[i / 2].other : cases[i / 2].none))
			fail_msg("%snone: %s, home %d", exclude ? "!" : "",
				 path ? path : "(unknown)", cases[i / 2].home);
		options__free(&o);
	}
}

static void test_long_path(void **state)
{
	static char path[PVM_PATH_MAX + 4096];
	const struct judge_place place = { path, sizeof(path), false, PVM_HOME_HOST };
	struct options o;

	(void)state;
	for (size_t i = 0; i < sizeof(path); i += 2)
		memcpy(path + i, "/a", 2);
	parse(&o, "--caller-cgroup /a/a");
	assert_true(judge__cgroup(&o, PVM_CALLER, &place));
	options__free(&o);
	parse(&o, "--caller-cgroup /b");
	assert_false(judge__cgroup(&o, PVM_CALLER, &place));
	options__free(&o);
}

static void test_needed(void **state)
{
	struct options o;

	(void)state;
	parse(&o, "-p 1 --caller-comm x --caller-uid 0 --op read --no-self");
	assert_false(judge__needed(&o, PVM_CALLER) || judge__needed(&o, PVM_TARGET));
	options__free(&o);
	parse(&o, "--target-cgroup /a --caller-container !none");
	assert_true(judge__needed(&o, PVM_CALLER) && judge__needed(&o, PVM_TARGET));
	options__free(&o);
	parse(&o, "--target-cgroup /a");
	assert_true(!judge__needed(&o, PVM_CALLER) && judge__needed(&o, PVM_TARGET));
	options__free(&o);
}

/* This is the call of the next tests: "dumper" (100, uid 1000, /in) reads 64 bytes of "fifteen letters" (200, uid 0, no
 * known cgroup). */
static struct fixture_call raw;

static void make_call(struct call_info *call)
{
	fixture__call(&raw);
	raw.call.op = PVM_READ;
	raw.call.caller.pid = 100;
	raw.call.caller.tid = 101;
	raw.call.caller.uid = raw.call.caller.process_uid = 1000;
	raw.call.target.pid = raw.call.target.tid = 200;
	raw.call.target.uid = raw.call.target.process_uid = 0;
	memset(raw.call.caller.comm, 0, PVM_COMM_SZ);
	memset(raw.call.target.comm, 0, PVM_COMM_SZ);
	strcpy(raw.call.caller.comm, "dumper");
	strcpy(raw.call.target.comm, "fifteen_letters");
	raw.call.caller.flags |= PVM_TASK_MNT_HOST;
	*call = (struct call_info){
		.raw = &raw.call,
		.outcome = PVM_SUCCEEDED,
		.transferred_known = true,
		.transferred = 64,
		.caller = { .task = &raw.call.caller, .cgroup = "/in", .cgroup_len = 3 },
		.target = { .task = &raw.call.target },
	};
}

static bool passes(const struct call_info *call, const char *options)
{
	struct options o;
	bool pass;

	parse(&o, options);
	pass = judge__call(&o, call);
	options__free(&o);
	return pass;
}

static void expect(const struct call_info *call, const char *const *list, bool pass)
{
	for (; *list; list++) {
		if (passes(call, *list) != pass)
			fail_msg("'%s' %s the call", *list, pass ? "drops" : "lets through");
	}
}

/* These let the call of make_call through, */
static const char *const lets_through[] = {
	"",
	"-p 200",
	"-p 7 -p 200",
	"-p !7",
	"-p !100",
	"--target-pid 200 --caller-pid 100",
	"--caller-pid !200",
	"--caller-comm dumper",
	"--caller-comm x --caller-comm dumper",
	"--caller-comm !dump",
	"--target-comm fifteen_letters",
	"--caller-uid 1000",
	"--target-uid 0",
	"--target-uid root",
	"--target-uid !1000",
	"--caller-cgroup /in",
	"--caller-container none",
	"--op read",
	"--op !write",
	"--op read --op write",
	"--outcome success",
	"--outcome !failure",
	"--min-bytes 64",
	"--no-self",
	"-p 200 --caller-comm dumper --caller-uid 1000 --op read --outcome success --min-bytes 1",
	/* Of the target's cgroup nothing is known. */
	"--target-cgroup /in",
	"--target-container !none",
	NULL,
};
/* and these drop it. */
static const char *const drops[] = {
	"-p 7",
	"-p 100",
	"-p 201",
	"-p !200",
	"-p 7 -p !200",
	"--caller-pid 200",
	"--caller-pid 101",
	"--caller-comm dump",
	"--caller-comm dumper2",
	"--caller-comm !dumper",
	"--caller-comm x --caller-comm !dumper",
	"--target-comm fifteen",
	"--caller-uid 0",
	"--caller-uid !1000",
	"--target-uid 1000",
	"--caller-cgroup /out",
	"--caller-cgroup !/in",
	"--caller-container !none",
	"--op write",
	"--op !read",
	"--outcome failure",
	"--outcome !success",
	"--min-bytes 65",
	"-p 200 --caller-uid 0",
	"--op read --min-bytes 65",
	NULL,
};
static void test_call(void **state)
{
	struct call_info call;

	(void)state;
	make_call(&call);
	expect(&call, lets_through, true);
	expect(&call, drops, false);
	raw.call.kinship = PVM_KIN_SELF;
	assert_false(passes(&call, "--no-self"));
	raw.call.kinship = PVM_KIN_CHILD;
	assert_true(passes(&call, "--no-self"));
	raw.call.op = PVM_WRITE;
	assert_true(passes(&call, "--op write") && !passes(&call, "--op read"));
	/* Of a thread that has another user than its process, either will do. */
	raw.call.target.process_uid = 7;
	assert_true(passes(&call, "--target-uid 7") && passes(&call, "--target-uid 0"));
	assert_true(passes(&call, "--target-uid !7") && !passes(&call, "--target-uid 8"));
	assert_false(passes(&call, "--target-uid !7 --target-uid !0"));
}

/* The target of the call is a child of "lender" (300, uid 7, /lent) that works in its memory: each filter holds for either
 * of them, and the one by process for both. */
static void test_borrowed_memory(void **state)
{
	static const char *const yes[] = {
		"-p 200",
		"-p 300",
		"-p !200",
		"-p !300",
		"-p 300 -p !200",
		"--target-comm lender",
		"--target-comm !lender",
		"--target-comm !fifteen_letters",
		"--target-uid 7",
		"--target-uid 0",
		"--target-uid !0",
		"-p 200 --target-uid 7",
		"-p 300 --target-uid 0",
		"--target-cgroup /lent",
		"--no-self",
		NULL,
	};
	static const char *const no[] = {
		"-p 7",
		"-p !200 -p !300",
		"--target-comm lend",
		"--target-uid 8",
		"--target-uid !0 --target-uid !7",
		"--target-uid 7 --target-comm fifteen_letters",
		"-p 300 --target-uid 8",
		"--caller-pid 300",
		NULL,
	};
	struct pvm_task lender = { .pid = 300, .tid = 300, .uid = 7, .comm = "lender" };
	struct call_info call;

	(void)state;
	make_call(&call);
	lender.process_uid = 7;
	raw.call.owner.pid = 300;
	raw.call.target.tid = 200;
	call.owner = (struct task_info){ .task = &lender, .cgroup = "/lent", .cgroup_len = 5 };
	call.target.cgroup = "/in";
	call.target.cgroup_len = 3;
	expect(&call, yes, true);
	expect(&call, no, false);
	raw.call.kinship = PVM_KIN_SELF;
	assert_true(passes(&call, "--no-self"));
	raw.call.owner.pid = raw.call.caller.pid;
	assert_false(passes(&call, "--no-self"));
}

/* While tracing, the kernel half says of each whether it is out, or open because of its cgroup. */
static void test_left_open(void **state)
{
	enum { OUT = 0x80 }; /* it leaves no rule */
	static const struct {
		uint8_t named, owner; /* enum pvm_task_flag, or OUT */
		bool pass;
	} cases[] = {
		{ 0, 0, true },
		{ OUT, 0, true },
		{ 0, OUT, true },
		{ PVM_TASK_CGROUP_WAIT, OUT, false },
		{ PVM_TASK_CGROUP_WAIT, 0, true },
		{ PVM_TASK_CGROUP_WAIT, PVM_TASK_CGROUP_WAIT, true },
		{ OUT, PVM_TASK_CGROUP_WAIT, true },
		{ OUT, OUT, false },
	};
	struct pvm_task lender = { .pid = 300 };
	struct call_info call;
	struct options o;

	(void)state;
	make_call(&call);
	call.owner = (struct task_info){ .task = &lender, .cgroup = "/lent", .cgroup_len = 5 };
	call.target =
		(struct task_info){ .task = &raw.call.target, .cgroup = "/in", .cgroup_len = 3 };
	parse(&o, "--target-cgroup /lent");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		raw.call.target.flags = cases[i].named & (uint8_t)~OUT;
		lender.flags = cases[i].owner & (uint8_t)~OUT;
		raw.call.rules[PVM_TARGET] = !(cases[i].named & OUT);
		raw.call.owner.rules = !(cases[i].owner & OUT);
		if (!judge__left_open(&o, &call) == cases[i].pass)
			fail_msg("case %zu", i);
	}
	call.owner.task = NULL;
	raw.call.target.flags = PVM_TASK_CGROUP_WAIT;
	raw.call.rules[PVM_TARGET] = 1;
	assert_false(judge__left_open(&o, &call));
	options__free(&o);
}

static void test_failed_call(void **state)
{
	static const char *const yes[] = { "", "--outcome failure", "--outcome !success", NULL };
	static const char *const no[] = { "--outcome success", "--min-bytes 1", NULL };
	struct call_info call;

	(void)state;
	make_call(&call);
	call.outcome = PVM_FAILED;
	call.transferred = 0;
	expect(&call, yes, true);
	expect(&call, no, false);
}

/* Filters by result never hide it; the others do what they always do. */
static void test_unknown_result(void **state)
{
	static const char *const yes[] = { "--outcome success",
					   "--outcome failure",
					   "--outcome !failure",
					   "--min-bytes 1000",
					   "--min-bytes 1000 --outcome success",
					   NULL };
	static const char *const no[] = { "-p 7 --outcome success", "--op write --min-bytes 1",
					  "--caller-comm x", NULL };
	struct call_info call;

	(void)state;
	make_call(&call);
	call.outcome = PVM_UNKNOWN;
	call.transferred_known = false;
	call.transferred = 0;
	expect(&call, yes, true);
	expect(&call, no, false);
}

/* Nobody is meant: no value that a target is to have fits, and none that it is not to have. If bytes moved, it was somebody. */
static void test_unresolved_target(void **state)
{
	static const char *const yes[] = { "",
					   "-p !200",
					   "--target-comm !x --target-uid !0",
					   "--caller-pid 100 --no-self",
					   "--target-cgroup /a --target-container none",
					   NULL };
	static const char *const no[] = { "-p 200", "--target-uid 0", "--target-comm x", NULL };
	struct call_info call;

	(void)state;
	make_call(&call);
	call.target = (struct task_info){ 0 };
	memset(&raw.call.target, 0, sizeof(raw.call.target));
	expect(&call, yes, true);
	expect(&call, no, false);
	call.ret_known = true;
	call.ret = 64;
	expect(&call, no, true);
}

/* A thread that is not the main one was named: the others' names are not known. */
static void test_a_thread_of_the_target(void **state)
{
	static const char *const yes[] = {
		"--target-comm fifteen_letters",
		"--target-comm x",
		"--target-comm !fifteen_letters",
		"--target-comm !x",
		NULL,
	};
	struct call_info call;

	(void)state;
	make_call(&call);
	raw.call.target.tid = 201;
	expect(&call, yes, true);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_needed),
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_a_thread_of_the_target),
		cmocka_unit_test(test_borrowed_memory),
		cmocka_unit_test(test_left_open),
		cmocka_unit_test(test_failed_call),
		cmocka_unit_test(test_unknown_result),
		cmocka_unit_test(test_unresolved_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
