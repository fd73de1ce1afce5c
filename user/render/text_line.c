/* SPDX-License-Identifier: Apache-2.0 */
#include "render/text_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/digits.h"
#include "base/units.h"

#define RESET "\033[0m"
#define ELLIPSIS "\xe2\x80\xa6"
#define LEN(text) (sizeof(text) - 1)

struct range {
	uint32_t first, last;
	unsigned int cols;
};

/*
 * These are the characters beyond ASCII that are shown as they are: those that are sure to take their columns and
 * to leave what is beside them alone. All others are shown by their number: controls, what is invisible or
 * combines, scripts from right to left (they would turn the digits beside them), our own arrow and sign of a cut.
 */
static const struct range shown[] = {
	{ 0x00a1, 0x00ac, 1 }, { 0x00ae, 0x02ff, 1 }, /* Latin */
	{ 0x0370, 0x0377, 1 }, { 0x037a, 0x037f, 1 }, /* Greek */
	{ 0x0384, 0x038a, 1 }, { 0x038c, 0x038c, 1 },	{ 0x038e, 0x03a1, 1 },
	{ 0x03a3, 0x0482, 1 }, { 0x048a, 0x052f, 1 },	/* ... and Cyrillic */
	{ 0x1e00, 0x1eff, 1 }, { 0x2010, 0x2025, 1 },	/* Latin again, dashes and quotes */
	{ 0x20a0, 0x20bf, 1 }, { 0x3041, 0x3096, 2 },	/* currencies, Kana */
	{ 0x309b, 0x30ff, 2 }, { 0x3400, 0x4dbf, 2 },	/* Han */
	{ 0x4e00, 0x9fff, 2 }, { 0xac00, 0xd7a3, 2 },	/* ... and Hangul */
	{ 0xff01, 0xff60, 2 }, { 0x20000, 0x2a6df, 2 }, /* wide ASCII, Han again */
};

#define SHOWN_CNT (sizeof(shown) / sizeof(shown[0]))

/* Returns the columns of a character; 0: to be shown by its number. */
static unsigned int columns_of(uint32_t c)
{
	for (size_t i = 0; i < SHOWN_CNT && c >= shown[i].first; i++) {
		if (c <= shown[i].last)
			return shown[i].cols;
	}
	return c >= ' ' && c < 0x7f;
}

/* Decodes the character at in. Returns its length, or 0 if the bytes are not UTF-8. */
static size_t decode_char(const unsigned char *in, size_t left, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = in[0] < 0x80 ? 1 : in[0] < 0xe0 ? 2 : in[0] < 0xf0 ? 3 : 4;

	*c = in[0];
	if (len == 1)
		return 1;
	if (in[0] < 0xc0 || in[0] > 0xf7 || left < len)
		return 0;
	*c &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (in[i] & 0x3f);
	}
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return len;
}

static bool append(struct text_line *t, const char *bytes, size_t len)
{
	struct json *out = t->out;

	if (out->cap - out->len < len && !json__grow(out, len))
		return false;
	memcpy(out->buf + out->len, bytes, len);
	out->len += len;
	return true;
}

/* Puts one character, or one escape, which is never torn. */
static void put_char(struct text_line *t, const char *bytes, size_t len, unsigned int cols)
{
	if (t->full)
		return;
	if (t->out->len + len > t->max || (t->width && t->col + cols > t->width)) {
		t->full = true;
		return;
	}
	if (!append(t, bytes, len))
		return;
	t->col += cols;
	if (t->out->len + LEN(ELLIPSIS) <= t->max && (!t->width || t->col < t->width))
		t->mark = t->out->len;
}

/* Puts characters of one byte and one column each: at once, where the line has room for them and for the sign of a cut. */
static void put_ascii(struct text_line *t, const char *text, size_t len)
{
	if (!t->full && t->out->len + len + LEN(ELLIPSIS) <= t->max &&
	    (!t->width || t->col + len < t->width)) {
		if (!append(t, text, len))
			return;
		t->col += (unsigned int)len;
		t->mark = t->out->len;
		return;
	}
	for (size_t i = 0; i < len; i++)
		put_char(t, text + i, 1, 1);
}

/* Returns how many characters stand there that text__bytes puts as they are, and that are ASCII. */
static size_t plain_len(const unsigned char *in, const unsigned char *end)
{
	const unsigned char *at = in;

	while (at < end && *at >= ' ' && *at < 0x7f && *at != '\\')
		at++;
	return (size_t)(at - in);
}

/* Puts \xNN, or \u{NNNN}. */
static void put_escape(struct text_line *t, uint32_t value, bool is_char)
{
	char text[16] = "\\x", *end = text + 2;

	if (is_char) {
		memcpy(text, "\\u{", 3);
		end = put_hex(text + 3, value, 1);
		*end++ = '}';
	} else {
		end = put_hex(end, value, 2);
	}
	put_char(t, text, (size_t)(end - text), (unsigned int)(end - text));
}

void text__begin(struct text_line *t, struct render_cache *cache, const struct render_opts *o,
		 struct json *out)
{
	json__reset(out);
	*t = (struct text_line){
		.out = out,
		.cache = cache,
		.max = o->max_line - LEN(RESET) - LEN("\n"),
		.width = o->width,
		.color = o->color,
	};
}

int text__end(struct text_line *t)
{
	if (t->full) {
		t->out->len = t->mark;
		append(t, ELLIPSIS, LEN(ELLIPSIS));
	}
	if (t->color)
		append(t, RESET, LEN(RESET));
	append(t, "\n", 1);
	return t->out->failed ? -ENOMEM : 0;
}

/* Returns how many of the program's own characters there are one byte each, as nearly all are: they are looked at by eights. */
static size_t ascii_len(const char *s, size_t len)
{
	uint64_t eight;
	size_t at = 0;

	for (; len - at >= sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, s + at, sizeof(eight));
		if (eight & 0x8080808080808080ULL)
			break;
	}
	while (at < len && !(s[at] & 0x80))
		at++;
	return at;
}

void text__put(struct text_line *t, const char *s)
{
	const char *end = s + strlen(s);
	uint32_t c;

	while (s < end) {
		size_t len = ascii_len(s, (size_t)(end - s));

		put_ascii(t, s, len);
		s += len;
		if (s == end)
			return;
		len = decode_char((const unsigned char *)s, (size_t)(end - s), &c);
		if (!len)
			return;
		put_char(t, s, len, 1);
		s += len;
	}
}

void text__bytes(struct text_line *t, const char *bytes, size_t len)
{
	const unsigned char *in = (const unsigned char *)bytes, *end = in + len;
	unsigned int cols;
	uint32_t c;
	size_t n;

	for (; in < end && *in && !t->full; in += n) {
		n = plain_len(in, end);
		if (n) {
			put_ascii(t, (const char *)in, n);
			continue;
		}
		n = decode_char(in, (size_t)(end - in), &c);
		cols = n ? columns_of(c) : 0;
		if (!n) {
			put_escape(t, *in, false);
			n = 1;
		} else if (c == '\\') {
			put_char(t, "\\\\", 2, 2);
		} else if (cols) {
			put_char(t, (const char *)in, n, cols);
		} else {
			put_escape(t, c, c >= 0x80);
		}
	}
}

bool text__all_show(const char *s)
{
	size_t len = strlen(s), n;
	uint32_t c;

	for (; len; s += n, len -= n) {
		n = decode_char((const unsigned char *)s, len, &c);
		if (!n || !columns_of(c))
			return false;
	}
	return true;
}

void text__print(FILE *f, const char *s)
{
	static const struct render_opts opts = { .max_line = UINT32_MAX };
	struct text_line t;
	struct json out;

	json__init(&out);
	text__begin(&t, NULL, &opts, &out);
	text__bytes(&t, s, strlen(s));
	if (out.len)
		fwrite(out.buf, 1, out.len, f);
	json__free(&out);
}

void text__u64(struct text_line *t, uint64_t value)
{
	char digits[20], *at = digits + sizeof(digits);

	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	put_ascii(t, at, (size_t)(digits + sizeof(digits) - at));
}

void text__hex(struct text_line *t, uint64_t value)
{
	char digits[16];
	const char *end = put_hex(digits, value, 1);

	text__put(t, "0x");
	put_ascii(t, digits, (size_t)(end - digits));
}

void text__time(struct text_line *t, uint64_t real_ns)
{
	struct local_second *last = &t->cache->local;
	time_t now = (time_t)(real_ns / NS_PER_S);
	unsigned int ms = (unsigned int)(real_ns % NS_PER_S / NS_PER_MS);
	const char fraction[] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
				  (char)('0' + ms % 10) };
	struct tm tm;

	if (!*last->text || now != last->second) {
		last->second = now;
		if (!localtime_r(&now, &tm) ||
		    !strftime(last->text, sizeof(last->text), "%H:%M:%S", &tm))
			strcpy(last->text, "00:00:00");
	}
	text__tint(t, TINT_DIM);
	text__put(t, last->text);
	put_ascii(t, fraction, sizeof(fraction));
	text__tint(t, TINT_PLAIN);
}

void text__to(struct text_line *t, unsigned int col)
{
	static const char blanks[] = "                                ";

	do {
		size_t cnt = t->col < col ? col - t->col : 1;

		put_ascii(t, blanks, cnt < LEN(blanks) ? cnt : LEN(blanks));
	} while (t->col < col && !t->full && !t->out->failed);
}

void text__tint(struct text_line *t, enum tint tint)
{
	static const char *const codes[] = {
		[TINT_PLAIN] = RESET,	   [TINT_DIM] = "\033[2m",   [TINT_GOOD] = "\033[32m",
		[TINT_BAD] = "\033[1;31m", [TINT_NOTE] = "\033[36m", [TINT_ODD] = "\033[33m",
	};
	size_t len = strlen(codes[tint]);

	if (t->color && !t->full && t->out->len + len <= t->max)
		append(t, codes[tint], len);
}

size_t text__amount(char out[TEXT_AMOUNT_SZ], uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	unsigned int unit = 0, shift = 10;

	if (bytes < 10000) {
		char *end = json__put_u64(out, bytes);

		*end = '\0';
		return (size_t)(end - out);
	}
	while (unit < LEN(units) - 1 && bytes >> shift >= 1024) {
		shift += 10;
		unit++;
	}
	/* The largest unit may hide that a smaller one says it exactly: 1025K is not 1.0M. */
	for (unsigned int s = shift, u = unit;; s -= 10, u--) {
		if (!(bytes & ((1ULL << s) - 1)) && bytes >> s < 10000)
			return (size_t)snprintf(out, TEXT_AMOUNT_SZ, "%u%c",
						(unsigned int)(bytes >> s), units[u]);
		if (!u)
			break;
	}
	if (bytes < 100000)
		return (size_t)snprintf(out, TEXT_AMOUNT_SZ, "%u", (unsigned int)bytes);
	return (size_t)snprintf(out, TEXT_AMOUNT_SZ, "%u.%u%c", (unsigned int)(bytes >> shift),
				(unsigned int)((bytes >> (shift - 10) & 1023) * 10 / 1024),
				units[unit]);
}
