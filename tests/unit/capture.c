/* SPDX-License-Identifier: Apache-2.0 */
/* capture - stdout or stderr into memory and back. */
#include "capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void capture__start(struct capture *c, int fd)
{
	fflush(NULL);
	c->fd = fd;
	c->saved = dup(fd);
	c->file = memfd_create("captured", MFD_CLOEXEC);
	if (c->saved < 0 || c->file < 0 || dup2(c->file, fd) != fd) {
		perror("capture");
		abort();
	}
}

void capture__end(struct capture *c, char *text)
{
	ssize_t n;

	fflush(NULL);
	dup2(c->saved, c->fd);
	close(c->saved);
	n = pread(c->file, text, CAPTURE_SZ - 1, 0);
	close(c->file);
	text[n < 0 ? 0 : n] = '\0';
}
