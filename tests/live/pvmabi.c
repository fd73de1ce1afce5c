/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmabi - calls of this 64-bit program by every door of the kernel, and numbers that only look like
 * ours; by int $0x80 only where the kernel knows it. pvmabi native|int80|x32 read|write, pvmabi int80-count N, pvmabi upper native|int80,
 * pvmabi number, pvmabi tagged N (arm64: addresses with a tag in the upper byte), pvmabi alike, pvmabi int80-opens ID (a BPF map)
 */
#include "trigger.h"

#ifdef __x86_64__

#include <limits.h>
#include <linux/bpf.h>
#include <sys/resource.h>

#define I386_GETPID 20
#define I386_READV 347
#define I386_WRITEV 348
#define I386_BPF 357
#define X32_BIT 0x40000000UL
#define X32_READV (X32_BIT + 539)
#define X32_WRITEV (X32_BIT + 540)
#define NOT_MADE LONG_MIN

struct iovec32 {
	uint32_t base;
	uint32_t len;
};

/* Gives nr and six arguments to int $0x80, with whatever the upper halves hold. */
long int80(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);
__asm__(".text\n"
	".globl int80\n"
	".type int80, @function\n"
	"int80:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	mov %rdi, %rax\n"
	"	mov %rsi, %rbx\n"
	"	mov %rcx, %r10\n"
	"	mov %rdx, %rcx\n"
	"	mov %r10, %rdx\n"
	"	mov %r8, %rsi\n"
	"	mov %r9, %rdi\n"
	"	mov 24(%rsp), %rbp\n"
	"	int $0x80\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n"
	".size int80, . - int80\n");

static char *low; /* below 4 GiB: lists on the first page, data on the next two */

static struct side side32(int page_off, const struct iovec *iov, uint64_t count)
{
	struct iovec32 *out = (struct iovec32 *)(low + page_off);
	struct side s = { (uintptr_t)out, count, iov, count <= IOV_MAX_CNT ? count : 0 };

	for (uint64_t i = 0; i < s.known_cnt; i++)
		out[i] = (struct iovec32){ (uint32_t)(uintptr_t)iov[i].iov_base,
					   (uint32_t)iov[i].iov_len };
	return s;
}

static struct call call32(int op, uint64_t cnt)
{
	static struct iovec l[IOV_MAX_CNT], r[IOV_MAX_CNT];
	struct call c = { .op = op, .pid = (uint64_t)getpid() };

	for (unsigned int i = 0; i < IOV_MAX_CNT; i++) {
		l[i] = (struct iovec){ low + 5 * PAGE + 4 * i, 4 };
		r[i] = (struct iovec){ low + 6 * PAGE + 4 * i, 4 };
	}
	c.local = side32(0, l, cnt);
	c.remote = side32(2 * PAGE + 4088, r, cnt); /* crosses a page from the second element on */
	return c;
}

static void run_int80(struct call *c, uint64_t upper)
{
	c->abi = "i386";
	c->ret = int80((c->op == READ ? I386_READV : I386_WRITEV), upper | c->pid,
		       upper | c->local.addr, upper | c->local.count, upper | c->remote.addr,
		       upper | c->remote.count, upper | c->flags);
}

static struct call call64(int op)
{
	static struct iovec l, r;

	l = (struct iovec){ low + 5 * PAGE, 24 };
	r = (struct iovec){ low + 6 * PAGE, 24 };
	return call_of(op, getpid(), &l, 1, &r, 1, 0);
}

/* A kernel that runs no 32-bit calls answers with a signal. */
static bool has_int80(void)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (!pid) {
		setrlimit(RLIMIT_CORE, &no_core);
		_exit(int80(I386_GETPID, 0, 0, 0, 0, 0, 0) > 0 ? 0 : 1);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return status == 0;
}

/* The numbers are ours in another ABI only: none of them reads or writes memory. null stands for a call that was not made. */
static int alike(void)
{
	const bool gate = has_int80();
	long ret[9];
	int n = 0;

	ret[n++] = gate ? int80(310, 0, 0, 0, 0, 0, 0) : NOT_MADE; /* unshare */
	ret[n++] = gate ? int80(311, 0, 1, 0, 0, 0, 0) : NOT_MADE; /* set_robust_list */
	ret[n++] = raw6(347, (uint64_t)getpid(), 0, 0, 0, 0, 0);
	ret[n++] = raw6(348, (uint64_t)getpid(), 0, 0, 0, 0, 0);
	ret[n++] = raw6(539, (uint64_t)getpid(), 0, 0, 0, 0, 0);
	ret[n++] = raw6(540, (uint64_t)getpid(), 0, 0, 0, 0, 0);
	ret[n++] = raw6(X32_BIT + 310, (uint64_t)getpid(), 0, 0, 0, 0, 0);
	ret[n++] = raw6(X32_BIT + 347, (uint64_t)getpid(), 0, 0, 0, 0, 0);
	ret[n++] = gate ? int80(539, (uint64_t)getpid(), 0, 0, 0, 0, 0) : NOT_MADE;
	printf("{\"pid\":%d,\"rets\":[", getpid());
	for (int i = 0; i < n; i++) {
		if (i)
			putchar(',');
		if (ret[i] == NOT_MADE)
			printf("null");
		else
			printf("%ld", ret[i]);
	}
	printf("],\"calls\":[]}\n");
	return 0;
}

/* Asks bpf(2) for the map of this number. */
static int opens(uint32_t id)
{
	union bpf_attr *attr = (union bpf_attr *)low;

	attr->map_id = id;
	printf("{\"pid\":%d,\"ret\":%ld}\n", getpid(),
	       int80(I386_BPF, BPF_MAP_GET_FD_BY_ID, (uintptr_t)attr, sizeof(*attr), 0, 0, 0));
	return 0;
}

static int run(const char *door, const char *arg)
{
	int op = arg && !strcmp(arg, "write") ? WRITE : READ;
	struct call c;

	if (!strcmp(door, "native")) {
		c = call64(op);
		call_run(&c);
	} else if (!strcmp(door, "int80")) {
		c = call32(op, 2);
		run_int80(&c, 0);
	} else if (!strcmp(door, "int80-count")) {
		c = call32(READ, strtoull(arg, NULL, 0));
		run_int80(&c, 0);
	} else if (!strcmp(door, "x32")) {
		c = call32(op, 2);
		c.abi = "x32";
		c.ret = raw6(op == READ ? X32_READV : X32_WRITEV, c.pid, c.local.addr,
			     c.local.count, c.remote.addr, c.remote.count, 0);
	} else if (!strcmp(door, "upper") && !strcmp(arg, "int80")) {
		c = call32(READ, 2);
		run_int80(&c, 0xdeadbeef00000000UL);
	} else if (!strcmp(door, "upper")) {
		c = call64(READ);
		c.pid |= 0xdeadbeef00000000UL;
		call_run(&c);
	} else if (!strcmp(door, "number")) {
		c = call64(READ);
		c.abi = "x86_64";
		c.ret = raw6(0xdeadbeef00000000UL | SYS_process_vm_readv, c.pid, c.local.addr, 1,
			     c.remote.addr, 1, 0);
	} else if (!strcmp(door, "tagged")) {
		fprintf(stderr, "pvmabi: only arm64 has tagged addresses\n");
		return 77;
	} else {
		return 64;
	}
	report(NULL, &c, 1);
	return 0;
}

int main(int argc, char **argv)
{
	low = must_map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_32BIT);
	if (argc > 1 && !strcmp(argv[1], "alike"))
		return alike();
	if (argc > 2 && !strcmp(argv[1], "int80-opens"))
		return opens((uint32_t)strtoul(argv[2], NULL, 0));
	return argc > 1 ? run(argv[1], argc > 2 ? argv[2] : "") : 64;
}

#elif defined(__aarch64__)

#define TAG (0x5aUL << 56)
#define SET_TAGGED_ADDR_CTRL 55 /* prctl: PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE */
#define TAGGED_ADDR_ENABLE 1

static struct iovec l[IOV_MAX_CNT], r[IOV_MAX_CNT];
static char from[IOV_MAX_CNT * 24], to[IOV_MAX_CNT * 24];

/* The numbers are ours in another ABI only. */
static int alike(void)
{
	static const int nr[] = { 376, 377, 310, 311, 347, 348 };

	printf("{\"pid\":%d,\"rets\":[", getpid());
	for (size_t i = 0; i < sizeof(nr) / sizeof(nr[0]); i++)
		printf("%s%ld", i ? "," : "",
		       raw6((uint64_t)nr[i], (uint64_t)getpid(), 0, 0, 0, 0, 0));
	printf("],\"calls\":[]}\n");
	return 0;
}

static struct call call_of_elements(int op, uint64_t cnt, uint64_t tag)
{
	struct call c;

	for (size_t i = 0; i < IOV_MAX_CNT; i++) {
		l[i] = (struct iovec){ (void *)(tag | (uintptr_t)(to + 24 * i)), 24 };
		r[i] = (struct iovec){ (void *)(tag | (uintptr_t)(from + 24 * i)), 24 };
	}
	c = call_of(op, getpid(), l, cnt, r, cnt, 0);
	c.local.addr |= tag;
	c.remote.addr |= tag;
	return c;
}

/* Of the doors there is only the native one. */
static int run(const char *door, const char *arg)
{
	struct call c = call_of_elements(!strcmp(arg, "write") ? WRITE : READ, 1, 0);

	if (!strcmp(door, "native")) {
		call_run(&c);
	} else if (!strcmp(door, "upper") && !strcmp(arg, "native")) {
		c.pid |= 0xdeadbeef00000000UL;
		call_run(&c);
	} else if (!strcmp(door, "number")) {
		c.abi = ABI;
		c.ret = raw6(0xdeadbeef00000000UL | SYS_process_vm_readv, c.pid, c.local.addr, 1,
			     c.remote.addr, 1, 0);
	} else if (!strcmp(door, "tagged")) {
		c = call_of_elements(READ, strtoull(arg, NULL, 0), TAG);
		if (prctl(SET_TAGGED_ADDR_CTRL, TAGGED_ADDR_ENABLE, 0, 0, 0))
			die("tagged addresses");
		call_run(&c);
	} else {
		fprintf(stderr, "pvmabi: only x86 has this door: %s\n", door);
		return 77;
	}
	report(NULL, &c, 1);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "alike"))
		return alike();
	return argc > 1 ? run(argv[1], argc > 2 ? argv[2] : "") : 64;
}

#else

int main(void)
{
	fprintf(stderr, "pvmabi: only for x86-64 and arm64\n");
	return 77;
}

#endif
