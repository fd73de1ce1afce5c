/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmload - an exact number of calls by many threads at once, of which some are in the way of others:
 *
 *  callers  call in a loop, at the nice value of -N, with 1 remote element
 *  victims  call once in so many microseconds, at nice 0, with 2 remote elements; callers end when they do
 *  parked   are inside of a call, with 3 remote elements, until all others have ended
 *  writers  call nothing of this kind: they write to a BPF map in a loop (bpf(2)), at the nice value of -B
 *
 * A thread's call number n has its remote list at element n of `list`, so that registers alone name a call: by thread
 * and number. Prints the threads, and how many calls each has made.
 *
 * pvmload [-t CALLERS] [-n CALLS] [-N NICE] [-s SPIN] [-v VICTIMS] [-m CALLS] [-i MICROSECONDS] [-P PARKED]
 *         [-b WRITERS] [-B NICE] [-c CPU]
 * SPIN: how many steps a caller counts between two calls.
 */
#include "gate.h"

#include <linux/bpf.h>
#include <pthread.h>
#include <sys/resource.h>

#define CALLS_MAX (1UL << 16) /* of a thread */
#define LEN 16
#define THREADS_MAX 1024

static char remote[LEN];

enum role { CALLER, VICTIM, PARKED, WRITER, ROLES };

static const char *const names[ROLES] = { "caller", "victim", "parked", "writer" };

struct thread {
	enum role role;
	char *dst; /* where its calls read to */
	pid_t tid;
	unsigned long made;
	pthread_t handle;
};

static long counts[ROLES] = { 4 };
static long calls[ROLES] = { 1000, 100, 1 };
static long nice_of[ROLES] = { 19, 0, 0, 19 };
static long spin, interval_us = 10000, cpu = -1;

static struct thread threads[THREADS_MAX];
static size_t threads_cnt;
static char *parked_at;	   /* pages, one for each of these calls */
static struct iovec *list; /* all elements are alike */
static pid_t target;
static pthread_barrier_t begin;
static volatile bool callers_end, writers_end;

static void call_once(struct thread *t)
{
	struct iovec l = { t->dst, LEN };
	struct call c = call_of(READ, target, &l, 1, list + t->made, (uint64_t)t->role + 1, 0);

	if (call_run(&c) != LEN)
		die("a call failed");
	t->made++;
}

static void call_in_loop(struct thread *t)
{
	while (t->made < (unsigned long)calls[t->role] && !(t->role == CALLER && callers_end)) {
		call_once(t);
		if (t->role == VICTIM)
			usleep((useconds_t)interval_us);
		else
			for (volatile long i = 0; i < spin; i++)
				;
	}
}

static void write_map(void)
{
	static const char value[PAGE];
	const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH };
	uint32_t key = 1;
	int fd;

	attr.key_size = sizeof(key);
	attr.value_size = sizeof(value);
	attr.max_entries = 16;
	/* Before 5.11 a map is counted there, with those of all programs of its user. */
	setrlimit(RLIMIT_MEMLOCK, &no_limit);
	fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		die("bpf");
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	while (!writers_end)
		syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	close(fd);
}

static void *run(void *arg)
{
	struct thread *t = arg;

	t->tid = my_tid();
	if (setpriority(PRIO_PROCESS, (id_t)t->tid, (int)nice_of[t->role]))
		die("setpriority");
	if (t->role != PARKED)
		pthread_barrier_wait(&begin);
	if (t->role == WRITER)
		write_map();
	else
		call_in_loop(t);
	return NULL;
}

static void start(enum role role, char *dst)
{
	struct thread *t = &threads[threads_cnt++];

	t->role = role;
	t->dst = dst;
	if (pthread_create(&t->handle, NULL, run, t))
		die("pthread_create");
}

static void join(enum role role)
{
	for (size_t i = 0; i < threads_cnt; i++)
		if (threads[i].role == role)
			pthread_join(threads[i].handle, NULL);
}

/* Starts the calls that stay inside, each at a page that nobody fills, and waits until they are there. Returns the gate
 * that they are at. */
static int park(void)
{
	const size_t size = (size_t)counts[PARKED] * PAGE;
	int fd;

	parked_at = must_map(size, PROT_READ | PROT_WRITE, 0);
	fd = gate_make(0, parked_at, size);
	for (size_t at = 0; at < size; at += PAGE)
		start(PARKED, parked_at + at);
	gate_await(fd, counts[PARKED]);
	return fd;
}

static void parse(int argc, char **argv)
{
	static const struct {
		char letter;
		long *value;
	} options[] = {
		{ 't', &counts[CALLER] },
		{ 'n', &calls[CALLER] },
		{ 'N', &nice_of[CALLER] },
		{ 'v', &counts[VICTIM] },
		{ 'm', &calls[VICTIM] },
		{ 'P', &counts[PARKED] },
		{ 'b', &counts[WRITER] },
		{ 'B', &nice_of[WRITER] },
		{ 'i', &interval_us },
		{ 's', &spin },
		{ 'c', &cpu },
	};
	size_t last = sizeof(options) / sizeof(options[0]) - 1;
	int c;

	while ((c = getopt(argc, argv, "t:n:N:v:m:P:b:B:i:s:c:")) != -1) {
		size_t i = 0;

		while (i < last && options[i].letter != c)
			i++;
		if (c == '?')
			exit(64);
		*options[i].value = strtol(optarg, NULL, 0);
	}
	if (counts[CALLER] + counts[VICTIM] + counts[PARKED] + counts[WRITER] > THREADS_MAX ||
	    calls[CALLER] > (long)CALLS_MAX || calls[VICTIM] > (long)CALLS_MAX)
		exit(64);
}

/* Those that are to be in the way come first. */
static void run_all(void)
{
	static char dst[THREADS_MAX][LEN];
	long cnt = counts[CALLER] + counts[VICTIM] + counts[WRITER];

	if (pthread_barrier_init(&begin, NULL, (unsigned int)cnt + 1))
		die("pthread_barrier_init");
	for (int role = WRITER; role >= CALLER; role--)
		for (long i = 0; role != PARKED && i < counts[role]; i++)
			start((enum role)role, dst[threads_cnt]);
	pthread_barrier_wait(&begin);
	join(VICTIM);
	callers_end = counts[VICTIM] > 0;
	join(CALLER);
	writers_end = true;
	join(WRITER);
}

static void tell(void)
{
	printf("{\"pid\":%d,\"target\":%d,\"list\":\"0x%lx\",\"threads\":[", getpid(), target,
	       (unsigned long)(uintptr_t)list);
	for (size_t i = 0; i < threads_cnt; i++)
		printf("%s{\"tid\":%d,\"role\":\"%s\",\"elements\":%d,\"made\":%lu}", i ? "," : "",
		       threads[i].tid, names[threads[i].role], (int)threads[i].role + 1,
		       threads[i].made);
	printf("]}\n");
}

int main(int argc, char **argv)
{
	int gate = -1;

	parse(argc, argv);
	if (cpu >= 0)
		pin_thread((int)cpu);
	list = must_map((CALLS_MAX + ROLES) * sizeof(*list), PROT_READ | PROT_WRITE, MAP_POPULATE);
	for (size_t i = 0; i < CALLS_MAX + ROLES; i++)
		list[i] = (struct iovec){ remote, LEN };
	target = victim();
	if (counts[PARKED])
		gate = park();
	run_all();
	if (counts[PARKED])
		gate_open(gate, parked_at, (size_t)counts[PARKED] * PAGE);
	join(PARKED);
	victim_end(target);
	tell();
	return 0;
}
