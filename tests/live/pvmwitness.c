/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmwitness - N calls that read from one page of a pair, and after each what came: so it is known which page the
 * kernel really read. Each call has the next pair, in a ring of PAIRS, so that a range names its call. With 1 a
 * second thread keeps moving the element to the other page of the pair. The first line: the address of
 * each page; the second: a letter a call, a for the first page of its pair, b for the second.
 * pvmwitness N 0|1
 */
#include "trigger.h"

#include <pthread.h>

#define LEN 64
#define PAIRS 1024UL
#define PAGES (2 * PAIRS)

static struct iovec l, r;
static char *src, dst[LEN];
static volatile bool done;

/* It takes one step that cannot be torn: the pair that the calls have come to stays what it is. */
static void *move(void *p)
{
	(void)p;
	pin_thread(1);
	while (!done) {
		__atomic_fetch_xor((uintptr_t *)&r.iov_base, PAGE, __ATOMIC_RELAXED);
		for (volatile int i = 0; i < 50; i++)
			;
	}
	return NULL;
}

/* They are at a multiple of a pair's size: one bit tells the two pages apart. */
static char *map_pairs(void)
{
	char *p = must_map((PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, 0);

	p += (uintptr_t)p & PAGE;
	for (size_t i = 0; i < PAGES; i++)
		memset(p + i * PAGE, i % 2 ? 'b' : 'a', PAGE);
	return p;
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
	src = map_pairs();
	l = (struct iovec){ dst, LEN };
	r = (struct iovec){ src, LEN };
	c = call_of(READ, getpid(), &l, 1, &r, 1, 0);
	pin_thread(0);
	if (race && pthread_create(&t, NULL, move, NULL))
		die("pthread_create");
	for (long i = 0; i < n; i++) {
		char *pair = src + (unsigned long)i % PAIRS * 2 * PAGE;

		__atomic_store_n((uintptr_t *)&r.iov_base, (uintptr_t)pair, __ATOMIC_RELAXED);
		if (call_run(&c) != LEN)
			die("a call failed");
		truth[i] = dst[0];
		if (race && i % 64 == 0)
			sched_yield(); /* on one CPU, too, the other thread gets its turn */
	}
	done = true;
	if (race)
		pthread_join(t, NULL);
	for (size_t i = 0; i < PAGES; i++)
		printf("0x%lx ", (unsigned long)(src + i * PAGE));
	putchar('\n');
	fwrite(truth, 1, (size_t)n, stdout);
	putchar('\n');
	return 0;
}
