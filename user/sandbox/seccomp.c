/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "sandbox/calls.h"

/* A tree, which is asked in fewer steps than a list. */
#define BY_TREE 2

int seccomp__is_there(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (!syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action))
		return 1;
	return errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP ? 0 : -errno;
}

static int add(scmp_filter_ctx filter, const struct call_rule *rule)
{
	const int nr = seccomp_syscall_resolve_name(rule->name);
	struct scmp_arg_cmp compare = { .arg = rule->arg,
					.op = SCMP_CMP_MASKED_EQ,
					.datum_a = rule->mask,
					.datum_b = rule->value };

	if (nr < 0) /* this architecture has none of this name */
		return 0;
	if (rule->condition == CALL_SELF)
		compare.datum_b = (uint64_t)getpid();
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, nr,
				      rule->condition == CALL_ANY ? 0 : 1, &compare);
}

static int set_attributes(scmp_filter_ctx filter)
{
	int err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (err)
		return err;
	/* Neither changes what is allowed. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BY_TREE);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	return 0;
}

int seccomp__load(uint32_t needs)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!filter)
		return -ENOMEM;
	err = set_attributes(filter);
	for (size_t i = 0; i < sandbox_calls_cnt && !err; i++) {
		if (call_rule__holds(&sandbox_calls[i], needs))
			err = add(filter, &sandbox_calls[i]);
	}
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
