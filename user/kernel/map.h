/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map - maps of the kernel half without bpf(2) map operations, amid which hooks do not run (bpf/commands.h): arrays
 * that are mapped, and iterators. BPF_ITER_CREATE and read(2) of what it gives do not keep hooks off
 * (kernel/bpf/bpf_iter.c).
 */
#ifndef PVM_KERNEL_MAP_H
#define PVM_KERNEL_MAP_H

#include <stddef.h>
#include <stdint.h>

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_program;

/* Returns the bytes of memory that the maps of an object take, at most. */
uint64_t kernel_map__bytes(const struct bpf_object *obj);
/* Returns the elements of an array made with BPF_F_MMAPABLE, to be read, which stay for as long as the program lives. NULL: errno says
 * why. */
void *kernel_map__elements(const struct bpf_map *map);
/* Makes ready the iterator that runs prog for each element of map, and once without one. NULL: errno says why. */
struct bpf_link *kernel_map__iterator(const struct bpf_program *prog, const struct bpf_map *map);
/* Makes ready likewise one over tasks, of which it shows the calling thread alone; before Linux 6.1 all, this one somewhere
 * among them. */
struct bpf_link *kernel_map__iterator_of_self(const struct bpf_program *prog);

/* Puts an iterator at its beginning. Returns a descriptor, or -errno. */
int kernel_map__begin(const struct bpf_link *iterator);
/* Runs it further until its program has written size bytes, or to the end. Returns how many bytes were written; 0: it has
 * ended; or -errno. */
long kernel_map__read(int fd, void *out, size_t size);
/* Runs one whose program writes nothing to its end. Returns 0 or -errno. */
int kernel_map__run(const struct bpf_link *iterator);

#endif
