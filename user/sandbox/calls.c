/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/calls.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define ANY CALL_ANY, 0, 0, 0
#define ALL_BITS UINT64_MAX
#define INT_BITS UINT32_MAX /* the kernel looks at no more of an argument that is an int */
#define NEVER(bits) CALL_MASK, 2, (bits), 0
#define COMMAND(place, of) CALL_MASK, (place), INT_BITS, (of)

/* By this glibc asks a terminal from 2.42 on; the header's own definition takes a structure that it does not have. */
#define TERMINAL_ASKED_2 0x802c542au /* TCGETS2 */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/*
 * Names that an architecture does not have are left out there. Each thing is there in all the ways in which the C libraries
 * that we know do it: a list that is too short ends the run.
 */
const struct call_rule sandbox_calls[] = {
	/* What is open is read and written. */
	{ "read", 0, ANY },
	{ "write", 0, ANY },
	{ "readv", 0, ANY },
	{ "writev", 0, ANY },
	{ "pread64", 0, ANY },
	{ "lseek", 0, ANY },
	{ "close", 0, ANY },
	{ "fstat", 0, ANY },
	{ "newfstatat", 0, ANY },
	{ "stat", 0, ANY },
	{ "lstat", 0, ANY },
	{ "statx", 0, ANY },
	{ "readlink", 0, ANY },
	{ "readlinkat", 0, ANY },
	{ "getcwd", 0, ANY },
	{ "access", 0, ANY },
	{ "faccessat", 0, ANY },
	{ "faccessat2", 0, ANY },
	{ "fcntl", 0, COMMAND(1, F_GETFD) },
	{ "fcntl", 0, COMMAND(1, F_SETFD) },
	{ "fcntl", 0, COMMAND(1, F_GETFL) },
	{ "fcntl", 0, COMMAND(1, F_SETFL) },
	{ "fcntl", NEED_PIPE, COMMAND(1, F_GETPIPE_SZ) },
	{ "fcntl", NEED_PIPE, COMMAND(1, F_SETPIPE_SZ) },
	{ "ioctl", NEED_PIPE, COMMAND(1, FIONREAD) },
	/* Whether it is a terminal the C library asks of any device, read or written; and how wide that is, we do. */
	{ "ioctl", 0, COMMAND(1, TCGETS) },
	{ "ioctl", 0, COMMAND(1, TERMINAL_ASKED_2) },
	{ "ioctl", 0, COMMAND(1, TIOCGWINSZ) },
	{ "sendto", NEED_SEND, CALL_MASK, 4, ALL_BITS, 0 }, /* to nobody else */

	/* Time passes. */
	{ "poll", 0, ANY },
	{ "ppoll", 0, ANY },
	{ "nanosleep", 0, ANY },
	{ "clock_nanosleep", 0, ANY },
	{ "clock_gettime", 0, ANY },
	{ "clock_getres", 0, ANY },
	{ "gettimeofday", 0, ANY },
	{ "time", 0, ANY },
	{ "restart_syscall", 0, ANY }, /* a sleep goes on when the process was stopped */

	/* The C library keeps its memory, and ends. None of it may be executed. */
	{ "brk", 0, ANY },
	{ "mmap", 0, NEVER(PROT_EXEC) },
	{ "mprotect", 0, NEVER(PROT_EXEC) },
	{ "munmap", 0, ANY },
	{ "mremap", 0, ANY },
	{ "madvise", 0, ANY },
	{ "prctl", 0, COMMAND(0, PR_SET_VMA) }, /* it can name its memory */
	{ "futex", 0, ANY },
	{ "getrandom", 0, ANY },
	{ "sysinfo", 0, ANY },
	{ "rt_sigaction", 0, ANY },
	{ "rt_sigprocmask", 0, ANY },
	{ "rt_sigreturn", 0, ANY },
	{ "tgkill", 0, CALL_SELF, 0, INT_BITS, 0 }, /* abort(3) */
	{ "exit", 0, ANY },
	{ "exit_group", 0, ANY },
#ifdef PVM_SANITIZED		   /* a build for tests (tests/fuzz/fuzz.mk) */
	{ "sigaltstack", 0, ANY }, /* the address sanitizer asks ahead of what does not return */
#endif

	/* Who we are and where. */
	{ "getpid", 0, ANY },
	{ "gettid", 0, ANY },
	{ "getuid", 0, ANY },
	{ "geteuid", 0, ANY },
	{ "getgid", 0, ANY },
	{ "getegid", 0, ANY },
	{ "uname", 0, ANY },

	/* A file is written. */
	{ "fallocate", NEED_FILE, ANY },
	{ "ftruncate", NEED_FILE, ANY },
	{ "pwrite64", NEED_FILE, ANY },
	{ "getxattr", NEED_FILE | NEED_NAMES, ANY },

	/* Outputs are opened anew. */
	{ "open", NEED_OPEN, ANY },
	{ "openat", NEED_OPEN, ANY },
	{ "fstatfs", NEED_NAMES, ANY },
	{ "fremovexattr", NEED_NAMES, ANY },
	{ "fchmod", NEED_NAMES, ANY },
	{ "fchown", NEED_NAMES, ANY },
	{ "unlink", NEED_NAMES, ANY },
	{ "unlinkat", NEED_NAMES, ANY },
	{ "rename", NEED_NAMES, ANY },
	{ "renameat", NEED_NAMES, ANY },
	{ "renameat2", NEED_NAMES, ANY },
	{ "getdents64", NEED_LIST, ANY },

	/* The kernel half. Of bpf(2) it takes what works on what is open already. */
	{ "bpf", NEED_KERNEL, COMMAND(0, BPF_ITER_CREATE) },
	{ "bpf", NEED_KERNEL, COMMAND(0, BPF_OBJ_GET_INFO_BY_FD) },
	{ "bpf", NEED_ATTACH, COMMAND(0, BPF_LINK_CREATE) },
	{ "process_vm_readv", NEED_KERNEL, CALL_SELF, 0, INT_BITS, 0 },
	{ "membarrier", NEED_KERNEL, COMMAND(0, MEMBARRIER_CMD_GLOBAL) },
	{ "io_setup", NEED_KERNEL, ANY },
	{ "io_destroy", NEED_KERNEL, ANY },
	{ "ioctl", NEED_KERNEL, COMMAND(1, PERF_EVENT_IOC_DISABLE) },
	{ "sched_getaffinity", NEED_KERNEL, ANY }, /* how many CPUs are online */
};
const size_t sandbox_calls_cnt = sizeof(sandbox_calls) / sizeof(sandbox_calls[0]);

/* Files that are programs are looked at while it runs, and what a pattern means is looked up. */
static uint32_t needs_of_list(const struct filter_list *list)
{
	uint32_t needs = list->cnt ? NEED_OPEN : 0;

	for (size_t i = 0; i < list->cnt; i++)
		needs |= strpbrk(list->values[i].text, "*?[\\") ? NEED_LIST : 0;
	return needs;
}

static uint32_t needs_of_programs(const struct options *o)
{
	uint32_t needs = 0;

	for (size_t i = 0; i < o->rule_cnt; i++) {
		for (int who = 0; who < 2; who++) {
			const struct filter_list *of = o->rules[i].filter[who];

			needs |= needs_of_list(&of[FILTER_EXE]);
			needs |= needs_of_list(&of[FILTER_ANCESTOR_EXE]);
		}
	}
	return needs;
}

/* By a name there may be a pipe or a device where a file was. */
static uint32_t needs_of_output(const struct sandbox_asked *a)
{
	if (a->reopens)
		return NEED_FILE | NEED_NAMES | NEED_OPEN | NEED_PIPE;
	switch (a->kind & S_IFMT) {
	case S_IFREG:
		return NEED_FILE | NEED_OPEN; /* its end is read back */
	case S_IFIFO:
		return NEED_PIPE;
	case S_IFSOCK:
		return NEED_SEND;
	default:
		return 0;
	}
}

uint32_t sandbox_needs(const struct sandbox_asked *a)
{
	const struct options *o = a->options;
	uint32_t needs = needs_of_output(a);

	if (!a->tracing)
		return needs;
	needs |= NEED_KERNEL | (a->attach_later ? NEED_ATTACH : 0);
	needs |= a->notifies ? NEED_SEND : 0;
	needs |= a->types_later || o->audit ? NEED_OPEN : 0;
	needs |= o->metrics ? NEED_NAMES | NEED_OPEN : 0;
	needs |= o->record ? NEED_FILE | NEED_OPEN : 0;
	return needs | needs_of_programs(o);
}
