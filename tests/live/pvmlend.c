/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmlend - a process that lends its memory to children of another name: what reads a child's memory reads its
 * secret. pvmlend MODE [UID [PATH]]
 *
 *   vfork     the child stops itself (SIGSTOP); continued, it executes this program
 *   spawn     posix_spawn(3), whose child waits for somebody to write to the fifo PATH before it executes
 *   clone     two children that share the memory for as long as they live
 *   headless  the same, of a process whose main thread has ended
 *   wait      nothing but that
 *
 * UID: of the children; -1: they keep it. A line tells the process, where its secret is, and the children. Of clone, lines of stdin "N WHAT" then go to child N (0, 1): "self" and "parent" are calls that it makes,
 * "exec" lets it execute this program, "keep" lets it outlive the lender, "quit" ends it; child 2 is the process itself.
 */
#include "trigger.h"

#include <pthread.h>
#include <spawn.h>
#include <sys/stat.h>

#define STACK (64 * 1024)
#define NAME "borrower"

static char secret[] = "what the lender knows, and nobody else is to read: 64 bytes of it";
static int uid = -1;
static pid_t lender;
static int orders[2][2];

static void wait_here(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dprintf(1, "{\"waits\":%d}\n", getpid());
	for (;;)
		pause();
}

/* Tells the first line. 0: there is none, or nobody knows yet. */
static void tell(pid_t first, pid_t second)
{
	dprintf(1, "{\"pid\":%d,\"addr\":%llu,\"children\":[%d,%d]}\n", lender,
		(unsigned long long)(uintptr_t)secret, first, second);
}

/* Gives a child its names, and its end with the lender's. That is not done by libc, which would do it for all threads. */
static void become_borrower(void)
{
	prctl(PR_SET_NAME, NAME);
	if (uid >= 0 && syscall(SYS_setresuid, uid, uid, uid))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void become_another(void)
{
	execl("/proc/self/exe", "pvmlend", "wait", NULL);
	_exit(1);
}

static long read_of(pid_t pid)
{
	char copy[64];
	struct iovec to = { copy, sizeof(copy) }, from = { secret, sizeof(copy) };
	struct call c = call_of(READ, pid, &to, 1, &from, 1, 0);

	return call_run(&c);
}

static void obey(char order)
{
	pid_t me = (pid_t)syscall(SYS_getpid);

	if (order == 'e')
		become_another();
	if (order == 'q')
		syscall(SYS_exit_group, 0);
	if (order == 'k')
		prctl(PR_SET_PDEATHSIG, 0);
	dprintf(1, "{\"ret\":%ld}\n", read_of(order == 's' ? me : lender));
}

static int borrow(void *number)
{
	char order;

	become_borrower();
	while (read(orders[(intptr_t)number][0], &order, 1) == 1)
		obey(order);
	return 0;
}

static void *lend_twice(void *unused)
{
	pid_t child[2];
	char line[32];

	(void)unused;
	for (intptr_t i = 0; i < 2; i++) {
		char *stack = must_map(STACK, PROT_READ | PROT_WRITE, 0);

		if (pipe(orders[i]))
			die("pipe");
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): a number on its way */
		child[i] = clone(borrow, stack + STACK, CLONE_VM | SIGCHLD, (void *)i);
		if (child[i] < 0)
			die("clone");
	}
	tell(child[0], child[1]);
	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == '2')
			obey(line[2]);
		else if (write(orders[line[0] & 1][1], line + 2, 1) != 1)
			die("write");
	}
	kill(child[0], SIGKILL);
	kill(child[1], SIGKILL);
	_exit(0);
}

static void lend_by_vfork(void)
{
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): that is what it shows */
	pid_t pid = vfork();

	if (pid < 0)
		die("vfork");
	if (!pid) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork): as above */
		become_borrower();
		tell((pid_t)syscall(SYS_getpid), 0);
		kill((pid_t)syscall(SYS_getpid), SIGSTOP);
		become_another();
	}
	for (;;)
		pause();
}

static void lend_by_spawn(const char *fifo)
{
	char *args[] = { "pvmlend", "wait", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	tell(0, 0);
	if (mkfifo(fifo, 0600) || posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_addopen(&actions, 9, fifo, O_RDONLY, 0))
		die("the fifo");
	if (posix_spawn(&pid, "/proc/self/exe", &actions, NULL, args, environ))
		die("posix_spawn");
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	pthread_t thread;

	if (!strcmp(mode, "wait"))
		wait_here();
	/* NOLINTNEXTLINE(cert-err34-c): from the tests themselves */
	uid = argc > 2 ? atoi(argv[2]) : -1;
	lender = getpid();
	prctl(PR_SET_NAME, "lender");
	if (!strcmp(mode, "vfork"))
		lend_by_vfork();
	else if (!strcmp(mode, "spawn") && argc > 3)
		lend_by_spawn(argv[3]);
	else if (!strcmp(mode, "clone"))
		lend_twice(NULL);
	else if (!strcmp(mode, "headless") && !pthread_create(&thread, NULL, lend_twice, NULL))
		syscall(SYS_exit, 0);
	return 2;
}
