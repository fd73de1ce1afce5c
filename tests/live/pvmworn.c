/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmworn FILE [PROGRAM ARG...] - a process that counts as one that runs FILE (prctl(2), PR_SET_MM_MAP), for which rights over a user namespace
 * suffice. All of its own program is moved into memory without a file first, as the kernel demands. Then it makes
 * a call on itself and prints it, or has the program do that.
 */
/* Addresses come from the kernel, as text. */
/* NOLINTBEGIN(performance-no-int-to-ptr) */

#include "trigger.h"

#include <linux/prctl.h>

#define MAPPINGS_MAX 16

struct mapping {
	char *start;
	size_t len;
	int prot;
};

/* Those of the program's own file. */
static size_t read_own(struct mapping *to)
{
	char own[512], line[1024], *at, *path;
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	FILE *maps = fopen("/proc/self/maps", "r");
	size_t cnt = 0;

	if (len < 0 || !maps)
		die("/proc/self");
	own[len] = '\0';
	while (fgets(line, sizeof(line), maps)) {
		char *start = (char *)strtoul(line, &at, 16);
		char *end = (char *)strtoul(at + 1, &at, 16);

		line[strcspn(line, "\n")] = '\0';
		path = strchr(at, '/');
		if (!path || strcmp(path, own) != 0)
			continue;
		if (cnt == MAPPINGS_MAX)
			die("too many mappings");
		to[cnt++] = (struct mapping){ start, (size_t)(end - start),
					      (at[1] == 'r' ? PROT_READ : 0) |
						      (at[2] == 'w' ? PROT_WRITE : 0) |
						      (at[3] == 'x' ? PROT_EXEC : 0) };
	}
	fclose(maps);
	return cnt;
}

/* It is where it was, of the same content, and of no file. */
static void move_away(const struct mapping *m)
{
	char *copy = must_map(m->len, PROT_READ | PROT_WRITE, 0);

	memcpy(copy, m->start, m->len);
	if (mprotect(copy, m->len, m->prot) ||
	    mremap(copy, m->len, m->len, MREMAP_MAYMOVE | MREMAP_FIXED, m->start) == MAP_FAILED)
		die("mremap");
}

/* Field number n of /proc/self/stat. */
static uint64_t of_stat(const char *text, int n)
{
	const char *at = strrchr(text, ')');

	for (int i = 2; at && i < n; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* All of the map stays as it is. */
static int wear(int fd)
{
	static char text[4096];
	int stat = open("/proc/self/stat", O_RDONLY);
	struct prctl_mm_map map = { .exe_fd = (uint32_t)fd };

	if (stat < 0 || read(stat, text, sizeof(text) - 1) < 0)
		die("stat");
	close(stat);
	map.start_code = of_stat(text, 26);
	map.end_code = of_stat(text, 27);
	map.start_stack = of_stat(text, 28);
	map.start_data = of_stat(text, 45);
	map.end_data = of_stat(text, 46);
	map.start_brk = of_stat(text, 47);
	map.brk = (uint64_t)(uintptr_t)sbrk(0);
	map.arg_start = of_stat(text, 48);
	map.arg_end = of_stat(text, 49);
	map.env_start = of_stat(text, 50);
	map.env_end = of_stat(text, 51);
	return prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0);
}

int main(int argc, char **argv)
{
	struct mapping own[MAPPINGS_MAX];
	struct iovec to = { must_map(PAGE, PROT_READ | PROT_WRITE, MAP_POPULATE), 8 }, from = to;
	size_t cnt = read_own(own);
	struct call c;
	int fd;

	if (argc < 2)
		die("usage");
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(argv[1]);
	for (size_t i = 0; i < cnt; i++)
		move_away(&own[i]);
	if (wear(fd))
		die("prctl");
	if (argc > 2) {
		pid_t child = fork();

		if (!child)
			execv(argv[2], argv + 2);
		return child < 0 || waitpid(child, &fd, 0) < 0 || fd;
	}
	c = call_of(READ, (uint64_t)getpid(), &to, 1, &from, 1, 0);
	call_run(&c);
	report("", &c, 1);
	return 0;
}

/* NOLINTEND(performance-no-int-to-ptr) */
