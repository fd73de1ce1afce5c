/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/session.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

/* This is of enum bpf_attach_type (linux/bpf.h) from 6.10 on. */
#define NAME "BPF_TRACE_KPROBE_SESSION"

uint32_t session__type(const struct btf *types)
{
	int id = btf__find_by_name_kind(types, "bpf_attach_type", BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(types, (uint32_t)id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(types, btf_enum(t)[i].name_off), NAME))
			return (uint32_t)btf_enum(t)[i].val;
	return 0;
}

int session__attach(int prog, uint32_t type, const char *const *functions, size_t cnt)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)prog;
	attr.link_create.attach_type = type;
	attr.link_create.kprobe_multi.cnt = (uint32_t)cnt;
	attr.link_create.kprobe_multi.syms = (uintptr_t)functions;
	fd = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}
