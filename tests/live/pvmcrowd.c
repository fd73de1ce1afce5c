/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmcrowd - many callers, few calls of each.
 * pvmcrowd line ALIVE ROUNDS CALLS [ELEMENTS]: in each round so many children, alive at the same
 * time, make so many reads of their parent, by lists of so many elements (1). pvmcrowd mesh N: of N
 * children each reads each. pvmcrowd kin N: N times a child has a child of its own, which reads it
 * once. Prints the children.
 */
#include "trigger.h"

#define ELEMENT 8 /* bytes */

static char buf[2][ELEMENT * IOV_MAX_CNT];
static unsigned long elements = 1;

/* Returns whether it reads all. */
static bool read_once(pid_t target)
{
	static struct iovec l[IOV_MAX_CNT], r[IOV_MAX_CNT];
	struct call c = call_of(READ, target, l, elements, r, elements, 0);

	for (unsigned long i = 0; i < elements; i++) {
		l[i] = (struct iovec){ buf[0] + ELEMENT * i, ELEMENT };
		r[i] = (struct iovec){ buf[1] + ELEMENT * i, ELEMENT };
	}
	return call_run(&c) == (long)(ELEMENT * elements);
}

/* Makes calls reads of each of the targets, in a child, once the gate is open. Returns the number that failed, up to 255. */
static int act(int gate, const pid_t *targets, long cnt, long calls)
{
	int failed = 0;
	char c;

	if (read(gate, &c, 1) < 0)
		return 255;
	for (long t = 0; t < cnt; t++) {
		for (long i = 0; i < calls; i++)
			failed += !read_once(targets[t]);
	}
	return failed < 255 ? failed : 255;
}

static void open_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		die("pipe");
}

static pid_t must_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

static long reap(const pid_t *pids, long cnt)
{
	long failed = 0;

	for (long i = 0; i < cnt; i++) {
		int status;

		if (waitpid(pids[i], &status, 0) != pids[i])
			die("waitpid");
		failed += WIFEXITED(status) ? WEXITSTATUS(status) : 255;
		printf("%s%d", i ? "," : "", pids[i]);
	}
	return failed;
}

static long line(long alive, long rounds, long calls)
{
	pid_t *pids = calloc((size_t)alive, sizeof(*pids)), me = getpid();
	long failed = 0;

	for (long round = 0; round < rounds; round++) {
		int gate[2];

		open_pipe(gate);
		for (long i = 0; i < alive; i++) {
			pids[i] = must_fork();
			if (pids[i])
				continue;
			close(gate[1]);
			_exit(act(gate[0], &me, 1, calls));
		}
		close(gate[0]);
		close(gate[1]);
		if (round)
			putchar(',');
		failed += reap(pids, alive);
	}
	free(pids);
	return failed;
}

/* Returns the number of those whose child did not succeed. */
static long kin(long n)
{
	long failed = 0;

	for (long i = 0; i < n; i++) {
		pid_t pid = must_fork(), parent, child;
		int status;

		if (pid) {
			if (i)
				putchar(',');
			failed += reap(&pid, 1) != 0;
			continue;
		}
		parent = getpid();
		child = must_fork();
		if (!child)
			_exit(!read_once(parent));
		_exit(waitpid(child, &status, 0) != child || status);
	}
	return failed;
}

/* They call when all of them are there, and stay until all have called. */
static long mesh(long n)
{
	size_t size = (size_t)n * sizeof(pid_t);
	pid_t *pids = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int gate[2], hold[2], done[2];
	char c;

	if (pids == MAP_FAILED)
		die("mmap");
	open_pipe(gate);
	open_pipe(hold);
	open_pipe(done);
	for (long i = 0; i < n; i++) {
		pid_t pid = must_fork();
		int status;

		if (pid) {
			pids[i] = pid; /* not by the child, which shares them */
			continue;
		}
		close(gate[1]);
		close(hold[1]);
		status = act(gate[0], pids, n, 1);
		close(done[1]);
		_exit(read(hold[0], &c, 1) ? 255 : status);
	}
	close(done[1]);
	close(gate[1]);
	if (read(done[0], &c, 1))
		die("read");
	close(hold[1]);
	return reap(pids, n);
}

int main(int argc, char **argv)
{
	long n[3] = { 0, 1, 1 }, failed;

	for (int i = 2; i < argc && i < 5; i++)
		n[i - 2] = strtol(argv[i], NULL, 0);
	if (argc > 5)
		elements = strtoul(argv[5], NULL, 0);
	if (argc < 3 || n[0] < 1 || elements > IOV_MAX_CNT)
		return 64;
	printf("{\"pid\":%d,\"pids\":[", getpid());
	fflush(stdout);
	if (!strcmp(argv[1], "mesh"))
		failed = mesh(n[0]);
	else
		failed = !strcmp(argv[1], "kin") ? kin(n[0]) : line(n[0], n[1], n[2]);
	printf("],\"failed\":%ld}\n", failed);
	return 0;
}
