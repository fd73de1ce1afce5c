/* SPDX-License-Identifier: Apache-2.0 */
/* test_print - the report of hosts that are not at hand: what is said, as text and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "capture.h"
#include "kernel/privileges.h"
#include "probe/facts.h"

static struct probe_report good_host(void)
{
	struct probe_report r = {
		.uts = { .release = "6.1.0", .version = "#1", .machine = "x86_64" },
		.libbpf = "1.1",
		.btf = true,
		.ring_buffer = YES,
		.jit = 1,
		.unprivileged_bpf_disabled = 2,
		.lockdown = "none",
		.caps_effective = 0xff,
		.init_user_ns = true,
		.init_pid_ns = true,
		.cgroup = CGROUP_V2,
		.sandbox = { .seccomp = true, .landlock = 7 },
		.hooks = { { .name = "tp_btf/sys_enter", .used = true, .attaches = true },
			   { .name = "fentry/x", .error = "load: no" } },
		.hook_cnt = 2,
		.resolve = RESOLVE_WALK,
		.confirms = { .target = true, .access = true, .pages = PAGES_KPROBE },
		.openings = OPENINGS_FEXIT,
		.witnesses = WITNESS_KNOWN,
		.abis = { { .abi = PVM_ABI_X86_64, .covered = true, .proven = true },
			  { .abi = PVM_ABI_I386,
			    .covered = true,
			    .note = "it does not run these" } },
		.abi_cnt = 2,
	};

	return r;
}

static struct probe_report bad_host(void)
{
	struct probe_report r = {
		.uts = { .release = "5.4.0", .version = "#2 \"q\"\033", .machine = "x86_64" },
		.libbpf = "1.1",
		.ring_buffer = UNKNOWN,
		.jit = -1,
		.unprivileged_bpf_disabled = -1,
		.missing = PRIVILEGE_BPF | PRIVILEGE_PERFMON,
		.hooks_untried = "no rights",
		.status = EX_NOPERM,
		.reason = "tracing needs \"rights\"",
	};

	return r;
}

static void print(void (*how)(const struct probe_report *r), const struct probe_report *r,
		  char *text)
{
	struct capture c;

	capture__start(&c, STDOUT_FILENO);
	how(r);
	capture__end(&c, text);
}

static void as_json(const struct probe_report *r)
{
	(void)probe_print__json(r);
}

static json_t *load(const struct probe_report *r)
{
	char text[CAPTURE_SZ];
	json_error_t error;
	json_t *j;

	print(as_json, r, text);
	assert_true(strchr(text, '\n') == text + strlen(text) - 1);
	j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!j)
		fail_msg("%s: %s", error.text, text);
	return j;
}

static void expect_all(const char *text, const char *const *has)
{
	for (; *has; has++) {
		if (!strstr(text, *has))
			fail_msg("'%s' is not in: %s", *has, text);
	}
}

static void a_good_host_in_words(void **state)
{
	static const char *const has[] = {
		"Tracing would work here.",
		"6.1.0 x86_64 (#1)",
		"* tp_btf/sys_enter",
		"  fentry/x",
		"no (load: no)",
		"x86_64 calls: one was made and seen",
		"i386 calls: it does not run these",
		"walk over the kernel's table",
		"other ways to another process's memory: ptrace, /proc/PID/mem, shared memory",
		"cgroups by their v2 path\n",
		"fentry on mm_access\n",
		"kprobes on pin_user_pages_remote\n",
		NULL
	};
	struct probe_report r = good_host();
	char text[CAPTURE_SZ];

	(void)state;
	print(probe_print__text, &r, text);
	expect_all(text, has);
	assert_null(strstr(text, "missing"));
	assert_non_null(
		strstr(text, "\nsandbox                    seccomp, Landlock (version 7)\n"));
	assert_null(strstr(text, "pid namespace, until"));
	r.init_pid_ns = false;
	print(probe_print__text, &r, text);
	assert_non_null(strstr(text, "outside of this pid namespace"));
	assert_null(strstr(text, "preempted"));
	r.witnesses = WITNESS_KNOWN | WITNESS_NEEDED | WITNESS_MULTI | WITNESS_RETURNS |
		      WITNESS_PERMIT;
	print(probe_print__text, &r, text);
	assert_non_null(
		strstr(text, "- calls on a CPU where another task is preempted in our hook: where "
			     "they begin and end, and where the kernel permits an access to "
			     "another process, by kprobe.multi, kretprobe.multi, "
			     "lsm/ptrace_access_check\n"));
	snprintf(r.witness_note, sizeof(r.witness_note), "witnesses that are not: kprobe");
	print(probe_print__text, &r, text);
	assert_non_null(strstr(text, "\n- witnesses that are not: kprobe\n"));
	assert_non_null(strstr(text, witness_info__of(r.witnesses).remains));
	assert_non_null(strstr(text, "refused by seccomp, x32's"));
	r.attach = ATTACH_FENTRY;
	print(probe_print__text, &r, text);
	assert_null(strstr(text, "refused by seccomp, x32's"));
	r.confirms.pages = PAGES_UNSEEN;
	print(probe_print__text, &r, text);
	assert_non_null(strstr(text, "pin_user_pages_remote cannot be hooked here"));
	assert_null(strstr(text, "mm_access cannot be hooked here"));
}

static void a_bad_host_in_words(void **state)
{
	static const char *const has[] = { "Tracing would not work here (exit status 77):",
					   "tracing needs \"rights\"",
					   "missing: CAP_BPF CAP_PERFMON",
					   "not tried: no rights",
					   "anything: tracing would not start",
					   "cannot be read",
					   "not known without rights",
					   NULL };
	struct probe_report r = bad_host();
	char text[CAPTURE_SZ];

	(void)state;
	print(probe_print__text, &r, text);
	expect_all(text, has);
	assert_null(strstr(text, "It would see"));
}

static void both_as_json(void **state)
{
	struct probe_report good = good_host(), bad = bad_host();
	json_t *j = load(&good), *hooks = json_object_get(j, "hooks"), *rights;
	void *key;

	(void)state;
	assert_true(json_is_true(json_object_get(j, "works")));
	assert_int_equal(json_integer_value(json_object_get(j, "exit_status")), 0);
	assert_true(json_is_null(json_object_get(j, "reason")));
	assert_true(json_is_false(json_object_get(j, "keeps_cap_bpf")));
	assert_int_equal(json_array_size(hooks), 2);
	assert_true(json_is_true(json_object_get(json_array_get(hooks, 0), "attaches")));
	assert_true(json_is_null(json_object_get(json_array_get(hooks, 0), "error")));
	assert_true(json_is_string(json_object_get(json_array_get(hooks, 1), "error")));
	assert_int_equal(json_array_size(json_object_get(j, "abis")), 2);
	assert_int_equal(json_array_size(json_object_get(j, "sees")), 8);
	assert_int_equal(json_array_size(json_object_get(j, "does_not_see")), 3);
	assert_true(json_is_false(json_object_get(json_object_get(j, "witnesses"), "needed")));
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(j, "sandbox"), "landlock_abi")),
		7);

	/* A key is always there. */
	json_t *other = load(&bad);

	for (key = json_object_iter(j); key; key = json_object_iter_next(j, key))
		assert_non_null(json_object_get(other, json_object_iter_key(key)));
	assert_int_equal(json_object_size(j), json_object_size(other));
	rights = json_object_get(other, "capabilities");
	assert_int_equal(json_array_size(json_object_get(rights, "missing")), 2);
	assert_string_equal(json_string_value(json_object_get(rights, "effective")), "0x0");
	for (const char *const *p =
		     (const char *const[]){ "ring_buffer", "jit", "lockdown", "cgroup", "resolve",
					    "keeps_cap_bpf", "unprivileged_bpf_disabled",
					    "witnesses", NULL };
	     *p; p++)
		assert_true(json_is_null(json_object_get(other, *p)));
	assert_int_equal(json_integer_value(json_object_get(other, "exit_status")), EX_NOPERM);
	assert_string_equal(json_string_value(json_object_get(other, "reason")), bad.reason);
	json_decref(j);
	json_decref(other);
}

static void errors_that_are_kept(void **state)
{
	char kept[16] = "", said[CAPTURE_SZ];
	struct capture c;

	(void)state;
	capture__start(&c, STDERR_FILENO);
	log__keep(kept, sizeof(kept));
	log__error("first");
	log__error("the second, which is long");
	log__warn("seen");
	log__keep(NULL, 0);
	log__error("third");
	capture__end(&c, said);
	assert_string_equal(kept, "the second, whi");
	assert_string_equal(said, "pvmtrace: warning: seen\npvmtrace: error: third\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_host_in_words),
		cmocka_unit_test(a_bad_host_in_words),
		cmocka_unit_test(both_as_json),
		cmocka_unit_test(errors_that_are_kept),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
