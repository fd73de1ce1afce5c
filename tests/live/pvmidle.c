/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmidle IDLE PARKED - so many threads that called once and are still there, and then as many others inside of a call
 * that only a page of this program ends. Prints a line when all have called and one when all are inside; a line on
 * stdin lets them return, and then prints how many moved what they asked for.
 */
#include "gate.h"

#include <pthread.h>

#define LEN 8
#define STACK (64UL << 10) /* of a thread; it is never touched beyond a page or two */

static char *gate;
static char from[LEN], to[LEN];
static long good;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held while the idle ones are to stay */
static long called;

static void *idle(void *p)
{
	struct iovec l = { to, LEN }, r = { from, LEN };
	struct call c = call_of(READ, (uint64_t)getpid(), &l, 1, &r, 1, 0);

	(void)p;
	call_run(&c);
	__atomic_add_fetch(&called, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* The second local element is on the page that is not there. */
static void *parked(void *p)
{
	struct iovec l[2] = { { to, LEN }, { gate, LEN } }, r = { from, LEN };
	struct call c;

	(void)p;
	r.iov_len = LEN;
	l[0].iov_len = LEN / 2;
	c = call_of(READ, (uint64_t)getpid(), l, 2, &r, 1, 0);
	if (call_run(&c) == LEN)
		__atomic_add_fetch(&good, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static pthread_t *start(long cnt, void *(*what)(void *))
{
	pthread_t *threads = calloc((size_t)cnt + 1, sizeof(*threads));
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (long i = 0; i < cnt; i++) {
		if (pthread_create(&threads[i], &attr, what, NULL)) {
			fprintf(stderr, "pvmidle: no room for thread %ld\n", i);
			exit(77);
		}
	}
	return threads;
}

static void join(pthread_t *threads, long cnt)
{
	for (long i = 0; i < cnt; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

static void say(const char *what)
{
	printf("{\"pid\":%d,\"%s\":true}\n", getpid(), what);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	long cnt[2] = { argc > 1 ? atol(argv[1]) : 0, argc > 2 ? atol(argv[2]) : 0 };
	pthread_t *threads[2];
	char line[16];
	int fd;

	gate = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	fd = gate_make(0, gate, PAGE);
	pthread_mutex_lock(&lock);
	threads[0] = start(cnt[0], idle);
	while (__atomic_load_n(&called, __ATOMIC_SEQ_CST) < cnt[0])
		usleep(1000);
	say("idle");
	threads[1] = start(cnt[1], parked);
	gate_await(fd, cnt[1]);
	say("parked");
	if (!fgets(line, sizeof(line), stdin))
		_exit(0);
	gate_open(fd, gate, PAGE);
	join(threads[1], cnt[1]);
	pthread_mutex_unlock(&lock);
	join(threads[0], cnt[0]);
	printf("{\"pid\":%d,\"good\":%ld}\n", getpid(), good);
	return 0;
}
