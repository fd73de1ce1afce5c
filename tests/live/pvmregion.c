/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmregion hold DIR       - a process with mappings of every kind. Prints its pid, and for each line that comes does what that
 *                            says: `many N`: N mappings more, beside each other; `churn`: another thread maps and unmaps
 *                            without a pause from now on; `toggle`: or changes what half a mapping is for; `stir ADDR`: puts something else where that is mapped;
 *                            `lock ADDR`: makes that page one that is only read; `drop ADDR`: maps nothing there;
 *                            `stack ADDR`: has the kernel take it for where the stack begins, where it lets.
 * pvmregion leave DIR      - likewise, in a mount namespace of its own, into which it goes when all is mapped.
 * pvmregion read|write PID BYTES ADDR... - one call with these remote elements; ADDR/N: this one has N bytes.
 * pvmregion again PID ADDR - one thread reads a byte there, once for each line that comes.
 * pvmregion park PID ADDR  - a write whose own memory comes late: stays inside until a line comes.
 */
/* Addresses are chosen here, and what a step returns is looked at by the test. */
/* NOLINTBEGIN(performance-no-int-to-ptr,bugprone-unused-return-value) */

#include "gate.h"

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#define SPOT (16 * PAGE)

static void *map_or_die(void *at, size_t size, int prot, int flags, int fd, off_t off)
{
	void *p = mmap(at, size, prot, flags, fd, off);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static int file_of(const char *dir, const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 8 * PAGE))
		die(path);
	return fd;
}

static void map_files(const char *dir)
{
	int fd = file_of(dir, "file"), gone = file_of(dir, "gone"),
	    replaced = file_of(dir, "replaced");
	char old[4096], new[4096];

	map_or_die(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 3 * PAGE);
	map_or_die(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	map_or_die(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, PAGE);
	/* Shared, but never to be written: /proc says "s". */
	map_or_die(NULL, PAGE, PROT_READ, MAP_SHARED, open("/proc/self/exe", O_RDONLY), 0);
	map_or_die(NULL, PAGE, PROT_READ, MAP_SHARED, gone, 0);
	map_or_die(NULL, PAGE, PROT_READ, MAP_SHARED, replaced, 0);
	snprintf(old, sizeof(old), "%s/gone", dir);
	unlink(old);
	snprintf(new, sizeof(new), "%s/replaced", dir);
	snprintf(old, sizeof(old), "%s/new", dir);
	close(file_of(dir, "new"));
	if (rename(old, new))
		die("rename");
}

static void map_memory(void)
{
	int id = shmget(IPC_PRIVATE, 2 * PAGE, IPC_CREAT | 0600), fd = memfd_create("mine", 0);
	unsigned long aio = 0;
	char *p;

	p = map_or_die(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	munmap(p + 2 * PAGE, PAGE);
	/* 5.17, if the kernel was built so. */
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, PAGE, "arena");
	p = map_or_die(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, PAGE, "common"); /* 6.2 */
	map_or_die(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* It maps a file that is in no directory, if the kernel has such. */
	syscall(SYS_io_setup, 1, &aio);
	if (id < 0 || shmat(id, NULL, 0) == (void *)-1 || shmctl(id, IPC_RMID, NULL))
		die("shmget");
	if (fd < 0 || ftruncate(fd, 4 * PAGE))
		die("memfd_create");
	map_or_die(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	map_or_die(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	map_or_die(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, open("/dev/zero", O_RDWR), 0);
	/* Where the machine keeps some. */
	mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1,
	     0);
	mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1,
	     0);
	/* Transparent ones. */
	p = map_or_die(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(p, 8 << 20, MADV_HUGEPAGE);
	memset(p, 1, 8 << 20);
	if (sbrk(8 * PAGE) == (void *)-1)
		die("sbrk");
}

/* One mapping ends where the protection changes. */
static void map_many(size_t cnt)
{
	char *p = map_or_die(NULL, cnt * PAGE, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	for (size_t i = 0; i < cnt; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ | PROT_WRITE))
			die("mprotect");
}

static void *churn(void *arg)
{
	char *spot = arg;

	for (unsigned int i = 0;; i++) {
		size_t at = i * 7 % 16, cnt = 1 + i % 4;

		if (at + cnt > 16)
			cnt = 16 - at;
		if (i & 1)
			munmap(spot + at * PAGE, cnt * PAGE);
		else
			mmap(spot + at * PAGE, cnt * PAGE,
			     i & 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	return NULL;
}

/* What is mapped there stays, in one piece or in two. */
static void *toggle(void *arg)
{
	for (unsigned int i = 0;; i++)
		mprotect(arg, SPOT / 2, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
	return NULL;
}

static void hold(const char *dir, bool leaves)
{
	char line[64], *room;

	map_files(dir);
	map_memory();
	if (leaves && unshare(CLONE_NEWNS))
		die("unshare");
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		void *spot = NULL;
		pthread_t t;

		if (!strncmp(line, "many ", 5)) {
			map_many(strtoul(line + 5, NULL, 10));
		} else if (!strncmp(line, "stir ", 5)) {
			spot = (void *)strtoul(line + 5, NULL, 16);
			map_or_die(spot, PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		} else if (!strncmp(line, "lock ", 5)) {
			spot = (void *)strtoul(line + 5, NULL, 16);
			if (mprotect(spot, PAGE, PROT_READ))
				die("mprotect");
		} else if (!strncmp(line, "drop ", 5)) {
			spot = (void *)strtoul(line + 5, NULL, 16);
			if (munmap(spot, PAGE))
				die("munmap");
		} else if (!strncmp(line, "stack ", 6)) {
			spot = (void *)strtoul(line + 6, NULL, 16);
			/* It takes CAP_SYS_RESOURCE. */
			prctl(PR_SET_MM, PR_SET_MM_START_STACK, spot, 0, 0);
		} else {
			/* Beside it lies nothing that it could become one mapping with. */
			room = map_or_die(NULL, SPOT + 2 * PAGE, PROT_NONE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			spot = room + PAGE;
			if (mprotect(spot, SPOT, PROT_READ))
				die("mprotect");
			if (pthread_create(&t, NULL, line[0] == 't' ? toggle : churn, spot))
				die("pthread_create");
		}
		printf("{\"spot\":%lu}\n", (unsigned long)spot);
		fflush(stdout);
	}
}

static void make_call(int op, char **argv, int cnt)
{
	static struct iovec l, r[IOV_MAX_CNT];
	static char buf[1 << 16];
	size_t len = strtoul(argv[1], NULL, 10);
	struct call c;

	for (int i = 0; i < cnt; i++) {
		char *end;

		r[i].iov_base = (void *)strtoul(argv[2 + i], &end, 16);
		r[i].iov_len = *end == '/' ? strtoul(end + 1, NULL, 10) : len;
	}
	l = (struct iovec){ buf, sizeof(buf) };
	c = call_of(op, (pid_t)strtol(argv[0], NULL, 10), &l, 1, r, (uint64_t)cnt, 0);
	call_run(&c);
	report(NULL, &c, 1);
}

static void call_again(pid_t pid, char *address)
{
	char line[16], buf;

	while (fgets(line, sizeof(line), stdin)) {
		struct iovec l = { &buf, 1 }, r = { address, 1 };
		struct call c = call_of(READ, pid, &l, 1, &r, 1, 0);

		call_run(&c);
		report(NULL, &c, 1);
		fflush(stdout);
	}
}

/* Gives the page that the kernel waits for when it is told to. */
static void *give(void *arg)
{
	int fd = *(int *)arg;
	struct uffd_msg msg;
	char line[16];

	if (read(fd, &msg, sizeof(msg)) != sizeof(msg))
		die("userfaultfd");
	printf("{\"parked\":true}\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(1);
	gate_open(fd, (const void *)(uintptr_t)(msg.arg.pagefault.address & ~(PAGE - 1)), PAGE);
	return NULL;
}

static void park(pid_t pid, char *address)
{
	char *late = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	int fd = gate_make(0, late, PAGE);
	struct iovec l = { late, 16 }, r = { address, 16 };
	struct call c = call_of(WRITE, pid, &l, 1, &r, 1, 0);
	pthread_t t;

	if (pthread_create(&t, NULL, give, &fd))
		die("pthread_create");
	call_run(&c);
	pthread_join(t, NULL);
	report(NULL, &c, 1);
}

int main(int argc, char **argv)
{
	if (argc == 3 && (!strcmp(argv[1], "hold") || !strcmp(argv[1], "leave")))
		hold(argv[2], argv[1][0] == 'l');
	else if (argc >= 5 && (!strcmp(argv[1], "read") || !strcmp(argv[1], "write")))
		make_call(argv[1][0] == 'r' ? READ : WRITE, argv + 2, argc - 4);
	else if (argc == 4 && !strcmp(argv[1], "again"))
		call_again((pid_t)strtol(argv[2], NULL, 10), (char *)strtoul(argv[3], NULL, 16));
	else if (argc == 4 && !strcmp(argv[1], "park"))
		park((pid_t)strtol(argv[2], NULL, 10), (char *)strtoul(argv[3], NULL, 16));
	else
		return 64;
	return 0;
}

/* NOLINTEND(performance-no-int-to-ptr,bugprone-unused-return-value) */
