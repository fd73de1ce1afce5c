/* SPDX-License-Identifier: Apache-2.0 */
/* self_test - proves that the hooks see this machine's calls, by making one of each ABI. */
#ifndef PVM_SELF_TEST_H
#define PVM_SELF_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/record.h"

struct self_test {
	uint32_t seen; /* bits 1 << enum pvm_abi */
};

struct self_test_env {
	int (*consume)(void *ctx); /* drains the ring of calls */
	void *consume_ctx;
	int (*be_self)(
		void *ctx); /* makes the kernel half take the calling child for the collector */
	void *be_self_ctx;  /* of announce, too */
	void (*announce)(void *ctx, bool on); /* whether self-test calls come through the ring */
	bool fentry; /* the hooks are on the calls' own functions: calls that reach none are unseen */
};

/* Fills abis (room for 4) and *cnt. Returns 0, or after a message EX_SOFTWARE if the native call was not seen,
 * EX_UNAVAILABLE if the kernel carries out another ABI's calls that the hooks do not see. */
int self_test__run(struct self_test *t, const struct self_test_env *env, struct abi_info *abis,
		   size_t *cnt);
/* A PVM_SELF_TEST record came through the ring. */
void self_test__seen(struct self_test *t, const void *data, size_t size);
/* Makes one native call on ourselves, of no consequence. */
void self_test__call(void);
void self_test__call_write(void);
/* Makes an i386 call of no consequence, in a child, which be_self makes the kernel half take for the collector. Returns
 * false if the kernel carries out none, or it could not be tried. */
bool self_test__call_i386(int (*be_self)(void *ctx), void *ctx);
/* Makes one on a child, whose memory the kernel asks permission for. Returns false if it was refused, by whomever, or could
 * not be tried. */
bool self_test__call_on_child(void);

#endif
