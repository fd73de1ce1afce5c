/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmtamper - what root can do to the maps of a tracer, whose numbers stand in /proc/PID/fdinfo. It prints a line for each.
 * pvmtamper PID write    by bpf(2) and mmap, every element of which it knows the key; it changes nothing that it could
 * pvmtamper PID ring     moves the place at which the tracer reads its rings
 * pvmtamper PID stopping by a program of its own, which writes to the control block that nothing is to be seen any more
 * pvmtamper PID child    likewise, to what both share: that this program's parent is the tracer's self-test
 * pvmtamper PID reader   likewise, that it is the tracer
 * pvmtamper PID MAP      by a program of its own, which puts an element into the map of this name; errno says if it could be loaded
 * pvmtamper PID MAP ID HIERARCHY  likewise, which takes this cgroup out of the map
 * pvmtamper PID link     puts another program of the tracer's into the link of an iterator
 * pvmtamper PID detach   tries to detach each link
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

/* Goes on to the next number that stands behind this word for a descriptor of the process. 0: there is none. */
static unsigned int next_id(const char *pid, DIR *dir, const char *word)
{
	const struct dirent *entry;
	char path[512], line[256];
	unsigned int id = 0;
	FILE *info;

	while (!id && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, entry->d_name);
		info = fopen(path, "re");
		while (info && fgets(line, sizeof(line), info)) {
			if (!strncmp(line, word, strlen(word)))
				id = (unsigned int)strtoul(line + strlen(word), NULL, 10);
		}
		if (info)
			fclose(info);
	}
	return id;
}

/* Goes on to the next map that the process has a descriptor of. */
static bool next_map(const char *pid, DIR *dir, struct map *m)
{
	unsigned int id;

	do {
		id = next_id(pid, dir, "map_id:");
	} while (id && !open_map(id, m));
	return id;
}

/* Returns whether this program could be put into this link. */
static bool put_into(uint32_t link, uint32_t prog)
{
	union bpf_attr attr = { .link_id = link };
	int link_fd, prog_fd, err;

	link_fd = (int)bpf(BPF_LINK_GET_FD_BY_ID, &attr);
	memset(&attr, 0, sizeof(attr));
	attr.prog_id = prog;
	prog_fd = (int)bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	memset(&attr, 0, sizeof(attr));
	attr.link_update.link_fd = (uint32_t)link_fd;
	attr.link_update.new_prog_fd = (uint32_t)prog_fd;
	err = link_fd < 0 || prog_fd < 0 || bpf(BPF_LINK_UPDATE, &attr);
	close(link_fd);
	close(prog_fd);
	return !err;
}

/* Puts into the first link that takes it another program of the tracer's. The link's own would be taken, too. */
static void replace_in_link(const char *pid, const char *path)
{
	DIR *links = opendir(path), *progs;
	unsigned int link, prog, own;

	while (links && (link = next_id(pid, links, "link_id:"))) {
		struct bpf_link_info info = { .type = 0 };
		union bpf_attr attr = { .link_id = link };
		int fd = (int)bpf(BPF_LINK_GET_FD_BY_ID, &attr);

		memset(&attr, 0, sizeof(attr));
		attr.info.bpf_fd = (uint32_t)fd;
		attr.info.info_len = sizeof(info);
		attr.info.info = (uint64_t)(uintptr_t)&info;
		if (fd < 0 || bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
			die("a link");
		own = info.prog_id;
		close(fd);
		progs = opendir(path);
		if (!progs)
			die(path);
		while ((prog = next_id(pid, progs, "prog_id:"))) {
			if (prog == own || !put_into(link, prog))
				continue;
			printf("{\"link\":%u,\"prog\":%u,\"own\":%u}\n", link, prog, own);
			exit(0);
		}
		closedir(progs);
	}
}

/* No link of a tracer's kinds can be taken off so, in any kernel that is known. */
static void detach_links(const char *pid, const char *path)
{
	DIR *links = opendir(path);
	unsigned int link;

	while (links && (link = next_id(pid, links, "link_id:"))) {
		union bpf_attr attr = { .link_id = link };
		int fd = (int)bpf(BPF_LINK_GET_FD_BY_ID, &attr);

		if (fd < 0)
			die("a link");
		memset(&attr, 0, sizeof(attr));
		attr.link_detach.link_fd = (uint32_t)fd;
		printf("{\"link\":%u,\"errno\":%d}\n", link,
		       bpf(BPF_LINK_DETACH, &attr) ? errno : 0);
		close(fd);
	}
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

/* Loads a program, and lets it run for a packet of ours. Returns 0 or an errno. */
static int run_program(const struct bpf_insn *code, size_t cnt)
{
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
	int prog, pair[2];

	attr.insns = (uint64_t)(uintptr_t)code;
	attr.insn_cnt = (uint32_t)cnt;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	prog = (int)bpf(BPF_PROG_LOAD, &attr);
	if (prog < 0)
		return errno;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) ||
	    setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)))
		die("a program of our own");
	(void)!write(pair[0], "x", 1);
	return 0;
}

#define ELEMENT_WORDS 8
#define VALUE_WORD 3

/* Works on a hash map by its element of these words: a key, and its value behind it. */
static void work_by_program(const struct map *m, int helper, const int words[ELEMENT_WORDS])
{
	const short key = -8 * ELEMENT_WORDS, val = key + 8 * VALUE_WORD;
	struct bpf_insn code[20];
	size_t n = 0;

	for (short at = 0; at < ELEMENT_WORDS; at++)
		code[n++] = (struct bpf_insn){ .code = BPF_ST | BPF_MEM | BPF_DW,
					       .dst_reg = 10,
					       .off = (short)(key + 8 * at),
					       .imm = words[at] };
	code[n++] = (struct bpf_insn){ .code = BPF_LD | BPF_DW,
				       .dst_reg = 1,
				       .src_reg = BPF_PSEUDO_MAP_FD,
				       .imm = m->fd };
	code[n++] = (struct bpf_insn){ .code = 0 };
	for (unsigned char reg = 2; reg <= 3; reg++) {
		code[n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X,
					       .dst_reg = reg,
					       .src_reg = 10 };
		code[n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_ADD,
					       .dst_reg = reg,
					       .imm = reg == 2 ? key : val };
	}
	code[n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4 };
	code[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = helper };
	code[n++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0 };
	code[n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	printf("{\"wrote\":\"%.16s\",\"errno\":%d}\n", m->info.name, run_program(code, n));
}

/* Puts an element into a map: a key of 1 and a value of 3, which says of a cgroup that it is judged; or takes out that of a
 * cgroup. */
static void put_by_program(const struct map *m, char **cgroup)
{
	int put[ELEMENT_WORDS] = { 1, [VALUE_WORD] = 3 }, take[ELEMENT_WORDS] = { 0 };

	if (!cgroup[0]) {
		work_by_program(m, BPF_FUNC_map_update_elem, put);
		return;
	}
	take[0] = (int)strtol(cgroup[0], NULL, 10);
	take[1] = (int)strtol(cgroup[1], NULL, 10);
	work_by_program(m, BPF_FUNC_map_delete_elem, take);
	exit(0); /* to open another map would have the cgroup sent and judged anew */
}

/* Loads a program that writes a word there, and runs it. */
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

	if (run_program(code, sizeof(code) / sizeof(code[0])))
		die("a program of our own");
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
static void try_map(const struct map *m, const char *pid, const char *what, char **cgroup)
{
	if (!strcmp(what, "write"))
		tell(m);
	else if (!strcmp(what, "ring") && m->info.type == BPF_MAP_TYPE_RINGBUF)
		move_ring(m);
	else if (!strncmp(what, m->info.name, sizeof(m->info.name) - 1) &&
		 m->info.type == BPF_MAP_TYPE_HASH)
		put_by_program(m, cgroup);
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

	if (argc != 3 && argc != 5)
		return 64;
	snprintf(path, sizeof(path), "/proc/%s/fdinfo", argv[1]);
	if (!strcmp(argv[2], "detach")) {
		detach_links(argv[1], path);
		return 0;
	}
	if (!strcmp(argv[2], "link")) {
		replace_in_link(argv[1], path);
		return 0;
	}
	dir = opendir(path);
	if (!dir)
		die(path);
	for (; next_map(argv[1], dir, &m); close(m.fd))
		try_map(&m, argv[1], argv[2], argv + 3);
	closedir(dir);
	return 0;
}
