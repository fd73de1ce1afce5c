/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmpass [call HOOKS | wait MS | refuse ERRNO]... - calls that are all alike, of which a build for tests passes over hooks: HOOKS
 * are bits of enum pvm_saw (bpf/control.h). The target is the parent, whose memory holds no such address, so that a call comes to
 * all hooks and moves nothing. From refuse on seccomp answers.
 */
#include "trigger.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#define PASS_OVER 0x70766d6f76657200ULL /* as in bpf/control.h */

static char buf[64];
static struct iovec l = { buf, sizeof(buf) }, r = { NULL, sizeof(buf) };

/* Makes a call with hooks in a register that the kernel keeps. */
static long call(uint64_t hooks)
{
#if defined(__x86_64__)
	const long pid = getppid(); /* before there is anything in registers */
	register long remote_cnt __asm__("r8") = 1, flags __asm__("r9") = 0;
	register void *remote __asm__("r10") = &r;
	register uint64_t own __asm__("r15") = PASS_OVER | hooks;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(SYS_process_vm_readv), "D"(pid), "S"(&l), "d"(1L), "r"(remote),
			   "r"(remote_cnt), "r"(flags), "r"(own)
			 : "rcx", "r11", "memory");
	return ret;
#else
	(void)hooks;
	return -ENOSYS;
#endif
}

static void refuse(uint32_t error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		die("seccomp");
}

int main(int argc, char **argv)
{
	/* The lists can be read without a page fault. */
	(void)*(volatile size_t *)&l.iov_len;
	(void)*(volatile size_t *)&r.iov_len;
	printf("{\"pid\": %d, \"results\": [", (int)getpid());
	for (int i = 1, cnt = 0; i + 1 < argc; i += 2) {
		unsigned long n = strtoul(argv[i + 1], NULL, 0);

		if (!strcmp(argv[i], "call"))
			printf("%s%ld", cnt++ ? ", " : "", call(n));
		else if (!strcmp(argv[i], "wait"))
			usleep((useconds_t)n * 1000);
		else
			refuse((uint32_t)n);
	}
	printf("]}\n");
	return 0;
}
