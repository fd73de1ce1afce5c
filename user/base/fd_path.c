/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd_path.h"

#include <stdio.h>
#include <unistd.h>

void fd_path__read(int fd, char out[PATH_MAX])
{
	char name[32];
	ssize_t len;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	len = readlink(name, out, PATH_MAX - 1);
	out[len < 0 ? 0 : len] = '\0';
}
