/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privileges - checks what tracing needs, chooses whom to become, gives everything up.
 *
 * The collector reads bytes that any process of the machine may have chosen, so it must own nothing
 * worth taking: no capability, no way back to one, and a uid that it shares with nobody, because any
 * process of the same uid may kill or stop it.
 */
#include "kernel/privileges.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* This is systemd's range for uids that are made up for one service: accounts of people are elsewhere. */
#define UID_FIRST 61184u
#define UID_LAST 65519u
#define UID_CNT (UID_LAST - UID_FIRST + 1)
#define NOBODY_UID 65534u /* the kernel's overflow uid, whatever the accounts say */
#define DEFAULT_ACCOUNT "pvmtrace"
#define INIT_USER_NS 0xEFFFFFFDu /* PROC_USER_INIT_INO, the same on every kernel */
#define ASKED_MAX 64		 /* owners of outputs, of which there are a few */

static bool accounts_closed;

static bool has_cap(cap_t caps, cap_value_t cap, cap_flag_t set)
{
	cap_flag_value_t value;

	return !cap_get_flag(caps, cap, set, &value) && value == CAP_SET;
}

unsigned privileges__missing(uint64_t *effective)
{
	unsigned missing = PRIVILEGE_BPF | PRIVILEGE_PERFMON;
	cap_t caps = cap_get_proc();

	if (effective)
		*effective = 0;
	if (!caps)
		return missing;
	for (cap_value_t cap = 0; effective && cap < 64 && cap_get_bound(cap) >= 0; cap++) {
		if (has_cap(caps, cap, CAP_EFFECTIVE))
			*effective |= 1ULL << cap;
	}
	if (has_cap(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE))
		missing = 0;
	if (has_cap(caps, CAP_BPF, CAP_EFFECTIVE))
		missing &= ~(unsigned)PRIVILEGE_BPF;
	if (has_cap(caps, CAP_PERFMON, CAP_EFFECTIVE))
		missing &= ~(unsigned)PRIVILEGE_PERFMON;
	cap_free(caps);
	return missing;
}

bool privileges__in_init_user_ns(void)
{
	struct stat ns;

	return stat("/proc/self/ns/user", &ns) || ns.st_ino == INIT_USER_NS;
}

int privileges__check(void)
{
	unsigned missing;

	if (!privileges__in_init_user_ns()) {
		log__error(
			"tracing needs CAP_BPF and CAP_PERFMON of the initial user namespace, and "
			"this is another one (a rootless container?): run it on the host");
		return EX_NOPERM;
	}
	missing = privileges__missing(NULL);
	if (!missing)
		return 0;
	log__error(
		"tracing needs CAP_BPF and CAP_PERFMON (missing: %s%s%s): run as root, or give "
		"both, for example by setpriv --inh-caps +bpf,+perfmon --ambient-caps +bpf,+perfmon",
		missing & PRIVILEGE_BPF ? "CAP_BPF" : "",
		missing == (PRIVILEGE_BPF | PRIVILEGE_PERFMON) ? ", " : "",
		missing & PRIVILEGE_PERFMON ? "CAP_PERFMON" : "");
	return EX_NOPERM;
}

/* Marks the uids of a "Uid:" line. text: its four numbers: real, effective, saved and of file access. */
static void mark_uids(const char *text, bool used[UID_CNT])
{
	char *end;

	for (int i = 0; i < 4; i++, text = end) {
		unsigned long uid = strtoul(text, &end, 10);

		if (uid >= UID_FIRST && uid <= UID_LAST)
			used[uid - UID_FIRST] = true;
	}
}

static void mark_process(int proc_fd, const char *pid, bool used[UID_CNT])
{
	char path[64], line[256];
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "%.32s/status", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* it has just ended */
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "Uid:", 4) != 0)
			continue;
		mark_uids(line + 4, used);
		break;
	}
	fclose(f);
}

static int mark_processes(bool used[UID_CNT])
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	size_t seen = 0;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		mark_process(dirfd(proc), entry->d_name, used);
		seen++;
	}
	closedir(proc);
	return seen ? 0 : -ENOENT; /* there is at least ourselves, if this is a proc at all */
}

static uint32_t random_offset(void)
{
	struct timespec now;
	uint32_t n;

	if (getrandom(&n, sizeof(n), GRND_NONBLOCK) != (ssize_t)sizeof(n)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		n = (uint32_t)now.tv_nsec ^ (uint32_t)getpid() * 2654435761u;
	}
	return n % UID_CNT;
}

/* Another instance may choose at the same moment and neither sees the other's choice: hence the
 * random start. */
static int choose_unused(struct privileges *p)
{
	static bool used[UID_CNT];
	uint32_t offset = random_offset();
	int err;

	memset(used, 0, sizeof(used));
	err = mark_processes(used);
	if (err) {
		log__error(
			"cannot look for an unused uid in /proc (%s): mount it, or name an account "
			"with --user",
			strerror(-err));
		return EX_SOFTWARE;
	}
	for (uint32_t i = 0; i < UID_CNT; i++) {
		uint32_t at = (offset + i) % UID_CNT;
		uid_t uid = UID_FIRST + at;

		if (used[at] || getpwuid(uid) || getgrgid(uid))
			continue;
		p->uid = uid;
		p->gid = uid;
		p->made_up = true;
		snprintf(p->name, sizeof(p->name), "%u", uid);
		return 0;
	}
	log__error("every uid from %u to %u is in use: name an account with --user", UID_FIRST,
		   UID_LAST);
	return EX_SOFTWARE;
}

bool privileges__is_made_up(uid_t uid)
{
	static struct {
		uid_t uid;
		bool made_up;
	} asked[ASKED_MAX];
	static size_t cnt;

	if (uid < UID_FIRST || uid > UID_LAST)
		return false;
	for (size_t i = 0; i < cnt; i++)
		if (asked[i].uid == uid)
			return asked[i].made_up;
	if (accounts_closed || cnt == ASKED_MAX)
		return false;
	asked[cnt].uid = uid;
	asked[cnt].made_up = !getpwuid(uid);
	return asked[cnt++].made_up;
}

void privileges__close_accounts(void)
{
	accounts_closed = true;
}

/* Looks up an account's name, or a uid in decimal that need not have one. Returns 0, or -ENOENT. */
static int look_up(struct privileges *p, const char *user)
{
	const struct passwd *pw;

	if (*user && user[strspn(user, "0123456789")] == '\0') {
		unsigned long uid;

		errno = 0;
		uid = strtoul(user, NULL, 10);
		if (errno || uid >= UINT32_MAX)
			return -ENOENT;
		p->uid = (uid_t)uid;
		p->gid = (gid_t)uid;
		pw = getpwuid(p->uid);
	} else {
		pw = getpwnam(user);
		if (!pw)
			return -ENOENT;
	}
	if (pw) {
		p->uid = pw->pw_uid;
		p->gid = pw->pw_gid;
		snprintf(p->name, sizeof(p->name), "%s", pw->pw_name);
	} else {
		snprintf(p->name, sizeof(p->name), "%u", p->uid);
	}
	return 0;
}

static bool is_nobody(uid_t uid)
{
	const struct passwd *pw = getpwnam("nobody");

	return uid == NOBODY_UID || (pw && pw->pw_uid == uid);
}

/* Returns whether what look_up found is fit for us: 0 or EX_USAGE. user: how it was named. */
static int accept(const struct privileges *p, const char *user)
{
	if (is_nobody(p->uid))
		log__error(
			"--user: '%.200s' is not allowed: other processes run as nobody and could "
			"kill the collector; name an account of its own",
			user);
	else if (p->uid == 0 || p->gid == 0)
		log__error(
			"--user: '%.200s' is not allowed: it has %s 0, root's; name an account of its "
			"own",
			user, p->uid == 0 ? "uid" : "gid");
	else
		return 0;
	return EX_USAGE;
}

static int choose_to_stay(struct privileges *p, const char *user)
{
	struct privileges asked = { 0 };
	const struct passwd *pw;

	p->uid = geteuid();
	p->gid = getegid();
	pw = getpwuid(p->uid);
	if (pw)
		snprintf(p->name, sizeof(p->name), "%s", pw->pw_name);
	else
		snprintf(p->name, sizeof(p->name), "%u", p->uid);

	if (user && look_up(&asked, user)) {
		log__error("--user: '%.200s' is not an account and not a uid", user);
		return EX_USAGE;
	}
	if (user && asked.uid != p->uid) {
		log__error("--user: '%.200s' is not whom we run as (%s), and only root can become "
			   "another",
			   user, p->name);
		return EX_USAGE;
	}
	if (is_nobody(p->uid)) {
		log__error(
			"running as %s is not allowed: its other processes could kill the collector; "
			"start it as root or as a user of its own",
			p->name);
		return EX_USAGE;
	}
	return 0;
}

int privileges__choose(struct privileges *p, const char *user)
{
	uid_t real, effective, saved;

	memset(p, 0, sizeof(*p));
	if (getresuid(&real, &effective, &saved)) {
		log__error("cannot read our own uids: %s", strerror(errno));
		return EX_SOFTWARE;
	}
	if (real && effective && saved)
		return choose_to_stay(p, user);

	p->change_user = true;
	if (!user && look_up(p, DEFAULT_ACCOUNT))
		return choose_unused(p);
	if (!user)
		return accept(p, DEFAULT_ACCOUNT);
	if (look_up(p, user)) {
		log__error("--user: '%.200s' is not an account and not a uid", user);
		return EX_USAGE;
	}
	return accept(p, user);
}

static int failed(const char *what)
{
	log__error("cannot give up privileges: %s: %s", what, strerror(errno));
	return EX_SOFTWARE;
}

/* Takes into the effective set what the drop itself uses, as far as we hold it. */
static int raise_own(void)
{
	static const cap_value_t wanted[] = { CAP_SETPCAP, CAP_SETUID, CAP_SETGID };
	cap_t caps = cap_get_proc();
	int err = 0;

	if (!caps)
		return failed("cap_get_proc");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (has_cap(caps, wanted[i], CAP_PERMITTED) &&
		    cap_set_flag(caps, CAP_EFFECTIVE, 1, &wanted[i], CAP_SET))
			err = failed("cap_set_flag");
	}
	if (!err && cap_set_proc(caps))
		err = failed("cap_set_proc");
	cap_free(caps);
	return err;
}

/* Empties the bounding set. *held: whether there was the right to do it, so whether the set has to be empty now. */
static int drop_bounding(bool *held)
{
	cap_t caps = cap_get_proc();

	if (!caps)
		return failed("cap_get_proc");
	*held = has_cap(caps, CAP_SETPCAP, CAP_EFFECTIVE);
	cap_free(caps);
	for (cap_value_t cap = 0; *held && cap_get_bound(cap) >= 0; cap++) {
		if (cap_drop_bound(cap))
			return failed("cap_drop_bound");
	}
	return 0;
}

static int change_ids(const struct privileges *p)
{
	/* Permitted would be emptied with the last uid 0. */
	if (p->keep_cap_bpf && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		return failed("PR_SET_KEEPCAPS");
	/* Who stays the user that he was keeps his groups: they may be his right to the output file. */
	if (p->change_user && setgroups(0, NULL))
		return failed("setgroups");
	if (setresgid(p->gid, p->gid, p->gid))
		return failed("setresgid");
	if (setresuid(p->uid, p->uid, p->uid))
		return failed("setresuid");
	if (p->keep_cap_bpf && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0))
		return failed("PR_SET_KEEPCAPS");
	return 0;
}

/* Returns the sets that are left in the end: empty, or with CAP_BPF permitted and effective. */
static cap_t final_caps(bool keep_cap_bpf)
{
	static const cap_value_t bpf[] = { CAP_BPF };
	cap_t caps = cap_init();

	if (caps && keep_cap_bpf &&
	    (cap_set_flag(caps, CAP_PERMITTED, 1, bpf, CAP_SET) ||
	     cap_set_flag(caps, CAP_EFFECTIVE, 1, bpf, CAP_SET))) {
		cap_free(caps);
		caps = NULL;
	}
	return caps;
}

static int set_caps(bool keep_cap_bpf)
{
	cap_t caps = final_caps(keep_cap_bpf);
	int err = 0;

	if (!caps)
		return failed("cap_init");
	if (cap_set_proc(caps))
		err = failed("cap_set_proc");
	cap_free(caps);
	/* The kernel lowers ambient with the other two; a kernel that did not would be found out by
	 * verify_caps, so this only has to be tried. */
	cap_reset_ambient();
	return err;
}

static int still(const char *what)
{
	log__error("cannot give up privileges: %s afterwards", what);
	return EX_SOFTWARE;
}

static int verify_caps(bool keep_cap_bpf, bool bounding)
{
	cap_t have = cap_get_proc(), want = final_caps(keep_cap_bpf);
	int err = 0;

	if (!have || !want)
		err = failed("cap_get_proc");
	else if (cap_compare(have, want))
		err = still("a capability is held");
	cap_free(have);
	cap_free(want);

	for (cap_value_t cap = 0; !err && cap_get_bound(cap) >= 0; cap++) {
		if (cap_get_ambient(cap) == 1)
			err = still("an ambient capability is set");
		else if (bounding && cap_get_bound(cap) == 1)
			err = still("the bounding set is not empty");
	}
	return err;
}

static int verify_ids(const struct privileges *p)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) || getresgid(&rgid, &egid, &sgid))
		return failed("getresuid");
	if (ruid != p->uid || euid != p->uid || suid != p->uid || !p->uid)
		return still("the uid is not the chosen one");
	if (rgid != p->gid || egid != p->gid || sgid != p->gid)
		return still("the gid is not the chosen one");
	if (p->change_user && getgroups(0, NULL) != 0)
		return still("supplementary groups are left");
	/* This is the proof: the way back is closed. */
	if (!setuid(0) || !seteuid(0) || !setresuid((uid_t)-1, (uid_t)-1, 0))
		return still("root can be had back");
	if (p->gid && (!setgid(0) || !setegid(0)))
		return still("root's group can be had back");
	return 0;
}

int privileges__drop(const struct privileges *p)
{
	bool bounding = false;
	int err;

	/* Bounding needs CAP_SETPCAP, the ids need CAP_SETUID and CAP_SETGID, which go with the sets;
	 * dumpable comes last because every change of ids or sets turns it to the system's default. */
	err = raise_own();
	if (!err)
		err = drop_bounding(&bounding);
	if (!err)
		err = change_ids(p);
	if (!err)
		err = set_caps(p->keep_cap_bpf);
	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed("PR_SET_NO_NEW_PRIVS");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return failed("PR_SET_DUMPABLE");

	err = verify_ids(p);
	if (!err)
		err = verify_caps(p->keep_cap_bpf, bounding);
	if (err)
		return err;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return still("no_new_privs is not set");
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return still("the process is dumpable");
	return 0;
}
