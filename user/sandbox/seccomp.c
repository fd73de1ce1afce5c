/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "sandbox/calls.h"

/* A tree, which is asked in fewer steps than a list. */
#define BY_TREE 2
/* Of CPU: it takes a few milliseconds, where it comes to an end. */
#define MAKE_SECONDS 2
#define COPIES 2
#define BYTES_MAX (COPIES * BPF_MAXINSNS * sizeof(struct sock_filter))

int seccomp__is_there(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (!syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return 1;
	return errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP ? 0 : -errno;
}

static int add(scmp_filter_ctx filter, const struct call_rule *rule, pid_t self)
{
	const int nr = seccomp_syscall_resolve_name(rule->name);
	struct scmp_arg_cmp compare = { .arg = rule->arg,
					.op = SCMP_CMP_MASKED_EQ,
					.datum_a = rule->mask,
					.datum_b = rule->value };

	if (nr < 0) /* this architecture has none of this name */
		return 0;
	if (rule->condition == CALL_SELF)
		compare.datum_b = (uint64_t)self;
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, nr,
				      rule->condition == CALL_ANY ? 0 : 1, &compare);
}

static int set_attributes(scmp_filter_ctx filter)
{
	int err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (err)
		return err;
	/* It does not change what is allowed. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BY_TREE);
	return 0;
}

static int export(int out, uint32_t needs, pid_t self)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!filter)
		return -ENOMEM;
	err = set_attributes(filter);
	for (size_t i = 0; i < sandbox_calls_cnt && !err; i++) {
		if (call_rule__holds(&sandbox_calls[i], needs))
			err = add(filter, &sandbox_calls[i], self);
	}
	if (!err)
		err = seccomp_export_bpf(filter, out);
	seccomp_release(filter);
	return err;
}

/* In a child. libseccomp 2.5 looks at few of its allocations: where one fails, it ends by a signal, or never, or has left out a
 * part of the filter. So it is made apart, and two times. */
static _Noreturn void make_apart(int out, uint32_t needs, pid_t self)
{
	const struct rlimit limit = { MAKE_SECONDS, MAKE_SECONDS };
	int err = 0;

	/* Where limits are refused, the start will say so of its own ones. */
	(void)setrlimit(RLIMIT_CPU, &limit);
	for (int i = 0; i < COPIES && !err; i++)
		err = export(out, needs, self);
	_exit(err ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Returns how many bytes came until the end, or -errno. */
static ssize_t read_all(int in, char *buf, size_t size)
{
	size_t have = 0;

	for (;;) {
		const ssize_t got = read(in, buf + have, size - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : (ssize_t)have;
		have += (size_t)got;
	}
}

static int take(struct seccomp_filter *filter, int in)
{
	const ssize_t len = read_all(in, filter->code, BYTES_MAX);
	const size_t one = len > 0 ? (size_t)len / COPIES : 0;

	if (len < 0)
		return (int)len;
	if (!one || one % sizeof(struct sock_filter) ||
	    memcmp(filter->code, (char *)filter->code + one, one) != 0)
		return -ENOMEM;
	filter->cnt = (unsigned short)(one / sizeof(struct sock_filter));
	return 0;
}

static int make(struct seccomp_filter *filter, uint32_t needs, const int pipe_fds[2])
{
	const pid_t self = getpid(), child = fork();
	int status = -1, err;

	if (!child)
		make_apart(pipe_fds[1], needs, self);
	err = child < 0 ? -errno : 0;
	close(pipe_fds[1]);
	if (!err)
		err = take(filter, pipe_fds[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return err || status == 0 ? err : -ENOMEM;
}

int seccomp__make(struct seccomp_filter *filter, uint32_t needs)
{
	int pipe_fds[2], err;

	*filter = (struct seccomp_filter){ .code = malloc(BYTES_MAX) };
	if (!filter->code)
		return -ENOMEM;
	if (pipe2(pipe_fds, O_CLOEXEC)) {
		err = -errno;
	} else {
		err = make(filter, needs, pipe_fds);
		close(pipe_fds[0]);
	}
	if (err)
		seccomp__free(filter);
	return err;
}

int seccomp__enforce(const struct seccomp_filter *filter)
{
	const struct sock_fprog program = { .len = filter->cnt, .filter = filter->code };

	/* The flag does not change what is allowed: it leaves the speed of this process's own code as it is. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       &program)
		       ? -errno
		       : 0;
}

void seccomp__free(struct seccomp_filter *filter)
{
	free(filter->code);
	*filter = (struct seccomp_filter){ 0 };
}
