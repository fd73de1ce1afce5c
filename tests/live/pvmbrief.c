/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmbrief ROUNDS - short calls by the number of a thread of its own that ends meanwhile, one thread after the other. Prints
 * its pid, and for each line on stdin, after so many threads, how many calls moved bytes, and how many of them were brief.
 */
#include "trigger.h"

#include <pthread.h>

#define LEN (16 * PAGE) /* so that a call takes some microseconds, and less than 20 */
#define CALLS_MAX 20000 /* of a round: a thread ends in less time than these take */
#define BRIEF_NS 20000	/* as in test_retarget.py */

struct counts {
	long moved, brief;
};

static volatile pid_t begun;

static void *end_soon(void *unused)
{
	(void)unused;
	pin_thread(1);
	begun = my_tid();
	return NULL;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void one_round(struct iovec *to, struct iovec *from, struct counts *n)
{
	int64_t before, after;
	pthread_t thread;
	struct call c;

	begun = 0;
	if (pthread_create(&thread, NULL, end_soon, NULL))
		die("pthread_create");
	while (!begun)
		;
	c = call_of(READ, begun, to, 1, from, 1, 0);
	before = now_ns();
	for (int i = 0; i < CALLS_MAX && call_run(&c) > 0; i++) {
		after = now_ns();
		n->moved++;
		n->brief += after - before < BRIEF_NS;
		before = after;
	}
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	struct iovec to = { must_map(LEN, PROT_READ | PROT_WRITE, MAP_POPULATE), LEN };
	struct iovec from = { must_map(LEN, PROT_READ | PROT_WRITE, MAP_POPULATE), LEN };
	char line[16];

	pin_thread(0);
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		struct counts n = { 0, 0 };

		for (long left = argc > 1 ? strtol(argv[1], NULL, 0) : 1; left > 0; left--)
			one_round(&to, &from, &n);
		printf("{\"moved\":%ld,\"brief\":%ld}\n", n.moved, n.brief);
		fflush(stdout);
	}
	return 0;
}
