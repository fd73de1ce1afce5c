/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvmbeside WHERE - a call that is held up inside the kernel, while its thread is moved to another CPU, and other threads call on
 * either of them. WHERE: the kernel waits for a page of the target (remote), whose pages it is about to hold; or for one of this
 * process (local), when it holds those of the target. Obeys lines on stdin, each of which is answered by one:
 *
 *   hold         a thread on CPU 1 calls, and is inside by the answer
 *   beside CPU   another thread, on that CPU, makes a few calls: they are reported
 *   move CPU     the first one is moved there
 *   provide      the page is there, and the call that was held up is reported
 *
 * All of them read from one child.
 */
#include "gate.h"

#include <pthread.h>

#define ELEMENTS 3
#define LEN 64
#define CALLS 3

struct caller {
	pthread_t thread;
	pid_t tid;
	int cpu;
	size_t cnt;
	struct call calls[CALLS];
};

static char *gate, *pages;
static char to[ELEMENTS * LEN];
static struct iovec l[ELEMENTS], r[ELEMENTS], l1 = { to, LEN }, r1;
static int ask[2], say[2];
static pid_t target;

/* The child: at each byte it takes one step of its own gate's, and answers. */
static _Noreturn void be_target(void)
{
	int fd = gate_make(0, gate, PAGE);
	char what = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (write(say[1], &what, 1) == 1 && read(ask[0], &what, 1) == 1) {
		if (what == 'w')
			gate_await(fd, 1);
		else
			gate_open(fd, gate, PAGE);
	}
	_exit(1);
}

static void have_target(char what)
{
	if ((what && write(ask[1], &what, 1) != 1) || read(say[0], &what, 1) != 1)
		die("the target");
}

static void *run(void *p)
{
	struct caller *c = p;

	pin_thread(c->cpu);
	c->tid = my_tid();
	for (size_t i = 0; i < c->cnt; i++)
		call_run(&c->calls[i]);
	return NULL;
}

static void begin(struct caller *c)
{
	if (pthread_create(&c->thread, NULL, run, c))
		die("pthread_create");
}

static void end(struct caller *c)
{
	pthread_join(c->thread, NULL);
	report_as(getpid(), c->tid, NULL, c->calls, c->cnt);
}

static void beside(int cpu)
{
	struct caller c = { .cpu = cpu, .cnt = CALLS };

	for (size_t i = 0; i < CALLS; i++)
		c.calls[i] = call_of(READ, target, &l1, 1, &r1, 1, 0);
	begin(&c);
	end(&c);
}

static void say_done(void)
{
	printf("{\"done\":true}\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct caller held = { .cpu = 1, .cnt = 1 };
	bool remote = argc > 1 && !strcmp(argv[1], "remote");
	char line[32];
	int fd = -1;

	gate = must_map(PAGE, PROT_READ | PROT_WRITE, 0);
	pages = must_map(ELEMENTS * PAGE, PROT_READ | PROT_WRITE, 0);
	memset(pages, 's', ELEMENTS * PAGE);
	if (pipe2(ask, O_CLOEXEC) || pipe2(say, O_CLOEXEC))
		die("pipe2");
	target = fork();
	if (!target)
		be_target();
	have_target(0);
	if (!remote)
		fd = gate_make(0, gate, PAGE);
	for (size_t i = 0; i < ELEMENTS; i++) {
		l[i] = (struct iovec){ !remote && i == 1 ? gate : to + i * LEN, LEN };
		r[i] = (struct iovec){ remote && i == 1 ? gate : pages + i * PAGE, LEN };
	}
	r1 = (struct iovec){ pages, LEN };
	held.calls[0] = call_of(READ, target, l, ELEMENTS, r, ELEMENTS, 0);
	while (fgets(line, sizeof(line), stdin)) {
		int cpu = line[strlen(line) - 2] == '1';

		if (*line == 'h') {
			begin(&held);
			if (remote)
				have_target('w');
			else
				gate_await(fd, 1);
			say_done();
		} else if (*line == 'b') {
			beside(cpu);
		} else if (*line == 'm') {
			move_thread(held.tid, cpu);
			say_done();
		} else {
			if (remote)
				have_target('p');
			else
				gate_open(fd, gate, PAGE);
			end(&held);
		}
	}
	victim_end(target);
	return 0;
}
