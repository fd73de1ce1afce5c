/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmheir ROUNDS - a thread that has called executes a file; long before anybody is told of that its id is free, and
 * here at once another process's, which calls without a pause until the file runs. Prints how many calls were made, and
 * how many of them failed.
 */
#include "trigger.h"

#include <linux/sched.h>
#include <pthread.h>

#define SIZE (96UL << 20) /* to be torn down by the exec, which takes its time */
#define LEN 8

struct shared {
	pid_t tid;
	int over;
	long calls, failed;
};

static struct shared *shared;
static char from[LEN], to[LEN];

static long call_once(void)
{
	struct iovec l = { to, LEN }, r = { from, LEN };
	struct call c = call_of(READ, (uint64_t)getpid(), &l, 1, &r, 1, 0);

	return call_run(&c);
}

static void *execute(void *p)
{
	memset(must_map(SIZE, PROT_READ | PROT_WRITE, 0), 1, SIZE);
	(void)p;
	call_once();
	__atomic_store_n(&shared->tid, my_tid(), __ATOMIC_SEQ_CST);
	execl("/bin/true", "true", NULL);
	_exit(1);
}

static _Noreturn void testator(void)
{
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pthread_create(&t, NULL, execute, NULL))
		_exit(1);
	for (;;)
		pause();
}

static _Noreturn void heir(void)
{
	pin_thread(1);
	while (!__atomic_load_n(&shared->over, __ATOMIC_SEQ_CST)) {
		shared->calls++;
		shared->failed += call_once() != LEN;
	}
	_exit(0);
}

/* Starts a process as soon as the number is free. */
static pid_t inherit(pid_t wanted)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)&wanted,
				   .set_tid_size = 1 };
	pid_t pid;

	for (;;) {
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
		if (!pid)
			heir();
		if (pid > 0)
			return pid;
		if (errno != EEXIST)
			die("clone3 with set_tid");
	}
}

static void play(void)
{
	pid_t first, second, tid;

	shared->tid = shared->over = 0;
	first = fork();
	if (!first)
		testator();
	while (!(tid = __atomic_load_n(&shared->tid, __ATOMIC_SEQ_CST)))
		;
	second = inherit(tid);
	waitpid(first, NULL, 0);
	__atomic_store_n(&shared->over, 1, __ATOMIC_SEQ_CST);
	waitpid(second, NULL, 0);
}

int main(int argc, char **argv)
{
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	for (int i = argc > 1 ? atoi(argv[1]) : 1; i > 0; i--)
		play();
	printf("{\"pid\":%d,\"calls\":%ld,\"failed\":%ld}\n", getpid(), shared->calls,
	       shared->failed);
	return 0;
}
