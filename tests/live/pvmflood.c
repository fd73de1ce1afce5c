/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmflood - calls as fast as they go, on one CPU, until SECONDS are over, N calls are made or SIGTERM
 * comes; then tells how many. pvmflood SECONDS CPU [COUNT [N]]
 */
#include "trigger.h"

#include <sched.h>
#include <time.h>

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct iovec l[IOV_MAX_CNT], r[IOV_MAX_CNT];
	static char src[IOV_MAX_CNT], dst[IOV_MAX_CNT];
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
	int cpu = argc > 2 ? atoi(argv[2]) : -1;
	size_t cnt = argc > 3 ? strtoul(argv[3], NULL, 0) : 1;
	unsigned long max = argc > 4 ? strtoul(argv[4], NULL, 0) : ~0UL, n = 0;
	struct call c;
	cpu_set_t set;
	double end;

	if (cnt > IOV_MAX_CNT)
		return 64;
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			die("sched_setaffinity");
	}
	for (size_t i = 0; i < cnt; i++) {
		l[i] = (struct iovec){ dst + i, 1 };
		r[i] = (struct iovec){ src + i, 1 };
	}
	c = call_of(READ, getpid(), l, cnt, r, cnt, 0);
	signal(SIGTERM, on_term);
	end = now() + seconds;
	while (!stop && n < max && (n % 64 || now() < end)) {
		call_run(&c);
		n++;
	}
	printf("{\"pid\":%d,\"n\":%lu}\n", getpid(), n);
	return 0;
}
