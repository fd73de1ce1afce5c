/* SPDX-License-Identifier: Apache-2.0 */
/* test_seccomp - what becomes of calls behind the filter, and of files behind Landlock's rules: tried by children. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "sandbox/calls.h"
#include "sandbox/seccomp.h"
#include "sandbox/landlock.h"
#include "scratch.h"

#define KILLED (-SIGSYS)
#define NOT_LOADED 99

static pid_t parent; /* a child behind the filter could not ask */

/* Returns the status that it exits with, or the negative number of the signal that ended it. */
static int in_child(int (*fn)(uint32_t needs, long (*call)(void)), uint32_t needs,
		    long (*call)(void))
{
	const pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	/* Sanitizers make more calls when a program ends. */
	if (!child)
		syscall(SYS_exit_group, fn(needs, call));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int behind_filter(uint32_t needs, long (*call)(void))
{
	struct seccomp_filter filter;

	if (seccomp__make(&filter, needs) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    seccomp__enforce(&filter))
		return NOT_LOADED;
	seccomp__free(&filter);
	return call() < 0 ? errno : 0;
}

static int outcome(uint32_t needs, long (*call)(void))
{
	return in_child(behind_filter, needs, call);
}

static long wait_a_little(void)
{
	return usleep(1);
}

static long open_file(void)
{
	return syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}

static long kill_parent(void)
{
	return syscall(SYS_kill, parent, 0);
}

static long signal_parent(void)
{
	return syscall(SYS_tgkill, parent, parent, 0);
}

static long signal_self(void)
{
	return syscall(SYS_tgkill, getpid(), gettid(), 0);
}

static long read_parent(void)
{
	return process_vm_readv(parent, NULL, 0, NULL, 0, 0);
}

static long read_self(void)
{
	return process_vm_readv(getpid(), NULL, 0, NULL, 0, 0);
}

static long map(int prot)
{
	return mmap(NULL, 4096, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
}

static long map_data(void)
{
	return map(PROT_READ | PROT_WRITE);
}

static long map_code(void)
{
	return map(PROT_READ | PROT_EXEC);
}

static long bpf(int command)
{
	union bpf_attr attr = { .link_create = { .prog_fd = 1 << 20 } };

	return syscall(SYS_bpf, command, &attr, sizeof(attr)) < 0 && errno == EPERM ? 0 : -1;
}

static long make_map(void)
{
	return bpf(BPF_MAP_CREATE);
}

static long attach(void)
{
	return bpf(BPF_LINK_CREATE);
}

static long send_to_anybody(void)
{
	const struct sockaddr to = { .sa_family = AF_UNIX };

	return syscall(SYS_sendto, 1 << 20, "x", 1, 0, &to, sizeof(to));
}

static long send_to_peer(void)
{
	return syscall(SYS_sendto, 1 << 20, "x", 1, 0, NULL, 0);
}

static long ask_width(void)
{
	struct winsize size;

	return ioctl(1 << 20, TIOCGWINSZ, &size);
}

static long ask_terminal(void)
{
	return isatty(1 << 20) ? 0 : -1;
}

static void test_calls(void **state)
{
	static const struct {
		uint32_t needs;
		long (*call)(void);
		int outcome;
	} table[] = {
		{ 0, wait_a_little, 0 },
		{ 0, open_file, KILLED },
		{ NEED_OPEN, open_file, 0 },
		{ UINT32_MAX, kill_parent, KILLED },
		{ UINT32_MAX, signal_parent, KILLED },
		{ 0, signal_self, 0 },
		{ 0, read_self, KILLED },
		{ NEED_KERNEL, read_self, 0 },
		{ UINT32_MAX, read_parent, KILLED },
		{ 0, map_data, 0 },
		{ 0, ask_width, EBADF },
		{ 0, ask_terminal, EBADF },
		{ UINT32_MAX, map_code, KILLED },
		{ UINT32_MAX, make_map, KILLED },
		{ NEED_KERNEL, attach, KILLED },
		{ NEED_SEND, send_to_peer, EBADF },
		{ NEED_SEND, send_to_anybody, KILLED },
		{ 0, send_to_peer, KILLED },
	};

	(void)state;
	if (seccomp__is_there() != 1)
		skip();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int got = outcome(table[i].needs, table[i].call);

		if (got != table[i].outcome)
			fail_msg("row %zu: %d instead of %d", i, got, table[i].outcome);
	}
	assert_int_not_equal(outcome(NEED_ATTACH, attach), KILLED);
}

static int behind_landlock(uint32_t rights, long (*call)(void))
{
	const struct landlock_place here = { .fd = open(".", O_PATH | O_CLOEXEC),
					     .rights = rights };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || landlock__enforce(landlock__abi(), &here, 1))
		return NOT_LOADED;
	return call() < 0 ? errno : 0;
}

static long read_here(void)
{
	return open("out", O_RDONLY);
}

static long append_here(void)
{
	return open("out", O_WRONLY | O_APPEND);
}

static long make_here(void)
{
	return open("other", O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static long turn_here(void)
{
	return rename("out", "out.1") || rename("out.1", "out") ? -1 : 0;
}

static long list_here(void)
{
	return open(".", O_RDONLY | O_DIRECTORY);
}

static long read_elsewhere(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long look_elsewhere(void)
{
	return access("/etc/passwd", R_OK) || open("/etc", O_PATH) < 0 ? -1 : 0;
}

static long make_elsewhere(void)
{
	return open("/tmp/pvmtrace-test-of-landlock", O_WRONLY | O_CREAT, 0600);
}

static void test_files(void **state)
{
	static const struct {
		unsigned int rights;
		long (*call)(void);
		int outcome;
	} table[] = {
		{ 0, read_here, EACCES },
		{ PLACE_READ, read_here, 0 },
		{ PLACE_READ, append_here, EACCES },
		{ PLACE_WRITE, append_here, 0 },
		{ PLACE_WRITE, read_here, EACCES },
		{ PLACE_WRITE, turn_here, 0 },
		{ PLACE_READ, turn_here, EACCES },
		{ PLACE_READ, make_here, EACCES },
		{ PLACE_WRITE, make_here, 0 },
		{ PLACE_READ | PLACE_WRITE, list_here, EACCES },
		{ PLACE_LIST, list_here, 0 },
		{ PLACE_READ | PLACE_WRITE | PLACE_LIST, read_elsewhere, EACCES },
		{ PLACE_READ | PLACE_WRITE | PLACE_LIST, make_elsewhere, EACCES },
		{ 0, look_elsewhere, 0 },
	};

	(void)state;
	if (landlock__abi() < 1)
		skip();
	write_file("out", "x\n");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int got = in_child(behind_landlock, table[i].rights, table[i].call);

		if (got != table[i].outcome)
			fail_msg("row %zu: %d instead of %d", i, got, table[i].outcome);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_files),
	};

	parent = getpid();
	return cmocka_run_group_tests(tests, scratch__setup, scratch__teardown);
}
