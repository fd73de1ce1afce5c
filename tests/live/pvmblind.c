/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmblind - makes the hooks of a tracer blind while a command runs, as whatever keeps them from running would: it tells
 * them, in the block that they share with the tracer, that the run is at its end. pvmblind PID COMMAND...
 */
#include "bpf/control.h"
#include "trigger.h"

#include <stddef.h>

/* The block is aligned so (bpf/maps.h). */
#define ALIGNED 128

/* Returns whether a block begins there: the tracer's pid stands in it. */
static bool is_block(int mem, uint64_t at, uint32_t pid)
{
	struct pvm_shared block;
	const size_t size = offsetof(struct pvm_shared, rows);

	return pread(mem, &block, size, (off_t)at) == (ssize_t)size && block.self_pid[0] == pid &&
	       block.stopping == PVM_RUNNING && block.asleep <= 1;
}

static uint64_t find_block(int mem, const char *pid)
{
	unsigned long long begin, end, at = 0;
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	while (maps && !at && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%llx-%llx rw-s", &begin, &end) != 2 || !strstr(line, "bpf-map"))
			continue;
		for (; begin < end && !at; begin += ALIGNED)
			if (is_block(mem, begin, (uint32_t)strtoul(pid, NULL, 10)))
				at = begin;
	}
	if (!at)
		die(path);
	fclose(maps);
	return at;
}

static void say(int mem, uint64_t block, uint32_t stopping)
{
	off_t at = (off_t)(block + offsetof(struct pvm_shared, stopping));

	if (pwrite(mem, &stopping, sizeof(stopping), at) != sizeof(stopping))
		die("the tracer's memory");
}

int main(int argc, char **argv)
{
	int status = 0, mem;
	uint64_t block;
	char path[64];
	pid_t child;

	if (argc < 3)
		return 64;
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		die(path);
	block = find_block(mem, argv[1]);
	say(mem, block, PVM_NO_EXITS);
	child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		die(argv[2]);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		die("the command");
	say(mem, block, PVM_RUNNING);
	return WEXITSTATUS(status);
}
