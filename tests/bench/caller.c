/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller - makes calls of one kind on one CPU and tells what one of them takes, as a line of JSON.
 *
 * Only the calls are timed: a chunk of them at a time, by CLOCK_MONOTONIC. A chunk in which somebody else
 * was given the CPU says nothing about the calls and is left out, unless all are like that.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL
#define ELEMENTS_MAX 1024
#define ELEMENT_SZ 8
#define CHUNK 250
#define READ_SZ 4096

enum kind { READV, GETPPID, PREAD, CHILD };

struct work {
	enum kind kind;
	int cpu;
	unsigned long elements;
	uint64_t count_max;
	uint64_t time_max_ns;
	uint64_t burst; /* calls between two pauses; 0: no pauses */
	uint64_t gap_ns;
	uint64_t rate; /* calls a second; 0: as fast as they go */
	const char *file;
	int fd;
	pid_t target; /* 0: this process, until a child is made */
};

struct tally {
	uint64_t calls;
	uint64_t failed;
	uint64_t ns;	      /* of chunks that nobody disturbed */
	uint64_t undisturbed; /* calls in them */
	uint64_t all_ns;
};

/* They lie side by side, as two variables of a function mostly do. */
static struct iovec local[2 * ELEMENTS_MAX], *remote;
static char from[ELEMENTS_MAX * ELEMENT_SZ], to[ELEMENTS_MAX * ELEMENT_SZ];

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "caller: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t when_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(when_ns / NS_PER_S),
		.tv_nsec = (long)(when_ns % NS_PER_S),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static long taken_away(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}

/* A process that lives for one call, of its parent's memory. */
static bool run_child(const struct work *w)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (!child)
		_exit(process_vm_readv(w->target, local, w->elements, remote, w->elements, 0) < 0);
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* One loop a kind, so that nothing but the call is in it. Returns how many failed. */
static uint64_t run_chunk(const struct work *w, uint64_t n)
{
	uint64_t failed = 0;

	switch (w->kind) {
	case READV:
		while (n--)
			failed += process_vm_readv(w->target, local, w->elements, remote,
						   w->elements, 0) < 0;
		break;
	case GETPPID:
		while (n--)
			(void)getppid();
		break;
	case PREAD:
		while (n--)
			failed += pread(w->fd, to, READ_SZ, 0) != READ_SZ;
		break;
	case CHILD:
		while (n--)
			failed += !run_child(w);
		break;
	}
	return failed;
}

static void time_chunk(const struct work *w, struct tally *t, uint64_t n)
{
	long before = taken_away();
	uint64_t start = now_ns(), ns;

	t->failed += run_chunk(w, n);
	ns = now_ns() - start;
	t->calls += n;
	t->all_ns += ns;
	if (taken_away() != before)
		return;
	t->ns += ns;
	t->undisturbed += n;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void run(const struct work *w, struct tally *t)
{
	uint64_t start = now_ns(), end = start + w->time_max_ns, in_burst = 0, n;

	while (t->calls < w->count_max && now_ns() < end) {
		n = least(w->rate ? 1 : CHUNK, w->count_max - t->calls);
		if (w->burst)
			n = least(n, w->burst - in_burst);
		time_chunk(w, t, n);
		in_burst += n;
		if (w->burst && in_burst == w->burst) {
			in_burst = 0;
			sleep_until(now_ns() + w->gap_ns);
		}
		if (w->rate)
			sleep_until(start + t->calls * NS_PER_S / w->rate);
	}
}

/* A target that does nothing and ends with us. */
static pid_t make_target(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		die("fork");
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent)
		pause();
	_exit(0);
}

static void prepare(struct work *w, int own)
{
	cpu_set_t set;

	if (w->cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(w->cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			die("sched_setaffinity");
	}
	/* Timers of a paced run are to be exact: the default is 50 us late. */
	prctl(PR_SET_TIMERSLACK, 1);
	remote = local + w->elements;
	for (size_t i = 0; i < w->elements; i++) {
		local[i] = (struct iovec){ to + i * ELEMENT_SZ, ELEMENT_SZ };
		remote[i] = (struct iovec){ from + i * ELEMENT_SZ, ELEMENT_SZ };
	}
	memset(from, 1, sizeof(from));
	memset(to, 1, sizeof(to));
	if (w->kind == READV)
		w->target = own ? getpid() : make_target();
	if (w->kind == CHILD)
		w->target = getpid();
	if (w->kind == PREAD) {
		w->fd = w->file ? open(w->file, O_RDONLY | O_CLOEXEC) : -1;
		if (w->fd < 0)
			die(w->file ? w->file : "no file to read");
	}
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-') {
		fprintf(stderr, "caller: not a number: %s\n", text);
		exit(64);
	}
	return n;
}

static enum kind kind_of(const char *name)
{
	if (!strcmp(name, "readv"))
		return READV;
	if (!strcmp(name, "getppid"))
		return GETPPID;
	if (!strcmp(name, "pread"))
		return PREAD;
	if (!strcmp(name, "child"))
		return CHILD;
	fprintf(stderr, "caller: no such kind of call: %s\n", name);
	exit(64);
}

static void parse(int argc, char **argv, struct work *w, int *own)
{
	int opt;

	while ((opt = getopt(argc, argv, "m:c:e:n:t:b:g:r:f:o")) != -1) {
		switch (opt) {
		case 'm':
			w->kind = kind_of(optarg);
			break;
		case 'c':
			w->cpu = (int)number(optarg);
			break;
		case 'e':
			w->elements = number(optarg);
			break;
		case 'n':
			w->count_max = number(optarg);
			break;
		case 't':
			w->time_max_ns = number(optarg) * 1000000;
			break;
		case 'b':
			w->burst = number(optarg);
			break;
		case 'g':
			w->gap_ns = number(optarg) * 1000;
			break;
		case 'r':
			w->rate = number(optarg);
			break;
		case 'f':
			w->file = optarg;
			break;
		case 'o':
			*own = 1;
			break;
		default:
			fprintf(stderr,
				"caller [-m readv|getppid|pread|child] [-c CPU] [-e ELEMENTS] [-n CALLS] [-t MS]\n"
				"       [-b CALLS-A-BURST -g PAUSE-US] [-r CALLS-A-SECOND] [-f FILE] [-o]\n"
				"-o: the target is this process, not a child\n");
			exit(64);
		}
	}
	if (optind != argc || w->elements > ELEMENTS_MAX) {
		fprintf(stderr, "caller: up to %d elements, and no further arguments\n",
			ELEMENTS_MAX);
		exit(64);
	}
}

int main(int argc, char **argv)
{
	struct work w = {
		.kind = READV,
		.cpu = -1,
		.elements = 1,
		.count_max = UINT64_MAX,
		.time_max_ns = NS_PER_S,
		.fd = -1,
	};
	struct tally t = {};
	struct work warm;
	uint64_t start;
	int own = 0;

	parse(argc, argv, &w, &own);
	prepare(&w, own);
	warm = w;
	/* The first calls of a process fault its pages in, and its identity is told with them. */
	warm.count_max = least(w.count_max, 16);
	run(&warm, &t);
	w.count_max -= t.calls;
	start = now_ns();
	t.ns = t.undisturbed = t.all_ns = 0;
	run(&w, &t);
	printf("{\"pid\":%d,\"calls\":%llu,\"failed\":%llu,\"ns_per_call\":%.2f,\"undisturbed\":%llu,"
	       "\"seconds\":%.6f}\n",
	       getpid(), (unsigned long long)t.calls, (unsigned long long)t.failed,
	       t.undisturbed ? (double)t.ns / (double)t.undisturbed
			     : (double)t.all_ns / (double)(t.calls ? t.calls : 1),
	       (unsigned long long)t.undisturbed, (double)(now_ns() - start) / (double)NS_PER_S);
	return t.failed ? 1 : 0;
}
