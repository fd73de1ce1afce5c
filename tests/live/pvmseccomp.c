/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmseccomp - a child whose call a seccomp filter answers.
 * pvmseccomp errno N | trap | kill-process | notif ERROR VALUE | continue
 */
#include "trigger.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>

static char buf[2][256];
static struct iovec l = { buf[0], 32 }, r = { buf[1], 32 };
static int listener = -1;
static int notif_error;
static long notif_value;
static bool notif_continue;

static int install(uint32_t action, unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("no_new_privs");
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

static void *supervise(void *p)
{
	struct seccomp_notif req = { 0 };
	struct seccomp_notif_resp resp = { 0 };

	(void)p;
	while (__atomic_load_n(&listener, __ATOMIC_ACQUIRE) < 0)
		usleep(1000);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req))
		die("notif recv");
	resp.id = req.id;
	resp.error = notif_error;
	resp.val = notif_value;
	resp.flags = notif_continue ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp))
		die("notif send");
	return NULL;
}

static void on_sigsys(int sig)
{
	(void)sig;
}

static void child(uint32_t action, bool fatal)
{
	struct call c = call_of(READ, getpid(), &l, 1, &r, 1, 0);
	pthread_t t;

	/* The kernel never looks at the lists of a refused call, and a fork leaves out pages of files: so that they can
	 * be read. */
	(void)*(volatile size_t *)&l.iov_len;
	(void)*(volatile size_t *)&r.iov_len;
	if (action == SECCOMP_RET_USER_NOTIF) {
		int fd;

		pthread_create(&t, NULL, supervise, NULL);
		fd = install(action, SECCOMP_FILTER_FLAG_NEW_LISTENER);
		if (fd < 0)
			die("seccomp");
		__atomic_store_n(&listener, fd, __ATOMIC_RELEASE);
	} else {
		signal(SIGSYS, fatal ? SIG_DFL : on_sigsys);
		if (install(action, 0))
			die("seccomp");
	}
	if (fatal) {
		c.abi = ABI;
		report(NULL, &c, 1);
	}
	call_run(&c);
	report(NULL, &c, 1);
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint32_t action;
	bool fatal = false;
	int status;
	pid_t pid;

	if (!strcmp(what, "errno") && argc > 2) {
		action = SECCOMP_RET_ERRNO | (uint32_t)atoi(argv[2]);
	} else if (!strcmp(what, "trap")) {
		action = SECCOMP_RET_TRAP;
	} else if (!strcmp(what, "kill-process")) {
		action = SECCOMP_RET_KILL_PROCESS;
		fatal = true;
	} else if (!strcmp(what, "continue")) {
		action = SECCOMP_RET_USER_NOTIF;
		notif_continue = true;
	} else if (!strcmp(what, "notif") && argc > 3) {
		action = SECCOMP_RET_USER_NOTIF;
		notif_error = atoi(argv[2]);
		notif_value = atol(argv[3]);
	} else {
		return 64;
	}
	pid = fork();
	if (!pid)
		child(action, fatal);
	waitpid(pid, &status, 0);
	if (fatal ? !(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) : status != 0) {
		fprintf(stderr, "pvmseccomp: unexpected end of the child: %#x\n", status);
		return 1;
	}
	return 0;
}
