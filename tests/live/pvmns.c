/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmns - calls from inside namespaces; /proc is still the outer one and tells the outer numbers.
 * pvmns pid: a caller in a new pid namespace, and one in a namespace below that; pvmns down: a
 * caller outside, a target inside; pvmns user: host uids 100003 (real) and 100005 (effective)
 */
#include "trigger.h"

#include <grp.h>
#include <pthread.h>
#include <sched.h>

struct who {
	pid_t ns_pid, ns_tid; /* as its own namespace numbers it */
	pid_t pid, tid;	      /* as the host does */
};

static char buf[2][256];
static struct iovec l = { buf[0], 32 }, r = { buf[1], 32 };

static void *tell(void *p)
{
	struct who w = { getpid(), my_tid(), host_number("/proc/self"),
			 host_number("/proc/thread-self") };

	if (write(*(int *)p, &w, sizeof(w)) != sizeof(w))
		die("write");
	for (;;)
		pause();
	return NULL;
}

/* Starts a child that tells who it is and stays; threaded: by a second thread. */
static struct who start_target(bool threaded)
{
	struct who w;
	int fds[2];
	pthread_t t;

	if (pipe(fds))
		die("pipe");
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (threaded)
			pthread_create(&t, NULL, tell, &fds[1]);
		else
			tell(&fds[1]);
		for (;;)
			pause();
	}
	if (read(fds[0], &w, sizeof(w)) != sizeof(w))
		die("read");
	return w;
}

static void call_on(const char *what, pid_t number, const struct who *t)
{
	struct call c = call_of(READ, number, &l, 1, &r, 1, 0);
	char extra[256];

	call_run(&c);
	snprintf(extra, sizeof(extra),
		 "\"what\":\"%s\",\"pid_ns\":%d,\"target\":%d,\"target_tid\":%d,\"target_ns\":%d,",
		 what, getpid(), t->pid, t->tid, t->ns_pid);
	report_as(host_number("/proc/self"), host_number("/proc/thread-self"), extra, &c, 1);
}

/* Runs f as process 1 of a new pid namespace and waits for it. */
static void in_new_pid_ns(void (*f)(void))
{
	pid_t pid;

	fflush(stdout);
	if (unshare(CLONE_NEWPID))
		die("unshare");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		f();
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

static void inner(void)
{
	struct who t = start_target(false);

	call_on("second level", t.ns_pid, &t);
	call_on("host number", t.pid, &t);
}

static void outer(void)
{
	struct who t = start_target(false), threaded = start_target(true);

	call_on("first level", t.ns_pid, &t);
	call_on("thread id", threaded.ns_tid, &threaded);
	in_new_pid_ns(inner);
}

/* Tells its number and stays: seen from outside. */
static int down_pipe[2];

static void stay(void)
{
	tell(&down_pipe[1]);
}

static int down(void)
{
	struct who t;
	pid_t keeper;

	if (pipe(down_pipe))
		die("pipe");
	keeper = fork();
	if (!keeper) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		in_new_pid_ns(stay);
		_exit(0);
	}
	if (read(down_pipe[0], &t, sizeof(t)) != sizeof(t))
		die("read");
	call_on("from outside", t.pid, &t);
	kill(t.pid, SIGKILL);
	waitpid(keeper, NULL, 0);
	return 0;
}

static void map_ids(pid_t pid, const char *file)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0 100000 10\n", 12) != 12)
		die(path);
	close(fd);
}

static int user(void)
{
	int ready[2], go[2];
	char b = 0;
	pid_t pid;

	if (pipe(ready) || pipe(go))
		die("pipe");
	pid = fork();
	if (!pid) {
		struct call c;
		char extra[96], ns[64] = { 0 };

		if (unshare(CLONE_NEWUSER) || write(ready[1], &b, 1) != 1 ||
		    read(go[0], &b, 1) != 1)
			_exit(1);
		if (setgroups(0, NULL) || setresgid(4, 4, 4) || setresuid(3, 5, 5))
			_exit(1);
		if (readlink("/proc/self/ns/user", ns, sizeof(ns) - 1) < 0)
			_exit(1);
		c = call_of(READ, getpid(), &l, 1, &r, 1, 0);
		call_run(&c);
		snprintf(extra, sizeof(extra), "\"ns_user\":\"%s\",", ns);
		report(extra, &c, 1);
		_exit(0);
	}
	if (read(ready[0], &b, 1) != 1)
		die("unshare");
	map_ids(pid, "uid_map");
	map_ids(pid, "gid_map");
	if (write(go[1], &b, 1) != 1)
		die("write");
	waitpid(pid, NULL, 0);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "pid"))
		in_new_pid_ns(outer);
	else if (!strcmp(what, "down"))
		return down();
	else if (!strcmp(what, "user"))
		return user();
	else
		return 64;
	return 0;
}
