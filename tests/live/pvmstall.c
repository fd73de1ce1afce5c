/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmstall WHAT - a call that is held up on its CPU, without ever waiting, while its target changes on another CPU. What holds it
 * up is a BPF program of its own, which does so to nobody else. Prints the target's number in a first line, waits for a line on
 * stdin, and reports the calls in a second one, with "held": whether the target had changed before they went on.
 *
 *   uid   the target is user 4001's, and becomes 4002's
 *   open  the target is not dumpable, and becomes so
 *   exec  the target executes sleep
 *   die   the target ends; the caller's list is on a page that is not there yet
 *   late  the target ends when the kernel has taken hold of its memory
 *
 * With uid, open and die the program is on the tracepoint of entries, so a tracer has to be there before; "waits" are the call's
 * context switches and page faults. With exec and late it is where the kernel asks for permission, which it does under a lock that
 * an exec waits for: there is a second call then, which has to wait for the exec, and reaches the new program.
 */
#include "trigger.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#define LEN 32
/* Looks at the page that one run takes at most: the kernel counts the instructions. There are as many runs, one behind the
 * other. */
#define LOOKS 60000
#define RUNS 10

/* The page that the program, the caller and the main thread share. */
enum { WHOM, INSIDE, GO_ON, LEFT, WORDS };

static volatile uint64_t *page;
static char from[LEN], to[LEN];
static struct iovec l = { to, LEN }, r = { from, LEN };
static struct call calls[2];
static pid_t tids[2];
static long waits;
static bool executes, dies, is_late;

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define LOAD(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_DW, d, s, o, 0)
#define STORE(d, o, i) INSN(BPF_ST | BPF_MEM | BPF_DW, d, 0, o, i)
#define SET(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define UNLESS_REG(d, s, o) INSN(BPF_JMP | BPF_JNE | BPF_X, d, s, o, 0)
#define IF(op, d, i, o) INSN(BPF_JMP | (op) | BPF_K, d, 0, o, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Makes the page, and a program that holds up the thread WHOM until GO_ON is set. Returns its descriptor. */
static int make_trap(enum bpf_prog_type type)
{
	union bpf_attr map = { .map_type = BPF_MAP_TYPE_ARRAY,
			       .key_size = 4,
			       .value_size = WORDS * 8,
			       .max_entries = 1,
			       .map_flags = BPF_F_MMAPABLE };
	const int fd = (int)bpf(BPF_MAP_CREATE, &map);
	const struct bpf_insn insns[] = {
		INSN(BPF_LD | BPF_IMM | BPF_DW, 6, BPF_PSEUDO_MAP_VALUE, 0, fd),
		INSN(0, 0, 0, 0, 0),
		CALL(BPF_FUNC_get_current_pid_tgid),
		INSN(BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0), /* the thread's half */
		LOAD(1, 6, WHOM * 8),
		UNLESS_REG(0, 1, 15),
		STORE(6, INSIDE * 8, 1),
		SET(7, 0),
		/* The clock is asked for the time that this takes. Where the loop goes on is a jump, as the verifier keeps
		 * in mind what it has yet to look at, and has not room for that of each turn. */
		CALL(BPF_FUNC_ktime_get_ns),
		CALL(BPF_FUNC_ktime_get_ns),
		CALL(BPF_FUNC_ktime_get_ns),
		CALL(BPF_FUNC_ktime_get_ns),
		LOAD(1, 6, GO_ON * 8),
		IF(BPF_JEQ, 1, 0, 2),
		SET(0, 0),
		EXIT,
		ADD(7, 1),
		IF(BPF_JLT, 7, LOOKS, -10),
		LOAD(1, 6, LEFT * 8),
		ADD(1, 1),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 6, 1, LEFT * 8, 0),
		SET(0, 0),
		EXIT,
	};
	union bpf_attr prog = { .prog_type = type,
				.insns = (uintptr_t)insns,
				.insn_cnt = sizeof(insns) / sizeof(insns[0]),
				.license = (uintptr_t) "GPL" };
	int prog_fd;

	if (fd < 0)
		die("BPF_MAP_CREATE");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		die("mmap");
	prog_fd = (int)bpf(BPF_PROG_LOAD, &prog);
	if (prog_fd < 0)
		die("BPF_PROG_LOAD");
	return prog_fd;
}

/* They hold up at each entry, or where permission is asked for, until this process ends. */
static void trap_entries(void)
{
	union bpf_attr at = { .raw_tracepoint = { .name = (uintptr_t) "sys_enter" } };

	at.raw_tracepoint.prog_fd = (uint32_t)make_trap(BPF_PROG_TYPE_RAW_TRACEPOINT);
	for (int i = 0; i < RUNS; i++)
		if (bpf(BPF_RAW_TRACEPOINT_OPEN, &at) < 0)
			die("BPF_RAW_TRACEPOINT_OPEN");
}

static void trap_permissions(void)
{
	struct perf_event_attr at = { .size = sizeof(at),
				      .config1 = (uintptr_t) "ptrace_may_access" };
	FILE *f = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	int prog_fd = make_trap(BPF_PROG_TYPE_KPROBE);

	if (!f || fscanf(f, "%u", &at.type) != 1)
		die("kprobes for perf");
	fclose(f);
	for (int i = 0; i < RUNS; i++) {
		int fd = (int)syscall(SYS_perf_event_open, &at, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

		if (fd < 0 || ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog_fd) ||
		    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
			die("perf_event_open");
	}
}

static long waits_of_self(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_THREAD, &u))
		die("getrusage");
	return u.ru_nvcsw + u.ru_nivcsw + u.ru_minflt + u.ru_majflt;
}

static void *held_caller(void *p)
{
	(void)p;
	pin_thread(1);
	usleep(1000); /* it is there by then */
	memset(to, 0, LEN);
	page[WHOM] = 0; /* so that no fault comes later */
	waits_of_self();
	waits = waits_of_self();
	tids[0] = my_tid();
	page[WHOM] = (uint64_t)tids[0];
	call_run(&calls[0]);
	waits = waits_of_self() - waits;
	return NULL;
}

static void *second_caller(void *p)
{
	(void)p;
	pin_thread(0);
	__atomic_store_n(&tids[1], my_tid(), __ATOMIC_RELEASE);
	call_run(&calls[1]);
	return NULL;
}

/* Waits until the thread is in line for a lock, in a sleep that it can only be killed in. Its state is not read where that
 * itself waits for an exec, as /proc/PID/stat does. */
static void wait_for_sleep(pid_t pid, pid_t tid)
{
	char path[64], text[512];
	bool sleeps = false;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	while (!sleeps && page[LEFT] < RUNS) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (len <= 0)
			return; /* it is too late */
		close(fd);
		text[len] = 0;
		sleeps = strstr(text, "State:\tD");
	}
}

/* The target: one more byte in the pipe, and it changes; another one says that it has. */
static _Noreturn void be_target(bool open, int asked, int said)
{
	char byte;

	pin_thread(0);
	prctl(PR_SET_NAME, "pvmstalled");
	if (setresuid(4001, 0, 0))
		_exit(1);
	prctl(PR_SET_DUMPABLE, !open);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(said, "", 1) != 1 || read(asked, &byte, 1) != 1)
		_exit(1);
	if (executes)
		execl("/bin/sleep", "sleep", "1000", NULL);
	if (dies)
		_exit(0);
	if (open ? prctl(PR_SET_DUMPABLE, 1) : setresuid(4002, 0, 0))
		_exit(1);
	if (write(said, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void await(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 1)
		die("the target");
}

/* Waits until the target has ended, which stays as it is until victim_end. */
static void await_end(pid_t target)
{
	siginfo_t info;

	if (waitid(P_PID, (id_t)target, &info, WEXITED | WNOWAIT))
		die("waitid");
}

/* Has the target change while the first call is held up. asks, says: ends of its pipes. Returns whether it had in time. */
static bool change_target(pid_t target, int asks, int says)
{
	pthread_t held, second = 0;
	bool in_time;

	if (pthread_create(&held, NULL, held_caller, NULL))
		die("pthread_create");
	while (!page[INSIDE])
		;
	if (write(asks, "", 1) != 1)
		die("write");
	if (dies) {
		await_end(target);
	} else if (!executes) {
		await(says);
	} else {
		wait_for_sleep(target, target);
		if (pthread_create(&second, NULL, second_caller, NULL))
			die("pthread_create");
		while (!__atomic_load_n(&tids[1], __ATOMIC_ACQUIRE))
			;
		wait_for_sleep(getpid(), tids[1]);
	}
	page[GO_ON] = 1;
	in_time = page[LEFT] < RUNS;
	pthread_join(held, NULL);
	if (executes)
		pthread_join(second, NULL);
	return in_time;
}

/* Puts a list of one on a page that this process has not touched, so that the kernel's look at it is a fault. */
static void take_off(struct side *s)
{
	int fd = memfd_create("list", MFD_CLOEXEC);
	void *list;

	if (fd < 0 || write(fd, s->known, sizeof(*s->known)) != sizeof(*s->known))
		die("memfd_create");
	list = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (list == MAP_FAILED)
		die("mmap");
	close(fd);
	s->addr = (uintptr_t)list;
}

static void take_words(const char *what)
{
	executes = !strcmp(what, "exec");
	is_late = !strcmp(what, "late");
	dies = is_late || !strcmp(what, "die");
}

int main(int argc, char **argv)
{
	int ask[2], say[2];
	char extra[96], line[16];
	pid_t target;
	bool held;

	if (argc < 2 || pipe2(ask, O_CLOEXEC) || pipe2(say, O_CLOEXEC))
		die("pvmstall");
	take_words(argv[1]);
	target = fork();
	if (!target)
		be_target(!strcmp(argv[1], "open"), ask[0], say[1]);
	await(say[0]);
	pin_thread(0);
	if (executes || is_late)
		trap_permissions();
	else
		trap_entries();
	printf("{\"pid\":%d,\"target\":%d}\n", getpid(), target);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	calls[0] = calls[1] = call_of(READ, target, &l, 1, &r, 1, 0);
	if (dies && !is_late)
		take_off(&calls[0].local);
	held = change_target(target, ask[1], say[0]);
	snprintf(extra, sizeof(extra), "\"held\":%s,\"waits\":%ld,\"tids\":[%d,%d],",
		 held ? "true" : "false", waits, tids[0], tids[1]);
	report(extra, calls, executes ? 2 : 1);
	if (executes && !fgets(line, sizeof(line), stdin))
		return 0;
	victim_end(target);
	return 0;
}
