/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmrace - N calls with a list of COUNT elements whose first element a second thread keeps
 * rewriting (or, with 0, leaves alone). pvmrace N COUNT 0|1
 */
#include "trigger.h"

#include <pthread.h>

static struct iovec l[IOV_MAX_CNT], r[IOV_MAX_CNT];
static char *src, *dst;
static volatile bool done;

static void *rewrite(void *p)
{
	void *volatile *at = &r[0].iov_base;

	(void)p;
	pin_thread(1);
	while (!done) {
		*at = src + PAGE;
		for (volatile int i = 0; i < 50; i++)
			;
		*at = src;
		for (volatile int i = 0; i < 50; i++)
			;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 0) : 1;
	size_t cnt = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	bool race = argc > 3 && atoi(argv[3]);
	struct call c;
	char extra[128];
	pthread_t t;

	if (cnt < 1 || cnt > IOV_MAX_CNT)
		return 64;
	src = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	dst = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	memset(src, 's', 2 * PAGE);
	memset(dst, 'd', 2 * PAGE);
	for (size_t i = 0; i < cnt; i++) {
		l[i] = (struct iovec){ dst + i, 1 };
		r[i] = (struct iovec){ src + i, 1 };
	}
	c = call_of(READ, getpid(), l, cnt, r, cnt, 0);
	pin_thread(0);
	if (race)
		pthread_create(&t, NULL, rewrite, NULL);
	for (long i = 0; i < n; i++) {
		if (call_run(&c) != (long)cnt)
			die("a call failed");
		if (race)
			usleep(50); /* long enough in all for the other thread to get its CPU */
	}
	done = true;
	if (race)
		pthread_join(t, NULL);
	snprintf(extra, sizeof(extra), "\"n\":%ld,\"one\":\"%p\",\"other\":\"%p\",", n, (void *)src,
		 (void *)(src + PAGE));
	report(extra, NULL, 0);
	return 0;
}
