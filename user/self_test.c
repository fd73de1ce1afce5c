/* SPDX-License-Identifier: Apache-2.0 */
#include "self_test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <linux/types.h>

#include "bpf/event.h"
#include "log.h"

#define WAIT_STEP_NS 1000000L
#define WAIT_STEPS 1000 /* a second: far more than the ring takes */

#define X32_READV (0x40000000L + 539)
#define I386_READV 347

void self_test__call(void)
{
	(void)process_vm_readv(getpid(), NULL, 0, NULL, 0, 0);
}

void self_test__seen(struct self_test *t, const void *data, size_t size)
{
	const struct pvm_self_test *rec = data;

	if (size >= sizeof(*rec) && rec->abi < 32)
		t->seen |= 1u << rec->abi;
}

/* Waits for the record of an ABI. */
static bool await(struct self_test *t, const struct self_test_env *env, enum pvm_abi abi)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };

	for (int i = 0; i < WAIT_STEPS; i++) {
		env->consume(env->consume_ctx);
		if (t->seen & (1u << abi))
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

/* A real transfer: one element a side, as most calls are. */
static void call_native(void)
{
	char from = 'x', to = 0;
	struct iovec local = { .iov_base = &to, .iov_len = 1 };
	struct iovec remote = { .iov_base = &from, .iov_len = 1 };

	(void)process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

#if defined(__x86_64__)

static void call_x32(void)
{
	(void)syscall(X32_READV, getpid(), NULL, 0L, NULL, 0L, 0L);
}

/* By the gate that 32-bit programs use. Nothing is passed, so no pointer needs to fit into 32 bits; flags
 * are whatever stands in ebp, and what comes back does not matter. */
static void call_i386(void)
{
	long ret = I386_READV;

	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
}

/* In a child, because a kernel without 32-bit emulation answers with a signal. */
static void run_i386(const struct self_test_env *env)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t child = fork();

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		if (!env->be_self(env->be_self_ctx))
			call_i386();
		_exit(0);
	}
	if (child < 0)
		return;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void run_others(struct self_test *t, const struct self_test_env *env, struct abi_info *abis,
		       size_t *cnt)
{
	bool proven;

	run_i386(env);
	proven = await(t, env, PVM_ABI_I386);
	abis[(*cnt)++] = (struct abi_info){
		.name = "i386",
		.covered = true,
		.proven = proven,
		.note = proven ? NULL : "this kernel does not run 32-bit calls",
	};
	call_x32();
	proven = await(t, env, PVM_ABI_X32);
	abis[(*cnt)++] = (struct abi_info){
		.name = "x32",
		.covered = true,
		.proven = proven,
		.note = proven ? NULL : "the attempt did not reach the hook",
	};
}

static const enum pvm_abi native_abi = PVM_ABI_X86_64;
static const char native_name[] = "x86_64";

#elif defined(__aarch64__)

static void run_others(struct self_test *t, const struct self_test_env *env, struct abi_info *abis,
		       size_t *cnt)
{
	(void)t;
	(void)env;
	abis[(*cnt)++] = (struct abi_info){
		.name = "arm",
		.covered = true,
		.proven = false,
		.note = "a 64-bit program cannot make AArch32 calls",
	};
}

static const enum pvm_abi native_abi = PVM_ABI_ARM64;
static const char native_name[] = "arm64";

#else
#error "no such architecture: x86_64 or aarch64"
#endif

int self_test__run(struct self_test *t, const struct self_test_env *env, struct abi_info *abis,
		   size_t *cnt)
{
	t->seen = 0;
	*cnt = 0;
	*env->announce = 1;
	call_native();
	if (!await(t, env, native_abi)) {
		log__error("the hooks are attached, but a call made as a test was not seen: "
			   "tracing does not work on this kernel");
		*env->announce = 0;
		return EX_SOFTWARE;
	}
	abis[(*cnt)++] = (struct abi_info){ .name = native_name, .covered = true, .proven = true };
	run_others(t, env, abis, cnt);
	*env->announce = 0;
	return 0;
}
