/* SPDX-License-Identifier: Apache-2.0 */
/* child - a forked child that looks at itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

void skip_for(const char *why)
{
	print_message("skipped: needs %s\n", why);
	skip();
}

void need_root(void)
{
	static const cap_value_t needed[] = { CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_BPF,
					      CAP_PERFMON };
	cap_t caps = cap_get_proc();
	bool all = geteuid() == 0 && caps;

	for (size_t i = 0; all && i < sizeof(needed) / sizeof(needed[0]); i++) {
		cap_flag_value_t value = CAP_CLEAR;

		cap_get_flag(caps, needed[i], CAP_EFFECTIVE, &value);
		all = value == CAP_SET;
	}
	cap_free(caps);
	if (!all)
		skip_for("root with its capabilities");
}

void need_mounts(void)
{
	int status = 1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		      mount("none", "/proc", "tmpfs", 0, NULL));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		skip_for("mount namespaces, and mounts in them");
}

void in_child(int (*act)(void))
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int wrong = act();

		fflush(NULL);
		_exit(wrong ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int wrong_if(bool wrong, const char *what)
{
	if (wrong)
		fprintf(stderr, "not as expected: %s\n", what);
	return wrong;
}

int status_differs(const char *field, const char *want)
{
	char line[4096], have[4096] = "(no such field)";
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f)) {
		size_t len = strlen(field), out = 0;

		if (strncmp(line, field, len) != 0 || line[len] != ':')
			continue;
		for (char *word = strtok(line + len + 1, " \t\n"); word;
		     word = strtok(NULL, " \t\n"))
			out += (size_t)snprintf(have + out, sizeof(have) - out, "%s%s",
						out ? " " : "", word);
		have[out] = '\0';
		break;
	}
	if (f)
		fclose(f);
	if (!strcmp(have, want))
		return 0;
	fprintf(stderr, "%s is '%s', not '%s'\n", field, have, want);
	return 1;
}
