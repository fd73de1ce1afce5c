/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmblind - makes the hooks of a tracer blind while a command runs, as whatever keeps them from running would: it says in the
 * tracer's own memory, from where the kernel half takes it within a tick or two, that the run is at its end. It takes the
 * right to write to that memory, against which a tracer can do nothing. pvmblind PID COMMAND...
 */
#include "bpf/control.h"
#include "trigger.h"

#include <stddef.h>

#define ALIGNED 128 /* so are the blocks in the kernel half's memory (bpf/maps.h) */
#define STEPS 3000  /* of 10 ms */

struct range {
	uint64_t begin, end;
};

static int mem;

/* Finds the next mapping behind the one that is given. what: a part of its line. */
static bool next_range(const char *pid, const char *what, struct range *r)
{
	unsigned long long begin, end;
	char path[64], line[512];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		die(path);
	while (!found && fgets(line, sizeof(line), maps))
		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the numbers */
		found = strstr(line, what) && sscanf(line, "%llx-%llx", &begin, &end) == 2 &&
			begin >= r->end;
	fclose(maps);
	if (found)
		*r = (struct range){ begin, end };
	return found;
}

static bool read_at(uint64_t at, void *to, size_t size)
{
	return pread(mem, to, size, (off_t)at) == (ssize_t)size;
}

/* Returns where the kernel half's copy of the control block is: in the map in which the tracer's pid stands. */
static uint64_t find_copy(const char *pid)
{
	const uint32_t number = (uint32_t)strtoul(pid, NULL, 10);
	struct range r = { 0, 0 };
	struct pvm_control control;
	struct pvm_shared shared;
	uint64_t at, found = 0;
	bool is_it;

	while (next_range(pid, "bpf-map", &r)) {
		is_it = false;
		for (at = r.begin; at < r.end; at += ALIGNED) {
			if (read_at(at, &shared, offsetof(struct pvm_shared, rows)))
				is_it |= shared.self_pid[0] == number && shared.steered;
			if (read_at(at, &control, sizeof(control)) &&
			    control.size == sizeof(control) && control.stopping == PVM_RUNNING)
				found = at;
		}
		if (is_it && found)
			return found;
	}
	return 0;
}

/* Returns where it was copied from, and stands twice: as it is wanted, and as it was given. */
static uint64_t find_wanted(const char *pid, uint64_t copy)
{
	struct pvm_control twice[2];
	struct range r = { 0, 0 };

	if (!read_at(copy, &twice[0], sizeof(twice[0])) || !next_range(pid, "[heap]", &r))
		return 0;
	twice[1] = twice[0];
	for (uint64_t at = r.begin; at + sizeof(twice) <= r.end; at += 8) {
		struct pvm_control here[2];

		if (read_at(at, here, sizeof(here)) && !memcmp(here, twice, sizeof(here)))
			return at;
	}
	return 0;
}

static void say(uint64_t wanted, uint64_t copy, uint32_t stopping)
{
	const off_t at = (off_t)(wanted + offsetof(struct pvm_control, stopping));
	struct pvm_control taken = { .size = 0 };

	if (pwrite(mem, &stopping, sizeof(stopping), at) != sizeof(stopping))
		die("the tracer's memory");
	for (int i = 0; i < STEPS; i++, usleep(10000)) {
		if (read_at(copy, &taken, sizeof(taken)) && taken.stopping == stopping)
			return;
	}
	die("the tracer does not take it");
}

int main(int argc, char **argv)
{
	uint64_t copy, wanted;
	char path[64];
	int status = 0;
	pid_t child;

	if (argc < 3)
		return 64;
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		die(path);
	copy = find_copy(argv[1]);
	wanted = copy ? find_wanted(argv[1], copy) : 0;
	if (!wanted)
		die("no control block was found");
	say(wanted, copy, PVM_NO_EXITS);
	child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		die(argv[2]);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		die("the command");
	say(wanted, copy, PVM_RUNNING);
	return WEXITSTATUS(status);
}
