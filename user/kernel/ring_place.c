/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/ring_place.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* The layout is the kernel's (kernel/bpf/ringbuf.c): a page that the reader writes to, then one that it may read. */
int ring_place__map(struct ring_place *p, int fd)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	p->reader = page;
	page = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)size);
	if (page == MAP_FAILED)
		return -errno;
	p->writer = page;
	p->left_at = __atomic_load_n(p->reader, __ATOMIC_ACQUIRE);
	return 0;
}

void ring_place__unmap(struct ring_place *p)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);

	if (p->reader)
		munmap(p->reader, size);
	if (p->writer)
		munmap((void *)p->writer, size);
	*p = (struct ring_place){ .reader = NULL };
}

bool ring_place__put_back(struct ring_place *p, unsigned long *moved_to)
{
	*moved_to = __atomic_load_n(p->reader, __ATOMIC_ACQUIRE);
	if (*moved_to == p->left_at)
		return false;
	/* The kernel may have written over what was not read yet. Of that nothing is read. */
	p->left_at = __atomic_load_n(p->writer, __ATOMIC_ACQUIRE);
	__atomic_store_n(p->reader, p->left_at, __ATOMIC_RELEASE);
	return true;
}

void ring_place__leave(struct ring_place *p)
{
	p->left_at = __atomic_load_n(p->reader, __ATOMIC_ACQUIRE);
}
