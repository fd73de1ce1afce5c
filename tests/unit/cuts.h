/* SPDX-License-Identifier: Apache-2.0 */
/* cuts - what a shortened line must keep to: what the whole line has and it has not (or only as null) is named by its JSON
 * path, and nothing else differs. */
#ifndef PVM_CUTS_H
#define PVM_CUTS_H

#include "rendering.h"

/* This is a format, and the object that holds `truncated` ("": the line itself). */
struct cuts_format {
	enum record_format format;
	const char *rest;
	const char *args;      /* path of the arguments */
	const char *prefix_of; /* path of a string that may be cut short; NULL: none */
	bool nulls;	       /* keys that are not known, or cut, are null */
};

/* Returns whether a line names a path as cut. */
bool cuts__names(const struct cuts_format *f, const json_t *line, const char *path);
/* Renders r whole and within each of the limits, and compares. */
void cuts__check(const struct cuts_format *f, const struct record *r, uint32_t iov_limit,
		 const uint32_t *limits, size_t limit_cnt);
/* Returns the value at a path "a.b.c", or NULL. */
json_t *cuts__at(const json_t *line, const char *path);

/* These fail unless that is the value at a path. */
void expect_text(const json_t *line, const char *path, const char *expected);
void expect_number(const json_t *line, const char *path, json_int_t expected);

/* These test a format, which is their state: random calls (and summaries) within many limits; a call within each limit of a
 * range; all other records within each limit of a range. */
void cuts__random(void **state);
void cuts__random_summaries(void **state);
void cuts__each_length(void **state);
/* Renders the longest line there can be of a call, and of a summary, within each limit from the shortest on. */
void cuts__longest(void **state);
void cuts__own(void **state);
/* Arguments are cut before lists, and of each list its minimum stays. */
void cuts__order(void **state);
/* Whatever a caller lengthens: the remote list has its minimum, and so has the path of the memory's owner. */
void cuts__minimums(void **state);

/* A host's name that is not all text has its bytes beside it, within each limit and in each record. */
void cuts__host(void **state);

/* These are all of them, for the table of a program's tests. */
#define CUTS_TESTS(format)                                                 \
	cmocka_unit_test_prestate(cuts__random, format),                   \
		cmocka_unit_test_prestate(cuts__random_summaries, format), \
		cmocka_unit_test_prestate(cuts__each_length, format),      \
		cmocka_unit_test_prestate(cuts__longest, format),          \
		cmocka_unit_test_prestate(cuts__own, format),              \
		cmocka_unit_test_prestate(cuts__order, format),            \
		cmocka_unit_test_prestate(cuts__minimums, format),         \
		cmocka_unit_test_prestate(cuts__host, format)

#endif
