/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/strays.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST (STDERR_FILENO + 1)
#define SCAN_MAX 1024 /* where no list of them can be had, so far is looked for them */

static struct {
	int *fds;
	size_t cnt, room;
} strays;

static void note(int fd)
{
	int *more;

	if (strays.cnt == strays.room) {
		strays.room = strays.room ? 2 * strays.room : 16;
		more = realloc(strays.fds, strays.room * sizeof(*more));
		if (!more) {
			strays.room = strays.cnt;
			return;
		}
		strays.fds = more;
	}
	strays.fds[strays.cnt++] = fd;
}

void strays__note(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	strays.cnt = 0;
	for (int fd = FIRST; !dir && fd < SCAN_MAX; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			note(fd);
	while (dir && (entry = readdir(dir))) {
		long fd = strtol(entry->d_name, NULL, 10); /* "." and ".." are 0 */

		if (fd >= FIRST && fd != dirfd(dir))
			note((int)fd);
	}
	if (dir)
		closedir(dir);
}

void strays__close(void)
{
	for (size_t i = 0; i < strays.cnt; i++)
		close(strays.fds[i]);
	free(strays.fds);
	strays.fds = NULL;
	strays.cnt = strays.room = 0;
}
