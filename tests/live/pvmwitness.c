/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmwitness - N calls that read from one of two pages of its own, and after each what came: so it is known which
 * page the kernel really read. With 1 a second thread keeps moving the element between the two. The first
 * line: the addresses of both; the second: a letter a call, a for the first page, b for the second.
 * pvmwitness N 0|1
 */
#include "trigger.h"

#include <pthread.h>

#define LEN 64

static struct iovec l, r;
static char *src, dst[LEN];
static volatile bool done;

static void *move(void *p)
{
	(void)p;
	pin_thread(1);
	swing(&r.iov_base, src + PAGE, src, &done);
	return NULL;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 0) : 1;
	bool race = argc > 2 && atoi(argv[2]);
	char *truth;
	struct call c;
	pthread_t t;

	if (n < 1 || n > 10000000)
		return 64;
	truth = must_map((size_t)n, PROT_READ | PROT_WRITE, 0);
	src = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	memset(src, 'a', PAGE);
	memset(src + PAGE, 'b', PAGE);
	l = (struct iovec){ dst, LEN };
	r = (struct iovec){ src, LEN };
	c = call_of(READ, getpid(), &l, 1, &r, 1, 0);
	pin_thread(0);
	if (race && pthread_create(&t, NULL, move, NULL))
		die("pthread_create");
	for (long i = 0; i < n; i++) {
		if (call_run(&c) != LEN)
			die("a call failed");
		truth[i] = dst[0];
		if (race && i % 64 == 0)
			sched_yield(); /* on one CPU, too, the other thread gets its turn */
	}
	done = true;
	if (race)
		pthread_join(t, NULL);
	printf("0x%lx 0x%lx\n", (unsigned long)src, (unsigned long)(src + PAGE));
	fwrite(truth, 1, (size_t)n, stdout);
	putchar('\n');
	return 0;
}
