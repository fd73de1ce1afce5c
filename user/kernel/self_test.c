/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/self_test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "bpf/event.h"
#include "bpf/functions.h"
#include "event/names.h"

#define WAIT_STEP_NS ((long)NS_PER_MS)
#define WAIT_STEPS 1000 /* a second: far more than the ring takes */
#define TRIES 3

void self_test__call(void)
{
	(void)process_vm_readv(getpid(), NULL, 0, NULL, 0, 0);
}

void self_test__call_write(void)
{
	(void)process_vm_writev(getpid(), NULL, 0, NULL, 0, 0);
}

bool self_test__call_on_child(void)
{
	char from = 'x', to = 0;
	const struct iovec local = { .iov_base = &to, .iov_len = 1 };
	const struct iovec remote = { .iov_base = &from, .iov_len = 1 };
	const pid_t parent = getpid(), child = fork();
	bool done;

	if (child < 0)
		return false;
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	done = process_vm_readv(child, &local, 1, &remote, 1, 0) == 1;
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return done;
}

void self_test__seen(struct self_test *t, const void *data, size_t size)
{
	const struct pvm_self_test *rec = data;

	if (size >= sizeof(*rec) && rec->abi < 32 && rec->op == PVM_READ)
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

/* Makes a real transfer: one element a side, as most calls are. */
static void call_native(void)
{
	char from = 'x', to = 0;
	struct iovec local = { .iov_base = &to, .iov_len = 1 };
	struct iovec remote = { .iov_base = &from, .iov_len = 1 };

	(void)process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

#if defined(__x86_64__)

#define EXIT_UNTRIED 2
#define NOT_RUN "this kernel does not run 32-bit calls"
#define NOT_TRIED "a 32-bit call could not be tried"

/* Makes an x32 call. Returns whether the kernel carried it out. */
static bool call_x32(void)
{
	return syscall(PVM_NR_X32_READ, getpid(), NULL, 0L, NULL, 0L, 0L) == 0 || errno != ENOSYS;
}

/* Makes a call by the gate that 32-bit programs use. Nothing is passed, so no pointer needs to fit into 32 bits; flags are
 * whatever stands in ebp. Returns whether the kernel carried it out. */
static bool call_i386(void)
{
	long ret = PVM_NR_I386_READ;

	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)ret != -ENOSYS;
}

/* Makes it in a child, because a kernel without 32-bit emulation answers with a signal. Returns NULL, or why it was not
 * carried out. */
static const char *run_i386(int (*be_self)(void *ctx), void *ctx)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t child = fork();
	int status = EXIT_UNTRIED << 8; /* as if it had ended so */

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGSEGV, SIG_DFL);
		if (be_self(ctx))
			_exit(EXIT_UNTRIED);
		_exit(call_i386() ? 0 : 1);
	}
	if (child < 0)
		return NOT_TRIED;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS
			       ? "this process may make no 32-bit calls (seccomp)"
			       : NOT_RUN;
	if (WEXITSTATUS(status) == EXIT_UNTRIED)
		return NOT_TRIED;
	return WEXITSTATUS(status) ? NOT_RUN : NULL;
}

bool self_test__call_i386(int (*be_self)(void *ctx), void *ctx)
{
	return !run_i386(be_self, ctx);
}

static int refuse(enum pvm_abi abi)
{
	log__error("--attach fentry: this kernel carries out %s calls, but they do not come to the "
		   "functions that are hooked: they would be left out; use --attach tracepoint",
		   abi_name((int)abi));
	return EX_UNAVAILABLE;
}

static int run_others(struct self_test *t, const struct self_test_env *env, struct abi_info *abis,
		      size_t *cnt)
{
	const char *why = run_i386(env->be_self, env->be_self_ctx);
	bool ran = false, proven = !why && await(t, env, PVM_ABI_I386);

	if (env->fentry && !why && !proven)
		return refuse(PVM_ABI_I386);
	if (!why && !proven)
		why = "the call did not reach the hook";
	abis[(*cnt)++] = (struct abi_info){
		.abi = PVM_ABI_I386,
		.covered = true,
		.proven = proven,
		.note = why,
	};
	proven = false;
	for (int i = 0; i < TRIES && !proven; i++) {
		ran = call_x32();
		if (!ran && env->fentry)
			break;
		proven = await(t, env, PVM_ABI_X32);
	}
	if (env->fentry && ran && !proven)
		return refuse(PVM_ABI_X32);
	abis[(*cnt)++] = (struct abi_info){
		.abi = PVM_ABI_X32,
		.covered = ran || !env->fentry,
		.proven = proven,
		.refused = !ran && proven,
		.note = proven ? NULL
			: env->fentry
				? "this kernel does not carry out x32 calls: attempts are unseen"
				: "the attempt did not reach the hook",
	};
	return 0;
}

static const enum pvm_abi native_abi = PVM_ABI_X86_64;

#elif defined(__aarch64__)

bool self_test__call_i386(int (*be_self)(void *ctx), void *ctx)
{
	(void)be_self;
	(void)ctx;
	return false;
}

static int run_others(struct self_test *t, const struct self_test_env *env, struct abi_info *abis,
		      size_t *cnt)
{
	(void)t;
	(void)env;
	abis[(*cnt)++] = (struct abi_info){
		.abi = PVM_ABI_ARM,
		.covered = true,
		.proven = false,
		.note = "a 64-bit program cannot make AArch32 calls",
	};
	return 0;
}

static const enum pvm_abi native_abi = PVM_ABI_ARM64;

#else
#error "no such architecture: x86_64 or aarch64"
#endif

int self_test__run(struct self_test *t, const struct self_test_env *env, struct abi_info *abis,
		   size_t *cnt)
{
	bool seen = false;
	int err;

	t->seen = 0;
	*cnt = 0;
	env->announce(env->be_self_ctx, true);
	/* Under load the kernel can pass over hooks for a call, if hardly for one after the other. */
	for (int i = 0; i < TRIES && !seen; i++) {
		call_native();
		seen = await(t, env, native_abi);
	}
	if (!seen) {
		log__error("the hooks are attached, but a call made as a test was not seen: "
			   "tracing does not work on this kernel");
		env->announce(env->be_self_ctx, false);
		return EX_SOFTWARE;
	}
	abis[(*cnt)++] = (struct abi_info){ .abi = native_abi, .covered = true, .proven = true };
	err = run_others(t, env, abis, cnt);
	env->announce(env->be_self_ctx, false);
	return err;
}
