/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text_line - one line for a person, as wide as the terminal and no longer than a limit. What a
 * process chose reaches the terminal only as characters that are one or two columns wide and change
 * nothing else: no control or invalid byte, and nothing that is invisible, joins its neighbours or
 * turns the direction of writing.
 */
#ifndef PVM_TEXT_LINE_H
#define PVM_TEXT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "render/cache.h"
#include "render/json_writer.h"
#include "render/render.h"

#define TEXT_AMOUNT_SZ 8 /* "1023.9K" and a NUL */

enum tint {
	TINT_PLAIN,
	TINT_DIM,
	TINT_GOOD,
	TINT_BAD,
	TINT_NOTE,
	TINT_ODD,
};

struct text_line {
	struct json *out;
	struct render_cache *cache;
	size_t max;	    /* bytes, without what ends the line */
	unsigned int width; /* columns; 0: no limit */
	unsigned int col;   /* where the next character goes */
	size_t mark;	    /* bytes that are kept when the line is cut */
	bool color;
	bool full; /* it was cut: nothing is added any more */
};

/* Begins a line. cache: of the renderer; NULL where no time is put. */
void text__begin(struct text_line *t, struct render_cache *cache, const struct render_opts *o,
		 struct json *out);
/* Adds what is left: the sign of a cut, and LF. Returns 0, or -ENOMEM. */
int text__end(struct text_line *t);

/* Puts a string of the program's own: printable UTF-8. */
void text__put(struct text_line *t, const char *s);
/* Puts bytes a process can choose (a NUL ends them early). What cannot be shown comes as \xNN (a byte) or
 * \u{NNNN} (a character), and a backslash as two. */
void text__bytes(struct text_line *t, const char *bytes, size_t len);
/* Returns whether text__bytes shows each character of a string as itself. */
bool text__all_show(const char *s);
/* Prints a string as text__bytes shows it, where there are no lines to keep. */
void text__print(FILE *f, const char *s);
void text__u64(struct text_line *t, uint64_t value);
void text__hex(struct text_line *t, uint64_t value);
/* Puts the local time of day to the millisecond, twelve columns. */
void text__time(struct text_line *t, uint64_t real_ns);
/* Puts blanks up to column col; at least one. */
void text__to(struct text_line *t, unsigned int col);
/* Tints from here on; nothing without colours. */
void text__tint(struct text_line *t, enum tint tint);

/* Writes a number of bytes for a person: "4096", "64K" (exactly), "97.6K" (a little more than that). Returns its
 * length. */
size_t text__amount(char out[TEXT_AMOUNT_SZ], uint64_t bytes);

#endif
