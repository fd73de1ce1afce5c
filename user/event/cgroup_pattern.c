/* SPDX-License-Identifier: Apache-2.0 */
#include "event/cgroup_pattern.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#define SET_MAX 256	 /* a longer set is not looked into */
#define COVER_MAX 1024	 /* tokens of a pattern that is compared with others */
#define NAME_LEN_MAX 255 /* NAME_MAX */
#define MOUNT "/sys/fs/cgroup"

enum kind {
	LITERAL, /* c */
	ONE,	 /* ? */
	ANY,	 /* * */
	SET,	 /* [...] */
	BROKEN,	 /* it has no end */
};

struct token {
	enum kind kind;
	char c;
	const char *at;
	size_t len; /* in the pattern, 2 for an escaped character */
};

/* Returns the bytes from the '[' to behind its ']'; 0: there is none. */
static size_t set_len(const char *at)
{
	const char *p = at + 1;
	bool first = true;

	p += *p == '!' || *p == '^';
	for (; *p; first = false) {
		if (*p == ']' && !first)
			return (size_t)(p + 1 - at);
		if (*p == '\\' && p[1]) {
			p += 2;
		} else if (*p == '[' && p[1] && strchr(":.=", p[1])) {
			const char end[] = { p[1], ']', '\0' };
			const char *close = strstr(p + 2, end);

			p = close ? close + 2 : p + 1;
		} else {
			p++;
		}
	}
	return 0;
}

/* Returns the token there, and puts *at behind it. */
static struct token next(const char **at)
{
	struct token t = { .kind = LITERAL, .c = **at, .at = *at, .len = 1 };

	if (t.c == '?') {
		t.kind = ONE;
	} else if (t.c == '*') {
		t.kind = ANY;
	} else if (t.c == '[') {
		t.len = set_len(t.at);
		t.kind = t.len ? SET : BROKEN;
	} else if (t.c == '\\') {
		t.c = t.at[1];
		t.len = 2;
		t.kind = t.c ? LITERAL : BROKEN;
	}
	if (t.kind == BROKEN)
		t.len = strlen(t.at);
	*at += t.len;
	return t;
}

static bool is_literal(const struct token *t, char c)
{
	return t->kind == LITERAL && t->c == c;
}

static bool set_has(const struct token *set, char c)
{
	const char one[] = { c, '\0' };
	char text[SET_MAX];

	if (set->len >= sizeof(text))
		return true;
	memcpy(text, set->at, set->len);
	text[set->len] = '\0';
	return !fnmatch(text, one, 0);
}

static bool set_is_empty(const struct token *set)
{
	for (int c = 1; c < 256; c++)
		if (set_has(set, (char)c))
			return false;
	return true;
}

static const char *token_fault(const struct token *t)
{
	if (t->kind == BROKEN)
		return *t->at == '[' ? "matches no cgroup: a '[' has no ']'; as a character it is "
				       "written '\\['"
				     : "matches no cgroup: there is nothing behind the last '\\'";
	if (t->kind == SET && set_is_empty(t))
		return "matches no cgroup: no character is in what stands in brackets";
	if (is_literal(t, '\n'))
		return "matches no cgroup: no path has an LF";
	return NULL;
}

static bool begins_with_slash(const char *pattern)
{
	const struct token t = next(&pattern);

	return t.kind == SET ? set_has(&t, '/') : t.kind != LITERAL || t.c == '/';
}

/* This is the name that ends with a slash or the pattern: as far as it is known by its characters. */
struct name {
	size_t len, dots;
	bool open; /* what else there may be in it is not known */
};

static const char *name_fault(const struct name *n, bool last)
{
	if (n->open)
		return NULL;
	if (!n->len)
		return last ? "matches no cgroup: their paths do not end with '/'; what is below "
			      "one is meant with it"
			    : "matches no cgroup: their paths have no two '/' in a row";
	if (n->len == n->dots && n->len <= 2)
		return "matches no cgroup: none is called '.' or '..'";
	return NULL;
}

/* Returns what is wrong with the names of the pattern, from its first slash on. */
static const char *names_fault(const char *pattern)
{
	struct name name = { .open = true };
	const char *fault = NULL;
	struct token t = { 0 };
	size_t run = 0; /* characters of one name, at least */
	bool root = !strcmp(pattern, "/") || !strcmp(pattern, "\\/");

	while (*pattern && !fault) {
		t = next(&pattern);
		fault = token_fault(&t);
		if (!fault && is_literal(&t, '/')) {
			fault = name_fault(&name, false);
			name = (struct name){ 0 };
		} else {
			name.open |= t.kind != LITERAL;
			name.len++;
			name.dots += is_literal(&t, '.');
		}
		run = t.kind == LITERAL && t.c != '/' ? run + 1 : 0;
		if (!fault && run > NAME_LEN_MAX)
			fault = "matches no cgroup: no name is longer than 255 bytes";
	}
	if (!fault && !root)
		fault = name_fault(&name, true);
	if (!fault && t.len == 1 && (is_literal(&t, ' ') || is_literal(&t, '\t')))
		fault = "ends with a blank: no cgroup's name does; if this one's should, put a "
			"'\\' before it";
	return fault;
}

const char *cgroup_pattern__fault(const char *pattern)
{
	const size_t mount = strlen(MOUNT);

	if (!begins_with_slash(pattern))
		return "matches no cgroup: paths of cgroups begin with '/'";
	if (!strncmp(pattern, MOUNT, mount) && strchr("/*?[", pattern[mount]))
		return "matches no cgroup: their paths are as records show them, without " MOUNT;
	return names_fault(pattern);
}

/* Returns whether whatever w stands for, b stands for too. */
static bool stands_for(const struct token *b, const struct token *w)
{
	switch (b->kind) {
	case ONE:
		return w->kind != ANY;
	case SET:
		if (w->kind == SET)
			return b->len == w->len && !memcmp(b->at, w->at, b->len);
		return w->kind == LITERAL && b->len < SET_MAX && set_has(b, w->c);
	case LITERAL:
		return is_literal(w, b->c);
	default:
		return false;
	}
}

/* Splits a pattern into tokens. Returns how many; 0: too many. */
static size_t split(const char *pattern, struct token tokens[COVER_MAX])
{
	size_t cnt = 0;

	while (*pattern) {
		if (cnt == COVER_MAX)
			return 0;
		tokens[cnt++] = next(&pattern);
	}
	return cnt;
}

/* Takes one token of by more. reach[n]: the first n tokens of w can be what by stands for so far. */
static void step(bool reach[COVER_MAX + 1], const struct token *b, const struct token *w,
		 size_t cnt)
{
	bool before = reach[0], here;

	if (b->kind == ANY) {
		for (size_t n = 1; n <= cnt; n++)
			reach[n] |= reach[n - 1];
		return;
	}
	reach[0] = false;
	for (size_t n = 1; n <= cnt; n++) {
		here = reach[n];
		reach[n] = before && stands_for(b, &w[n - 1]);
		before = here;
	}
}

bool cgroup_pattern__covers(const char *by, const char *wanted)
{
	struct token w[COVER_MAX], b;
	bool reach[COVER_MAX + 1] = { [0] = true };
	size_t cnt = split(wanted, w);

	if (!cnt || strlen(by) > COVER_MAX)
		return false;
	while (*by) {
		b = next(&by);
		step(reach, &b, w, cnt);
	}
	/* At a name's end it is an ancestor of all that wanted matches. */
	for (size_t n = 1; n < cnt; n++)
		if (reach[n] && is_literal(&w[n], '/'))
			return true;
	return reach[cnt];
}
