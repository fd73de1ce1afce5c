/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/nothing.h"

#include <bpf/bpf.h>
#include <errno.h>

int nothing__load(enum bpf_prog_type type, enum bpf_attach_type attach, uint32_t function)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts),
		.expected_attach_type = attach,
		.attach_btf_id = function,
	};
	int fd = bpf_prog_load(type, "pvm_try", "Dual BSD/GPL", nothing,
			       sizeof(nothing) / sizeof(nothing[0]), &opts);

	return fd < 0 ? -errno : fd;
}
