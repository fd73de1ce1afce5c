/* SPDX-License-Identifier: Apache-2.0 */
#include "event/witness_info.h"

#include <stddef.h>
#include <stdio.h>

#define COUNTED ": counted (skipped_runs)"
/* Witnesses are guarded by this (bpf/witness.h), on top of a first hook that was preempted. */
#define AMID                                                                                      \
	"while, on its CPU, one task is preempted in our hook and another in a map operation of " \
	"bpf(2)" COUNTED
#define PREEMPTED "on a CPU where another task is preempted in our hook"
/* The kernel asks for permission neither then nor after an earlier refusal; and behind such a call, of which no end was seen,
 * the thread's next one is taken for the same (bpf/here.h). */
#define UNASKED                                                       \
	"a call that the kernel refuses, or of a process on itself, " \
	"or the thread's next one after such a call, "
#define NO_EXIT "; a call whose end goes by so is told as ended"
/* Only the first hooks see that, if they see all system calls (unseen.c). */
#define NO_FUNCTION \
	"; with tracepoint, uncounted, one that reaches no function of the calls " PREEMPTED

#define SEEN "calls " PREEMPTED ": where they "
#define PERMITTED "where the kernel permits an access to another process"

static const char *sees(const struct witness_info *w)
{
	static const char *const texts[2][2][2] = {
		{ { NULL, "calls " PREEMPTED ": " PERMITTED },
		  { SEEN "end", SEEN "end, and " PERMITTED } },
		{ { SEEN "begin", SEEN "begin, and " PERMITTED },
		  { SEEN "begin and end", SEEN "begin and end, and " PERMITTED } },
	};

	return texts[w->begin != NULL][w->returns || w->end][w->permission];
}

static const char *remains(const struct witness_info *w)
{
	if (!w->needed)
		return NULL;
	if (!w->begin && !w->end)
		return w->permission ? UNASKED PREEMPTED COUNTED NO_EXIT NO_FUNCTION
				     : "a call " PREEMPTED COUNTED NO_FUNCTION;
	if (!w->returns && !w->end)
		return w->permission ? UNASKED AMID NO_EXIT NO_FUNCTION
				     : "a call " AMID NO_EXIT NO_FUNCTION;
	return w->permission ? UNASKED AMID NO_FUNCTION : "a call " AMID NO_FUNCTION;
}

static const struct {
	uint8_t bit;
	const char *name;
} all[] = {
	{ WITNESS_MULTI, "kprobe.multi" },
	{ WITNESS_KPROBE, "kprobe" },
	{ WITNESS_RETURNS, "kretprobe.multi" },
	{ WITNESS_END, "raw_syscalls/sys_exit" },
	{ WITNESS_PERMIT, "lsm/ptrace_access_check" },
};

static const char *first_of(uint8_t bits)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (bits & all[i].bit)
			return all[i].name;
	return NULL;
}

struct witness_info witness_info__of(uint8_t bits)
{
	struct witness_info w = {
		.known = bits & WITNESS_KNOWN,
		.needed = bits & WITNESS_NEEDED,
		.begin = first_of(bits & (WITNESS_MULTI | WITNESS_KPROBE)),
		.returns = first_of(bits & WITNESS_RETURNS),
		.end = first_of(bits & WITNESS_END),
		.permission = bits & WITNESS_PERMIT,
	};

	w.sees = sees(&w);
	w.remains = remains(&w);
	return w;
}

uint8_t witness_info__bounding(uint8_t bits, bool ftrace_was_off, bool kprobes_were_off)
{
	bits &= WITNESS_MULTI | WITNESS_KPROBE | WITNESS_RETURNS | WITNESS_END;
	if (ftrace_was_off)
		bits &= WITNESS_END;
	if (kprobes_were_off)
		bits &= (uint8_t)~WITNESS_KPROBE;
	return bits;
}

bool witness_info__list(const struct witness_info *w, char list[WITNESS_LIST_SZ])
{
	const char *const names[] = { w->begin, w->returns, w->end,
				      w->permission ? first_of(WITNESS_PERMIT) : NULL };
	size_t len = 0;

	list[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i])
			len += (size_t)snprintf(list + len, WITNESS_LIST_SZ - len, "%s%s",
						len ? ", " : "", names[i]);
	return len;
}

static size_t put_names(uint8_t bits, const char *what, char *to, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (bits & all[i].bit)
			len += (size_t)snprintf(to + len, size - len, "%s%s", len ? ", " : what,
						all[i].name);
	return len;
}

bool witness_info__lacks(uint8_t refused, uint8_t silent, char note[WITNESS_NOTE_SZ])
{
	size_t len =
		put_names(refused, "witnesses that could not be attached: ", note, WITNESS_NOTE_SZ);

	note[len] = '\0';
	if (len && silent)
		len += (size_t)snprintf(note + len, WITNESS_NOTE_SZ - len, "; ");
	len += put_names(silent, "witnesses that did not see a call of our own: ", note + len,
			 WITNESS_NOTE_SZ - len);
	return len;
}
