/* SPDX-License-Identifier: Apache-2.0 */
/* test_calls - which system calls a run may make, by its options and by what it writes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <seccomp.h>
#include <string.h>
#include <sys/stat.h>

#include "options/command_line.h"
#include "sandbox/calls.h"

/* What a run of these options needs. The last of them is NULL. */
static uint32_t needs_of(mode_t kind, bool tracing, const char *const *args)
{
	char *argv[16] = { (char *)"pvmtrace" };
	struct sandbox_asked asked = { .kind = kind, .tracing = tracing };
	struct options o;
	uint32_t needs;
	int cnt = 1;

	for (; *args; args++)
		argv[cnt++] = (char *)*args;
	assert_int_equal(options__parse(&o, cnt, argv), 0);
	asked.options = &o;
	asked.reopens = o.output;
	needs = sandbox_needs(&asked);
	options__free(&o);
	return needs;
}

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_ARGS ((const char *const[]){ NULL })

static bool may(const char *name, uint32_t needs)
{
	for (size_t i = 0; i < sandbox_calls_cnt; i++)
		if (!strcmp(sandbox_calls[i].name, name) &&
		    call_rule__holds(&sandbox_calls[i], needs))
			return true;
	return false;
}

static void test_what_is_written_to(void **state)
{
	(void)state;
	assert_int_equal(needs_of(S_IFIFO, true, NO_ARGS), NEED_KERNEL | NEED_PIPE);
	assert_int_equal(needs_of(S_IFSOCK, true, NO_ARGS), NEED_KERNEL | NEED_SEND);
	assert_int_equal(needs_of(S_IFCHR, true, NO_ARGS), NEED_KERNEL);
	assert_int_equal(needs_of(S_IFREG, true, NO_ARGS), NEED_KERNEL | NEED_FILE | NEED_OPEN);
	/* By a name there may be anything the next time. */
	assert_int_equal(needs_of(S_IFREG, true, ARGS("-o", "x")),
			 NEED_KERNEL | NEED_FILE | NEED_NAMES | NEED_OPEN | NEED_PIPE);
}

static void test_what_options_ask_for(void **state)
{
	const uint32_t plain = NEED_KERNEL | NEED_PIPE;

	(void)state;
	assert_int_equal(needs_of(S_IFIFO, true, ARGS("--metrics", "x")),
			 plain | NEED_NAMES | NEED_OPEN);
	assert_int_equal(needs_of(S_IFIFO, true, ARGS("--record", "x")),
			 plain | NEED_FILE | NEED_OPEN);
	assert_int_equal(needs_of(S_IFIFO, true, ARGS("--audit")), plain | NEED_OPEN);
	assert_int_equal(needs_of(S_IFIFO, true, ARGS("--caller-exe", "/bin/true")),
			 plain | NEED_OPEN);
	assert_int_equal(needs_of(S_IFIFO, true, ARGS("--target-ancestor-exe", "!/bin/[st]*")),
			 plain | NEED_OPEN | NEED_LIST);
	assert_int_equal(needs_of(S_IFIFO, true, ARGS("-f", "text", "-p", "1", "--data", "8")),
			 plain);
}

static void test_what_the_run_finds_out(void **state)
{
	const struct options o = { .rule_cnt = 1 };
	struct sandbox_asked asked = { .options = &o, .kind = S_IFIFO, .tracing = true };

	(void)state;
	asked.notifies = true;
	assert_int_equal(sandbox_needs(&asked), NEED_KERNEL | NEED_PIPE | NEED_SEND);
	asked.notifies = false;
	asked.attach_later = true;
	assert_int_equal(sandbox_needs(&asked), NEED_KERNEL | NEED_PIPE | NEED_ATTACH);
	asked.attach_later = false;
	asked.types_later = true;
	assert_int_equal(sandbox_needs(&asked), NEED_KERNEL | NEED_PIPE | NEED_OPEN);
}

static void test_a_replay_has_no_kernel_half(void **state)
{
	const uint32_t needs = needs_of(S_IFIFO, false, ARGS("--replay", "x"));
	static const char *const never[] = { "bpf",	   "process_vm_readv", "membarrier",
					     "io_setup",   "openat",	       "open",
					     "getdents64", "sendto",	       "unlinkat" };

	(void)state;
	assert_int_equal(needs, NEED_PIPE);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_false(may(never[i], needs));
	assert_true(may("read", needs) && may("exit_group", needs));
	assert_int_equal(needs_of(S_IFIFO, false, ARGS("--replay", "x", "-o", "y")) & NEED_KERNEL,
			 0);
}

/* By these a process gets others to work for it, or new rights. */
static void test_what_no_run_may(void **state)
{
	static const char *const never[] = {
		"execve",
		"execveat",
		"fork",
		"vfork",
		"clone",
		"clone3",
		"ptrace",
		"kill",
		"tkill",
		"socket",
		"connect",
		"bind",
		"accept4",
		"setuid",
		"setresuid",
		"capset",
		"seccomp",
		"mount",
		"unshare",
		"setns",
		"perf_event_open",
		"init_module",
		"pidfd_open",
		"pidfd_getfd",
		"io_uring_setup",
		"process_vm_writev",
		"memfd_create",
		"userfaultfd",
		"open_by_handle_at",
		"chroot",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (may(never[i], UINT32_MAX))
			fail_msg("%s is allowed", never[i]);
}

/* A name that nobody knows would be left out in silence. */
static void test_names(void **state)
{
	static const uint32_t arches[] = { SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64 };

	(void)state;
	for (size_t i = 0; i < sandbox_calls_cnt; i++) {
		bool known = false;

		for (size_t j = 0; j < sizeof(arches) / sizeof(arches[0]); j++)
			known |= seccomp_syscall_resolve_name_arch(arches[j],
								   sandbox_calls[i].name) >= 0;
		if (!known)
			fail_msg("no system call is called %s", sandbox_calls[i].name);
	}
}

/* Both architectures have one of each family that a C library chooses from. */
static void test_families(void **state)
{
	static const char *const families[][4] = {
		{ "poll", "ppoll" },	      { "open", "openat" },
		{ "stat", "newfstatat" },     { "access", "faccessat" },
		{ "readlink", "readlinkat" }, { "rename", "renameat", "renameat2" },
		{ "unlink", "unlinkat" },
	};
	static const uint32_t arches[] = { SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64 };

	(void)state;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (size_t j = 0; j < sizeof(arches) / sizeof(arches[0]); j++) {
			bool there = false;

			for (const char *const *name = families[i]; *name; name++) {
				assert_true(may(*name, UINT32_MAX));
				there |= seccomp_syscall_resolve_name_arch(arches[j], *name) >= 0;
			}
			assert_true(there);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_to),
		cmocka_unit_test(test_what_options_ask_for),
		cmocka_unit_test(test_what_the_run_finds_out),
		cmocka_unit_test(test_a_replay_has_no_kernel_half),
		cmocka_unit_test(test_what_no_run_may),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
