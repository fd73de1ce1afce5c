/* SPDX-License-Identifier: Apache-2.0 */
/* pvmstill - preloaded into a build for tests (tests/live/test_passed_over.py), it has the tracer's own call of each tick pass over
 * the hooks whose bits (enum pvm_saw of bpf/control.h) stand in the file $PVMSTILL, as if they stood still. The file is mapped, so
 * that it may change at any time. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PASS_OVER 0x70766d6f76657200ULL /* as in bpf/control.h */

static const volatile uint64_t *hooks;

__attribute__((constructor)) static void map_hooks(void)
{
	const char *path = getenv("PVMSTILL");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*hooks), PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		_exit(99);
	hooks = map;
	close(fd);
}

/* Makes that call, of which all arguments but the first are 0, with hooks in a register that the kernel keeps. */
static long call(long pid, uint64_t which)
{
#if defined(__x86_64__)
	register uint64_t own __asm__("r15") = PASS_OVER | which;
	register long remote __asm__("r10") = 0, remote_cnt __asm__("r8") = 0;
	register long flags __asm__("r9") = 0;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(SYS_process_vm_readv), "D"(pid), "S"(0L), "d"(0L), "r"(remote),
			   "r"(remote_cnt), "r"(flags), "r"(own)
			 : "rcx", "r11", "memory");
	return ret;
#else
	(void)pid;
	(void)which;
	return -ENOSYS;
#endif
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the library's own names cannot be used here */
ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_cnt,
			 const struct iovec *remote, unsigned long remote_cnt, unsigned long flags)
{
	const uint64_t which = *hooks;
	long ret;

	if (!which || local || remote)
		return syscall(SYS_process_vm_readv, pid, local, local_cnt, remote, remote_cnt,
			       flags);
	ret = call(pid, which);
	if (ret < 0)
		errno = (int)-ret;
	return ret < 0 ? -1 : ret;
}
