/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmcall - one case by name, each a call whose cause and result the program knows.
 * pvmcall [--uid N] [--comm HEX] [--chroot DIR] CASE [ARG...]
 */
#include "trigger.h"

#include <grp.h>
#include <pthread.h>

/* These are two pages of data; in the victim (a fork) they are at the same addresses. */
static char *src, *dst;
static struct iovec one_local, one_remote;

static void setup_buffers(void)
{
	src = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	dst = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	memset(src, 's', 2 * PAGE);
	memset(dst, 'd', 2 * PAGE);
	one_local = (struct iovec){ dst + 16, 64 };
	one_remote = (struct iovec){ src + 32, 64 };
}

static struct call plain(int op, pid_t pid)
{
	return call_of(op, pid, &one_local, 1, &one_remote, 1, 0);
}

/* Runs and reports one call, with the victim's pid among the facts. */
static int finish(struct call *c, pid_t target)
{
	char extra[64];

	call_run(c);
	snprintf(extra, sizeof(extra), "\"target\":%d,", target);
	report(extra, c, 1);
	return 0;
}

static int case_self(char **argv)
{
	struct call c = plain(*argv && !strcmp(*argv, "write") ? WRITE : READ, getpid());

	return finish(&c, getpid());
}

static int case_pair(char **argv)
{
	pid_t v = victim();
	struct call c[2] = { plain(READ, v), plain(WRITE, v) };
	char extra[64];

	(void)argv;
	snprintf(extra, sizeof(extra), "\"target\":%d,", v);
	call_run(&c[0]);
	call_run(&c[1]);
	report(extra, c, 2);
	victim_end(v);
	return 0;
}

/* repeat N: that many reads of itself */
static int case_repeat(char **argv)
{
	struct call c = plain(READ, getpid());
	char extra[64];
	long n = strtol(argv[0], NULL, 0);

	for (long i = 0; i < n; i++)
		call_run(&c);
	snprintf(extra, sizeof(extra), "\"n\":%ld,", n);
	report(extra, &c, 1);
	return 0;
}

/* flags VALUE [PID] */
static int case_flags(char **argv)
{
	struct call c = plain(READ, argv[1] ? atoi(argv[1]) : getpid());

	c.flags = strtoull(argv[0], NULL, 0);
	return finish(&c, getpid());
}

/* pid NUMBER: whatever it names */
static int case_pid(char **argv)
{
	struct call c = plain(READ, 0);

	c.pid = strtoull(argv[0], NULL, 0);
	return finish(&c, (pid_t)(int32_t)c.pid);
}

/* array SIDE: that side's list lies on unmapped memory */
static int case_array_fault(char **argv)
{
	struct call c = plain(READ, getpid());
	struct side *s = strcmp(argv[0], "local") ? &c.remote : &c.local;
	char *hole = must_map(PAGE, PROT_READ, 0);

	munmap(hole, PAGE);
	*s = (struct side){ (uintptr_t)hole + 128, 2, NULL, 0 };
	return finish(&c, getpid());
}

/* memory: the target has nothing there; readonly: a write to a page it may only read */
static int case_memory(char **argv)
{
	bool ro = !strcmp(argv[0], "readonly");
	char *page = must_map(PAGE, PROT_READ, 0);
	struct iovec r = { page, 64 };
	struct call c = call_of(ro ? WRITE : READ, getpid(), &one_local, 1, &r, 1, 0);

	if (!ro)
		munmap(page, PAGE);
	return finish(&c, getpid());
}

static int case_zombie(char **argv)
{
	siginfo_t info;
	struct call c;
	pid_t v = fork();

	(void)argv;
	if (!v)
		_exit(0);
	waitid(P_PID, (id_t)v, &info, WEXITED | WNOWAIT);
	c = plain(READ, v);
	return finish(&c, v);
}

/* neglen SIDE: an element with a negative length */
static int case_neglen(char **argv)
{
	struct iovec bad[2] = { { dst, 8 }, { dst + 8, (size_t)1 << 63 } };
	struct call c = plain(READ, getpid());

	if (strcmp(argv[0], "local"))
		c.remote = side(bad, 2);
	else
		c.local = side(bad, 2);
	return finish(&c, getpid());
}

/* counts LOCAL REMOTE: one byte an element; the program knows what the kernel looks at */
static int case_counts(char **argv)
{
	static struct iovec l[IOV_MAX_CNT + 1], r[IOV_MAX_CNT + 1];
	uint64_t n[2] = { strtoull(argv[0], NULL, 0), strtoull(argv[1], NULL, 0) };
	uint64_t used[2] = { (uint32_t)n[0], n[1] };
	struct call c;

	for (unsigned int i = 0; i <= IOV_MAX_CNT; i++) {
		l[i] = (struct iovec){ dst + i, 1 };
		r[i] = (struct iovec){ src + i, 1 };
	}
	c = call_of(READ, getpid(), l, n[0], r, n[1], 0);
	for (int i = 0; i < 2; i++) {
		struct side *s = i ? &c.remote : &c.local;

		s->known_cnt = used[i] <= IOV_MAX_CNT ? (size_t)used[i] : 0;
	}
	return finish(&c, getpid());
}

/* edge WHERE SIDE: 4 elements that end exactly at, lie across, or begin on the edge of a page */
static int case_edge(char **argv)
{
	char *pages = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	bool local = !strcmp(argv[1], "local");
	size_t before = 4 * sizeof(struct iovec); /* bytes of the list on the first page */
	struct call c = plain(READ, getpid());
	static struct iovec copy[4];
	struct iovec *iov;
	struct side s;
	bool first_bad = !strcmp(argv[0], "begin");

	if (!strcmp(argv[0], "cross") || first_bad)
		before = 2 * sizeof(struct iovec);
	else if (!strcmp(argv[0], "split"))
		before = sizeof(struct iovec) / 2;
	iov = (struct iovec *)(pages + PAGE - before);
	for (int i = 0; i < 4; i++)
		copy[i] = (struct iovec){ (local ? dst : src) + 100 * i, 10 + i };
	memcpy(iov, copy, sizeof(copy));
	if (first_bad)
		mprotect(pages, PAGE, PROT_NONE);
	else
		munmap(pages + PAGE, PAGE);
	s = side(iov, 4);
	s.known = first_bad ? copy + 2 : copy;
	s.known_cnt = before / sizeof(struct iovec);
	*(local ? &c.local : &c.remote) = s;
	return finish(&c, getpid());
}

/* zerofirst: leading elements of no length on both sides */
static int case_zerofirst(char **argv)
{
	struct iovec l[3] = { { NULL, 0 }, { dst, 0 }, { dst + 5, 48 } };
	struct iovec r[2] = { { (void *)0x10, 0 }, { src, 48 } };
	struct call c = call_of(READ, getpid(), l, 3, r, 2, 0);

	(void)argv;
	return finish(&c, getpid());
}

/* partial: 150 bytes are there, 200 are asked for; ends inside the only remote element and inside
 * the second local one */
static int case_partial(char **argv)
{
	char *pages = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	struct iovec l[2] = { { dst, 100 }, { dst + 200, 100 } };
	struct iovec r = { pages + PAGE - 150, 200 };
	struct call c = call_of(READ, getpid(), l, 2, &r, 1, 0);

	(void)argv;
	munmap(pages + PAGE, PAGE);
	return finish(&c, getpid());
}

/* short: local and remote totals differ; the smaller one is what is asked for */
static int case_short(char **argv)
{
	struct iovec l[2] = { { dst, 10 }, { dst + 64, 30 } };
	struct iovec r = { src, 100 };
	struct call c = call_of(READ, getpid(), l, 2, &r, 1, 0);

	(void)argv;
	return finish(&c, getpid());
}

/* late SIDE COUNT FIRST: a list of COUNT elements in a file mapping of which pages from the FIRSTth on are not
 * present */
static int case_late(char **argv)
{
	bool local = !strcmp(argv[0], "local");
	size_t cnt = strtoul(argv[1], NULL, 0), skip = strtoul(argv[2], NULL, 0);
	size_t size = (cnt * sizeof(struct iovec) + PAGE - 1) & ~(PAGE - 1);
	struct call c = plain(READ, getpid());
	static struct iovec copy[IOV_MAX_CNT];
	int fd = memfd_create("late", 0);
	char *map;

	for (size_t i = 0; i < cnt && i < IOV_MAX_CNT; i++)
		copy[i] = (struct iovec){ (local ? dst : src) + i, 1 };
	if (fd < 0 || write(fd, copy, cnt * sizeof(*copy)) < 0 || ftruncate(fd, (off_t)size))
		die("memfd");
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < size; i += PAGE)
		(void)*(volatile char *)(map + i);
	if (skip * PAGE < size && madvise(map + skip * PAGE, size - skip * PAGE, MADV_DONTNEED))
		die("madvise");
	*(local ? &c.local : &c.remote) = (struct side){ (uintptr_t)map, cnt, copy, cnt };
	return finish(&c, getpid());
}

struct thread_arg {
	struct call call;
	pid_t tid;
};

static void *thread_call(void *p)
{
	struct thread_arg *a = p;

	a->tid = my_tid();
	call_run(&a->call);
	return NULL;
}

/* thread: the call is made by a second thread */
static int case_thread(char **argv)
{
	struct thread_arg a = { .call = plain(READ, getpid()) };
	pthread_t t;

	(void)argv;
	pthread_create(&t, NULL, thread_call, &a);
	pthread_join(t, NULL);
	report_as(getpid(), a.tid, NULL, &a.call, 1);
	return 0;
}

static void *thread_wait(void *p)
{
	pid_t tid = my_tid();

	if (write(*(int *)p, &tid, sizeof(tid)) != sizeof(tid))
		die("write");
	for (;;)
		pause();
	return NULL;
}

/* tid self|child: the target is given as the id of a second thread */
static int case_tid(char **argv)
{
	bool self = !strcmp(argv[0], "self");
	pid_t target = getpid(), tid;
	int fds[2];
	pthread_t t;
	struct call c;
	char extra[96];

	if (pipe(fds))
		die("pipe");
	if (!self)
		target = fork();
	if (self || !target) {
		prctl(PR_SET_PDEATHSIG, self ? 0 : SIGKILL);
		pthread_create(&t, NULL, thread_wait, &fds[1]);
		if (!self)
			for (;;)
				pause();
	}
	if (read(fds[0], &tid, sizeof(tid)) != sizeof(tid))
		die("read");
	c = plain(READ, tid);
	call_run(&c);
	snprintf(extra, sizeof(extra), "\"target\":%d,\"target_tid\":%d,", target, tid);
	report(extra, &c, 1);
	if (!self)
		victim_end(target);
	return 0;
}

/* pidfd child|null|none|number|dead: flag bit 0, and what stands in for a process id */
static int case_pidfd(char **argv)
{
	pid_t v = victim();
	int fd = -1;
	struct call c;

	if (!strcmp(argv[0], "child") || !strcmp(argv[0], "dead"))
		fd = (int)syscall(SYS_pidfd_open, v, 0);
	else if (!strcmp(argv[0], "null"))
		fd = open("/dev/null", O_RDONLY);
	else if (!strcmp(argv[0], "number"))
		fd = v; /* a process id where a descriptor belongs */
	else
		fd = 900;
	if (!strcmp(argv[0], "dead"))
		victim_end(v);
	c = plain(READ, fd);
	c.flags = 1;
	finish(&c, v);
	victim_end(v);
	return 0;
}

/* kin N: the target is N generations below the caller; kin -N: above */
static int case_kin(char **argv)
{
	long depth = strtol(argv[0], NULL, 0);
	long gens = labs(depth);
	pid_t top = getpid();
	int fds[2];
	pid_t pid = 0;
	char b;

	if (pipe(fds))
		die("pipe");
	for (long i = 0; i < gens; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (child) {
			if (i == 0 && depth > 0)
				break;
			waitpid(child, NULL, 0); /* stays its parent */
			_exit(0);
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	if (getpid() == top) { /* depth > 0: the caller */
		struct call c;

		if (read(fds[0], &pid, sizeof(pid)) != sizeof(pid))
			die("read");
		c = plain(READ, pid);
		return finish(&c, pid);
	}
	if (depth < 0) {
		struct call c = plain(READ, top);

		finish(&c, top);
		_exit(0);
	}
	pid = getpid();
	if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid) || read(fds[0], &b, 0) < 0)
		_exit(1);
	for (;;)
		pause();
}

/* siblings: two children of one process, one reads the other */
static int case_siblings(char **argv)
{
	pid_t v = victim();
	pid_t caller = fork();

	(void)argv;
	if (!caller) {
		struct call c = plain(READ, v);

		finish(&c, v);
		_exit(0);
	}
	waitpid(caller, NULL, 0);
	victim_end(v);
	return 0;
}

/* step [PID]: one call for every line on stdin; "exec PATH ARG..." becomes another program */
static int case_step(char **argv)
{
	pid_t target = *argv ? atoi(*argv) : getpid();
	char line[4096], *words[64];

	printf("{\"pid\":%d,\"ready\":true}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		size_t n = 0;

		for (char *w = strtok(line, " \n"); w && n < 63; w = strtok(NULL, " \n"))
			words[n++] = w;
		words[n] = NULL;
		if (n && !strcmp(words[0], "exec")) {
			execv(words[1], words + 2);
			die(words[1]);
		}
		if (n && !strcmp(words[0], "uid") &&
		    setresuid((uid_t)atoi(words[1]), (uid_t)-1, (uid_t)-1))
			die("setresuid");
		if (n && !strcmp(words[0], "target"))
			target = atoi(words[1]);
		struct call c = plain(READ, target);

		finish(&c, target);
	}
	return 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(char **argv);
} cases[] = {
	{ "self", 0, case_self },	{ "pair", 0, case_pair },
	{ "repeat", 1, case_repeat },	{ "flags", 1, case_flags },
	{ "pid", 1, case_pid },		{ "array-fault", 1, case_array_fault },
	{ "memory", 1, case_memory },	{ "zombie", 0, case_zombie },
	{ "neglen", 1, case_neglen },	{ "counts", 2, case_counts },
	{ "edge", 2, case_edge },	{ "zerofirst", 0, case_zerofirst },
	{ "partial", 0, case_partial }, { "short", 0, case_short },
	{ "late", 3, case_late },	{ "thread", 0, case_thread },
	{ "tid", 1, case_tid },		{ "pidfd", 1, case_pidfd },
	{ "kin", 1, case_kin },		{ "siblings", 0, case_siblings },
	{ "step", 0, case_step },
};

static void set_comm(const char *hex)
{
	char name[16] = { 0 };

	for (size_t i = 0; i < 15 && hex[2 * i]; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		name[i] = (char)strtoul(pair, NULL, 16);
	}
	prctl(PR_SET_NAME, name);
}

int main(int argc, char **argv)
{
	argv++;
	for (; argc > 3 && !strncmp(*argv, "--", 2); argv += 2, argc -= 2) {
		if (!strcmp(*argv, "--uid")) {
			uid_t uid = (uid_t)atoi(argv[1]);

			if (setgroups(0, NULL) || setresgid(uid, uid, uid) ||
			    setresuid(uid, uid, uid))
				die("setresuid");
		} else if (!strcmp(*argv, "--comm")) {
			set_comm(argv[1]);
		} else if (!strcmp(*argv, "--chroot")) {
			if (chroot(argv[1]) || chdir("/"))
				die("chroot");
		}
	}
	setup_buffers();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (*argv && !strcmp(*argv, cases[i].name) && argc - 2 >= cases[i].args)
			return cases[i].run(argv + 1);
	fprintf(stderr, "pvmcall: no such case, or too few arguments\n");
	return 64;
}
