/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmbrief ROUNDS - short calls by the number of a thread of its own that ends meanwhile, one thread after the other. Prints
 * its pid, and for each line on stdin, after so many threads, how many calls moved bytes.
 */
#include "trigger.h"

#include <pthread.h>

#define LEN (16 * PAGE) /* so that a call takes some microseconds, and less than 20 */
#define CALLS_MAX 20000 /* of a round: a thread ends in less time than these take */

static volatile pid_t begun;

static void *end_soon(void *unused)
{
	(void)unused;
	pin_thread(1);
	begun = my_tid();
	return NULL;
}

static long one_round(struct iovec *to, struct iovec *from)
{
	pthread_t thread;
	struct call c;
	long moved = 0;

	begun = 0;
	if (pthread_create(&thread, NULL, end_soon, NULL))
		die("pthread_create");
	while (!begun)
		;
	c = call_of(READ, begun, to, 1, from, 1, 0);
	for (int i = 0; i < CALLS_MAX && call_run(&c) > 0; i++)
		moved++;
	pthread_join(thread, NULL);
	return moved;
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
		long moved = 0;

		for (long left = argc > 1 ? strtol(argv[1], NULL, 0) : 1; left > 0; left--)
			moved += one_round(&to, &from);
		printf("{\"moved\":%ld}\n", moved);
		fflush(stdout);
	}
	return 0;
}
