/* SPDX-License-Identifier: Apache-2.0 */
/* sysctl - switches of the kernel that hooks depend on, by their files below /proc/sys and in debugfs. */
#ifndef PVM_SYSCTL_H
#define PVM_SYSCTL_H

#include <stdbool.h>

#define SYSCTL_JIT "net.core.bpf_jit_enable"
#define SYSCTL_JIT_FILE "/proc/sys/net/core/bpf_jit_enable"
#define SYSCTL_FTRACE "kernel.ftrace_enabled"
#define SYSCTL_FTRACE_FILE "/proc/sys/kernel/ftrace_enabled"
#define KPROBES_SWITCH "/sys/kernel/debug/kprobes/enabled"

/*
 * While kernel.ftrace_enabled is 0, no hook on a kernel function runs, be it fentry, fexit or a kprobe at its begin
 * (kernel/trace/ftrace.c, ftrace_enable_sysctl). What is attached meanwhile stays dead, and on Linux 5.10 takes all of
 * ftrace with it. Newer kernels (7.x) do not let it become 0.
 */
bool sysctl__ftrace_is_off(void);
/*
 * While the switch of all kprobes is 0, no kprobe and no kretprobe runs, be it BPF's or perf's, and nothing counts what they
 * miss; what is attached meanwhile runs once it is 1 again (kernel/kprobes.c, disarm_all_kprobes). It does not concern
 * kprobe.multi. Only root may read it, and only where debugfs is mounted.
 */
bool sysctl__kprobes_are_off(void);
/* While net.core.bpf_jit_enable is 0, what is loaded is interpreted: no kernel function can be called then. */
bool sysctl__jit_is_off(void);

/* It tells afterwards whether one was written to, as a switch that went there and back leaves no trace. */
struct sysctl_watch {
	int file;   /* kept open: the inode that is watched is then the one that others open */
	int notify; /* inotify(7) */
};

/* If it cannot be watched, nothing is ever told. */
void sysctl__watch(struct sysctl_watch *w, const char *file);
bool sysctl__is_watched(const struct sysctl_watch *w);
/* Returns whether the file that is watched holds 0 now, also where it could not be opened any more. */
bool sysctl__watched_is_zero(const struct sysctl_watch *w);
/* Returns whether it was written to since the last time. */
bool sysctl__was_written(struct sysctl_watch *w);

#endif
