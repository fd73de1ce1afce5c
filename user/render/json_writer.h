/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_writer - a streaming JSON writer for one line at a time. It stands in the hot path: no printf, no
 * allocation once its buffer has grown to its working size. Output has no white space. Keys are
 * program constants that need no escaping. A NULL key inside an array means "the next element".
 *
 * The functions that take a key are inline, so that a constant key's length is known to the
 * compiler and its copy becomes a few moves.
 */
#ifndef PVM_JSON_H
#define PVM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_MAX_INT 9007199254740991ULL /* 2^53-1: what every reader keeps exactly */

struct json {
	char *buf; /* owned; json__free gives it back */
	size_t len;
	size_t cap;
	bool comma;  /* a value was written at this level: the next one needs a comma */
	bool failed; /* out of memory: the line is not to be used */
};

void json__init(struct json *j);
void json__free(struct json *j);
/* Has the buffer hold that many bytes, in memory and not only in name: what is written up to there asks for no more. Returns
 * false if out of memory. */
bool json__reserve(struct json *j, size_t size);
/* Forgets what was written, keeps the buffer. */
void json__reset(struct json *j);

/* These, up to json__one_char, are what the functions below are made of; they are not for callers. Each put writes at p, where there is
 * room, and returns the new end. */
bool json__grow(struct json *j, size_t room);
char *json__put_u64(char *p, uint64_t value);
char *json__put_hex(char *p, uint64_t value);
char *json__put_bytes(char *p, const void *bytes, size_t len, bool *inexact);
char *json__put_bytes_hex(char *p, const void *bytes, size_t len);

/* Writes comma and key, and has room bytes after them. Returns NULL if out of memory. */
static inline char *json__begin(struct json *j, const char *key, size_t room)
{
	size_t key_len = key ? strlen(key) : 0;
	char *p;

	room += key_len + sizeof(",\"\":");
	if (__builtin_expect(j->cap - j->len < room, 0) && !json__grow(j, room))
		return NULL;
	p = j->buf + j->len;
	*p = ',';
	p += j->comma;
	if (key) {
		*p++ = '"';
		memcpy(p, key, key_len);
		p += key_len;
		*p++ = '"';
		*p++ = ':';
	}
	return p;
}

static inline void json__end(struct json *j, const char *end, bool comma)
{
	j->len = (size_t)(end - j->buf);
	j->comma = comma;
}

static inline void json__one_char(struct json *j, const char *key, char c, bool comma)
{
	char *p = json__begin(j, key, 1);

	if (!p)
		return;
	*p++ = c;
	json__end(j, p, comma);
}

/* Writes JSON that was rendered before, copied as it is. */
static inline void json__raw(struct json *j, const char *key, const char *json, size_t len)
{
	char *p = json__begin(j, key, len);

	if (!p)
		return;
	memcpy(p, json, len);
	json__end(j, p + len, true);
}

/* Writes a string that needs no escaping, of len bytes. */
static inline void json__plain(struct json *j, const char *key, const char *text, size_t len)
{
	char *p = json__begin(j, key, len + 2);

	if (!p)
		return;
	*p++ = '"';
	memcpy(p, text, len);
	p += len;
	*p++ = '"';
	json__end(j, p, true);
}

/* Writes one of the program's own words, which need no escaping. NULL: null. */
static inline void json__word(struct json *j, const char *key, const char *word)
{
	if (word)
		json__plain(j, key, word, strlen(word));
	else
		json__raw(j, key, "null", 4);
}

/* They write {"key": ... and [ ...; key NULL at top level or inside an array. */
static inline void json__open_obj(struct json *j, const char *key)
{
	json__one_char(j, key, '{', false);
}

static inline void json__open_arr(struct json *j, const char *key)
{
	json__one_char(j, key, '[', false);
}

static inline void json__close_obj(struct json *j)
{
	j->comma = false;
	json__one_char(j, NULL, '}', true);
}

static inline void json__close_arr(struct json *j)
{
	j->comma = false;
	json__one_char(j, NULL, ']', true);
}

static inline void json__empty_arr(struct json *j, const char *key)
{
	json__raw(j, key, "[]", 2);
}

static inline void json__null(struct json *j, const char *key)
{
	json__raw(j, key, "null", 4);
}

static inline void json__bool(struct json *j, const char *key, bool value)
{
	if (value)
		json__raw(j, key, "true", 4);
	else
		json__raw(j, key, "false", 5);
}

/* Above 2^53-1 (below -(2^53-1)) the value is written as that limit. */
static inline void json__u64(struct json *j, const char *key, uint64_t value)
{
	char *p = json__begin(j, key, 20);

	if (p)
		json__end(j, json__put_u64(p, value), true);
}

static inline void json__s64(struct json *j, const char *key, int64_t value)
{
	char *p = json__begin(j, key, 21);

	if (!p)
		return;
	if (value < 0)
		*p++ = '-';
	json__end(j, json__put_u64(p, value < 0 ? -(uint64_t)value : (uint64_t)value), true);
}

/* Writes the number as a string: "1000". */
static inline void json__u64_text(struct json *j, const char *key, uint64_t value)
{
	char *p = json__begin(j, key, 20 + 2);

	if (!p)
		return;
	*p++ = '"';
	p = json__put_u64(p, value);
	*p++ = '"';
	json__end(j, p, true);
}

/* Writes "0x" and lower-case hex digits, without padding: 0 is "0x0". */
static inline void json__hex(struct json *j, const char *key, uint64_t value)
{
	char *p = json__begin(j, key, 20);

	if (!p)
		return;
	memcpy(p, "\"0x", 3);
	p = json__put_hex(p + 3, value);
	*p++ = '"';
	json__end(j, p, true);
}

/* Writes bytes a process can choose (len of them; a NUL ends them early): valid UTF-8 comes out, control characters (below
 * 0x20, 0x7f, and U+0080 to U+009F) as \u00XX, '"' and '\\' escaped, each invalid byte (overlong forms, surrogates, above
 * U+10FFFF included) as U+FFFD. NULL: null. Returns true if the bytes are to be told in hex too: one was replaced by U+FFFD,
 * or there is one of U+0080 to U+009F, which readers drop or take for a byte of another encoding. */
static inline bool json__bytes(struct json *j, const char *key, const void *bytes, size_t len)
{
	bool inexact = false;
	char *p;

	if (!bytes) {
		json__null(j, key);
		return false;
	}
	/* A control byte takes six. */
	p = json__begin(j, key, 6 * len + 2);
	if (!p)
		return false;
	*p++ = '"';
	p = json__put_bytes(p, bytes, len, &inexact);
	*p++ = '"';
	json__end(j, p, true);
	return inexact;
}

/* Writes a string that ends in a NUL, escaped like any other: what is the program's own today may come from a file tomorrow.
 * NULL: null. */
static inline void json__str(struct json *j, const char *key, const char *value)
{
	json__bytes(j, key, value, value ? strlen(value) : 0);
}

/* They write a string that is made of parts, between the first function and the last one. A part's bytes are escaped like those
 * of json__bytes, and a NUL ends that part. */
static inline void json__open_str(struct json *j, const char *key)
{
	json__one_char(j, key, '"', false);
}

static inline void json__part(struct json *j, const void *bytes, size_t len)
{
	char *p = json__begin(j, NULL, 6 * len);
	bool inexact;

	if (p)
		json__end(j, json__put_bytes(p, bytes, len, &inexact), false);
}

static inline void json__part_u64(struct json *j, uint64_t value)
{
	char *p = json__begin(j, NULL, 20);

	if (p)
		json__end(j, json__put_u64(p, value), false);
}

static inline void json__close_str(struct json *j)
{
	json__one_char(j, NULL, '"', true);
}

/* Writes them as lower-case hex digits without prefix, for the "<name>_hex" siblings. A NUL ends them early too;
 * NULL: null. */
static inline void json__bytes_hex(struct json *j, const char *key, const void *bytes, size_t len)
{
	char *p;

	if (!bytes) {
		json__null(j, key);
		return;
	}
	p = json__begin(j, key, 2 * len + 2);
	if (!p)
		return;
	*p++ = '"';
	p = json__put_bytes_hex(p, bytes, len);
	*p++ = '"';
	json__end(j, p, true);
}

/* Returns true if a reader of what json__bytes writes could not know each byte. */
bool json__needs_hex(const void *bytes, size_t len);
/* Returns the length of the first of left (1 or more) bytes' characters, or 1 where there is none; escaped: what json__bytes
 * writes for it. No byte may be a NUL. */
size_t json__char(const void *bytes, size_t left, size_t *escaped);

/* Appends LF; the line is buf[0 .. len). */
static inline void json__end_line(struct json *j)
{
	j->comma = false;
	json__one_char(j, NULL, '\n', false);
}

/* Puts "major:minor", in hex digits, of the kernel's own encoding. */
void json__dev(struct json *j, const char *key, uint32_t dev);

#endif
