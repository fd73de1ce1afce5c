/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/calls.h"
#include "sandbox/seccomp.h"
#include "sandbox/landlock.h"

static void go_in(const char *file)
{
	const struct landlock_place place = { .fd = open(file, O_PATH | O_CLOEXEC),
					      .rights = PLACE_READ };
	const struct rlimit none = { 0, 0 };
	const int abi = landlock__abi();
	struct seccomp_filter filter = { 0 };
	const bool filtered = seccomp__is_there() > 0 && !seccomp__make(&filter, NEED_OPEN);

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_NPROC, &none);
	if (abi > 0)
		(void)landlock__enforce(abi, &place, 1);
	if (place.fd >= 0)
		close(place.fd);
	if (filtered)
		(void)seccomp__enforce(&filter);
	seccomp__free(&filter);
}

int sandbox__apart(const char *file, int (*fn)(const char *file))
{
	const pid_t child = fork();
	int status = -1;

	if (!child) {
		go_in(file);
		_exit(fn(file));
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
