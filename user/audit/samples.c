/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/samples.h"

#include <asm/perf_regs.h>
#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cpus.h"
#include "bpf/event.h"
#include "bpf/functions.h"
#include "kernel/call_programs.h"
#include "kernel/sysctl.h"

/* A ring has 512 KiB for each CPU: what the kernel lets anybody lock (perf_event_mlock_kb). They hold 4,700 calls of one CPU
 * between two looks. */
#define RING_BYTES (512u << 10)
#define FUNCTIONS_MAX 4

/* This is a function that calls end up in (bpf/arch.h), and the registers that its arguments are in, in the order in which a
 * sample has them. */
struct function {
	const char *name;
	uint8_t abi;
	uint8_t op;
	bool may_lack;		   /* there are kernels that carry out no such calls */
	uint8_t regs[PVM_ARG_CNT]; /* of each argument, its place in the sample */
};

#define BOTH_CALLS(prefix, abi, may_lack, ...)                                    \
	{ prefix "process_vm_readv", abi, PVM_READ, may_lack, __VA_ARGS__ },      \
	{                                                                         \
		prefix "process_vm_writev", abi, PVM_WRITE, may_lack, __VA_ARGS__ \
	}

#if defined(__x86_64__)

enum { BX, CX, DX, SI, DI, BP, R8, R9, R10, REGS };
#define REGS_MASK                                                                      \
	(1ULL << PERF_REG_X86_BX | 1ULL << PERF_REG_X86_CX | 1ULL << PERF_REG_X86_DX | \
	 1ULL << PERF_REG_X86_SI | 1ULL << PERF_REG_X86_DI | 1ULL << PERF_REG_X86_BP | \
	 1ULL << PERF_REG_X86_R8 | 1ULL << PERF_REG_X86_R9 | 1ULL << PERF_REG_X86_R10)
#define NATIVE                          \
	{                               \
		DI, SI, DX, R10, R8, R9 \
	}
#define COMPAT                         \
	{                              \
		BX, CX, DX, SI, DI, BP \
	}

static const struct function functions[] = {
	BOTH_CALLS(PVM_SYS, PVM_ABI_X86_64, false, NATIVE),
	BOTH_CALLS(PVM_SYS_IA32, PVM_ABI_I386, true, COMPAT),
};

/* Returns the ABI of a call. regs_abi: of the program, which may make calls of the other one. */
static uint8_t abi_of(const struct function *f, uint64_t regs_abi)
{
	(void)regs_abi;
	return f->abi;
}

#elif defined(__aarch64__)

enum { REGS = 6 };
#define REGS_MASK 0x3fULL

static const struct function functions[] = {
	BOTH_CALLS(PVM_SYS, PVM_ABI_ARM64, false, { 0, 1, 2, 3, 4, 5 }),
};

static uint8_t abi_of(const struct function *f, uint64_t regs_abi)
{
	return regs_abi == PERF_SAMPLE_REGS_ABI_32 ? PVM_ABI_ARM : f->abi;
}

#else
#error "no such architecture: x86_64 or aarch64"
#endif

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))
_Static_assert(FUNCTIONS <= FUNCTIONS_MAX, "struct cpu has no room for so many functions");

/* These are the probes of one CPU, and the ring that they share. */
struct cpu {
	int fds[FUNCTIONS_MAX]; /* -1: there is no such function */
	uint64_t ids[FUNCTIONS_MAX];
	struct perf_event_mmap_page *ring;
};

/* It has PERF_SAMPLE_IDENTIFIER, TID, TIME and REGS_USER, in the kernel's order (perf_event_open(2)). */
struct sample {
	struct perf_event_header head;
	uint64_t id;
	uint32_t pid, tid;
	uint64_t time;
	uint64_t regs_abi;
	uint64_t regs[REGS];
};

struct lost {
	struct perf_event_header head;
	uint64_t id;
	uint64_t lost;
};

struct audit_probes {
	struct cpu *cpus;
	size_t cpu_cnt;
	size_t page_size;
	int epoll;
};

/* Returns the kernel's number of this kind of event, or -ENOENT. */
static int probe_type(void)
{
	FILE *f = fopen(KPROBE_PMU, "re");
	char text[16] = "";
	long type;

	if (!f)
		return -ENOENT;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	type = strtol(text, NULL, 10);
	return type > 0 && type <= INT_MAX ? (int)type : -ENOENT;
}

/* Returns its descriptor, or -errno. */
static int open_probe(const struct function *f, int type, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = (uint32_t)type,
		.kprobe_func = (uint64_t)(uintptr_t)f->name,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			       PERF_SAMPLE_REGS_USER,
		.sample_regs_user = REGS_MASK,
		.watermark = 1,
		.wakeup_watermark = RING_BYTES / 4,
		/* This is the clock that the hooks' boot time is made of: kernel/time/timekeeping.c, ktime_get_boot_fast_ns. */
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static bool is_online(int cpu)
{
	char path[64], text[4] = "";
	FILE *f;

	/* One that may come, or never will, is not there. */
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", cpu);
	if (access(path, F_OK))
		return false;
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	f = fopen(path, "re");
	if (!f) /* one that cannot be taken out has no such file */
		return true;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	return text[0] != '0';
}

/* Says in words why a probe was refused. */
static void say_why(int err, const char *function, char *why, size_t size)
{
	if (err == -EACCES || err == -EPERM)
		snprintf(why, size,
			 "perf_event_open: %s: it takes CAP_PERFMON, or CAP_SYS_ADMIN where "
			 "kernel.perf_event_paranoid is 3",
			 strerror(-err));
	else if (err == -ENOENT)
		snprintf(why, size, "this kernel lets perf set no probe on %s", function);
	else
		snprintf(why, size, "a probe on %s: %s", function, strerror(-err));
}

int audit_probe__try(char *why, size_t size)
{
	int type = probe_type(), fd;

	if (sysctl__ftrace_is_off()) {
		snprintf(why, size,
			 SYSCTL_FTRACE " is 0: no probe at a function's begin would fire");
		return -EBUSY;
	}
	if (type < 0) {
		snprintf(why, size, "this kernel has no kprobes for perf (CONFIG_KPROBE_EVENTS)");
		return type;
	}
	for (size_t i = 0; i < FUNCTIONS; i++) {
		fd = open_probe(&functions[i], type, 0);
		if (fd >= 0) {
			close(fd);
		} else if (fd != -ENOENT || !functions[i].may_lack) {
			say_why(fd, functions[i].name, why, size);
			return fd;
		}
	}
	return 0;
}

/* The first probe's ring is that of all others of this CPU. Returns 0 or -errno. */
static int open_cpu(struct audit_probes *p, struct cpu *cpu, int type, int number)
{
	struct epoll_event event = { .events = EPOLLIN };
	void *ring;

	for (size_t i = 0; i < FUNCTIONS; i++) {
		cpu->fds[i] = open_probe(&functions[i], type, number);
		if (cpu->fds[i] == -ENOENT && functions[i].may_lack)
			continue;
		if (cpu->fds[i] < 0)
			return cpu->fds[i];
		if (ioctl(cpu->fds[i], PERF_EVENT_IOC_ID, &cpu->ids[i]))
			return -errno;
		if (i && ioctl(cpu->fds[i], PERF_EVENT_IOC_SET_OUTPUT, cpu->fds[0]))
			return -errno;
		if (i)
			continue;
		ring = mmap(NULL, p->page_size + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			    cpu->fds[0], 0);
		if (ring == MAP_FAILED)
			return -errno;
		cpu->ring = ring;
	}
	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, cpu->fds[0], &event) ? -errno : 0;
}

static int open_cpus(struct audit_probes *p)
{
	size_t cpus = cpus__end(CPUS_POSSIBLE);
	int type = probe_type(), err = type < 0 ? type : 0;

	p->cpus = calloc(cpus ? cpus : 1, sizeof(*p->cpus));
	if (!p->cpus)
		return -ENOMEM;
	for (int n = 0; (size_t)n < cpus && !err; n++) {
		struct cpu *cpu = &p->cpus[p->cpu_cnt];

		if (!is_online(n))
			continue;
		for (size_t i = 0; i < FUNCTIONS_MAX; i++)
			cpu->fds[i] = -1;
		p->cpu_cnt++;
		err = open_cpu(p, cpu, type, n);
	}
	return err;
}

int audit_probe__open(struct audit_probes **out)
{
	struct audit_probes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	*out = p;
	p->page_size = (size_t)sysconf(_SC_PAGESIZE);
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	return p->epoll < 0 ? -errno : open_cpus(p);
}

static void close_cpu(const struct audit_probes *p, const struct cpu *cpu)
{
	if (cpu->ring)
		munmap(cpu->ring, p->page_size + RING_BYTES);
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (cpu->fds[i] >= 0)
			close(cpu->fds[i]);
}

void audit_probe__close(struct audit_probes *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->cpu_cnt; i++)
		close_cpu(p, &p->cpus[i]);
	free(p->cpus);
	if (p->epoll >= 0)
		close(p->epoll);
	free(p);
}

int audit_probe__fd(const struct audit_probes *p)
{
	return p->epoll;
}

bool audit_probe__lacks_cpu(const struct audit_probes *p)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	return online > 0 && (size_t)online != p->cpu_cnt;
}

static void put_sample(const struct cpu *cpu, const struct sample *s,
		       const struct audit_reader *reader)
{
	struct audit_call call = { .ns = s->time, .pid = s->pid, .tid = s->tid };
	const struct function *f = NULL;
	uint64_t mask;

	for (size_t i = 0; i < FUNCTIONS; i++)
		if (cpu->fds[i] >= 0 && cpu->ids[i] == s->id)
			f = &functions[i];
	if (!f)
		return;
	call.abi = abi_of(f, s->regs_abi);
	call.op = f->op;
	mask = call.abi == PVM_ABI_I386 || call.abi == PVM_ABI_ARM ? UINT32_MAX : UINT64_MAX;
	for (size_t i = 0; i < PVM_ARG_CNT; i++)
		call.args[i] = s->regs[f->regs[i]] & mask;
	reader->sample(reader->ctx, &call);
}

/* Copies out of the ring. size: of what is to be had of it, at most. Records are multiples of 8 bytes and may be cut by the
 * ring's end. */
static void copy_out(const struct cpu *cpu, size_t page_size, uint64_t at, void *to, size_t size)
{
	const char *data = (const char *)cpu->ring + page_size;

	for (size_t i = 0; i < size; i += 8)
		memcpy((char *)to + i, data + ((at + i) & (RING_BYTES - 1)), 8);
}

static void take_samples(const struct audit_probes *p, const struct cpu *cpu,
			 const struct audit_reader *reader)
{
	uint64_t head = __atomic_load_n(&cpu->ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = cpu->ring->data_tail;
	union {
		struct perf_event_header head;
		struct sample sample;
		struct lost lost;
	} r;

	while (at < head) {
		copy_out(cpu, p->page_size, at, &r, sizeof(r.head));
		if (r.head.size < sizeof(r.head) || r.head.size > head - at)
			break;
		copy_out(cpu, p->page_size, at, &r,
			 r.head.size < sizeof(r) ? r.head.size : sizeof(r));
		at += r.head.size;
		if (r.head.type == PERF_RECORD_LOST && r.head.size >= sizeof(r.lost))
			reader->lost(reader->ctx, r.lost.lost);
		else if (r.head.type == PERF_RECORD_SAMPLE && r.head.size >= sizeof(r.sample))
			put_sample(cpu, &r.sample, reader);
	}
	__atomic_store_n(&cpu->ring->data_tail, head, __ATOMIC_RELEASE);
}

void audit_probe__take(const struct audit_probes *p, const struct audit_reader *reader)
{
	for (size_t i = 0; i < p->cpu_cnt; i++)
		take_samples(p, &p->cpus[i], reader);
}
