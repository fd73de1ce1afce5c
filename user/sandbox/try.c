/* SPDX-License-Identifier: Apache-2.0 */
/* try - what this host has of the sandbox, found out by putting a child into it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "sandbox/seccomp.h"
#include "sandbox/sandbox.h"

/* In the child: what it says goes to its parent. */
static int try_it(const struct options *o, int (*fn)(void *ctx), void *ctx, int out)
{
	const struct sandbox_asked asked = { .options = o,
					     .reopens = o->output,
					     .output = STDOUT_FILENO,
					     .tracing = true,
					     .types_later = true };
	static struct sandbox s;
	char why[1000] = "";
	int err;

	log__keep(why, sizeof(why));
	err = sandbox__prepare(&s, &asked);
	if (!err)
		err = fn(ctx);
	if (!err)
		err = sandbox__enter(&s);
	/* Once it is in the sandbox, it has nothing to say. */
	if (err && write(out, why, strlen(why)) < 0)
		return EX_IOERR;
	return err;
}

/* Reads what the child says to its end. */
static void hear(int in, char *why, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n && len < size - 1) {
		n = read(in, why + len, size - 1 - len);
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	why[len] = '\0';
}

struct sandbox_offer sandbox__offer(void)
{
	const int abi = landlock__abi();

	return (struct sandbox_offer){ .seccomp = seccomp__is_there() > 0,
				       .landlock = abi > 0 ? abi : 0 };
}

int sandbox__try(const struct options *o, int (*fn)(void *ctx), void *ctx, char *why, size_t size)
{
	int ends[2], status = 0;
	pid_t child;

	why[0] = '\0';
	if (pipe2(ends, O_CLOEXEC))
		return 0;
	child = fork();
	if (!child)
		_exit(try_it(o, fn, ctx, ends[1]));
	close(ends[1]);
	if (child > 0)
		hear(ends[0], why, size);
	close(ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0 || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return 0;
	if (!why[0])
		snprintf(why, size,
			 "the sandbox cannot be put in force: it ended a process of ours");
	return EX_UNAVAILABLE;
}
