/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/support.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "base/log.h"
#include "bpf/event.h"
#include "kernel/sysctl.h"

#define LOCKDOWN_PATH "/sys/kernel/security/lockdown"

/* Gets the mode. Its file holds all modes, the one in force in brackets. */
void support__lockdown(char *out, size_t size)
{
	char text[128] = "";
	FILE *f = fopen(LOCKDOWN_PATH, "re");
	const char *mode;

	out[0] = '\0';
	if (!f)
		return;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	mode = strchr(text, '[');
	if (mode)
		snprintf(out, size, "%.*s", (int)strcspn(mode + 1, "]"), mode + 1);
}

bool support__has_btf(void)
{
	return !access(KERNEL_TYPES_PATH, R_OK);
}

int support__check(const char *btf, enum kernel_types *types)
{
	union bpf_attr attr = {};
	char lockdown[32];
	int err;

	support__lockdown(lockdown, sizeof(lockdown));
	if (!strcmp(lockdown, "confidentiality")) {
		log__error("the kernel is locked down (confidentiality mode, see %s): "
			   "BPF may not read memory there",
			   LOCKDOWN_PATH);
		return EX_UNAVAILABLE;
	}
	if (syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)) && errno == ENOSYS) {
		log__error("this kernel has no bpf(2): CONFIG_BPF_SYSCALL is off");
		return EX_UNAVAILABLE;
	}
	err = kernel_types__check(btf, types);
	if (err)
		return err;
	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 0) {
		log__error("this kernel has no BPF ring buffer: Linux 5.10 or newer is needed");
		return EX_UNAVAILABLE;
	}
	return 0;
}

/* libbpf lifts the limit where it matters and where it may (CAP_SYS_RESOURCE). */
static bool locked_memory_is_limited(void)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY;
}

int support__explain(const char *what, int err)
{
	if (sysctl__jit_is_off())
		log__error("%s: " SYSCTL_JIT " is 0: if that is why, set it to 1", what);
	switch (err) {
	case EPERM:
		log__error("%s: %s: tracing needs CAP_BPF and CAP_PERFMON: run as root "
			   "(a container or a security module may refuse bpf(2) even to root%s)",
			   what, strerror(err),
			   locked_memory_is_limited()
				   ? "; before Linux 5.11 the limit of locked memory counts "
				     "too: ulimit -l unlimited"
				   : "");
		return EX_NOPERM;
	case EACCES: /* capabilities were checked before */
		log__error("%s: %s: the kernel's BPF verifier or a security module refused the "
			   "programs; -vv shows what it said",
			   what, strerror(err));
		return EX_UNAVAILABLE;
	case ENOMEM:
		log__error("%s: %s: no memory for the rings and tables; smaller ones are had by "
			   "--ring-size and --array-ring-size",
			   what, strerror(err));
		return EX_UNAVAILABLE;
	case E2BIG:
		log__error(
			"%s: %s: this kernel's BPF verifier gave up on the programs: please report it, "
			"with what -vv shows",
			what, strerror(err));
		return EX_SOFTWARE;
	default:
		log__error(
			"%s: %s: this kernel lacks what is needed (Linux 5.10 or newer with BTF); "
			"-vv shows what it said",
			what, strerror(err));
		return EX_UNAVAILABLE;
	}
}

bool support__has_vpid_kfunc(const char *btf)
{
	struct btf *types = kernel_types__load(btf);
	bool has = types && !sysctl__jit_is_off() &&
		   btf__find_by_name_kind(types, "bpf_task_from_vpid", BTF_KIND_FUNC) > 0;

	btf__free(types);
	return has;
}

enum pid_ns { NOT_KNOWN, HOSTS, ANOTHER };

static enum pid_ns pid_ns(void)
{
	char link[64], host[64];
	ssize_t len = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (len <= 0)
		return NOT_KNOWN;
	link[len] = '\0';
	snprintf(host, sizeof(host), "pid:[%u]", PVM_PID_NS_HOST);
	return strcmp(link, host) ? ANOTHER : HOSTS;
}

bool support__in_pid_ns(void)
{
	return pid_ns() == ANOTHER;
}

uint32_t support__host_pid(void)
{
	return pid_ns() == HOSTS ? (uint32_t)getpid() : 0;
}
