/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - pages that are not there, at which the kernel has whoever comes by stand still until they are provided
 * (userfaultfd(2)).
 */
#ifndef PVM_GATE_H
#define PVM_GATE_H

#include "trigger.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>

#define GATE_WAIT_MS 60000

/* Makes a gate of pages that nobody has touched yet. Returns its descriptor. features: UFFD_FEATURE_*. */
static UNUSED int gate_make(uint64_t features, const void *pages, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING,
				       .range = { (uintptr_t)pages, size } };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		die("userfaultfd");
	if (ioctl(fd, UFFDIO_REGISTER, &reg))
		die("UFFDIO_REGISTER");
	return fd;
}

/* Returns when so many stand there. */
static UNUSED void gate_await(int fd, long cnt)
{
	struct pollfd p = { fd, POLLIN, 0 };
	struct uffd_msg msg;

	for (long i = 0; i < cnt; i++) {
		if (poll(&p, 1, GATE_WAIT_MS) != 1 || read(fd, &msg, sizeof(msg)) != sizeof(msg) ||
		    msg.event != UFFD_EVENT_PAGEFAULT)
			die("no fault came");
	}
}

/* Provides one page with what the other one holds. */
static UNUSED void gate_fill(int fd, const void *page, const void *content)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)page,
				    .src = (uintptr_t)content,
				    .len = PAGE };

	if (ioctl(fd, UFFDIO_COPY, &copy))
		die("UFFDIO_COPY");
}

/* Provides pages of zeros. */
static UNUSED void gate_open(int fd, const void *pages, size_t size)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)pages, size } };

	if (ioctl(fd, UFFDIO_ZEROPAGE, &zero))
		die("UFFDIO_ZEROPAGE");
}

#endif
