/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/yama.h"

#include <fcntl.h>
#include <unistd.h>

#define YAMA_SCOPE_FILE "/proc/sys/kernel/yama/ptrace_scope"

int yama__open(void)
{
	return open(YAMA_SCOPE_FILE, O_RDONLY | O_CLOEXEC);
}

enum pvm_yama yama__scope(int fd)
{
	char digit = 0;

	if (fd < 0 || pread(fd, &digit, 1, 0) != 1 || digit < '0' || digit > '3')
		return PVM_YAMA_NONE;
	return (enum pvm_yama)(PVM_YAMA_DISABLED + digit - '0');
}
