/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/escape.h"

#ifdef PVM_ESCAPES

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/log.h"

static pid_t victim; /* another process: getppid(2) is none of the calls that are allowed */

static long read_secret(void)
{
	return open("/etc/shadow", O_RDONLY | O_CLOEXEC);
}

static long read_public(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long list_files(void)
{
	return open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static long write_public(void)
{
	return open("/tmp/pvmtrace-escaped", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long execute(void)
{
	char *const argv[] = { (char[]){ "true" }, NULL };

	return execv("/bin/true", argv);
}

static long make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long trace(void)
{
	return ptrace(PTRACE_SEIZE, victim, NULL, NULL);
}

static long send_signal(void)
{
	return kill(victim, SIGUSR2);
}

static long send_signal_to_thread(void)
{
	return syscall(SYS_tgkill, victim, victim, SIGUSR2);
}

static long split(void)
{
	const pid_t child = fork();

	if (!child)
		_exit(0);
	return child;
}

static long run_data(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? -1 : 0;
}

static long make_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 4,
				.max_entries = 1 };

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long read_memory(void)
{
	return process_vm_readv(victim, NULL, 0, NULL, 0, 0);
}

static long become_root(void)
{
	return setuid(0);
}

static const struct {
	const char *name;
	long (*fn)(void); /* -1: it failed */
} tries[] = {
	{ "shadow", read_secret }, { "passwd", read_public },	{ "list", list_files },
	{ "write", write_public }, { "execve", execute },	{ "socket", make_socket },
	{ "ptrace", trace },	   { "kill", send_signal },	{ "tgkill", send_signal_to_thread },
	{ "fork", split },	   { "exec-memory", run_data }, { "bpf", make_map },
	{ "memory", read_memory }, { "setuid", become_root },
};

void escape__try(void)
{
	const char *name = getenv("PVM_ESCAPE"), *pid = getenv("PVM_VICTIM");

	victim = pid ? (pid_t)strtol(pid, NULL, 10) : 0;
	for (size_t i = 0; name && i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (strcmp(tries[i].name, name) != 0)
			continue;
		log__warn("escape %s: trying", name);
		log__warn("escape %s: %s", name,
			  tries[i].fn() < 0 ? strerror(errno) : "it is done");
	}
}

#else

void escape__try(void)
{
}

#endif
