/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmdecoy [late] [user] [nobody|exec|open|gone] [COUNT] - a call whose number means one process at its entry ("nobody": none at all) and
 * another one when the kernel looks it up. Prints the decoy's number, and at each line on stdin goes one step: calls with
 * the local list on a page that only this program can provide (the kernel reads that before it looks the pid up), and
 * replaces the decoy by "pvmvictim" (uid 4002, the decoy's is 4001) of the same number ("exec": the decoy executes
 * sleep; "open": it becomes dumpable, and "pvmopen"; "gone": it ends, and nobody is in its place); provides the page and reports; ends. Lists have COUNT elements
 * (1 to 256). "late": three calls at once after a first one that is not reported, and the page is where their bytes go,
 * so that the kernel looks the pid up before the decoy is replaced. "user": the calling thread is one of the decoy's user,
 * without capabilities.
 */
#include "gate.h"

#include <linux/sched.h>
#include <pthread.h>

#define LEN 32
#define COUNT_MAX (PAGE / sizeof(struct iovec))
#define CALLERS_MAX 3
#define DECOY_UID 4001

static char *gate;
static size_t cnt = 1;
static bool late, user;
static char from[LEN], to[LEN];
/* They are on pages of their own: after a fork the first write to a page takes it away for a moment, and a hook that looks
 * at a list there then sees none. */
static struct iovec l[COUNT_MAX] __attribute__((aligned(PAGE)));
static struct iovec r[COUNT_MAX] __attribute__((aligned(PAGE)));
static struct call calls[CALLERS_MAX];

static void become_sleep(int sig)
{
	(void)sig;
	execl("/bin/sleep", "sleep", "1000", NULL);
	_exit(1);
}

static void become_open(int sig)
{
	(void)sig;
	/* NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c): it is a system call and no more. */
	prctl(PR_SET_DUMPABLE, 1);
	/* NOLINTNEXTLINE(bugprone-signal-handler,cert-sig30-c) */
	prctl(PR_SET_NAME, "pvmopen");
}

static _Noreturn void be(const char *name, uid_t uid, int ready)
{
	prctl(PR_SET_NAME, name);
	signal(SIGUSR1, become_sleep);
	signal(SIGUSR2, become_open);
	if (setuid(uid))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* setuid takes it back */
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* Starts the process. wanted: the number it is to have; 0: any. It is what it will be when this returns. */
static pid_t start(pid_t wanted)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = wanted ? (uintptr_t)&wanted : 0,
				   .set_tid_size = wanted ? 1 : 0 };
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		die("pipe2");
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		be(wanted ? "pvmvictim" : "pvmdecoy", wanted ? 4002 : DECOY_UID, ready[1]);
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1)
		die("a child did not begin");
	close(ready[0]);
	return pid;
}

static void *caller(void *p)
{
	/* Of this thread alone: the C library would have all of them do it. */
	if (user && syscall(SYS_setresuid, DECOY_UID, DECOY_UID, DECOY_UID))
		die("setresuid");
	call_run(p);
	return NULL;
}

/* The number may be in use for a moment: by somebody else, then there is nothing to test. */
static void start_again(pid_t decoy)
{
	pid_t pid = -1;

	for (int i = 0; i < 50 && pid < 0; i++) {
		pid = start(decoy);
		if (pid < 0 && errno != EEXIST)
			die("clone3 with set_tid");
		if (pid < 0)
			usleep(10000);
	}
	if (pid < 0) {
		fprintf(stderr, "pvmdecoy: somebody else has the number\n");
		exit(77);
	}
}

/* Has the decoy become what it does at this signal, which gives it this name. */
static void become(pid_t pid, int sig, const char *name)
{
	char path[32], comm[17] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	kill(pid, sig);
	for (int i = 0; i < 1000 && strcmp(comm, name) != 0; i++) {
		FILE *f = fopen(path, "re");

		if (!f || !fgets(comm, sizeof(comm), f))
			die(path);
		fclose(f);
		usleep(10000);
	}
}

static void provide(int fd)
{
	static struct iovec page[COUNT_MAX] __attribute__((aligned(PAGE)));

	for (size_t i = 0; i < cnt; i++)
		page[i] = l[i];
	gate_fill(fd, gate, page);
}

/* Waits for a line; without one it is over. */
static void next_step(pid_t pid)
{
	char line[16];

	if (fgets(line, sizeof(line), stdin))
		return;
	if (pid)
		victim_end(pid);
	exit(0);
}

static void begin_calls(pid_t decoy, int fd, pthread_t *threads, size_t callers)
{
	if (late) {
		struct iovec own = { to, LEN }, other = { from, LEN };
		struct call first = call_of(READ, decoy, &own, 1, &other, 1, 0);

		call_run(&first);
	}
	for (size_t i = 0; i < cnt; i++) {
		l[i] = (struct iovec){ late ? gate : to, LEN };
		r[i] = (struct iovec){ from, LEN };
	}
	for (size_t i = 0; i < callers; i++) {
		calls[i] = call_of(READ, decoy, late ? l : (struct iovec *)gate, cnt, r, cnt, 0);
		pthread_create(&threads[i], NULL, caller, &calls[i]);
		gate_await(fd, 1);
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[CALLERS_MAX];
	pid_t decoy;
	int fd;
	bool nobody, exec, open, gone;
	size_t callers;

	gate = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	fd = gate_make(0, gate, PAGE);
	decoy = start(0);
	late = argc > 1 && !strcmp(argv[1], "late");
	callers = late ? CALLERS_MAX : 1;
	argv += late;
	user = argv[1] && !strcmp(argv[1], "user");
	argv += user;
	nobody = argv[1] && !strcmp(argv[1], "nobody");
	exec = argv[1] && !strcmp(argv[1], "exec");
	gone = argv[1] && !strcmp(argv[1], "gone");
	open = argv[1] && !strcmp(argv[1], "open");
	argv += nobody || exec || open || gone;
	if (argv[1])
		cnt = strtoul(argv[1], NULL, 0);
	if (decoy < 0 || cnt < 1 || cnt > COUNT_MAX)
		die("pvmdecoy");
	if (nobody)
		victim_end(decoy);
	printf("{\"pid\":%d,\"target\":%d}\n", getpid(), decoy);
	fflush(stdout);
	next_step(nobody ? 0 : decoy);
	begin_calls(decoy, fd, threads, callers);
	if (exec) {
		become(decoy, SIGUSR1, "sleep\n");
	} else if (open) {
		become(decoy, SIGUSR2, "pvmopen\n");
	} else {
		if (!nobody)
			victim_end(decoy);
		if (gone)
			decoy = 0;
		else
			start_again(decoy);
	}
	printf("{\"parked\":true}\n");
	fflush(stdout);
	next_step(decoy);
	provide(fd);
	for (size_t i = 0; i < callers; i++)
		pthread_join(threads[i], NULL);
	report(NULL, calls, callers);
	next_step(decoy);
	if (decoy)
		victim_end(decoy);
	return 0;
}
