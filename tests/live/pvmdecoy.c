/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmdecoy - a call whose number means one process at its entry and another one when the kernel looks it up.
 * Prints the decoy's number, waits for a line on stdin; then calls with the local array on a page that only this
 * program can provide (the kernel reads that before it looks the pid up), replaces the decoy by a process named
 * "pvmvictim" of the same number, provides the page, and reports.
 */
#include "trigger.h"

#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>

static char *gate;
static char from[64], to[64];
static struct iovec r = { from, 32 };
static struct call call;

static pid_t start(pid_t wanted)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = wanted ? (uintptr_t)&wanted : 0,
				   .set_tid_size = wanted ? 1 : 0 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, wanted ? "pvmvictim" : "pvmdecoy");
	for (;;)
		pause();
}

static void *caller(void *p)
{
	(void)p;
	call_run(&call);
	return NULL;
}

static int open_gate(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) {
		fprintf(stderr, "pvmdecoy: userfaultfd: %s\n", strerror(errno));
		exit(77);
	}
	gate = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	reg.range.start = (uintptr_t)gate;
	reg.range.len = PAGE;
	if (ioctl(fd, UFFDIO_REGISTER, &reg))
		die("UFFDIO_REGISTER");
	return fd;
}

static void wait_parked(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	struct uffd_msg msg;

	if (poll(&p, 1, 10000) != 1 || read(fd, &msg, sizeof(msg)) != sizeof(msg))
		die("no fault came");
}

static pid_t replace(pid_t decoy)
{
	pid_t pid = -1;

	victim_end(decoy);
	for (int i = 0; i < 50 && pid < 0; i++) {
		pid = start(decoy);
		if (pid < 0)
			usleep(10000);
	}
	return pid;
}

static void provide(int fd)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = { .dst = (uintptr_t)gate, .src = (uintptr_t)page, .len = PAGE };
	const struct iovec l = { to, 32 };

	memcpy(page, &l, sizeof(l));
	if (ioctl(fd, UFFDIO_COPY, &copy))
		die("UFFDIO_COPY");
}

int main(void)
{
	char line[16], extra[64];
	int fd = open_gate();
	pid_t decoy = start(0), victim_pid;
	pthread_t t;

	if (decoy < 0)
		die("clone3");
	printf("{\"pid\":%d,\"target\":%d}\n", getpid(), decoy);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	call = call_of(READ, decoy, (struct iovec *)gate, 1, &r, 1, 0);
	pthread_create(&t, NULL, caller, NULL);
	wait_parked(fd);
	victim_pid = replace(decoy);
	if (victim_pid != decoy)
		return 77;
	usleep(20000);
	provide(fd);
	pthread_join(t, NULL);
	snprintf(extra, sizeof(extra), "\"target\":%d,", victim_pid);
	report(extra, &call, 1);
	victim_end(victim_pid);
	return 0;
}
