/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmcall32 - a 32-bit program (i386 or AArch32). pvmcall32 read|write: its own system calls;
 * pvmcall32 count N; pvmcall32 alike; pvmcall32 opens ID: asks bpf(2) for the map of this number; on
 * x86 also pvmcall32 far: jumps to the 64-bit code segment and makes a native call there.
 */
#include "trigger.h"

#if __SIZEOF_POINTER__ == 4

#include <linux/bpf.h>

static char *src, *dst;

#ifdef __i386__

/* nr, six arguments, result */
struct far_args {
	uint64_t reg[8];
};

struct far_pointer {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed));

void far_call(struct far_args *args, struct far_pointer *where);
void far_code(void);
__asm__(".text\n"
	".globl far_call\n"
	"far_call:\n"
	"	push %ebx\n"
	"	push %esi\n"
	"	push %edi\n"
	"	push %ebp\n"
	"	mov 20(%esp), %ebx\n"
	"	mov 24(%esp), %eax\n"
	"	lcall *(%eax)\n"
	"	pop %ebp\n"
	"	pop %edi\n"
	"	pop %esi\n"
	"	pop %ebx\n"
	"	ret\n"
	".code64\n"
	".globl far_code\n"
	"far_code:\n"
	"	mov (%rbx), %rax\n"
	"	mov 8(%rbx), %rdi\n"
	"	mov 16(%rbx), %rsi\n"
	"	mov 24(%rbx), %rdx\n"
	"	mov 32(%rbx), %r10\n"
	"	mov 40(%rbx), %r8\n"
	"	mov 48(%rbx), %r9\n"
	"	syscall\n"
	"	mov %rax, 56(%rbx)\n"
	"	lretl\n"
	".code32\n");

struct iovec64 {
	uint64_t base;
	uint64_t len;
};

static int far(void)
{
	static struct iovec l, r;
	static struct iovec64 l64, r64;
	struct far_args a = { .reg = { 310 } };
	struct far_pointer where = { (uint32_t)(uintptr_t)far_code, 0x33 };
	struct call c;

	l = (struct iovec){ dst, 40 };
	r = (struct iovec){ src, 40 };
	l64 = (struct iovec64){ (uintptr_t)dst, 40 };
	r64 = (struct iovec64){ (uintptr_t)src, 40 };
	c = call_of(READ, getpid(), &l, 1, &r, 1, 0);
	c.local.addr = (uintptr_t)&l64;
	c.remote.addr = (uintptr_t)&r64;
	a.reg[1] = c.pid;
	a.reg[2] = c.local.addr;
	a.reg[3] = 1;
	a.reg[4] = c.remote.addr;
	a.reg[5] = 1;
	far_call(&a, &where);
	c.abi = "x86_64";
	c.ret = (long)(int64_t)a.reg[7];
	report(NULL, &c, 1);
	return 0;
}

#else

static int far(void)
{
	fprintf(stderr, "pvmcall32: only on x86 a 32-bit program can make a 64-bit call\n");
	return 77;
}

#endif

/* The numbers are ours in another ABI only: of i386 unshare and set_robust_list, of arm arm_fadvise64_64 and one that arm64
 * does not have; then x32's. */
static int alike(void)
{
#ifdef __i386__
	static const int nr[] = { 310, 311, 539, 540 }, first = 0;
#else
	static const int nr[] = { 270, 271, 539, 540 }, first = -1;
#endif

	printf("{\"pid\":%d,\"rets\":[", getpid());
	for (size_t i = 0; i < sizeof(nr) / sizeof(nr[0]); i++)
		printf("%s%ld", i ? "," : "",
		       raw6((uint64_t)nr[i], (uint64_t)first, 1, 0, 0, 0, 0));
	printf("],\"calls\":[]}\n");
	return 0;
}

static int opens(uint32_t id)
{
	static union bpf_attr attr;

	attr.map_id = id;
	printf("{\"pid\":%d,\"ret\":%ld}\n", getpid(),
	       raw6(SYS_bpf, BPF_MAP_GET_FD_BY_ID, (uintptr_t)&attr, sizeof(attr), 0, 0, 0));
	return 0;
}

int main(int argc, char **argv)
{
	static struct iovec l[IOV_MAX_CNT], r[IOV_MAX_CNT];
	const char *what = argc > 1 ? argv[1] : "read";
	uint64_t cnt = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct call c;

	src = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	dst = must_map(2 * PAGE, PROT_READ | PROT_WRITE, 0);
	if (!strcmp(what, "far"))
		return far();
	if (!strcmp(what, "alike"))
		return alike();
	if (!strcmp(what, "opens"))
		return opens((uint32_t)cnt);
	for (unsigned int i = 0; i < IOV_MAX_CNT; i++) {
		l[i] = (struct iovec){ dst + i, 1 };
		r[i] = (struct iovec){ src + i, 1 };
	}
	c = call_of(!strcmp(what, "write") ? WRITE : READ, getpid(), l, cnt, r, cnt, 0);
	call_run(&c);
	report(NULL, &c, 1);
	return 0;
}

#else

int main(void)
{
	fprintf(stderr, "pvmcall32: has to be built as a 32-bit program\n");
	return 77;
}

#endif
