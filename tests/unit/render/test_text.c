/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "own_record.h"
#include "random_call.h"
#include "render/text_line.h"

#define ROUNDS 1500
#define ELLIPSIS "\xe2\x80\xa6"
#define ARROW "\xe2\x86\x92"

static const struct render_opts colored = { .iov_limit = 32, .max_line = 8000, .color = true };

static void render(const struct record *r, const struct render_opts *o)
{
	render_in(FORMAT_TEXT, r, o);
	assert_true(rendering.len > 0 && rendering.len <= o->max_line);
}

static void expect(const struct record *r, const char *line)
{
	render(r, &rendering_defaults);
	rendering__expect(line);
}

static void expect_has(const struct record *r, const char *part)
{
	render(r, &rendering_defaults);
	if (!memmem(rendering.buf, rendering.len, part, strlen(part)))
		fail_msg("'%s' is not in %.*s", part, (int)rendering.len, rendering.buf);
}

static void test_call(void **state)
{
	struct sample *s = sample__new();
	struct call_info *c = &s->r.call;

	(void)state;
	expect(&s->r,
	       "19:28:11.123 dumper(4242)      " ARROW " httpd(991)        read       4096 ok      "
	       "uid=1000 0x55d0c0de0000+4096         other container, other user, by CAP_SYS_PTRACE");
	c->same_uid = c->same_user = c->same_container = YES;
	c->access.by = ACCESS_BY_USER;
	expect(&s->r,
	       "19:28:11.123 dumper(4242)      " ARROW " httpd(991)        read       4096 ok      "
	       "uid=1000 0x55d0c0de0000+4096");
	s->f.call.op = PVM_WRITE;
	c->requested = 1 << 20;
	c->partial = YES;
	c->remote.captured = 12;
	s->iov[1][0].len = 0;
	s->iov[1][1] = (struct iov_elem){ 0xffffffffff600000, 1 << 20 };
	expect(&s->r,
	       "19:28:11.123 dumper(4242)      " ARROW " httpd(991)        write   4096/1M ok      "
	       "uid=1000 0xffffffffff600000+1M (+11) partial");
	free(s);
}

static void test_memory(void **state)
{
	struct sample *s = sample__new();
	struct call_info *c = &s->r.call;

	(void)state;
	sample__borrow(s);
	c->same_uid = c->same_container = YES;
	expect_has(&s->r, ARROW " httpd(991)" ARROW "memory of victim(99) read 4096 ok ");
	expect_has(&s->r, " set-id\n");
	c->same_user = YES;
	c->same_memory = YES;
	expect_has(&s->r, "same memory\n");
	s->f.call.kinship = PVM_KIN_SELF;
	expect_has(&s->r, " self\n");
	free(s);
}

static void test_failure(void **state)
{
	struct sample *s = sample__new();
	struct call_info *c = &s->r.call;

	(void)state;
	rendering__set_relation(s, UNKNOWN);
	c->outcome = PVM_FAILED;
	c->error = "EPERM";
	c->ret = -1;
	c->transferred = 0;
	expect_has(&s->r, "read     0/4096 EPERM   uid=1000 0x55d0c0de0000+4096         denied\n");
	c->outcome = PVM_UNKNOWN;
	c->error = NULL;
	c->ret_known = c->transferred_known = false;
	s->f.call.phase = PVM_IN_FLIGHT;
	expect_has(&s->r, "read     ?/4096 ?       uid=1000 0x55d0c0de0000+4096         parked\n");
	s->f.call.phase = PVM_ORPHAN;
	c->requested_known = false;
	c->target.task = NULL;
	c->target_arg = -5;
	c->remote.captured = 0;
	c->remote.status = LIST_FAULT;
	expect_has(&s->r, ARROW " ?(-5)             read        ?/? ?       "
				"uid=1000 unreadable                  orphan, unreadable\n");
	s->f.call.kind = PVM_KIND_PIDFD;
	c->flags = 1;
	c->target_arg = 7;
	expect_has(&s->r, ARROW " ?(fd 7) ");
	expect_has(&s->r, "pidfd\n");
	free(s);
}

static void test_flags(void **state)
{
	struct sample *s = sample__new();
	struct call_info *c = &s->r.call;

	(void)state;
	c->local.changed = YES;
	c->local.status = LIST_LATE;
	c->remote.status = LIST_PARTIAL;
	s->f.call.abi = PVM_ABI_I386;
	s->f.call.phase = PVM_UNFINISHED;
	s->f.call.kinship = PVM_KIN_PARENT;
	s->f.call.flags = PVM_CALL_TARGET_MOVED;
	s->f.call.caller.flags |= PVM_TASK_EXE_DELETED;
	expect_has(
		&s->r,
		" changed, moved, other container, other user, by CAP_SYS_PTRACE, i386, unfinished, parent, late, "
		"partly unreadable, deleted exe\n");
	c->remote.status = LIST_LOST;
	c->local.status = LIST_INVALID;
	s->f.call.abi = PVM_ABI_X32;
	s->f.call.kinship = PVM_KIN_SELF;
	expect_has(&s->r, " x32, unfinished, self, invalid count, not kept, deleted exe\n");
	free(s);
}

static void test_summary(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	sample__summarise(s);
	expect(&s->r,
	       "19:28:11.123 dumper(4242)      " ARROW " httpd(991)        read        28K ok      "
	       "uid=1000 (7 calls in 1500 ms: 2 EPERM, 5 EFAULT) list changed 0x1000-0x7fffffffefff "
	       "other container, other user");
	s->r.summary.range_known = false;
	rendering__set_relation(s, UNKNOWN);
	s->r.call.outcome = PVM_FAILED;
	s->r.summary.bytes = 0;
	s->r.summary.calls = 1;
	s->r.summary.error_cnt = 0;
	s->r.summary.changed = NO;
	s->r.summary.last_ns = s->r.summary.first_ns - 1;
	expect_has(&s->r, "read          0 failed  uid=1000 (1 call in 0 ms)\n");
	s->r.call.outcome = PVM_UNKNOWN;
	s->r.summary.sums_known = false;
	s->r.call.target.task = NULL;
	s->r.call.target_arg = -5;
	expect_has(&s->r,
		   ARROW " ?(-5)             read          ? ?       uid=1000 (1 call in 0 ms)\n");
	free(s);
}

/* It shows what all calls of a sum have in common, and how many of them came by another ABI; nothing that is the first one's
 * alone. On a narrow terminal that stands before the range. */
static void test_flags_of_a_summary(void **state)
{
	struct render_opts narrow = { .iov_limit = 32, .max_line = 8000, .width = 119 };
	static const char flags[] = " 5 i386, other container, other user, parent, ";
	struct sample *s = sample__new();

	(void)state;
	sample__summarise(s);
	s->r.summary.abi_cnt = 2;
	s->r.summary.abis[0] = (struct abi_count){ PVM_ABI_I386, 5 };
	s->r.summary.abis[1] = (struct abi_count){ PVM_ABI_ARM64, 2 };
	s->f.call.abi = PVM_ABI_X32;
	s->f.call.kinship = PVM_KIN_PARENT;
	s->f.call.flags = PVM_CALL_TARGET_MOVED;
	s->f.call.phase = PVM_ORPHAN;
	s->f.call.caller.flags |= PVM_TASK_EXE_DELETED;
	expect_has(
		&s->r,
		" 0x1000-0x7fffffffefff 5 i386, other container, other user, parent, deleted exe\n");
	render(&s->r, &narrow);
	assert_non_null(memmem(rendering.buf, rendering.len, flags, strlen(flags)));
	free(s);
}

/* These are rules of the terminal: what a name may not do there. */
static void test_names(void **state)
{
	/* NOLINTBEGIN(misc-misleading-bidirectional): that is what they are here for */
	static const struct {
		const char *comm, *shown;
	} names[] = {
		{ "tmux: server", "tmux: server(" },
		{ "\x1b[31mx", "\\x1b[31mx(" },
		{ "a\nb\x7f\tc", "a\\x0ab\\x7f\\x09c(" },
		{ "\\x1b", "\\\\x1b(" },
		{ "\xc2\x9b"
		  "31m",
		  "\\u{9b}31m(" },
		{ "\xff\xc0\x80", "\\xff\\xc0\\x80(" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80(" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80(" },
		{ "\xe2\x80\xae"
		  "gpj",
		  "\\u{202e}gpj(" },
		{ "a\xe2\x81\xa6"
		  "b\xe2\x80\x8b",
		  "a\\u{2066}b\\u{200b}(" },
		{ "\xef\xbb\xbf"
		  "a\xe2\x80\x8e",
		  "\\u{feff}a\\u{200e}(" },
		{ "\xd7\x90(1) ", "\\u{5d0}(1) (" },
		{ "a(1) " ARROW " b", "a(1) \\u{2192} b(" },
		{ "b\xc3\xa4r\xe7\x86\x8a", "b\xc3\xa4r\xe7\x86\x8a(" },
		{ "cut\xe4\xb8", "cut\\xe4\\xb8(" },
	};
	/* NOLINTEND(misc-misleading-bidirectional) */
	struct sample *s = sample__new();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(s->f.call.caller.comm, 0, PVM_COMM_SZ);
		memcpy(s->f.call.caller.comm, names[i].comm, strnlen(names[i].comm, PVM_COMM_SZ));
		expect_has(&s->r, names[i].shown);
	}
	free(s);
}

/* These characters show nothing, or change what is beside them: Unicode's Cc, Cf, Zl, Zp and Co, its blanks but the space,
 * marks that combine, fillers and selectors of variants. */
static const struct {
	uint32_t first, last;
} unseen[] = {
	{ 0x1, 0x1f },	      { 0x7f, 0xa0 },	      { 0xad, 0xad },	    { 0x300, 0x36f },
	{ 0x483, 0x489 },     { 0x600, 0x605 },	      { 0x61c, 0x61c },	    { 0x6dd, 0x6dd },
	{ 0x70f, 0x70f },     { 0x8e2, 0x8e2 },	      { 0x115f, 0x1160 },   { 0x1680, 0x1680 },
	{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f },     { 0x1ab0, 0x1aff },   { 0x1dc0, 0x1dff },
	{ 0x2000, 0x200f },   { 0x2028, 0x202f },     { 0x205f, 0x206f },   { 0x20d0, 0x20f0 },
	{ 0x2800, 0x2800 },   { 0x3000, 0x3000 },     { 0x302a, 0x302f },   { 0x3099, 0x309a },
	{ 0x3164, 0x3164 },   { 0xe000, 0xf8ff },     { 0xfe00, 0xfe0f },   { 0xfe20, 0xfe2f },
	{ 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },     { 0xfff0, 0xffff },   { 0x110bd, 0x110bd },
	{ 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },   { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
	{ 0xf0000, 0xf00ff }, { 0x10ff00, 0x10ffff },
};

static size_t encode(uint32_t c, char *out)
{
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = len; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[len] | c);
	return len;
}

static void test_what_does_not_show(void **state)
{
	struct sample *s = sample__new();
	char comm[PVM_COMM_SZ], shown[32];

	(void)state;
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++) {
		for (uint32_t c = unseen[i].first; c <= unseen[i].last; c++) {
			memset(comm, 0, sizeof(comm));
			comm[0] = 'a';
			comm[1 + encode(c, comm + 1)] = 'b';
			memcpy(s->f.call.caller.comm, comm, sizeof(comm));
			snprintf(shown, sizeof(shown), c < 0x80 ? " a\\x%02xb(" : " a\\u{%x}b(",
				 (unsigned int)c);
			expect_has(&s->r, shown);
			assert_false(text__all_show(comm));
		}
	}
	assert_true(text__all_show("a \\ b\xc3\xa4r"));
	assert_false(text__all_show("cut\xe4\xb8"));
	free(s);
}

static void test_own(void **state)
{
	static const char *const lines[OWN_RECORDS] = {
		"19:28:11.123 -- start: pvmtrace 0.1.0 on web1, Linux 6.1.0-40-amd64 x86_64, "
		"2026-11-21 UTC+0000, sees x86_64 i386 (not proven) --caller-comm !stra\"ce --op read "
		"--outcome failure; hooks can be preempted, witnesses: kprobe.multi, kretprobe.multi, which see "
		"calls on a CPU where another task is preempted in our hook: where they begin and end; what can go by: "
		"a call while, on its CPU, one task is preempted in our hook and another in a map operation of bpf(2): "
		"counted (skipped_runs); with tracepoint, uncounted, one that reaches no function of the calls on a CPU "
		"where another task is preempted in our hook; CAP_BPF \\xff kept",
		"19:28:11.123 -- reopen: a new file of run " FIXTURE_RUN_ID " on web1",
		"19:28:11.123 -- stats: seen 10, emitted 7, filtered 3, lost 0, begun 10, "
		"ended 18446744073709551615, self_tests 2, in flight 5",
		"19:28:11.123 -- lost: 10 calls since 19:28:10.123 (seen 10, emitted 7)",
		"19:28:11.123 -- error: hooks_silent: say \"why\" (since 19:28:11.123)",
		"19:28:11.123 -- stop: SIGTERM, incomplete (hooks_silent): seen 10, emitted 7, filtered 3, lost 0, "
		"begun 10, ended 18446744073709551615, self_tests 2, in flight 5",
	};
	struct own_records own;

	(void)state;
	own_records__fill(&own);
	for (size_t i = 0; i < OWN_RECORDS; i++)
		expect(&own.r[i], lines[i]);
	own.r[4].error.until_ns = START_NS + 1000000000;
	expect_has(&own.r[4], " (since 19:28:11.123 until 19:28:12.123)");
	own.r[5].stop.complete = true;
	own.r[5].stop.incomplete_cnt = 0;
	own.r[5].stop.signal = NULL;
	own.r[5].stop.reason = END_DURATION;
	expect_has(&own.r[5], "stop: duration, complete: ");
	own.r[5].stop.complete = own.r[5].stop.balanced = false;
	expect_has(&own.r[5], "stop: duration, books do not balance: ");
	own.r[0].start.note_cnt = own.r[0].start.abi_cnt = 0;
	own.r[0].start.options = NULL;
	own.r[0].start.witnesses = witness_info__of(WITNESS_KNOWN | WITNESS_NEEDED);
	expect_has(
		&own.r[0],
		"; hooks can be preempted, witnesses: none; what can go by: a call on a CPU "
		"where another task is preempted in our hook: counted (skipped_runs); with tracepoint, "
		"uncounted, one that reaches no function of the calls on a CPU where another "
		"task is preempted in our hook\n");
	own.r[0].start.witnesses = witness_info__of(WITNESS_KNOWN);
	expect_has(&own.r[0], "2026-11-21 UTC+0000\n");
}

static void test_amount(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} amounts[] = {
		{ 0, "0" },
		{ 9999, "9999" },
		{ 10000, "10000" },
		{ 10240, "10K" },
		{ 65537, "65537" },
		{ 99999, "99999" },
		{ 100000, "97.6K" },
		{ 1 << 20, "1M" },
		{ (1 << 20) + 1, "1.0M" },
		{ 1025 << 10, "1025K" },
		{ 10241 << 10, "10.0M" },
		{ (1 << 20) - 1, "1023.9K" },
		{ 9007199254740991, "7.9P" },
		{ UINT64_MAX, "15.9E" },
		{ 1ULL << 63, "8E" },
	};
	char text[TEXT_AMOUNT_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
		assert_int_equal(text__amount(text, amounts[i].bytes), strlen(amounts[i].text));
		assert_string_equal(text, amounts[i].text);
	}
}

/* Decodes the line as the strictest terminal would. Fails if it holds anything but characters that
 * take up room, colours of ours, and one LF at its end. Returns its columns. */
static unsigned int columns_of(const struct render_opts *o)
{
	const char *at = rendering.buf, *end = rendering.buf + rendering.len - 1;
	unsigned int cols = 0;
	mbstate_t shift = { 0 };
	wchar_t c;

	assert_int_equal(*end, '\n');
	while (at < end) {
		size_t n;

		if (*at == '\033') {
			assert_true(o->color);
			assert_int_equal(at[1], '[');
			n = 2 + strspn(at + 2, "0123456789;");
			assert_int_equal(at[n], 'm');
			at += n + 1;
			continue;
		}
		n = mbrtowc(&c, at, (size_t)(end - at), &shift);
		assert_true(n > 0 && n <= 4);
		if (wcwidth(c) < 1)
			fail_msg("U+%04x in %.*s", (unsigned int)c, (int)rendering.len,
				 rendering.buf);
		assert_false((c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
			     (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || c == 0x61c);
		cols += (unsigned int)wcwidth(c);
		at += n;
	}
	return cols;
}

static bool is_cut(const struct render_opts *o)
{
	size_t end = rendering.len - 1 - (o->color ? strlen("\033[0m") : 0);

	return end >= 3 && !memcmp(rendering.buf + end - 3, ELLIPSIS, 3);
}

static void check_line(const struct record *r, const struct render_opts *o)
{
	unsigned int cols;

	render(r, o);
	cols = columns_of(o);
	assert_true(!o->width || cols <= o->width);
	if (o->color)
		assert_memory_equal(rendering.buf + rendering.len - 5, "\033[0m\n", 5);
	if (memmem(rendering.buf, rendering.len, ELLIPSIS, 3))
		assert_true(is_cut(o));
}

static void random_line(const struct record *r)
{
	static const uint32_t limits[] = { 0, 1, 32, UINT32_MAX };
	struct render_opts o = {
		.iov_limit = limits[fixture__below(4)],
		.max_line = 1024 + fixture__below(200),
		.width = fixture__below(2) ? 0 : 1 + fixture__below(200),
		.color = fixture__below(2),
	};

	check_line(r, &o);
}

static void test_random(void **state)
{
	(void)state;
	fixture__seed(6);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct sample *s = sample__new();

		if (i % 3)
			random_call(s);
		else
			random_summary(s);
		s->f.call.abi = (uint8_t)(1 + fixture__below(5));
		s->f.call.phase = (uint8_t)(1 + fixture__below(4));
		s->f.call.kinship = (uint8_t)fixture__below(4);
		for (int n = 0; n < 4; n++)
			random_line(&s->r);
		free(s);
	}
}

/* It takes every character there is. */
static void test_every_char(void **state)
{
	struct sample *s = sample__new();
	struct render_opts o = rendering_defaults;

	(void)state;
	for (wchar_t c = 1; c <= 0x10ffff; c += c < 0x20000 ? 1 : 61) {
		mbstate_t shift = { 0 };
		char bytes[16];
		size_t len = wcrtomb(bytes, c, &shift);

		if (len == (size_t)-1)
			continue;
		memset(s->f.call.caller.comm, 0, PVM_COMM_SZ);
		memcpy(s->f.call.caller.comm, bytes, len);
		render(&s->r, &o);
		(void)columns_of(&o);
	}
	free(s);
}

/* A message of any length is cut at each limit, at the width and at the byte. */
static void test_long(void **state)
{
	char text[3000];
	struct own_records own;
	struct record *r = &own.r[4];

	(void)state;
	own_records__fill(&own);
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, i % 3 ? "\xc3\xa4" : "x\x01", 2);
	text[sizeof(text) - 2] = '\0';
	r->error.message = text;
	for (unsigned int i = 0; i < 300; i++) {
		struct render_opts o = { .max_line = 1024 + i, .color = i & 1 };

		check_line(r, &o);
		assert_true(is_cut(&o) && rendering.len + 4 > o.max_line - 4);
		o.width = i + 1;
		check_line(r, &o);
		assert_true(is_cut(&o));
	}
}

static void test_width(void **state)
{
	struct render_opts o = { .iov_limit = 32, .max_line = 8000, .width = 80 };
	struct sample *s = sample__new();
	unsigned int whole;

	(void)state;
	render(&s->r, &o);
	rendering__expect("19:28:11.123 dumper(4242)  " ARROW " httpd(991)    read     4096 ok     "
			  "other container" ELLIPSIS);
	o.width = 200;
	render(&s->r, &o);
	whole = columns_of(&o);
	o.width = whole;
	render(&s->r, &o);
	assert_false(is_cut(&o));
	o.width = whole - 1;
	render(&s->r, &o);
	assert_true(is_cut(&o));
	assert_int_equal(columns_of(&o), whole - 1);
	free(s);
}

static void test_color(void **state)
{
	struct sample *s = sample__new();

	(void)state;
	render(&s->r, &rendering_defaults);
	assert_null(memchr(rendering.buf, '\033', rendering.len));
	render(&s->r, &colored);
	rendering__expect(
		"\033[2m19:28:11.123\033[0m dumper(4242)      " ARROW " httpd(991)        "
		"read       4096 \033[32mok\033[0m      uid=1000 0x55d0c0de0000+4096"
		"         \033[36mother container, other user, by CAP_SYS_PTRACE\033[0m\033[0m");
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_amount),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_every_char),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_flags_of_a_summary),
		cmocka_unit_test(test_what_does_not_show),
	};

	setenv("TZ", "UTC", 1);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		fputs("no locale C.UTF-8\n", stderr);
	return cmocka_run_group_tests(tests, NULL, rendering__teardown);
}
