/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmswap - a call whose number changes hands twice: it is that of a thread of the caller's own at entry and at exit, and
 * that of a thread of another process, "pvmvictim", when the kernel looks it up. Prints the victim's pid and the number,
 * and at each line on stdin goes one step: calls with the local list on a page that only this program can provide, and
 * hands the number to the victim; provides the page, and takes the number back while the second local element waits for
 * another such page; provides that one, and reports; ends.
 */
#include "gate.h"

#include <pthread.h>

#define LEN 32

/* This is a thread that stays until it is told to leave. */
struct held {
	pthread_t thread;
	pid_t tid;
	int leave;
};

struct shared {
	pid_t wanted; /* the number that the victim's thread is to have; 0: it is to have no thread */
	pid_t has;
};

static volatile struct shared *shared;
static char *gate; /* two pages */
static char from[2 * LEN], to[LEN];
static struct iovec r = { from, sizeof(from) };
static struct call call;

static void *stay(void *p)
{
	struct held *h = p;

	__atomic_store_n(&h->tid, my_tid(), __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&h->leave, __ATOMIC_SEQ_CST))
		usleep(1000);
	return NULL;
}

static void held_end(struct held *h)
{
	__atomic_store_n(&h->leave, 1, __ATOMIC_SEQ_CST);
	pthread_join(h->thread, NULL);
}

static void next_number(pid_t wanted)
{
	FILE *f = fopen("/proc/sys/kernel/ns_last_pid", "we");

	if (!f || fprintf(f, "%d", wanted - 1) < 0 || fclose(f)) {
		fprintf(stderr, "pvmswap: ns_last_pid: %s\n", strerror(errno));
		exit(77);
	}
}

/* Starts one. wanted: 0 for any number. Others start threads too, so it may take some tries. */
static void held_start(struct held *h, pid_t wanted)
{
	for (int i = 0; i < 2000; i++) {
		if (wanted)
			next_number(wanted);
		h->tid = h->leave = 0;
		if (pthread_create(&h->thread, NULL, stay, h))
			die("pthread_create");
		while (!__atomic_load_n(&h->tid, __ATOMIC_SEQ_CST))
			usleep(100);
		if (!wanted || h->tid == wanted)
			return;
		held_end(h);
	}
	fprintf(stderr, "pvmswap: the number %d is not to be had\n", wanted);
	exit(77);
}

static _Noreturn void be_victim(void)
{
	struct held h;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "pvmvictim");
	memset(from, 'v', sizeof(from));
	for (;;) {
		while (!shared->wanted)
			usleep(1000);
		held_start(&h, shared->wanted);
		shared->has = shared->wanted;
		while (shared->wanted)
			usleep(1000);
		held_end(&h);
		shared->has = 0;
	}
}

static void hand_over(pid_t number)
{
	shared->wanted = number;
	for (int i = 0; shared->has != number; i++) {
		if (i > 30000)
			exit(77);
		usleep(1000);
	}
}

static void *caller(void *p)
{
	(void)p;
	call_run(&call);
	return NULL;
}

static void provide(int fd, char *page)
{
	static struct iovec content[PAGE / sizeof(struct iovec)] __attribute__((aligned(PAGE)));

	content[0] = (struct iovec){ to, LEN };
	content[1] = (struct iovec){ gate + PAGE, LEN };
	gate_fill(fd, page, content);
}

/* Without a line it is over. */
static void next_step(void)
{
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		_exit(0);
}

static void say(const char *what)
{
	printf("{\"step\":\"%s\"}\n", what);
	fflush(stdout);
}

int main(void)
{
	int fd;
	struct held own;
	pid_t victim, number;
	pthread_t t;

	gate = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	fd = gate_make(0, gate, 2 * PAGE);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	victim = fork();
	if (!victim)
		be_victim();
	held_start(&own, 0);
	number = own.tid;
	printf("{\"pid\":%d,\"victim\":%d,\"number\":%d}\n", getpid(), victim, number);
	fflush(stdout);
	next_step();
	call = call_of(READ, number, (struct iovec *)gate, 2, &r, 1, 0);
	call.local.known = NULL;
	pthread_create(&t, NULL, caller, NULL);
	gate_await(fd, 1);
	held_end(&own);
	hand_over(number);
	say("victim");
	next_step();
	provide(fd, gate);
	gate_await(fd, 1);
	shared->wanted = 0;
	held_start(&own, number);
	say("own");
	next_step();
	provide(fd, gate + PAGE);
	pthread_join(t, NULL);
	report(to[0] == 'v' ? "\"secret\":true," : "\"secret\":false,", &call, 1);
	next_step();
	return 0;
}
