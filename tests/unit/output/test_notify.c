/* SPDX-License-Identifier: Apache-2.0 */
/* test_notify - what reaches the service manager, and that no environment does harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "capture.h"
#include "output/notify.h"
#include "scratch.h"

static char path[64], abstract[64];

/* Makes a manager that listens on a path or, after '@', on an abstract name. */
static int listen_on(const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(addr.sun_path, name, len);
	if (name[0] == '@')
		addr.sun_path[0] = '\0';
	else
		unlink(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[512];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	if (!text) {
		assert_true(n < 0 && errno == EAGAIN);
		return;
	}
	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

/* Opens with these variables (NULL: none); said gets the talk. */
static void open_with(struct notify *n, const char *name, const char *usec, const char *pid,
		      char *said)
{
	struct capture c;

	if (name)
		setenv("NOTIFY_SOCKET", name, 1);
	if (usec)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	capture__start(&c, STDERR_FILENO);
	notify__open(n);
	capture__end(&c, said);
	assert_true(!getenv("NOTIFY_SOCKET") && !getenv("WATCHDOG_USEC") &&
		    !getenv("WATCHDOG_PID"));
}

static void nobody_listens(void **state)
{
	char said[CAPTURE_SZ];
	struct notify n;

	(void)state;
	open_with(&n, NULL, "1000000", NULL, said);
	assert_string_equal(said, "");
	assert_int_equal(n.fd, -1);
	notify__say(&n, "READY=1");
	notify__reloading(&n, 1);
	notify__beat(&n, UINT64_MAX);
	notify__close(&n);
	open_with(&n, "", NULL, NULL, said);
	assert_string_equal(said, "");
	assert_int_equal(n.fd, -1);
}

static void one_datagram_each(void **state)
{
	const char *const names[] = { path, abstract };
	char said[CAPTURE_SZ];
	struct notify n;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int fd = listen_on(names[i]);

		open_with(&n, names[i], NULL, NULL, said);
		assert_string_equal(said, "");
		assert_true(n.fd >= 0);
		expect(fd, NULL);
		notify__say(&n, "READY=1\nSTATUS=all is well");
		notify__reloading(&n, 1234567999);
		notify__beat(&n, UINT64_MAX);
		expect(fd, "READY=1\nSTATUS=all is well");
		expect(fd, "RELOADING=1\nMONOTONIC_USEC=1234567");
		expect(fd, NULL);
		notify__close(&n);
		notify__close(&n);
		close(fd);
	}
}

static void names_that_cannot_be(void **state)
{
	static char huge[300];
	static const char *const names[] = { "relative", "vsock:2:1",	    "/",
					     "@",	 "/nowhere/at/all", huge };
	char said[CAPTURE_SZ];
	struct notify n;

	(void)state;
	memset(huge, '/', sizeof(huge) - 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		open_with(&n, names[i], "2000000", NULL, said);
		if (n.fd != -1 || strncmp(said, "pvmtrace: warning: NOTIFY_SOCKET: '", 35) != 0)
			fail_msg("%s: %d, said: %s", names[i], n.fd, said);
		notify__beat(&n, UINT64_MAX);
	}
}

static void beats_come_at_half_of_the_wait(void **state)
{
	char said[CAPTURE_SZ];
	struct notify n;
	int fd = listen_on(path);

	(void)state;
	open_with(&n, path, "3000000", NULL, said);
	assert_int_equal(n.every_ns, 1500000000);
	notify__beat(&n, 10);
	expect(fd, "WATCHDOG=1");
	notify__beat(&n, 10 + 1499999999);
	expect(fd, NULL);
	notify__beat(&n, 10 + 1500000000);
	expect(fd, "WATCHDOG=1");
	notify__beat(&n, 10 + 1500000000);
	expect(fd, NULL);
	notify__close(&n);
	close(fd);
}

static void watchdogs_that_are_not_ours(void **state)
{
	static const struct {
		const char *usec, *pid;
	} cases[] = {
		{ "1000000", "1" }, { "1000000", "" }, { "1000000", "x" },
		{ "", NULL },	    { "0", NULL },     { "-5", NULL },
		{ " 7", NULL },	    { "7s", NULL },    { "18446744073709551616", NULL },
	};
	char said[CAPTURE_SZ], own[24];
	struct notify n;
	int fd = listen_on(path);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_with(&n, path, cases[i].usec, cases[i].pid, said);
		assert_true(n.fd >= 0);
		assert_int_equal(n.every_ns, 0);
		notify__close(&n);
	}
	snprintf(own, sizeof(own), "%d", getpid());
	open_with(&n, path, "1000000", own, said);
	assert_int_equal(n.every_ns, 500000000);
	notify__close(&n);
	close(fd);
}

static void a_manager_that_went_away(void **state)
{
	char said[CAPTURE_SZ];
	struct capture c;
	struct notify n;
	int fd = listen_on(path);

	(void)state;
	open_with(&n, path, "2", NULL, said);
	close(fd);
	capture__start(&c, STDERR_FILENO);
	notify__say(&n, "READY=1\nSTATUS=x");
	notify__beat(&n, UINT64_MAX);
	capture__end(&c, said);
	assert_non_null(strstr(said, "could not be told 'READY=1': "));
	notify__close(&n);
}

static int set_up(void **state)
{
	if (scratch__setup(state))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", scratch);
	snprintf(abstract, sizeof(abstract), "@pvmtrace-test-notify-%d", getpid());
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(one_datagram_each),
		cmocka_unit_test(names_that_cannot_be),
		cmocka_unit_test(beats_come_at_half_of_the_wait),
		cmocka_unit_test(watchdogs_that_are_not_ours),
		cmocka_unit_test(a_manager_that_went_away),
	};

	return cmocka_run_group_tests_name("notify", tests, set_up, scratch__teardown);
}
