/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmpark - a call that stays inside the kernel: the second local element lies on a page that only
 * this program can provide. Prints one line when the call is parked, then obeys lines on stdin:
 * "resolve" (the call returns and is reported), "exec PATH ARG..." (from the main thread). End of
 * file ends the program, with the call still inside.
 */
#include "gate.h"

#include <pthread.h>

static char *src, *dst, *gate;
static struct iovec l[2], r;
static struct call call;
static pid_t caller_tid;

static void *caller(void *p)
{
	(void)p;
	caller_tid = my_tid();
	call_run(&call);
	return NULL;
}

static void resolve(int fd, pthread_t t)
{
	gate_open(fd, gate, PAGE);
	pthread_join(t, NULL);
	report_as(getpid(), caller_tid, NULL, &call, 1);
}

int main(void)
{
	char line[4096], *words[32];
	pthread_t t;
	int fd;

	gate = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	fd = gate_make(0, gate, PAGE);
	src = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	dst = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	memset(src, 's', PAGE);
	l[0] = (struct iovec){ dst, 64 };
	l[1] = (struct iovec){ gate, 64 };
	r = (struct iovec){ src, 128 };
	call = call_of(READ, getpid(), l, 2, &r, 1, 0);
	call.abi = ABI;
	pthread_create(&t, NULL, caller, NULL);
	gate_await(fd, 1);
	report_as(getpid(), caller_tid, dst[63] == 's' ? "\"secret\":true," : "\"secret\":false,",
		  &call, 1);
	while (fgets(line, sizeof(line), stdin)) {
		size_t n = 0;

		for (char *w = strtok(line, " \n"); w && n < 31; w = strtok(NULL, " \n"))
			words[n++] = w;
		words[n] = NULL;
		if (n && !strcmp(words[0], "resolve"))
			resolve(fd, t);
		if (n > 1 && !strcmp(words[0], "exec")) {
			execv(words[1], words + 2);
			die(words[1]);
		}
	}
	_exit(0);
}
