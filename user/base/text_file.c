/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text_file.h"

#include <fcntl.h>
#include <unistd.h>

size_t text_file__read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	return len > 0 ? (size_t)len : 0;
}
