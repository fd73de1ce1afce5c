/* SPDX-License-Identifier: Apache-2.0 */
/* call_programs - how the programs on the functions of the two calls (bpf/fentry.h) are known among the others. */
#ifndef PVM_CALL_PROGRAMS_H
#define PVM_CALL_PROGRAMS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <string.h>

/* The names of these programs begin so; and those of where others may see the same call. */
#define ENTRY_PREFIX "pvm_f_"
#define EXIT_PREFIX "pvm_x_"
#define ENTRY_BESIDE_PREFIX "pvm_fw_"
#define EXIT_BESIDE_PREFIX "pvm_xw_"
/* Those of the programs on bpf(2) (bpf/opening.h). */
#define OPENING_PREFIX "pvm_o_"

/* This can be read where the kernel has kprobes for perf. */
#define KPROBE_PMU "/sys/bus/event_source/devices/kprobe/type"

static inline bool has_prefix(const struct bpf_program *prog, const char *prefix)
{
	return !strncmp(bpf_program__name(prog), prefix, strlen(prefix));
}

/* Returns the kernel function that a program names in its section: "fexit/mm_access". */
static inline const char *function_of(const struct bpf_program *prog)
{
	const char *slash = strchr(bpf_program__section_name(prog), '/');

	return slash ? slash + 1 : "";
}

#endif
