/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmagain - a call on a child's second thread, by its number; another one by that number when the thread has executed a file, and
 * so has that of the child's first thread; and one by the latter number.
 */
#include "trigger.h"

#include <pthread.h>

#define READY "1"

static int told[2], go[2]; /* pipes: from the child, and to it */

/* What the thread executes: it has both pipes' ends by their numbers. */
static void become(char **argv)
{
	if (write(atoi(argv[2]), READY, 1) != 1)
		die("write");
	for (;;)
		pause();
}

static void *execute(void *p)
{
	pid_t tid = my_tid();
	char number[16], byte;

	(void)p;
	snprintf(number, sizeof(number), "%d", told[1]);
	if (write(told[1], &tid, sizeof(tid)) != sizeof(tid) || read(go[0], &byte, 1) != 1)
		die("pipe");
	execl("/proc/self/exe", "pvmagain", "become", number, NULL);
	die("execl");
	return NULL;
}

static pid_t start(void)
{
	pthread_t thread;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pthread_create(&thread, NULL, execute, NULL))
		die("pthread_create");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	static char buf[2][32];
	const struct iovec l = { buf[0], 32 }, r = { buf[1], 32 };
	struct call c[3];
	char extra[64], byte;
	pid_t pid, tid;

	if (argc == 3)
		become(argv);
	if (pipe(told) || pipe(go))
		die("pipe");
	pid = start();
	if (pid < 0 || read(told[0], &tid, sizeof(tid)) != sizeof(tid))
		die("the child");
	c[0] = call_of(READ, tid, &l, 1, &r, 1, 0);
	call_run(&c[0]);
	if (write(go[1], READY, 1) != 1 || read(told[0], &byte, 1) != 1)
		die("the exec");
	c[1] = call_of(READ, tid, &l, 1, &r, 1, 0);
	call_run(&c[1]);
	c[2] = call_of(READ, pid, &l, 1, &r, 1, 0);
	call_run(&c[2]);
	snprintf(extra, sizeof(extra), "\"target\":%d,\"target_tid\":%d,", pid, tid);
	report(extra, c, 3);
	victim_end(pid);
	return 0;
}
