/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/fd_path.h"
#include "base/log.h"
#include "event/sandbox_info.h"
#include "sandbox/calls.h"
#include "sandbox/escape.h"
#include "sandbox/seccomp.h"
#include "sandbox/strays.h"

/* err: a negative errno. */
static int refused(const char *what, int err)
{
	log__error("%s, which this kernel has, cannot be put in force: %s; --no-sandbox does "
		   "without the sandbox",
		   what, strerror(-err));
	return EX_UNAVAILABLE;
}

static int ask(struct sandbox_offer *out)
{
	const int has = seccomp__is_there(), abi = landlock__abi();

	if (has < 0)
		return refused("seccomp", has);
	if (abi < 0)
		return refused("Landlock", abi);
	*out = (struct sandbox_offer){ .seccomp = has, .landlock = abi };
	return 0;
}

int sandbox__prepare(struct sandbox *s, const struct sandbox_asked *asked)
{
	static struct places_wanted wanted;
	char real[PATH_MAX];
	struct stat st;
	int err;

	*s = (struct sandbox){ .asked = *asked, .self = -1 };
	if (asked->options->no_sandbox)
		return 0;
	if (!fstat(asked->output, &st))
		s->asked.kind = st.st_mode;
	err = ask(&s->has);
	if (err || !s->has.landlock)
		return err;
	fd_path__read(asked->output, real);
	places__want(&s->asked, real, &wanted);
	s->place_cnt = places__open(&wanted, s->places);
	return 0;
}

/* It stays open: what is allowed there is of this inode, and a directory that nobody holds may get another one. */
static void hold_self(struct sandbox *s)
{
	s->self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void close_places(struct sandbox *s)
{
	for (size_t i = 0; i < s->place_cnt; i++)
		close(s->places[i].fd);
	s->place_cnt = 0;
}

static int limit(int what, const char *name)
{
	const struct rlimit none = { 0, 0 };

	return setrlimit(what, &none) ? refused(name, -errno) : 0;
}

/* What privileges__drop did already is done here for a replay, too. */
static int take_chances(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return refused("no_new_privs", -errno);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return refused("PR_SET_DUMPABLE", -errno);
	return 0;
}

static uint8_t chances_taken(void)
{
	return (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? SANDBOX_NO_NEW_PRIVS : 0) |
	       (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? SANDBOX_NOT_DUMPABLE : 0);
}

/* Seccomp comes last, as it allows none of the calls by which the others are put in force. */
static int lock(struct sandbox *s, const struct seccomp_filter *filter)
{
	int err = 0;

	if (s->has.landlock) {
		hold_self(s);
		err = landlock__enforce(s->has.landlock, s->places, s->place_cnt);
		if (err)
			return refused("Landlock", err);
		s->in_force |= SANDBOX_LANDLOCK;
	}
	close_places(s);
	if (s->has.seccomp) {
		err = seccomp__enforce(filter);
		if (err)
			return refused("seccomp", err);
		s->in_force |= SANDBOX_SECCOMP;
	}
	return 0;
}

static int enter(struct sandbox *s, const struct seccomp_filter *filter)
{
	int err;

	if ((err = take_chances()) || (err = limit(RLIMIT_CORE, "RLIMIT_CORE")) ||
	    (err = limit(RLIMIT_NPROC, "RLIMIT_NPROC")))
		return err;
	s->in_force = chances_taken() | SANDBOX_DESCRIPTORS | SANDBOX_NO_CORE |
		      SANDBOX_NO_PROCESSES;
	return lock(s, filter);
}

int sandbox__enter(struct sandbox *s)
{
	struct seccomp_filter filter = { 0 };
	int err = 0;

	if (s->asked.options->no_sandbox) {
		s->in_force = chances_taken();
		escape__try();
		return 0;
	}
	tzset(); /* the C library reads the zone's file when it is first asked for a time of day */
	strays__close();
	if (s->has.seccomp && (err = seccomp__make(&filter, sandbox_needs(&s->asked))))
		return refused("seccomp", err);
	err = enter(s, &filter);
	seccomp__free(&filter);
	if (!err)
		escape__try();
	return err;
}
