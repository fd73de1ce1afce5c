/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmspawn - starts PATH N times, one after the other, each with its own arguments, and tells their
 * numbers and how many ns each lived from exec to exit. pvmspawn N PATH
 */
#include "trigger.h"

#include <spawn.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? strtol(argv[1], NULL, 0) : 0;
	char *env[] = { NULL };

	printf("{\"pid\":%d,\"runs\":[", getpid());
	for (long i = 0; i < n; i++) {
		char arg[32];
		char *args[] = { "short", "--run", arg, "", "last", NULL };
		uint64_t begin = now_ns();
		int status;
		pid_t pid;

		snprintf(arg, sizeof(arg), "%ld", i);
		if (posix_spawn(&pid, argv[2], NULL, NULL, args, env))
			die("posix_spawn");
		waitpid(pid, &status, 0);
		printf("%s[%d,%llu,%d]", i ? "," : "", pid, (unsigned long long)(now_ns() - begin),
		       status);
	}
	printf("]}\n");
	return 0;
}
