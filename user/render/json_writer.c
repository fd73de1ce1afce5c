/* SPDX-License-Identifier: Apache-2.0 */
#include "render/json_writer.h"

#include <stdlib.h>

#include "base/digits.h"

#define FIRST_CAP 16384

/* Makes a word of eight equal bytes. */
#define EIGHT(byte) (0x0101010101010101ULL * (byte))

#define DEC_ROW(t) t "0" t "1" t "2" t "3" t "4" t "5" t "6" t "7" t "8" t "9"
#define HEX_ROW(t) DEC_ROW(t) t "a" t "b" t "c" t "d" t "e" t "f"

/* They are the two digits of 0 to 99, and of 0 to 255. */
static const char dec_pairs[] = DEC_ROW("0") DEC_ROW("1") DEC_ROW("2") DEC_ROW("3") DEC_ROW("4")
	DEC_ROW("5") DEC_ROW("6") DEC_ROW("7") DEC_ROW("8") DEC_ROW("9");
static const char hex_pairs[] = HEX_ROW("0") HEX_ROW("1") HEX_ROW("2") HEX_ROW("3") HEX_ROW("4")
	HEX_ROW("5") HEX_ROW("6") HEX_ROW("7") HEX_ROW("8") HEX_ROW("9") HEX_ROW("a") HEX_ROW("b")
		HEX_ROW("c") HEX_ROW("d") HEX_ROW("e") HEX_ROW("f");

static const uint64_t powers_of_ten[] = {
	1ULL,
	10ULL,
	100ULL,
	1000ULL,
	10000ULL,
	100000ULL,
	1000000ULL,
	10000000ULL,
	100000000ULL,
	1000000000ULL,
	10000000000ULL,
	100000000000ULL,
	1000000000000ULL,
	10000000000000ULL,
	100000000000000ULL,
	1000000000000000ULL,
	10000000000000000ULL,
};

void json__init(struct json *j)
{
	memset(j, 0, sizeof(*j));
}

void json__free(struct json *j)
{
	if (!j)
		return;
	free(j->buf);
	json__init(j);
}

void json__reset(struct json *j)
{
	j->len = 0;
	j->comma = false;
	j->failed = false;
}

bool json__grow(struct json *j, size_t room)
{
	size_t cap = j->cap ? j->cap : FIRST_CAP;
	char *buf;

	if (room > SIZE_MAX / 4)
		goto fail;
	while (cap - j->len < room)
		cap *= 2;
	buf = realloc(j->buf, cap);
	if (!buf)
		goto fail;
	j->buf = buf;
	j->cap = cap;
	return true;
fail:
	j->failed = true;
	return false;
}

bool json__reserve(struct json *j, size_t size)
{
	char *buf = size > j->cap ? realloc(j->buf, size) : j->buf;

	if (!buf)
		return false;
	j->buf = buf;
	j->cap = size > j->cap ? size : j->cap;
	memset(j->buf + j->len, ' ', j->cap - j->len);
	return true;
}

char *json__put_u64(char *p, uint64_t value)
{
	unsigned guess, digits;
	char *q, *end;

	if (value < 10) {
		*p = (char)('0' + value);
		return p + 1;
	}
	if (value > JSON_MAX_INT)
		value = JSON_MAX_INT;
	/* It is bits * log10(2): the number of digits, or one too few. */
	guess = (unsigned)(64 - __builtin_clzll(value)) * 1233 >> 12;
	digits = guess + (value >= powers_of_ten[guess]);
	end = p + digits;
	for (q = end; value >= 100; value /= 100) {
		q -= 2;
		memcpy(q, dec_pairs + 2 * (value % 100), 2);
	}
	if (value >= 10)
		memcpy(q - 2, dec_pairs + 2 * value, 2);
	else
		q[-1] = (char)('0' + value);
	return end;
}

char *json__put_hex(char *p, uint64_t value)
{
	unsigned digits = (unsigned)(64 - __builtin_clzll(value | 1) + 3) / 4;
	char *end = p + digits, *q;

	for (q = end; q - p >= 2; value >>= 8) {
		q -= 2;
		memcpy(q, hex_pairs + 2 * (value & 0xff), 2);
	}
	if (q > p)
		*p = hex_pairs[2 * value + 1];
	return end;
}

/* Returns the length of the valid UTF-8 sequence of two bytes or more at in, or 0 if there is none. */
static size_t sequence_len(const unsigned char *in, const unsigned char *end)
{
	unsigned char c = in[0], low = 0x80, high = 0xbf;
	size_t len, i;

	if (c < 0xc2 || c > 0xf4)
		return 0;
	len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if ((size_t)(end - in) < len)
		return 0;
	/* The second byte of some first bytes is bounded: overlong forms, surrogates, above
	 * U+10FFFF. */
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (in[1] < low || in[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if ((in[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Returns true if one of the eight bytes is below 0x20, '"', '\\', 0x7f or above. A borrow reaches a byte
 * only from one that is such itself, so there is no false alarm in a word without any. */
static bool word_is_special(uint64_t w)
{
	uint64_t quote = w ^ EIGHT('"'), backslash = w ^ EIGHT('\\'), del = w ^ EIGHT(0x7f);

	return ((w | (w - EIGHT(0x20)) | (quote - EIGHT(1)) | (backslash - EIGHT(1)) |
		 (del - EIGHT(1))) &
		EIGHT(0x80)) != 0;
}

#define ESCAPE_LEN (sizeof("\\u00XX") - 1)
#define REPLACEMENT "\xef\xbf\xbd"

/* Returns whether a valid sequence is one of U+0080 to U+009F, which a terminal takes for the start of a command like ESC. */
static bool is_c1(const unsigned char *in)
{
	return in[0] == 0xc2 && in[1] < 0xa0;
}

static char *put_control(char *p, unsigned char c)
{
	memcpy(p, "\\u00", 4);
	memcpy(p + 4, hex_pairs + 2 * c, 2);
	return p + ESCAPE_LEN;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

char *json__put_bytes(char *p, const void *bytes, size_t len, bool *inexact)
{
	const unsigned char *in = bytes, *end = in + len;
	uint64_t word;
	size_t n;

	for (;;) {
		for (; end - in >= 8; in += 8, p += 8) {
			memcpy(&word, in, 8);
			memcpy(p, &word, 8);
			if (word_is_special(word))
				break;
		}
		while (in < end && is_plain(*in))
			*p++ = (char)*in++;
		if (in == end || *in == '\0')
			return p;
		if (*in == '"' || *in == '\\') {
			*p++ = '\\';
			*p++ = (char)*in++;
		} else if (*in < 0x80) {
			p = put_control(p, *in++);
		} else if ((n = sequence_len(in, end)) != 0 && is_c1(in)) {
			p = put_control(p, in[1]);
			in += n;
			*inexact = true;
		} else if (n) {
			memcpy(p, in, n);
			p += n;
			in += n;
		} else {
			memcpy(p, REPLACEMENT, sizeof(REPLACEMENT) - 1);
			p += sizeof(REPLACEMENT) - 1;
			in++;
			*inexact = true;
		}
	}
}

size_t json__char(const void *bytes, size_t left, size_t *escaped)
{
	const unsigned char *in = bytes;
	size_t n = 1;

	if (*in == '"' || *in == '\\') {
		*escaped = 2;
	} else if (*in < 0x80) {
		*escaped = is_plain(*in) ? 1 : ESCAPE_LEN;
	} else if ((n = sequence_len(in, in + left)) != 0) {
		*escaped = is_c1(in) ? ESCAPE_LEN : n;
	} else {
		n = 1;
		*escaped = sizeof(REPLACEMENT) - 1;
	}
	return n;
}

char *json__put_bytes_hex(char *p, const void *bytes, size_t len)
{
	const unsigned char *in = bytes, *end = in + len;

	for (; in < end && *in; in++, p += 2)
		memcpy(p, hex_pairs + 2 * *in, 2);
	return p;
}

bool json__needs_hex(const void *bytes, size_t len)
{
	const unsigned char *in = bytes, *end;
	uint64_t word;
	size_t n;

	if (!bytes)
		return false;
	for (end = in + len; in < end && *in; in += n) {
		n = 1;
		if (end - in >= 8) {
			memcpy(&word, in, 8);
			if (!word_is_special(word)) {
				n = 8;
				continue;
			}
		}
		if (*in >= 0x80)
			n = sequence_len(in, end);
		if (!n || (n == 2 && is_c1(in)))
			return true;
	}
	return false;
}

void json__dev(struct json *j, const char *key, uint32_t dev)
{
	char text[16], *at;

	at = put_hex(text, dev >> 20, 2);
	*at++ = ':';
	at = put_hex(at, dev & 0xfffff, 2);
	json__plain(j, key, text, (size_t)(at - text));
}
