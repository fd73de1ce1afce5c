/* SPDX-License-Identifier: Apache-2.0 */
/* test_skips - the bound of calls that can be missing, and with it when a run is not complete: the rule as a table, and
 * against calls that are played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "books.h"
#include "bpf/control.h"
#include "event/witness_info.h"
#include "fixture.h"
#include "kernel/skips.h"

#define MULTI (WITNESS_MULTI | WITNESS_RETURNS)
#define OLD (WITNESS_MULTI | WITNESS_END) /* up to 6.12 returns come from a pool */
#define TRACEPOINT .fentry = false, .beside = true
#define FENTRY .fentry = true, .beside = true
#define COUNTED .counted = true

static const struct {
	const char *what;
	struct skips skips;
	uint64_t missing;
} table[] = {
	{ "nothing was skipped", { TRACEPOINT, COUNTED, .bounding = MULTI }, 0 },
	{ "tracepoints alone: one half of a call is enough",
	  { .entries = 12000, .exits = 9000 },
	  9000 },
	{ "and none without the other", { .entries = 12000 }, 0 },
	{ "fentry alone: nothing is told without the entry",
	  { .fentry = true, .entries = 5, .exits = 0 },
	  5 },
	{ "fentry alone, exits: the entry was seen", { .fentry = true, .exits = 7 }, 0 },
	/* Skipped runs of the first hooks are mostly other system calls': while the witnesses' stand still all is well. */
	{ "witnesses skipped nothing",
	  { TRACEPOINT, COUNTED, .bounding = MULTI, .entries = 12000, .exits = 9000 },
	  0 },
	{ "where calls begin, but not where they return",
	  { TRACEPOINT, COUNTED, .bounding = MULTI, .entries = 90, .exits = 90, .begins = 3 },
	  0 },
	{ "where they return, but not where they begin",
	  { TRACEPOINT, COUNTED, .bounding = MULTI, .entries = 90, .exits = 90, .returns = 3 },
	  0 },
	{ "both, and the first hooks",
	  { TRACEPOINT, COUNTED, .bounding = MULTI, .entries = 90, .exits = 80, .begins = 4,
	    .returns = 3 },
	  3 },
	{ "both, but not the first hook at the end",
	  { TRACEPOINT, COUNTED, .bounding = MULTI, .entries = 90, .begins = 4, .returns = 3 },
	  0 },
	{ "the first hooks fewer than both",
	  { TRACEPOINT, COUNTED, .bounding = MULTI, .entries = 90, .exits = 2, .begins = 4,
	    .returns = 3 },
	  2 },
	/* What an earlier hook took these pass by themselves, unskipped. */
	{ "quick: a begin that was not skipped is no proof",
	  { TRACEPOINT, COUNTED, .quick = true, .bounding = MULTI, .entries = 9, .exits = 8,
	    .returns = 7 },
	  7 },
	{ "quick: the tracepoint's entry looks at each call",
	  { TRACEPOINT, COUNTED, .quick = true, .bounding = MULTI, .exits = 8, .begins = 6,
	    .returns = 7 },
	  0 },
	{ "quick with fentry: its entry looks at each call",
	  { FENTRY, COUNTED, .quick = true, .bounding = MULTI, .exits = 8, .returns = 7 },
	  0 },
	{ "kprobes and raw_syscalls, both",
	  { TRACEPOINT, COUNTED, .bounding = WITNESS_KPROBE | WITNESS_END, .entries = 9, .exits = 9,
	    .begins = 2, .ends = 5 },
	  2 },
	{ "kprobes and raw_syscalls, one of them",
	  { TRACEPOINT, COUNTED, .bounding = WITNESS_KPROBE | WITNESS_END, .entries = 9, .exits = 9,
	    .ends = 5 },
	  0 },
	{ "a count of what is not in force or was switched off says nothing",
	  { TRACEPOINT, COUNTED, .bounding = WITNESS_END, .entries = 9, .exits = 9, .begins = 0,
	    .returns = 0, .ends = 5 },
	  5 },
	{ "none is left that says something",
	  { TRACEPOINT, COUNTED, .bounding = 0, .entries = 9, .exits = 8 },
	  8 },
	{ "fentry with a witness where calls begin: the exit is told without an entry",
	  { FENTRY, COUNTED, .bounding = WITNESS_MULTI, .entries = 9, .exits = 8, .begins = 8 },
	  8 },
	{ "the same, and the begins were all seen",
	  { FENTRY, COUNTED, .bounding = WITNESS_MULTI, .entries = 9, .exits = 8 },
	  0 },
	{ "the kernel does not count witnesses (before 6.7)",
	  { TRACEPOINT, .bounding = OLD, .entries = 9, .exits = 8 },
	  8 },
	/* It is not known of which calls those were that it saw. */
	{ "what permits accesses takes nothing off",
	  { TRACEPOINT, COUNTED, .bounding = MULTI | WITNESS_PERMIT, .entries = 90, .exits = 80,
	    .begins = 4, .returns = 3 },
	  3 },
	{ "nor is it enough alone",
	  { TRACEPOINT, COUNTED, .bounding = WITNESS_PERMIT, .entries = 9, .exits = 8 },
	  8 },
};

static void expect_complete(const char *what, uint64_t skipped)
{
	const struct books_user user = { .emitted = 7, .skipped_runs = skipped };
	const struct pvm_counts kernel = { .n = { [PVM_C_SEEN] = 7, [PVM_C_SUBMITTED] = 7 } };
	struct doubt reasons[BOOKS_REASONS];
	const struct doubts none = { .cnt = 0 };
	struct books b;
	size_t cnt;

	books__fill(&b, &kernel, &user);
	cnt = books__incomplete(&b, &none, reasons);
	if (cnt != (skipped != 0) || (cnt && reasons[0].error != ERROR_HOOKS_SKIPPED))
		fail_msg("%s: %zu reasons", what, cnt);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint64_t found = skips__bound(&table[i].skips);

		if (found != table[i].missing)
			fail_msg("%s: %llu instead of %llu", table[i].what,
				 (unsigned long long)found, (unsigned long long)table[i].missing);
		expect_complete(table[i].what, found);
	}
}

/* This is a thread that calls, as far as hooks that are quick (bpf/here.h) know. */
struct thread {
	bool inside; /* a call of its was taken, and no hook at an end has looked at it */
	bool awaited; /* one but the last hook at an end has looked at its call, and the last has not */
};

enum hook { ENTRY, BEGIN, RETURN, EXIT, END, HOOKS };

/* These are the hooks in the order of a call: where the witnesses are around the first ones (fentry), none is quick. */
static const enum hook orders[][HOOKS] = {
	{ ENTRY, BEGIN, RETURN, EXIT, END },
	{ BEGIN, ENTRY, EXIT, RETURN, END },
};

static bool is_there(const struct skips *s, enum hook hook)
{
	if (hook == BEGIN)
		return s->bounding & (WITNESS_MULTI | WITNESS_KPROBE);
	if (hook == RETURN)
		return s->bounding & WITNESS_RETURNS;
	return hook != END || s->bounding & WITNESS_END;
}

/* Returns whether a hook runs, but by what is known of its thread there is nothing to do for it. last: of the hooks of this
 * call. */
static bool goes_by(const struct skips *s, const struct thread *t, enum hook hook, bool last)
{
	if (!s->quick)
		return false;
	if (hook == BEGIN)
		return t->inside && !s->exact;
	return last && t->awaited;
}

static void look(struct thread *t, enum hook hook, bool last)
{
	t->inside = hook == ENTRY || hook == BEGIN;
	t->awaited = !t->inside && !last;
}

/* Plays one call, at which each hook's run is skipped or not: percent says how often. Returns true if it is missing. One
 * that goes by it says nothing of it. */
static bool play(struct skips *s, struct thread *t, const uint64_t *percent)
{
	const enum hook *order = orders[s->fentry && !s->quick];
	uint64_t *const counts[HOOKS] = { &s->entries, &s->begins, &s->returns, &s->exits,
					  &s->ends };
	bool told = false;

	for (size_t i = 0; i < HOOKS; i++) {
		const enum hook hook = order[i];
		const bool last = hook == EXIT;

		if (!is_there(s, hook))
			continue;
		if (fixture__random() % 100 < percent[hook]) {
			++*counts[hook];
		} else if (goes_by(s, t, hook, last)) {
			t->awaited &= !last;
		} else if (!s->fentry || s->beside || hook == ENTRY) {
			look(t, hook, last);
			told = true;
		}
	}
	return !told;
}

static void expect_bound(const struct skips *s, int round, uint64_t missing)
{
	if (skips__bound(s) < missing)
		fail_msg("round %d: %llu are missing, and it says %llu at most", round,
			 (unsigned long long)missing, (unsigned long long)skips__bound(s));
}

static void test_calls_that_are_played(void **state)
{
	static const uint8_t sets[] = { 0,	     MULTI,
					OLD,	     WITNESS_MULTI,
					WITNESS_END, WITNESS_KPROBE | WITNESS_END };
	uint64_t all = 0, by_quick = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct skips s = { .fentry = round & 1, .counted = !!(round & 2) };
		struct thread thread = { .inside = false };
		uint64_t percent[HOOKS];
		uint64_t missing = 0;

		s.bounding = sets[(size_t)(round / 4) % sizeof(sets)];
		s.beside = s.bounding != 0;
		/* Where returns are seen, they are, unless the witnesses are around. */
		s.quick = s.bounding & WITNESS_RETURNS && !(s.fentry && fixture__random() % 2);
		s.exact = s.quick && fixture__random() % 4 == 0;
		/* Each has a guard of its own. */
		for (int i = 0; i < HOOKS; i++)
			percent[i] = fixture__random() % 100;
		for (int i = 0; i < 50; i++)
			missing += play(&s, &thread, percent);
		expect_bound(&s, round, missing);
		all += missing;
		/* What went by unskipped is no proof: without the exception for such hooks the bound would be too low. */
		by_quick += s.quick && s.counted && s.begins < missing;
	}
	assert_true(all > 10000);
	assert_true(by_quick > 10);
}

/* Returns of threads without a shadow stack are not seen, and not counted. */
static void test_a_thread_without_a_shadow_stack(void **state)
{
	const struct skips at = { TRACEPOINT,	 COUNTED,     .quick = true, .bounding = MULTI,
				  .entries = 40, .exits = 30, .begins = 5,   .returns = 0 };
	struct skips now = at;

	(void)state;
	assert_int_equal(skips__bound(&at), 0);
	/* Until it was found, the first hooks alone say how many are missing. */
	now.stackless = now.exact = true;
	now.begins = 0; /* of another program */
	assert_int_equal(skips__bound_since(&at, &now), 30);
	/* From then on what sees each call begin says it too, and returns do not. */
	now.entries += 100;
	now.exits += 50;
	assert_int_equal(skips__bound_since(&at, &now), 30);
	now.begins += 3;
	assert_int_equal(skips__bound_since(&at, &now), 33);
	now.exact = false;
	assert_int_equal(skips__bound_since(&at, &now), 30 + 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_calls_that_are_played),
		cmocka_unit_test(test_a_thread_without_a_shadow_stack),
	};

	return cmocka_run_group_tests_name("skips", tests, NULL, NULL);
}
