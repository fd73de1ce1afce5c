/* SPDX-License-Identifier: Apache-2.0 */
/* test_privileges - whom the collector becomes, and that nothing is left afterwards. Whatever changes
 * the process happens in a forked child, which tells what is wrong on stderr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <grp.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "capture.h"
#include "child.h"
#include "kernel/privileges.h"

#define UID_FIRST 61184u
#define UID_LAST 65519u
#define OTHER_UID 64999u /* whom a child becomes that is not root */
#define BPF_BIT "0000008000000000"
#define NONE "0000000000000000"

static void need_no_account(void)
{
	if (getpwnam("pvmtrace"))
		skip_for("that there is no account pvmtrace");
}

static int ids_differ(uid_t uid, gid_t gid)
{
	char want[64];
	int wrong;

	snprintf(want, sizeof(want), "%u %u %u %u", uid, uid, uid, uid);
	wrong = status_differs("Uid", want);
	snprintf(want, sizeof(want), "%u %u %u %u", gid, gid, gid, gid);
	return wrong | status_differs("Gid", want);
}

/* Returns whether the capabilities differ. bounding: NULL if it is not to be looked at. */
static int caps_differ(const char *left, const char *bounding)
{
	int wrong = status_differs("CapInh", NONE) | status_differs("CapPrm", left) |
		    status_differs("CapEff", left) | status_differs("CapAmb", NONE);

	if (bounding)
		wrong |= status_differs("CapBnd", bounding);
	return wrong;
}

static int sealed(void)
{
	return status_differs("NoNewPrivs", "1") | WRONG_UNLESS(prctl(PR_GET_DUMPABLE) == 0) |
	       WRONG_UNLESS(prctl(PR_GET_KEEPCAPS) == 0) | WRONG_UNLESS(setuid(0) < 0) |
	       WRONG_UNLESS(seteuid(0) < 0) | WRONG_UNLESS(setgid(0) < 0);
}

/* Becomes another user with exactly these capabilities, all sets but bounding. */
static int become_other(uid_t uid, const cap_value_t *keep, int cnt, bool ambient)
{
	cap_t caps = cap_init();
	int wrong;

	wrong = WRONG_UNLESS(caps && !prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) |
		WRONG_UNLESS(!setgroups(0, NULL)) | WRONG_UNLESS(!setresgid(uid, uid, uid)) |
		WRONG_UNLESS(!setresuid(uid, uid, uid)) | WRONG_UNLESS(!prctl(PR_SET_KEEPCAPS, 0));
	if (cnt) {
		cap_set_flag(caps, CAP_PERMITTED, cnt, keep, CAP_SET);
		cap_set_flag(caps, CAP_EFFECTIVE, cnt, keep, CAP_SET);
		cap_set_flag(caps, CAP_INHERITABLE, cnt, keep, CAP_SET);
	}
	wrong |= WRONG_UNLESS(!cap_set_proc(caps));
	for (int i = 0; ambient && i < cnt; i++)
		wrong |= WRONG_UNLESS(!cap_set_ambient(keep[i], CAP_SET));
	cap_free(caps);
	return wrong;
}

/* Returns 1 after a message unless choosing user ends with status and says a line with has. */
static int choice_differs(const char *user, int status, const char *has)
{
	char text[CAPTURE_SZ];
	struct privileges p;
	struct capture c;
	int got;

	capture__start(&c, STDERR_FILENO);
	got = privileges__choose(&p, user);
	capture__end(&c, text);
	if (got == status && strstr(text, has))
		return 0;
	fprintf(stderr, "--user %s: status %d, said: %s\n", user ? user : "(none)", got, text);
	return 1;
}

static int check_differs(int status, const char *has, const char *has_not)
{
	char text[CAPTURE_SZ];
	struct capture c;
	int got;

	capture__start(&c, STDERR_FILENO);
	got = privileges__check();
	capture__end(&c, text);
	if (got == status && strstr(text, has) && (!has_not || !strstr(text, has_not)))
		return 0;
	fprintf(stderr, "check: status %d, said: %s\n", got, text);
	return 1;
}

static void check_accepts_root(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(check_differs(0, "", "pvmtrace"), 0);
}

static int check_as_other(void)
{
	static const cap_value_t caps[] = { CAP_BPF, CAP_PERFMON };
	cap_t none = cap_init();
	int wrong = become_other(OTHER_UID, caps, 2, false) | check_differs(0, "", "pvmtrace");

	wrong |= WRONG_UNLESS(!cap_set_flag(none, CAP_PERMITTED, 2, caps, CAP_SET));
	wrong |= WRONG_UNLESS(!cap_set_flag(none, CAP_EFFECTIVE, 1, caps, CAP_SET));
	wrong |= WRONG_UNLESS(!cap_set_proc(none));
	wrong |= check_differs(EX_NOPERM, "(missing: CAP_PERFMON)", NULL);
	wrong |= WRONG_UNLESS(!cap_set_flag(none, CAP_EFFECTIVE, 1, caps, CAP_CLEAR));
	wrong |= WRONG_UNLESS(!cap_set_flag(none, CAP_EFFECTIVE, 1, caps + 1, CAP_SET));
	wrong |= WRONG_UNLESS(!cap_set_proc(none));
	wrong |= check_differs(EX_NOPERM, "(missing: CAP_BPF)", NULL);
	wrong |= WRONG_UNLESS(!cap_clear(none) && !cap_set_proc(none));
	wrong |= check_differs(EX_NOPERM, "(missing: CAP_BPF, CAP_PERFMON)", NULL);
	cap_free(none);
	return wrong;
}

static int check_with_sys_admin(void)
{
	static const cap_value_t caps[] = { CAP_SYS_ADMIN };

	return become_other(OTHER_UID, caps, 1, false) | check_differs(0, "", "pvmtrace");
}

static void check_names_what_is_missing(void **state)
{
	(void)state;
	need_root();
	in_child(check_as_other);
	in_child(check_with_sys_admin);
}

static int check_in_user_namespace(void)
{
	return WRONG_UNLESS(!unshare(CLONE_NEWUSER)) |
	       check_differs(EX_NOPERM, "user namespace", NULL);
}

static void check_refuses_a_user_namespace(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		skip_for("user namespaces");
	in_child(check_in_user_namespace);
}

static void impossible_users(void **state)
{
	static const char *const impossible[] = {
		"no such account",	"", "-1", "12x", " 1", "0x10", "4294967295",
		"99999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++)
		assert_int_equal(choice_differs(impossible[i], EX_USAGE, "not an account"), 0);
}

static void never_root_never_nobody(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(choice_differs("root", EX_USAGE, "'root' is not allowed: it has uid 0"),
			 0);
	assert_int_equal(choice_differs("0", EX_USAGE, "'0' is not allowed: it has uid 0"), 0);
	assert_int_equal(choice_differs("65534", EX_USAGE, "'65534' is not allowed"), 0);
	if (getpwnam("nobody"))
		assert_int_equal(choice_differs("nobody", EX_USAGE, "run as nobody"), 0);
}

static void an_account_is_taken_as_it_is(void **state)
{
	const struct passwd *pw;
	struct privileges p;
	uid_t uid;
	gid_t gid;

	(void)state;
	need_root();
	pw = getpwnam("daemon");
	if (!pw || !pw->pw_gid) {
		skip_for("an account daemon");
		return;
	}
	uid = pw->pw_uid;
	gid = pw->pw_gid;
	assert_int_equal(privileges__choose(&p, "daemon"), 0);
	assert_true(p.change_user && p.uid == uid && p.gid == gid);
	assert_string_equal(p.name, "daemon");
	assert_int_equal(privileges__choose(&p, "64998"), 0);
	assert_true(p.change_user && !p.keep_cap_bpf && p.uid == 64998 && p.gid == 64998);
	assert_string_equal(p.name, "64998");
}

static void an_unused_uid_by_default(void **state)
{
	uid_t seen[20] = { 0 };
	size_t different = 0;
	char number[16];

	(void)state;
	need_root();
	need_no_account();
	for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
		struct privileges p;
		bool again = false;

		assert_int_equal(privileges__choose(&p, NULL), 0);
		assert_in_range(p.uid, UID_FIRST, UID_LAST);
		assert_int_equal(p.gid, p.uid);
		assert_true(p.change_user);
		assert_null(getpwuid(p.uid));
		snprintf(number, sizeof(number), "%u", p.uid);
		assert_string_equal(p.name, number);
		for (size_t k = 0; k < i; k++)
			again |= seen[k] == p.uid;
		different += !again;
		seen[i] = p.uid;
	}
	assert_true(different >= 15);
}

/* Makes a /proc in which processes have every uid of the range but one, in turn as real, effective, saved and
 * file access uid. */
static int choose_the_only_one(void)
{
	const uid_t free_uid = 63210;
	struct privileges p;
	int wrong;

	wrong = WRONG_UNLESS(!unshare(CLONE_NEWNS)) |
		WRONG_UNLESS(!mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) |
		WRONG_UNLESS(!mount("none", "/proc", "tmpfs", 0, NULL));
	if (wrong)
		return wrong;
	wrong |= choice_differs(NULL, EX_SOFTWARE, "/proc");
	for (uid_t uid = UID_FIRST; uid <= UID_LAST; uid++) {
		uid_t ids[4] = { 1, 1, 1, 1 };
		char path[64];
		FILE *f;

		ids[uid % 4] = uid == free_uid ? 1 : uid;
		snprintf(path, sizeof(path), "/proc/%u", uid);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "/proc/%u/status", uid);
		f = fopen(path, "w");
		if (!f)
			return WRONG_UNLESS(f);
		fprintf(f, "Name:\tx\nUid:\t%u\t%u\t%u\t%u\n", ids[0], ids[1], ids[2], ids[3]);
		fclose(f);
	}
	wrong |= WRONG_UNLESS(!privileges__choose(&p, NULL)) | WRONG_UNLESS(p.uid == free_uid);
	return wrong;
}

static void a_uid_with_a_process_is_not_taken(void **state)
{
	(void)state;
	need_root();
	need_no_account();
	need_mounts();
	in_child(choose_the_only_one);
}

static int drop_all(void)
{
	static const gid_t groups[] = { 4, 24 };
	struct privileges p;

	if (WRONG_UNLESS(!setgroups(2, groups)) | WRONG_UNLESS(!privileges__choose(&p, NULL)) |
	    WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(p.uid, p.gid) | status_differs("Groups", "") | caps_differ(NONE, NONE) |
	       sealed();
}

static int drop_to_account(void)
{
	struct privileges p;

	if (WRONG_UNLESS(!privileges__choose(&p, "64998")) | WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(64998, 64998) | status_differs("Groups", "") | caps_differ(NONE, NONE) |
	       sealed();
}

/* Fills every set of root to the brim, with securebits that keep them over a change of uid. */
static int drop_with_full_sets(void)
{
	cap_t caps = cap_get_proc();
	struct privileges p;
	int wrong;

	wrong = WRONG_UNLESS(!cap_fill_flag(caps, CAP_INHERITABLE, caps, CAP_PERMITTED)) |
		WRONG_UNLESS(!cap_set_proc(caps)) |
		WRONG_UNLESS(!cap_set_ambient(CAP_KILL, CAP_SET)) |
		WRONG_UNLESS(!prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT));
	cap_free(caps);
	if (wrong | WRONG_UNLESS(!privileges__choose(&p, NULL)) |
	    WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(p.uid, p.gid) | caps_differ(NONE, NONE) | sealed();
}

static void root_gives_up_everything(void **state)
{
	(void)state;
	need_root();
	in_child(drop_all);
	in_child(drop_to_account);
	in_child(drop_with_full_sets);
}

static int keep_bpf(void)
{
	struct privileges p;

	if (WRONG_UNLESS(!privileges__choose(&p, NULL)))
		return 1;
	p.keep_cap_bpf = true;
	if (WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(p.uid, p.gid) | status_differs("Groups", "") |
	       caps_differ(BPF_BIT, NONE) | sealed();
}

static void cap_bpf_alone_can_be_kept(void **state)
{
	(void)state;
	need_root();
	in_child(keep_bpf);
}

static int stay_without_caps(void)
{
	struct privileges p;

	if (become_other(OTHER_UID, NULL, 0, false) | WRONG_UNLESS(!privileges__choose(&p, NULL)) |
	    WRONG_UNLESS(!p.change_user && p.uid == OTHER_UID && p.gid == OTHER_UID) |
	    WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(OTHER_UID, OTHER_UID) | caps_differ(NONE, NULL) | sealed();
}

static int stay_with_caps(void)
{
	static const cap_value_t caps[] = { CAP_BPF, CAP_PERFMON };
	struct privileges p;

	if (become_other(OTHER_UID, caps, 2, true) | WRONG_UNLESS(!privileges__check()) |
	    WRONG_UNLESS(!privileges__choose(&p, "64999")) | WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(OTHER_UID, OTHER_UID) | caps_differ(NONE, NULL) | sealed();
}

/* With CAP_SETPCAP permitted, bounding goes as well; with CAP_SETUID the way back must be closed. */
static int stay_with_more_caps(void)
{
	static const cap_value_t caps[] = { CAP_BPF, CAP_PERFMON, CAP_SETPCAP, CAP_SETUID,
					    CAP_SETGID };
	struct privileges p;
	cap_t now;
	int wrong;

	wrong = become_other(OTHER_UID, caps, 5, false);
	now = cap_get_proc();
	wrong |= WRONG_UNLESS(!cap_set_flag(now, CAP_EFFECTIVE, 3, caps + 2, CAP_CLEAR)) |
		 WRONG_UNLESS(!cap_set_proc(now));
	cap_free(now);
	if (wrong | WRONG_UNLESS(!privileges__choose(&p, NULL)))
		return 1;
	p.keep_cap_bpf = true;
	if (WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(OTHER_UID, OTHER_UID) | caps_differ(BPF_BIT, NONE) | sealed();
}

static int refuse_another(void)
{
	return become_other(OTHER_UID, NULL, 0, false) |
	       choice_differs("daemon", EX_USAGE, "only root can become another") |
	       choice_differs("0", EX_USAGE, "only root can become another") |
	       choice_differs("64999", 0, "");
}

static int refuse_to_be_nobody(void)
{
	return become_other(65534, NULL, 0, false) |
	       choice_differs(NULL, EX_USAGE, "is not allowed");
}

static void another_user_stays_who_he_is(void **state)
{
	(void)state;
	need_root();
	in_child(stay_without_caps);
	in_child(stay_with_caps);
	in_child(stay_with_more_caps);
	in_child(refuse_another);
	in_child(refuse_to_be_nobody);
}

static int drop_differs(const struct privileges *p, int status, const char *has)
{
	char text[CAPTURE_SZ];
	struct capture c;
	int got;

	capture__start(&c, STDERR_FILENO);
	got = privileges__drop(p);
	capture__end(&c, text);
	return WRONG_UNLESS(got == status) | WRONG_UNLESS(strstr(text, has));
}

/* Root that may not change its ids is told so, and nothing is pretended. */
static int drop_without_setuid(void)
{
	static const cap_value_t gone[] = { CAP_SETUID };
	cap_t caps = cap_get_proc();
	struct privileges p;
	int wrong;

	wrong = WRONG_UNLESS(!privileges__choose(&p, NULL)) |
		WRONG_UNLESS(!cap_set_flag(caps, CAP_PERMITTED, 1, gone, CAP_CLEAR)) |
		WRONG_UNLESS(!cap_set_flag(caps, CAP_EFFECTIVE, 1, gone, CAP_CLEAR)) |
		WRONG_UNLESS(!cap_set_proc(caps));
	cap_free(caps);
	return wrong ? wrong : drop_differs(&p, EX_SOFTWARE, "setresuid");
}

/* CAP_BPF is to be kept but is not held. */
static int keep_what_is_not_held(void)
{
	struct privileges p;

	if (become_other(OTHER_UID, NULL, 0, false) | WRONG_UNLESS(!privileges__choose(&p, NULL)))
		return 1;
	p.keep_cap_bpf = true;
	return drop_differs(&p, EX_SOFTWARE, "cap_set_proc");
}

static void a_drop_that_fails_is_told(void **state)
{
	(void)state;
	need_root();
	in_child(drop_without_setuid);
	in_child(keep_what_is_not_held);
}

/* This is the part that needs no root: whoever we are, or another user if that is root, drops what there is. */
static int drop_as_we_are(void)
{
	struct privileges p;

	if (geteuid() == 0 && become_other(OTHER_UID, NULL, 0, false))
		return 1;
	if (WRONG_UNLESS(!privileges__choose(&p, NULL)) | WRONG_UNLESS(!privileges__drop(&p)))
		return 1;
	return ids_differ(geteuid(), getegid()) | caps_differ(NONE, NULL) | sealed();
}

static void without_root(void **state)
{
	(void)state;
	in_child(drop_as_we_are);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_accepts_root),
		cmocka_unit_test(check_names_what_is_missing),
		cmocka_unit_test(check_refuses_a_user_namespace),
		cmocka_unit_test(impossible_users),
		cmocka_unit_test(never_root_never_nobody),
		cmocka_unit_test(an_account_is_taken_as_it_is),
		cmocka_unit_test(an_unused_uid_by_default),
		cmocka_unit_test(a_uid_with_a_process_is_not_taken),
		cmocka_unit_test(root_gives_up_everything),
		cmocka_unit_test(cap_bpf_alone_can_be_kept),
		cmocka_unit_test(another_user_stays_who_he_is),
		cmocka_unit_test(a_drop_that_fails_is_told),
		cmocka_unit_test(without_root),
	};

	return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
