/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.h - what the trigger programs share: one call with its six registers exactly as given, and
 * its description as JSON. A trigger prints what it knows itself (pids, addresses, elements,
 * results), so that a test compares an event with facts and not with the tracer's own view.
 */
#ifndef PVM_TRIGGER_H
#define PVM_TRIGGER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define IOV_MAX_CNT 1024U
#define READ 0
#define WRITE 1

/* This is one side as the program passes it, and the elements it put there. */
struct side {
	uint64_t addr;
	uint64_t count;
	const struct iovec *known; /* what the list holds; NULL: do not say */
	size_t known_cnt;
};

struct call {
	int op;
	uint64_t pid; /* the whole register */
	struct side local, remote;
	uint64_t flags;
	long ret; /* as the kernel gives it: negative errno on failure */
	const char *abi;
};

#if defined(__x86_64__)
#define ABI "x86_64"
#elif defined(__i386__)
#define ABI "i386"
#elif defined(__aarch64__)
#define ABI "arm64"
#else
#define ABI "arm"
#endif

#define UNUSED __attribute__((unused))

static UNUSED void die(const char *what)
{
	fprintf(stderr, "trigger: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Puts a thread (0: the one that asks) on the CPU of this number among those that the process was given. */
static UNUSED void move_thread(pid_t tid, int which)
{
	static cpu_set_t all;
	cpu_set_t one;

	if (!CPU_COUNT(&all) && sched_getaffinity(0, sizeof(all), &all))
		die("sched_getaffinity");
	if (CPU_COUNT(&all) < 2)
		return;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && which-- == 0)
			CPU_SET(cpu, &one);
	if (sched_setaffinity(tid, sizeof(one), &one))
		die("sched_setaffinity");
}

/* Threads that are to race have to run at the same moment. */
static UNUSED void pin_thread(int which)
{
	move_thread(0, which);
}

static UNUSED void *must_map(size_t size, int prot, int extra_flags)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static UNUSED struct side side(const struct iovec *iov, uint64_t count)
{
	struct side s = { (uintptr_t)iov, count, iov, count <= IOV_MAX_CNT ? count : 0 };

	return s;
}

static UNUSED struct call call_of(int op, pid_t pid, const struct iovec *liov, uint64_t lcnt,
				  const struct iovec *riov, uint64_t rcnt, uint64_t flags)
{
	struct call c = { .op = op,
			  .pid = (uint64_t)(int64_t)pid,
			  .local = side(liov, lcnt),
			  .remote = side(riov, rcnt),
			  .flags = flags };

	return c;
}

#if defined(__x86_64__)
/* The call is not libc's: every register stays as given, also the upper halves. */
static UNUSED long raw6(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
static UNUSED long raw6(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			uint64_t f)
{
	register uint64_t x8 __asm__("x8") = nr;
	register uint64_t x0 __asm__("x0") = a;
	register uint64_t x1 __asm__("x1") = b;
	register uint64_t x2 __asm__("x2") = c;
	register uint64_t x3 __asm__("x3") = d;
	register uint64_t x4 __asm__("x4") = e;
	register uint64_t x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return (long)x0;
}
#else
static UNUSED long raw6(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
			uint64_t f)
{
	long ret = syscall((long)nr, (long)a, (long)b, (long)c, (long)d, (long)e, (long)f);

	return ret < 0 ? -errno : ret;
}
#endif

static UNUSED long call_run(struct call *c)
{
	c->abi = ABI;
	c->ret = raw6(c->op == READ ? SYS_process_vm_readv : SYS_process_vm_writev, c->pid,
		      c->local.addr, c->local.count, c->remote.addr, c->remote.count, c->flags);
	return c->ret;
}

static UNUSED void side_print(const char *name, const struct side *s)
{
	printf("\"%s\":{\"addr\":\"0x%llx\",\"count\":%llu,\"iov\":", name,
	       (unsigned long long)s->addr, (unsigned long long)s->count);
	if (!s->known) {
		printf("null}");
		return;
	}
	putchar('[');
	for (size_t i = 0; i < s->known_cnt; i++)
		printf("%s[\"0x%llx\",%llu]", i ? "," : "",
		       (unsigned long long)(uintptr_t)s->known[i].iov_base,
		       (unsigned long long)s->known[i].iov_len);
	printf("]}");
}

static UNUSED void call_print(const struct call *c)
{
	printf("{\"op\":\"%s\",\"abi\":\"%s\",\"arg\":%d,", c->op == READ ? "read" : "write",
	       c->abi, (int)(int32_t)c->pid);
	side_print("local", &c->local);
	putchar(',');
	side_print("remote", &c->remote);
	printf(",\"flags\":\"0x%llx\",\"ret\":%ld}", (unsigned long long)c->flags, c->ret);
}

static UNUSED pid_t my_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* Prints {"pid":..,"tid":..,<extra>"calls":[..]} and LF. extra: whole members with trailing commas. */
static UNUSED void report_as(pid_t pid, pid_t tid, const char *extra, const struct call *calls,
			     size_t cnt)
{
	printf("{\"pid\":%d,\"tid\":%d,%s\"calls\":[", pid, tid, extra ? extra : "");
	for (size_t i = 0; i < cnt; i++) {
		if (i)
			putchar(',');
		call_print(&calls[i]);
	}
	printf("]}\n");
	fflush(stdout);
}

static UNUSED void report(const char *extra, const struct call *calls, size_t cnt)
{
	report_as(getpid(), my_tid(), extra, calls, cnt);
}

/* Makes a child with the same memory that waits to be killed, and dies with its parent. */
static UNUSED pid_t victim(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (;;)
		pause();
}

static UNUSED void victim_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Returns this process's or thread's number in the pid namespace that /proc belongs to. */
static UNUSED pid_t host_number(const char *link)
{
	char buf[64];
	ssize_t len = readlink(link, buf, sizeof(buf) - 1);
	const char *last;

	if (len < 0)
		die(link);
	buf[len] = 0;
	last = strrchr(buf, '/');
	return (pid_t)strtol(last ? last + 1 : buf, NULL, 10);
}

#endif
