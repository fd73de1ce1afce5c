/* SPDX-License-Identifier: Apache-2.0 */
/* books - all counters under their names, and whether they add up. It is pure. */
#ifndef PVM_BOOKS_H
#define PVM_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/control.h"
#include "event/counts.h"

#define BOOKS_DOUBTS 8
#define BOOKS_REASONS (BOOKS_DOUBTS + 3)

/* They say why a call may be missing that no counter counts: errors that were told, or how a recording ends. */
struct doubts {
	struct doubt all[BOOKS_DOUBTS];
	size_t cnt;
};

/* This is what becomes of a call. */
enum fate {
	FATE_EMITTED,
	FATE_SUMMARISED,
	FATE_IN_FLIGHT, /* told, and still inside: it is over with a later record */
	FATE_FILTERED,
	FATE_LOST_OUTPUT,
	FATE_LOST_DECODE,
	FATE_LOST_UNSWEPT,
	FATE_CNT,
};

/* Books calls: this is the one place where they enter the user half's books, each once, by its last record, but for
 * FATE_IN_FLIGHT. */
void books__book(struct books_user *b, enum fate fate, uint64_t calls);
/* Calls that were booked as told did not reach the output after all: they are lost. */
void books__take_back(struct books_user *b, uint64_t calls);
/* Returns the calls that the kernel half has sent, and that are not booked. */
uint64_t books__unbooked(const struct pvm_counts *kernel, const struct books_user *b);
/* Returns the calls that are still inside: seen, and not yet told, filtered or lost. */
uint64_t books__in_flight(const struct pvm_counts *kernel);
void books__fill(struct books *b, const struct pvm_counts *kernel, const struct books_user *user);
/* Makes of the books of a recording without an end, kernel and then, which are the last ones in it (or zeros), those of a
 * run that saw just what is known: what was replayed (now), and what was filtered or lost before. None is in flight that was
 * not lost so. */
void books__of_told(struct pvm_counts *kernel, const struct books_user *then,
		    const struct books_user *now);
/* Returns whether seen = emitted + summarised + filtered + lost. Only at the end of a run is that to be
 * expected. */
bool books__balanced(const struct books *b);
/* Notes for good that a call may be missing from now on, for this reason. Of more reasons than there is room for, the last
 * stand for the others. */
void books__doubt(struct doubts *d, const struct doubt *reason);
/* Gives why the run is not complete: what the counters say, and each reason for doubt, each once. Returns how many; 0: it
 * is. */
size_t books__incomplete(const struct books *b, const struct doubts *d,
			 struct doubt out[BOOKS_REASONS]);

#endif
