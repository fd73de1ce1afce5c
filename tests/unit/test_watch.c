/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch - what is told of hooks that fall silent, fire again or are skipped, and what becomes of the run. Switches,
 * audit and what is told are stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "bpf/keys.h"
#include "fake_kernel.h"
#include "watch.h"

static struct tracer fake;
static const struct kernel kernel = { &fake_kernel_ops, &fake };
static bool taking, written, off;
static bool kprobes_written, kprobes_off, kprobes_unknown; /* the switch of all kprobes */
static unsigned int pages_looks;
static bool probing, probes_written, lacks_cpu; /* the audit's */
static uint64_t not_compared;
static struct options options = { .rule_cnt = 1 };
static struct {
	enum error_code code;
	char message[128];
	uint64_t since_ns, until_ns;
} told[8];
static size_t told_cnt;
static struct collector collector = { .options = &options };
static struct report report;
static struct watch w;

bool sysctl__was_written(struct sysctl_watch *f)
{
	bool *of = f == &w.audit_switch	  ? &probes_written
		   : f == &w.kprobes.file ? &kprobes_written
					  : &written;
	bool was = *of;

	*of = false;
	return was;
}

bool sysctl__is_watched(const struct sysctl_watch *f)
{
	return f != &w.kprobes.file || !kprobes_unknown;
}

bool sysctl__watched_is_zero(const struct sysctl_watch *f)
{
	return f == &w.kprobes.file ? kprobes_off : f == &w.ftrace.file && off;
}

void audit__look(struct audit *a)
{
	(void)a;
}

bool audit__fires(struct audit *a)
{
	(void)a;
	return probing;
}

bool audit__lacks_cpu(const struct audit *a)
{
	(void)a;
	return lacks_cpu;
}

uint64_t audit__lost(const struct audit *a)
{
	(void)a;
	return not_compared;
}

bool sysctl__ftrace_is_off(void)
{
	return off;
}

bool collector__look_at_pages(struct collector *c)
{
	(void)c;
	pages_looks++;
	return false;
}

void report__doubt(struct report *r, enum error_code code)
{
	const struct doubt d = { .kind = DOUBT_ERROR, .error = code };

	books__doubt(&r->doubts, &d);
}

int report__error_span(struct report *r, enum error_code code, const char *message,
		       uint64_t since_ns, uint64_t until_ns)
{
	(void)r;
	if (!taking)
		return -EAGAIN;
	assert_true(told_cnt < sizeof(told) / sizeof(told[0]));
	told[told_cnt].code = code;
	strncpy(told[told_cnt].message, message, sizeof(told[0].message) - 1);
	told[told_cnt].since_ns = since_ns;
	told[told_cnt++].until_ns = until_ns;
	return 0;
}

int report__error(struct report *r, enum error_code code, const char *message, uint64_t since_ns)
{
	return report__error_span(r, code, message, since_ns, 0);
}

static void begin_with(bool with_audit)
{
	memset(&report, 0, sizeof(report));
	memset(told, 0, sizeof(told));
	report.collector = &collector;
	fake_kernel__reset(&fake);
	fake.alive[PVM_TARGET] = 1;
	told_cnt = 0;
	written = off = false;
	taking = true;
	kprobes_written = kprobes_off = false;
	probes_written = lacks_cpu = false;
	probing = true;
	not_compared = 0;
	watch__begin(&w, &report, &kernel, with_audit ? (struct audit *)&w : NULL);
	watch__tick(&w);
	assert_int_equal(told_cnt, 0);
}

static void begin(void)
{
	begin_with(false);
}

static void tick(bool fire, bool take)
{
	fake.firing = fire ? FIRING : FIRING_NOT;
	taking = take;
	watch__tick(&w);
}

/* One look is enough, and what is told of it begins with the last good one. */
static void test_one_silent_tick(void **state)
{
	uint64_t good;

	(void)state;
	begin();
	good = w.fired_ns;
	tick(false, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_HOOKS_SILENT);
	assert_true(told[0].since_ns == good && !told[0].until_ns);
	assert_int_equal(report.doubts.all[0].error, ERROR_HOOKS_SILENT);
	tick(false, true);
	assert_int_equal(told_cnt, 1);
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(told[1].code, ERROR_HOOKS_BACK);
	assert_true(told[1].since_ns == good && told[1].until_ns > good);
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(report.doubts.cnt, 1);
	/* A second silence is another one. */
	good = w.fired_ns;
	tick(false, true);
	assert_int_equal(told_cnt, 3);
	assert_true(told[2].since_ns == good);
}

/* The first call of a look is not seen, the second one is: what happened before it nobody saw. */
static void test_silence_that_ends_at_the_look(void **state)
{
	uint64_t good;

	(void)state;
	begin();
	good = w.fired_ns;
	fake.firing = FIRING_AGAIN;
	watch__tick(&w);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(told[0].code, ERROR_HOOKS_SILENT);
	assert_int_equal(told[1].code, ERROR_HOOKS_BACK);
	assert_true(told[1].since_ns == good && told[1].until_ns > good);
	assert_int_equal(report.doubts.cnt, 1);
	assert_int_equal(report.doubts.all[0].error, ERROR_HOOKS_SILENT);
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	/* A full output takes it later. */
	fake.firing = FIRING_AGAIN;
	taking = false;
	watch__tick(&w);
	tick(true, true);
	assert_int_equal(told_cnt, 4);
	assert_int_equal(told[3].code, ERROR_HOOKS_BACK);
}

/* Where each call of a look was passed over, a silence neither begins nor ends. */
static void test_a_look_that_says_nothing(void **state)
{
	uint64_t good;

	(void)state;
	begin();
	good = w.fired_ns;
	fake.firing = FIRING_UNKNOWN;
	watch__tick(&w);
	assert_int_equal(told_cnt, 0);
	assert_true(w.fired_ns == good);
	tick(false, true);
	assert_int_equal(told_cnt, 1);
	assert_true(told[0].since_ns == good);
	fake.firing = FIRING_UNKNOWN;
	watch__tick(&w);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(report.doubts.cnt, 1);
}

/* What could not be told while it lasted is told with its end, and the run is incomplete in any case. */
static void test_silence_while_the_output_is_full(void **state)
{
	uint64_t good;

	(void)state;
	begin();
	good = w.fired_ns;
	tick(false, false);
	assert_int_equal(report.doubts.cnt, 1);
	tick(true, false);
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(told[0].code, ERROR_HOOKS_SILENT);
	assert_true(told[0].since_ns == good && told[0].until_ns > good);
	assert_int_equal(told[1].code, ERROR_HOOKS_BACK);
}

static void test_skips_are_told_as_they_grow(void **state)
{
	(void)state;
	begin();
	fake.skipped = 3;
	tick(true, false);
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_HOOKS_SKIPPED);
	assert_string_equal(
		told[0].message,
		"the kernel passed over the hooks of at most 3 calls, which may be missing");
	fake.skipped = 4;
	tick(true, true);
	assert_int_equal(told_cnt, 2);
}

/* It is told once, as soon as nobody works in its memory and the output takes it; a filter that excludes asks for nobody. */
static void test_processes_end(void **state)
{
	struct filter_value value = { .exclude = true };
	struct filter_list *list = &options.rules[0].filter[PVM_TARGET][FILTER_PID];

	(void)state;
	begin();
	fake.alive[PVM_TARGET] = 0;
	*list = (struct filter_list){ .values = &value, .cnt = 1 };
	tick(true, true);
	assert_int_equal(told_cnt, 0);
	value.exclude = false;
	fake.memory_left = true;
	tick(true, true);
	assert_int_equal(told_cnt, 0);
	fake.memory_left = false;
	tick(true, false);
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_TARGET_GONE);
	*list = (struct filter_list){ 0 };
}

/* It is asked for by one rule of several, whose others go on. */
static void test_processes_of_rules_end(void **state)
{
	struct filter_value value = { .exclude = false };

	(void)state;
	begin();
	fake.alive[PVM_CALLER] = 0;
	options.rules[0].name = "first";
	options.rule_cnt = 2;
	tick(true, true);
	assert_int_equal(told_cnt, 0);
	options.rules[1].filter[PVM_CALLER][FILTER_PID] =
		(struct filter_list){ .values = &value, .cnt = 1 };
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_CALLER_GONE);
	assert_non_null(strstr(told[0].message, "the rules' caller-pid"));
	memset(options.rules, 0, sizeof(options.rules));
	options.rule_cnt = 1;
}

/* What was found of them is told as it is. Of the errors only one costs calls. */
static void test_files_of_filters_are_replaced(void **state)
{
	static const enum error_code codes[] = { ERROR_EXCLUDED_REPLACED, ERROR_WANTED_CHANGED,
						 ERROR_WANTED_REPLACED };

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fake.changed = "--caller-exe: '/x' is another file now";
		fake.changed_code = codes[i];
		tick(true, true);
		tick(true, true);
		assert_int_equal(told_cnt, i + 1);
		assert_int_equal(told[i].code, codes[i]);
		assert_int_equal(error_code_is_harmless(codes[i]),
				 codes[i] != ERROR_WANTED_REPLACED);
	}
}

/* The switch went off and on between two looks: with hooks on functions that hides calls. */
static void test_switch_between_two_looks(void **state)
{
	uint64_t good;

	(void)state;
	begin();
	fake.fentry = fake.confirms.target = true;
	good = w.fired_ns;
	written = true;
	tick(true, false);
	assert_int_equal(report.doubts.all[0].error, ERROR_HOOKS_SILENT);
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_HOOKS_SILENT);
	assert_true(told[0].since_ns >= good && told[0].until_ns > told[0].since_ns);
}

/* A switch that is off for longer is a silence, told once, whatever was written. */
static void test_switch_that_stays_off(void **state)
{
	(void)state;
	begin();
	fake.fentry = written = off = true;
	tick(false, true);
	tick(false, true);
	off = false;
	written = true;
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(told[0].code, ERROR_HOOKS_SILENT);
	assert_int_equal(told[1].code, ERROR_HOOKS_BACK);
}

/* With hooks on every call it costs confirmations, and no call. */
static void test_switch_of_what_confirms(void **state)
{
	(void)state;
	begin();
	written = off = true;
	tick(true, true);
	assert_int_equal(told_cnt, 0);
	fake.confirms.target = written = true;
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_CONFIRMS_SILENT);
	assert_true(fake.ftrace_was_off && told[0].since_ns && !told[0].until_ns);
	written = true;
	off = false;
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(told[1].code, ERROR_CONFIRMS_BACK);
	assert_true(told[1].since_ns == told[0].since_ns && told[1].until_ns > told[1].since_ns);
	assert_int_equal(report.doubts.cnt, 0);
}

/* No call is missed by it where the first hooks see all, but that a witness has not counted any is no comfort any more. */
static void test_switch_of_kprobes(void **state)
{
	(void)state;
	begin();
	fake.confirms.target = true;
	fake.confirms.pages = PAGES_FEXIT;
	tick(true, true);
	assert_false(fake.kprobes_were_off);
	kprobes_written = true;
	tick(true, true);
	assert_true(fake.kprobes_were_off && !fake.ftrace_was_off);
	assert_int_equal(told_cnt, 0);
	assert_int_equal(report.doubts.cnt, 0);
}

/* So is one that went off and on between two looks. */
static void test_switch_of_kprobes_that_confirm(void **state)
{
	uint64_t good;

	(void)state;
	begin();
	fake.confirms.pages = PAGES_KPROBE;
	good = w.fired_ns;
	kprobes_written = kprobes_off = true;
	tick(true, false);
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_CONFIRMS_SILENT);
	assert_true(told[0].since_ns >= good && !told[0].until_ns);
	assert_non_null(strstr(told[0].message, KPROBES_SWITCH));
	kprobes_off = false;
	kprobes_written = true;
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(told[1].code, ERROR_CONFIRMS_BACK);
	assert_true(told[1].since_ns == told[0].since_ns && told[1].until_ns > told[1].since_ns);
	kprobes_written = true;
	tick(true, true);
	assert_int_equal(told_cnt, 3);
	assert_int_equal(told[2].code, ERROR_CONFIRMS_BACK);
	assert_true(told[2].since_ns > told[1].since_ns && told[2].until_ns > told[2].since_ns);
}

/* It is off when the hooks have just been attached, or for all that is known. */
static void test_switch_of_kprobes_at_the_start(void **state)
{
	(void)state;
	kprobes_unknown = true;
	begin();
	kprobes_unknown = false;
	assert_true(fake.kprobes_were_off);
	begin();
	assert_false(fake.kprobes_were_off);
	fake.confirms.pages = PAGES_KPROBE;
	kprobes_off = true;
	watch__begin(&w, &report, &kernel, NULL);
	tick(true, true);
	assert_true(fake.kprobes_were_off);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_CONFIRMS_SILENT);
}

/* The audit's probes are looked at like the hooks: off for a while, and for a moment between two looks. */
static void test_audit_falls_silent(void **state)
{
	uint64_t good;

	(void)state;
	begin_with(true);
	good = w.audit_fired_ns;
	probing = false;
	probes_written = true;
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_AUDIT_SILENT);
	assert_true(told[0].since_ns == good && !told[0].until_ns);
	assert_int_equal(report.doubts.all[0].error, ERROR_AUDIT_SILENT);
	probing = true;
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 2);
	assert_int_equal(told[1].code, ERROR_AUDIT_BACK);
	assert_true(told[1].since_ns == good && told[1].until_ns > good);
	good = w.audit_fired_ns;
	probes_written = true;
	tick(true, false);
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 3);
	assert_int_equal(told[2].code, ERROR_AUDIT_SILENT);
	assert_true(told[2].since_ns == good && told[2].until_ns > good);
}

/* It is told once, and also if they are as many as before by the time that the output takes it. */
static void test_audit_lacks_a_cpu(void **state)
{
	(void)state;
	begin_with(true);
	lacks_cpu = true;
	tick(true, false);
	lacks_cpu = false;
	tick(true, true);
	lacks_cpu = true;
	/* The tracer's own call is on that CPU. */
	probing = false;
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_AUDIT_SILENT);
	assert_true(told[0].since_ns && !told[0].until_ns);
	assert_int_equal(report.doubts.all[0].error, ERROR_AUDIT_SILENT);
}

static void test_audit_cannot_compare(void **state)
{
	(void)state;
	begin_with(true);
	not_compared = 3;
	tick(true, false);
	tick(true, true);
	tick(true, true);
	assert_int_equal(told_cnt, 1);
	assert_int_equal(told[0].code, ERROR_AUDIT_LOST);
	not_compared = 4;
	tick(true, true);
	assert_int_equal(told_cnt, 2);
}

/* Whether pages of calls may have gone by unseen is asked for at each look. */
static void test_pages_lack(void **state)
{
	unsigned int before;

	(void)state;
	begin();
	before = pages_looks;
	tick(true, true);
	tick(true, true);
	assert_int_equal(pages_looks, before + 2);
}

/* Either is told once, and as soon as there is room. */
static void test_tampered_and_stalled(void **state)
{
	(void)state;
	begin();
	fake.tampered = "somebody did";
	tick(true, true);
	watch__stalled(&w, 7 * NS_PER_S);
	tick(true, false);
	tick(true, true);
	tick(true, true);
	assert_true(told_cnt == 2 && told[0].code == ERROR_TAMPERED);
	assert_true(told[1].code == ERROR_STALLED && strstr(told[1].message, "7000 ms"));
	assert_int_equal(told[1].until_ns - told[1].since_ns, 7 * NS_PER_S);
	assert_true(report.doubts.cnt == 1 && report.doubts.all[0].error == ERROR_TAMPERED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_silent_tick),
		cmocka_unit_test(test_silence_that_ends_at_the_look),
		cmocka_unit_test(test_a_look_that_says_nothing),
		cmocka_unit_test(test_silence_while_the_output_is_full),
		cmocka_unit_test(test_switch_between_two_looks),
		cmocka_unit_test(test_switch_that_stays_off),
		cmocka_unit_test(test_switch_of_what_confirms),
		cmocka_unit_test(test_switch_of_kprobes),
		cmocka_unit_test(test_switch_of_kprobes_that_confirm),
		cmocka_unit_test(test_switch_of_kprobes_at_the_start),
		cmocka_unit_test(test_skips_are_told_as_they_grow),
		cmocka_unit_test(test_processes_end),
		cmocka_unit_test(test_processes_of_rules_end),
		cmocka_unit_test(test_files_of_filters_are_replaced),
		cmocka_unit_test(test_audit_falls_silent),
		cmocka_unit_test(test_audit_lacks_a_cpu),
		cmocka_unit_test(test_audit_cannot_compare),
		cmocka_unit_test(test_pages_lack),
		cmocka_unit_test(test_tampered_and_stalled),
	};

	log__setup(true, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
