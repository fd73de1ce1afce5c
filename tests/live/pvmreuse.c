/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmreuse - two processes with the same number, one after the other, and a call on each. Prints the
 * first one's number, waits for a line on stdin, calls, replaces the process, calls again.
 */
#include "trigger.h"

#include <linux/sched.h>

static char buf[2][256];
static struct iovec l = { buf[0], 32 }, r = { buf[1], 32 };

static pid_t start(pid_t wanted)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = wanted ? (uintptr_t)&wanted : 0,
				   .set_tid_size = wanted ? 1 : 0 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

int main(void)
{
	struct call c[2];
	char line[16], extra[64];
	pid_t pid = start(0), again = -1;

	if (pid < 0)
		die("clone3");
	printf("{\"pid\":%d,\"target\":%d}\n", getpid(), pid);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	c[0] = call_of(READ, pid, &l, 1, &r, 1, 0);
	call_run(&c[0]);
	victim_end(pid);
	/* Somebody else may get the number in between: then there is nothing to test. */
	for (int i = 0; i < 50 && again < 0; i++) {
		again = start(pid);
		if (again < 0 && errno != EEXIST)
			die("clone3 with set_tid");
		if (again < 0)
			usleep(10000);
	}
	if (again != pid) {
		fprintf(stderr, "pvmreuse: somebody else has the number\n");
		return 77;
	}
	c[1] = call_of(READ, again, &l, 1, &r, 1, 0);
	call_run(&c[1]);
	snprintf(extra, sizeof(extra), "\"target\":%d,", again);
	report(extra, c, 2);
	victim_end(again);
	return 0;
}
