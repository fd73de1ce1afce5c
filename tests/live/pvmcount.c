/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmcount - how many runs of a process's BPF programs N unrelated system calls cause, by the kernel's own counts
 * (kernel.bpf_stats_enabled). pvmcount PID N
 */
#include "trigger.h"

#include <dirent.h>
#include <time.h>

static unsigned long long runs_of(const char *dir, const char *name)
{
	unsigned long long runs = 0;
	char path[512], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "run_cnt: %llu", &runs) == 1)
			break;
	if (f)
		fclose(f);
	return runs;
}

static unsigned long long runs(const char *dir)
{
	unsigned long long sum = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d)
		die(dir);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			sum += runs_of(dir, e->d_name);
	closedir(d);
	return sum;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? strtol(argv[2], NULL, 0) : 0;
	unsigned long long before, after;
	time_t begin = time(NULL);
	char dir[64];

	if (n < 1)
		return 64;
	snprintf(dir, sizeof(dir), "/proc/%s/fdinfo", argv[1]);
	before = runs(dir);
	for (long i = 0; i < n; i++)
		syscall(SYS_getppid);
	after = runs(dir);
	printf("{\"calls\":%ld,\"runs\":%llu,\"before\":%llu,\"seconds\":%ld}\n", n, after - before,
	       before, (long)(time(NULL) - begin));
	return 0;
}
