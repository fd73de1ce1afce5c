/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmsigns - one process that calls in many ways, a line of its stdin for each: "WAY N" makes N calls of that way on its
 * own memory and prints the first address and the last byte that the remote list names. Ways: see the table. "exec PATH
 * ARG..." makes it another program, "user UID" another user's.
 */
#include "trigger.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define LONG 64U /* elements of a long list */

static char *from, *to;
/* It is on a page of its own, so that a list can be the destination of its own call. */
static struct iovec *list;

static struct call call(const struct iovec *local, unsigned int cnt)
{
	return call_of(READ, getpid(), local, 1, list, cnt, 0);
}

static void fill(unsigned int cnt)
{
	for (unsigned int i = 0; i < cnt; i++)
		list[i] = (struct iovec){ from + 16 * i, 16 };
}

static struct call plain(void)
{
	static struct iovec local;

	local = (struct iovec){ to, 16 };
	fill(1);
	return call(&local, 1);
}

static struct call bad(void)
{
	struct call c = plain();

	list[0].iov_base = (void *)1;
	return c;
}

static struct call nobody(void)
{
	struct call c = plain();

	c.pid = 1999999999;
	return c;
}

static struct call many(void)
{
	static struct iovec local;

	local = (struct iovec){ to, 16 * LONG };
	fill(LONG);
	return call(&local, LONG);
}

/* What is read is written over the last element of the list. */
static struct call over(unsigned int cnt)
{
	static struct iovec local;

	fill(cnt);
	local = (struct iovec){ &list[cnt - 1], 16 };
	return call(&local, cnt);
}

static struct call over_short(void)
{
	return over(2);
}

static struct call over_long(void)
{
	return over(LONG);
}

static struct call with_flags(void)
{
	struct call c = plain();

	c.flags = 8;
	return c;
}

/* Calls by the gate of 32-bit programs, without lists. */
static struct call foreign(void)
{
	struct call c = { .abi = "i386" };

#if defined(__x86_64__)
	long ret = 347;

	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	c.ret = ret;
#endif
	return c;
}

static const struct {
	const char *name;
	struct call (*make)(void);
	unsigned int elements; /* remote ones; 0: the call is already made */
} ways[] = {
	{ "plain", plain, 1 },	    { "bad", bad, 1 },	       { "nobody", nobody, 1 },
	{ "many", many, LONG },	    { "over", over_short, 2 }, { "overlong", over_long, LONG },
	{ "flags", with_flags, 1 }, { "foreign", foreign, 0 },
};

static void go(const char *name, int times)
{
	long ret = 0;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		uintptr_t low = 0, high = 0;

		if (strcmp(name, ways[i].name))
			continue;
		for (int n = 0; n < times; n++) {
			struct call c = ways[i].make();

			if (ways[i].elements) {
				low = (uintptr_t)list[0].iov_base;
				high = (uintptr_t)list[ways[i].elements - 1].iov_base + 15;
				call_run(&c);
			}
			ret = c.ret;
		}
		printf("{\"pid\":%d,\"ret\":%ld,\"low\":\"0x%016lx\",\"high\":\"0x%016lx\"}\n",
		       getpid(), ret, (unsigned long)low, (unsigned long)high);
		fflush(stdout);
		return;
	}
	die(name);
}

/* From now on seccomp refuses the call with an errno. */
static void refuse(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		die("seccomp");
	printf("{\"refuses\":%d}\n", error);
	fflush(stdout);
}

static void become(int uid)
{
	if (setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid))
		die("setresuid");
	printf("{\"uid\":%d}\n", uid);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[4096], *words[16];

	if (argc > 1)
		prctl(PR_SET_NAME, argv[1]);
	from = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	to = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	list = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	memset(from, 'f', PAGE);
	memset(to, 't', PAGE);
	memset(list, 0, PAGE);
	printf("{\"pid\":%d}\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		size_t n = 0;

		for (char *w = strtok(line, " \n"); w && n < 15; w = strtok(NULL, " \n"))
			words[n++] = w;
		words[n] = NULL;
		if (n < 2)
			return 1;
		if (!strcmp(words[0], "exec")) {
			execv(words[1], words + 1);
			die(words[1]);
		}
		if (!strcmp(words[0], "refuse"))
			refuse(atoi(words[1]));
		else if (!strcmp(words[0], "user"))
			become(atoi(words[1]));
		else
			go(words[0], atoi(words[1]));
	}
	return 0;
}
