/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmunborn - a child that is being made for as long as its maker likes: fork() waits for the reader of a userfaultfd that
 * asked for forks. Prints its pid when it waits. At each line on stdin the child, which is let go at the first one, reads its
 * parent's memory (not at "live"), and its pid and the results are printed.
 */
#include "gate.h"

#include <linux/sched.h>
#include <pthread.h>

#define LEN 16
#define CALLS 3

struct shared {
	int turn, done; /* how often the child may have called, and has */
	long rets[CALLS];
};

static struct shared *shared;
static char from[LEN];
static pid_t child;

static _Noreturn void be_child(pid_t parent)
{
	char to[LEN];
	struct iovec l = { to, LEN }, r = { from, LEN };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		while (__atomic_load_n(&shared->turn, __ATOMIC_SEQ_CST) == shared->done)
			usleep(1000);
		for (int i = 0; i < CALLS; i++) {
			struct call c = call_of(READ, parent, &l, 1, &r, 1, 0);

			shared->rets[i] = call_run(&c);
		}
		__atomic_add_fetch(&shared->done, 1, __ATOMIC_SEQ_CST);
	}
}

static void *make_child(void *p)
{
	pid_t parent = getpid();
	/* libc's fork() holds locks meanwhile that printf() wants. */
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	(void)p;
	if (!pid)
		be_child(parent);
	__atomic_store_n(&child, pid, __ATOMIC_SEQ_CST);
	for (;;) /* it is this thread that the child must not outlive */
		pause();
}

static void let_go(int fd)
{
	struct uffd_msg msg;

	if (read(fd, &msg, sizeof(msg)) != sizeof(msg) || msg.event != UFFD_EVENT_FORK)
		die("no fork came");
	close((int)msg.arg.fork.ufd);
	while (!__atomic_load_n(&child, __ATOMIC_SEQ_CST))
		usleep(1000);
	if (child < 0)
		die("fork");
}

int main(void)
{
	const void *held = must_map(PAGE, PROT_READ, 0);
	int fd = gate_make(UFFD_FEATURE_EVENT_FORK, held, PAGE);
	struct pollfd p = { fd, POLLIN, 0 };
	pthread_t maker;
	char line[16];

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || pthread_create(&maker, NULL, make_child, NULL))
		die("pvmunborn");
	if (poll(&p, 1, 10000) != 1)
		die("nothing forks");
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (!child)
			let_go(fd);
		shared->turn += strcmp(line, "live\n") != 0;
		while (__atomic_load_n(&shared->done, __ATOMIC_SEQ_CST) != shared->turn)
			usleep(1000);
		printf("{\"child\":%d,\"rets\":[%ld,%ld,%ld]}\n", child, shared->rets[0],
		       shared->rets[1], shared->rets[2]);
		fflush(stdout);
	}
	if (!child)
		let_go(fd);
	kill(child, SIGKILL);
	return 0;
}
