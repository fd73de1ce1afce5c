/* SPDX-License-Identifier: Apache-2.0 */
/* print - the report of --probe, for people and for machines, and in plain words what it means. */
#include <stdio.h>
#include <string.h>

#include "event/names.h"
#include "event/unseen.h"
#include "kernel/privileges.h"
#include "probe/facts.h"
#include "render/common.h"
#include "render/json_writer.h"
#include "render/text_line.h"
#include "version.h"

#define SENTENCES_MAX 16
#define SENTENCE_SZ 512 /* what remains beside witnesses takes 390 */
#define PROBE_SCHEMA "pvmtrace-probe/1"

static const char *const cgroup_names[] = {
	[CGROUP_NONE] = NULL,
	[CGROUP_V1] = "v1",
	[CGROUP_V2] = "v2",
	[CGROUP_HYBRID] = "hybrid",
};

struct sentences {
	char text[SENTENCES_MAX][SENTENCE_SZ];
	size_t cnt;
};

static void say(struct sentences *s, const char *text)
{
	if (s->cnt < SENTENCES_MAX)
		snprintf(s->text[s->cnt++], sizeof(s->text[0]), "%s", text);
}

static void say_abis(struct sentences *s, const struct probe_report *r, bool proven)
{
	for (size_t i = 0; i < r->abi_cnt && s->cnt < SENTENCES_MAX; i++) {
		const struct abi_info *abi = &r->abis[i];

		if (abi->proven != proven)
			continue;
		snprintf(s->text[s->cnt++], sizeof(s->text[0]), "%s calls: %s", abi_word(abi),
			 proven	     ? "one was made and seen"
			 : abi->note ? abi->note
				     : "none could be made to try it");
	}
}

/* Says what sees calls that the first hooks do not. */
static void say_witnesses(struct sentences *s, const struct probe_report *r)
{
	const struct witness_info w = witness_info__of(r->witnesses);
	char list[WITNESS_LIST_SZ], text[sizeof(s->text[0])];

	if (!w.sees || !witness_info__list(&w, list))
		return;
	snprintf(text, sizeof(text), "%s, by %s", w.sees, list);
	say(s, text);
}

static void tell_seen(struct sentences *s, const struct probe_report *r)
{
	if (r->status)
		return;
	say(s, "every process_vm_readv and process_vm_writev of this machine, of all processes and "
	       "containers, also failed ones");
	say_abis(s, r, true);
	say(s, r->resolve == RESOLVE_KFUNC
		       ? "whom a call means: the kernel's own look-up is used"
		       : "whom a call means: by a walk over the kernel's table of ids");
	if (r->confirms.target)
		say(s,
		    "that the target is the process whose memory the kernel opens: fentry on mm_access");
	if (r->confirms.access)
		say(s,
		    "what security modules answer when the kernel asks whether a caller may: fexit on "
		    "security_ptrace_access_check");
	if (r->confirms.pages)
		say(s,
		    r->confirms.pages == PAGES_FEXIT
			    ? "that the remote list is the one the kernel worked from: fexit on "
			      "pin_user_pages_remote"
			    : "that the remote list is the one the kernel worked from: kprobes on "
			      "pin_user_pages_remote");
	if (r->openings)
		say(s,
		    r->openings == OPENINGS_FEXIT
			    ? "who opens the tracer's own maps, programs and links: fexit on bpf(2)"
			    : "who opens the tracer's own maps, programs and links: sys_exit");
	say_witnesses(s, r);
	if (r->cgroup == CGROUP_V1 || r->cgroup == CGROUP_HYBRID)
		say(s,
		    "cgroups by their v2 path or, where that is /, by that of pids or memory of v1");
	else if (r->cgroup == CGROUP_V2)
		say(s, "cgroups by their v2 path");
}

static void tell_unseen(struct sentences *s, const struct probe_report *r)
{
	const struct witness_info witnesses = witness_info__of(r->witnesses);
	const char *const *unseen;
	size_t cnt;

	if (r->status) {
		say(s, "anything: tracing would not start");
		return;
	}
	say_abis(s, r, false);
	if (!r->init_pid_ns)
		say(s,
		    "calls that hang inside the kernel, of processes outside of this pid namespace, "
		    "until they return");
	if (!r->confirms.target)
		say(s, "that the target is confirmed: mm_access cannot be hooked here");
	if (!r->confirms.access)
		say(s, "what security modules answer when the kernel asks whether a caller may: "
		       "security_ptrace_access_check cannot be hooked here");
	if (!r->confirms.pages)
		say(s,
		    "that the remote list is confirmed: pin_user_pages_remote cannot be hooked here");
	if (!r->openings)
		say(s,
		    "who opens the tracer's own maps, programs and links: bpf(2) cannot be hooked here");
	if (r->witness_note[0])
		say(s, r->witness_note);
	if (witnesses.remains)
		say(s, witnesses.remains);
	unseen = unseen__list(r->attach, witnesses.needed, &cnt);
	for (size_t i = 0; i < cnt; i++)
		say(s, unseen[i]);
}

/* Puts two texts that come from elsewhere, and the line's end. */
static void put_line(const char *first, const char *second)
{
	text__print(stdout, first);
	text__print(stdout, second);
	putchar('\n');
}

static void put(const char *what, const char *value)
{
	printf("%-26s ", what);
	text__print(stdout, value);
	putchar('\n');
}

static void put_two(const char *what, const char *first, const char *second)
{
	printf("%-26s ", what);
	put_line(first, second);
}

static const char *yes_no(enum tristate t)
{
	return t == UNKNOWN ? "not known without rights" : t == YES ? "yes" : "no";
}

static void put_number(const char *what, int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	put(what, n < 0 ? "cannot be read" : text);
}

static void put_sandbox(const struct probe_report *r)
{
	char text[64];

	if (r->sandbox_error[0]) {
		put_two("sandbox", "cannot be had: ", r->sandbox_error);
		return;
	}
	snprintf(text, sizeof(text), r->sandbox.landlock ? "Landlock (version %d)" : "no Landlock",
		 r->sandbox.landlock);
	put_two("sandbox", r->sandbox.seccomp ? "seccomp, " : "no seccomp, ", text);
}

static void put_rights(const struct probe_report *r)
{
	printf("%-26s 0x%llx%s%s%s\n", "capabilities", (unsigned long long)r->caps_effective,
	       r->missing ? ", missing:" : "", r->missing & PRIVILEGE_BPF ? " CAP_BPF" : "",
	       r->missing & PRIVILEGE_PERFMON ? " CAP_PERFMON" : "");
	put("initial user namespace",
	    r->init_user_ns ? "yes" : "no: rights of this one do not count");
	put("initial pid namespace", r->init_pid_ns ? "yes" : "no");
	put("lockdown", *r->lockdown
				? r->lockdown
				: "cannot be read (off, or /sys/kernel/security is not mounted)");
	put_number("unprivileged_bpf_disabled", r->unprivileged_bpf_disabled);
	if (!r->status)
		put("after the start",
		    r->keeps_cap_bpf ? "CAP_BPF must be kept" : "all capabilities can be dropped");
	put_sandbox(r);
}

static void put_hooks(const struct probe_report *r)
{
	printf("\nHooks (* what tracing uses):\n");
	if (r->hooks_untried)
		put_line("  not tried: ", r->hooks_untried);
	for (size_t i = 0; i < r->hook_cnt; i++) {
		const struct hook_result *h = &r->hooks[i];

		printf("%c %-38s %s", h->used ? '*' : ' ', h->name,
		       h->attaches ? "attaches" : "no (");
		put_line(h->error, h->attaches ? "" : ")");
	}
}

static void put_sentences(const char *title, const struct sentences *s)
{
	if (s->cnt)
		printf("\n%s:\n", title);
	for (size_t i = 0; i < s->cnt; i++)
		put_line("- ", s->text[i]);
}

void probe_print__text(const struct probe_report *r)
{
	struct sentences seen = { .cnt = 0 }, unseen = { .cnt = 0 };
	char kernel[3 * sizeof(r->uts.release) + 8];

	printf("pvmtrace %s, libbpf %s\n\n", PVMTRACE_VERSION, r->libbpf);
	snprintf(kernel, sizeof(kernel), "%s %s (%s)", r->uts.release, r->uts.machine,
		 r->uts.version);
	put("kernel", kernel);
	put("BTF", r->btf ? "yes" : "no");
	put("ring buffer", yes_no(r->ring_buffer));
	put("bpf_task_from_vpid", r->vpid_kfunc ? "yes" : "no");
	put_number("JIT", r->jit);
	if (r->audit_error[0])
		put_two("--audit", "cannot be had: ", r->audit_error);
	else
		put("--audit", "can be had");
	put("cgroups", r->cgroup ? cgroup_names[r->cgroup] : "none");
	put_rights(r);
	put_hooks(r);
	tell_seen(&seen, r);
	tell_unseen(&unseen, r);
	if (r->status) {
		printf("\nTracing would not work here (exit status %d):\n", r->status);
		put_line("  ", r->reason);
	} else {
		printf("\nTracing would work here.\n");
	}
	put_sentences("It would see", &seen);
	put_sentences("It would not see", &unseen);
}

static void json_tristate(struct json *j, const char *key, enum tristate t)
{
	if (t == UNKNOWN)
		json__null(j, key);
	else
		json__bool(j, key, t == YES);
}

static void json_sysctl(struct json *j, const char *key, int n)
{
	if (n < 0)
		json__null(j, key);
	else
		json__u64(j, key, (uint64_t)n);
}

static void json_sentences(struct json *j, const char *key, const struct sentences *s)
{
	json__open_arr(j, key);
	for (size_t i = 0; i < s->cnt; i++)
		json__str(j, NULL, s->text[i]);
	json__close_arr(j);
}

static void json_rights(struct json *j, const struct probe_report *r)
{
	json__open_obj(j, "capabilities");
	json__hex(j, "effective", r->caps_effective);
	json__open_arr(j, "missing");
	if (r->missing & PRIVILEGE_BPF)
		json__str(j, NULL, "CAP_BPF");
	if (r->missing & PRIVILEGE_PERFMON)
		json__str(j, NULL, "CAP_PERFMON");
	json__close_arr(j);
	json__close_obj(j);
	json__bool(j, "initial_user_ns", r->init_user_ns);
	json__bool(j, "initial_pid_ns", r->init_pid_ns);
	json__str(j, "lockdown", *r->lockdown ? r->lockdown : NULL);
	json_sysctl(j, "unprivileged_bpf_disabled", r->unprivileged_bpf_disabled);
	json_tristate(j, "keeps_cap_bpf", r->status ? UNKNOWN : r->keeps_cap_bpf ? YES : NO);
}

static void json_sandbox(struct json *j, const struct probe_report *r)
{
	json__open_obj(j, "sandbox");
	json__bool(j, "seccomp", r->sandbox.seccomp);
	json__bool(j, "landlock", r->sandbox.landlock > 0);
	json_sysctl(j, "landlock_abi", r->sandbox.landlock ? r->sandbox.landlock : -1);
	json__str(j, "error", r->sandbox_error[0] ? r->sandbox_error : NULL);
	json__close_obj(j);
}

static void json_hooks(struct json *j, const struct probe_report *r)
{
	json__open_arr(j, "hooks");
	for (size_t i = 0; i < r->hook_cnt; i++) {
		json__open_obj(j, NULL);
		json__str(j, "hook", r->hooks[i].name);
		json__bool(j, "used", r->hooks[i].used);
		json__bool(j, "attaches", r->hooks[i].attaches);
		json__str(j, "error", r->hooks[i].attaches ? NULL : r->hooks[i].error);
		json__close_obj(j);
	}
	json__close_arr(j);
	json__str(j, "hooks_untried", r->hooks_untried);
}

static void json_abis(struct json *j, const struct probe_report *r)
{
	json__open_arr(j, "abis");
	for (size_t i = 0; i < r->abi_cnt; i++) {
		json__open_obj(j, NULL);
		json__str(j, "abi", abi_word(&r->abis[i]));
		json__bool(j, "covered", r->abis[i].covered);
		json__bool(j, "proven", r->abis[i].proven);
		json__str(j, "note", r->abis[i].note);
		json__close_obj(j);
	}
	json__close_arr(j);
}

static void json_all(struct json *j, const struct probe_report *r)
{
	const struct witness_info witnesses = witness_info__of(r->witnesses);
	struct sentences seen = { .cnt = 0 }, unseen = { .cnt = 0 };

	tell_seen(&seen, r);
	tell_unseen(&unseen, r);
	json__open_obj(j, NULL);
	json__str(j, "schema", PROBE_SCHEMA);
	json__str(j, "version", PVMTRACE_VERSION);
	json__str(j, "libbpf", r->libbpf);
	json__str(j, "kernel", r->uts.release);
	json__str(j, "kernel_version", r->uts.version);
	json__str(j, "machine", r->uts.machine);
	json__bool(j, "btf", r->btf);
	json_tristate(j, "ring_buffer", r->ring_buffer);
	json__bool(j, "bpf_task_from_vpid", r->vpid_kfunc);
	json_sysctl(j, "jit", r->jit);
	json__str(j, "cgroup", cgroup_names[r->cgroup]);
	json_rights(j, r);
	json_sandbox(j, r);
	json_hooks(j, r);
	json_abis(j, r);
	json__str(j, "resolve", resolve_name(r->resolve));
	common__confirms(j, &r->confirms, true);
	common__witnesses(j, &witnesses, true);
	json__str(j, "tamper", openings_name(r->openings));
	json__bool(j, "audit", !r->audit_error[0]);
	json__str(j, "audit_error", r->audit_error[0] ? r->audit_error : NULL);
	json__bool(j, "works", !r->status);
	json__u64(j, "exit_status", (uint64_t)r->status);
	json__str(j, "reason", r->status ? r->reason : NULL);
	json_sentences(j, "sees", &seen);
	json_sentences(j, "does_not_see", &unseen);
	json__close_obj(j);
	json__end_line(j);
}

bool probe_print__json(const struct probe_report *r)
{
	struct json j;
	bool ok;

	json__init(&j);
	json_all(&j, r);
	ok = !j.failed;
	if (ok)
		fwrite(j.buf, 1, j.len, stdout);
	json__free(&j);
	return ok;
}
