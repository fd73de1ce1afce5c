/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* An element of a hash map has this beside key and value (kernel/bpf/hashtab.c: struct htab_elem, struct bucket). */
#define ELEMENT_SZ 64

uint64_t kernel_map__bytes(const struct bpf_object *obj)
{
	long cpus = libbpf_num_possible_cpus();
	const struct bpf_map *map;
	uint64_t bytes = 0, one;

	bpf_object__for_each_map(map, obj) {
		one = (bpf_map__key_size(map) + 7) / 8 * 8 + (bpf_map__value_size(map) + 7) / 8 * 8;
		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			one = 1;
		else if (bpf_map__type(map) == BPF_MAP_TYPE_PERCPU_ARRAY)
			one *= cpus > 0 ? (uint64_t)cpus : 1;
		else
			one += ELEMENT_SZ;
		bytes += one * bpf_map__max_entries(map);
	}
	return bytes;
}

void *kernel_map__elements(const struct bpf_map *map)
{
	size_t one = (bpf_map__value_size(map) + 7) / 8 * 8;
	void *at = mmap(NULL, one * bpf_map__max_entries(map), PROT_READ, MAP_SHARED,
			bpf_map__fd(map), 0);

	return at == MAP_FAILED ? NULL : at;
}

static struct bpf_link *iterator(const struct bpf_program *prog, union bpf_iter_link_info *info)
{
	struct bpf_iter_attach_opts opts;

	/* libbpf looks at the padding too. */
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.link_info = info;
	opts.link_info_len = sizeof(*info);
	return bpf_program__attach_iter(prog, &opts);
}

struct bpf_link *kernel_map__iterator(const struct bpf_program *prog, const struct bpf_map *map)
{
	union bpf_iter_link_info info = { .map = { .map_fd = (uint32_t)bpf_map__fd(map) } };

	return iterator(prog, &info);
}

/* The number of a thread stands where that of a map's descriptor does: older kernels see nothing that they do not know. */
struct bpf_link *kernel_map__iterator_of_self(const struct bpf_program *prog)
{
	union bpf_iter_link_info info = { .map = { .map_fd = (uint32_t)gettid() } };

	return iterator(prog, &info);
}

int kernel_map__begin(const struct bpf_link *iterator)
{
	int fd = bpf_iter_create(bpf_link__fd(iterator));

	return fd < 0 ? -errno : fd;
}

long kernel_map__read(int fd, void *out, size_t size)
{
	ssize_t n;

	do {
		n = read(fd, out, size);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n < 0 ? -errno : n;
}

int kernel_map__run(const struct bpf_link *iterator)
{
	int fd = kernel_map__begin(iterator);
	char nothing[64];
	long n;

	if (fd < 0)
		return fd;
	do {
		n = kernel_map__read(fd, nothing, sizeof(nothing));
	} while (n > 0);
	close(fd);
	return (int)n;
}
