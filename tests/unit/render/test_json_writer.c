/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer is held against a strict reader (jansson) and a decoder of UTF-8 written another way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render/json_writer.h"

#define STRICT (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)
#define RANDOM_STRINGS 100000

/* This is what json__bytes has to make of some bytes: the JSON text, and what a reader gets from it. */
struct expected {
	char text[1024], value[1024];
	size_t text_len, value_len;
	bool replaced;
};

static void expect(struct expected *e, const char *text, size_t text_len, const char *value,
		   size_t value_len)
{
	memcpy(e->text + e->text_len, text, text_len);
	e->text_len += text_len;
	memcpy(e->value + e->value_len, value, value_len);
	e->value_len += value_len;
}

/* Gives the code point at in and its length, by arithmetic; 0 length if it is none or not in its shortest form. */
static size_t reference_decode(const unsigned char *in, size_t len)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t cp;
	size_t want, i;

	if ((in[0] & 0xe0) == 0xc0) {
		want = 2;
		cp = in[0] & 0x1f;
	} else if ((in[0] & 0xf0) == 0xe0) {
		want = 3;
		cp = in[0] & 0x0f;
	} else if ((in[0] & 0xf8) == 0xf0) {
		want = 4;
		cp = in[0] & 0x07;
	} else {
		return 0;
	}
	if (want > len)
		return 0;
	for (i = 1; i < want; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (in[i] & 0x3f);
	}
	if (cp < smallest[want] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	return want;
}

static void reference(const void *bytes, size_t len, struct expected *e)
{
	const unsigned char *in = bytes, *end = in + len;
	char escape[8];
	size_t n;

	memset(e, 0, sizeof(*e));
	expect(e, "\"", 1, "", 0);
	for (; in < end && *in; in += n) {
		n = 1;
		if (*in < 0x20 || *in == 0x7f) {
			snprintf(escape, sizeof(escape), "\\u%04x", *in);
			expect(e, escape, 6, (const char *)in, 1);
		} else if (*in == '"' || *in == '\\') {
			snprintf(escape, sizeof(escape), "\\%c", *in);
			expect(e, escape, 2, (const char *)in, 1);
		} else if (*in < 0x80) {
			expect(e, (const char *)in, 1, (const char *)in, 1);
		} else {
			n = reference_decode(in, (size_t)(end - in));
			if (n == 2 && (in[0] & 0x1f) == 2 && in[1] < 0xa0) {
				snprintf(escape, sizeof(escape), "\\u%04x", in[1]);
				expect(e, escape, 6, (const char *)in, 2);
				e->replaced = true;
				continue;
			}
			if (n) {
				expect(e, (const char *)in, n, (const char *)in, n);
				continue;
			}
			n = 1;
			expect(e, "\xef\xbf\xbd", 3, "\xef\xbf\xbd", 3);
			e->replaced = true;
		}
	}
	expect(e, "\"", 1, "", 0);
}

/* Character by character it takes the same. */
static void check_lengths(const char *bytes, size_t len, size_t expected)
{
	size_t total = 0, n, escaped;

	for (size_t i = 0; i < len; i += n) {
		n = json__char(bytes + i, len - i, &escaped);
		assert_true(n > 0 && n <= len - i);
		total += escaped;
	}
	assert_int_equal(total, expected);
}

/* Writes the bytes from a heap block of exactly their size, so that a sanitizer sees a read
 * beyond. */
static void check_bytes(struct json *j, const void *bytes, size_t len)
{
	struct expected e;
	json_error_t error;
	json_t *value;
	char *copy = malloc(len + !len), *hex;
	bool replaced;
	size_t i;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	reference(copy, len, &e);
	json__reset(j);
	replaced = json__bytes(j, NULL, copy, len);
	assert_int_equal(j->len, e.text_len);
	assert_memory_equal(j->buf, e.text, e.text_len);
	assert_int_equal(replaced, e.replaced);
	assert_int_equal(json__needs_hex(copy, len), e.replaced);
	check_lengths(copy, strnlen(copy, len), e.text_len - 2);

	value = json_loadb(j->buf, j->len, STRICT, &error);
	if (!value)
		fail_msg("refused: %s: %.*s", error.text, (int)j->len, j->buf);
	assert_int_equal(json_string_length(value), e.value_len);
	assert_memory_equal(json_string_value(value), e.value, e.value_len);
	json_decref(value);

	json__reset(j);
	json__bytes_hex(j, NULL, copy, len);
	len = strnlen(copy, len);
	hex = calloc(1, 2 * len + 3);
	assert_non_null(hex);
	for (i = 0; i < len; i++)
		sprintf(hex + 1 + 2 * i, "%02x", (unsigned char)copy[i]);
	hex[0] = hex[2 * len + 1] = '"';
	assert_int_equal(j->len, 2 * len + 2);
	assert_memory_equal(j->buf, hex, j->len);
	free(hex);
	free(copy);
}

static void test_single_bytes(void **state)
{
	struct json j;
	char one, padded[24];
	int c, at;

	(void)state;
	json__init(&j);
	check_bytes(&j, "", 0);
	for (c = 0; c < 256; c++) {
		one = (char)c;
		check_bytes(&j, &one, 1);
		/* They stand at each place of a longer string: runs of eight are looked at at once. */
		for (at = 0; at < (int)sizeof(padded); at++) {
			memset(padded, 'x', sizeof(padded));
			padded[at] = one;
			check_bytes(&j, padded, sizeof(padded));
		}
	}
	json__free(&j);
}

static size_t encode(uint32_t cp, size_t len, char *out)
{
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc };
	size_t i;

	for (i = len; i-- > 1; cp >>= 6)
		out[i] = (char)(0x80 | (cp & 0x3f));
	out[0] = (char)(lead[len] | cp);
	return len;
}

static void test_sequences(void **state)
{
	static const uint32_t points[] = {
		0,	 0x22,	   0x2f,     0x7f,     0x80,	 0x9f,	   0x7ff,
		0x800,	 0xfff,	   0x1000,   0x2028,   0xcfff,	 0xd000,   0xd7ff,
		0xd800,	 0xdbff,   0xdc00,   0xdfff,   0xe000,	 0xfdd0,   0xfeff,
		0xfffd,	 0xfffe,   0xffff,   0x10000,  0x1ffff,	 0x3ffff,  0x40000,
		0xfffff, 0x100000, 0x10ffff, 0x110000, 0x13ffff, 0x140000, 0x1fffff,
	};
	struct json j;
	char text[32];
	size_t i, len, cut, n;

	(void)state;
	json__init(&j);
	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		for (len = 2; len <= 6; len++) {
			if (len == 2 && points[i] > 0x7ff)
				continue;
			if (len == 3 && points[i] > 0xffff)
				continue;
			memset(text, 'y', sizeof(text));
			n = 1 + encode(points[i], len, text + 1);
			check_bytes(&j, text, sizeof(text));
			/* It is cut short by the end, by a plain byte, by a NUL, by another sequence. */
			for (cut = 1; cut <= n; cut++) {
				check_bytes(&j, text, cut);
				text[cut] = 'z';
				check_bytes(&j, text, cut + 4);
				text[cut] = '\0';
				check_bytes(&j, text, cut + 4);
				memcpy(text + cut, "\xc3\xa9", 2);
				check_bytes(&j, text, cut + 4);
				memset(text, 'y', sizeof(text));
				encode(points[i], len, text + 1);
			}
		}
	json__free(&j);
}

/* It tries all pairs, and all triples that begin like a sequence of three or four. */
static void test_short_combinations(void **state)
{
	static const unsigned char second[] = { 0x22, 0x7f, 0x80, 0x8f, 0x90,
						0x9f, 0xa0, 0xbf, 0xc0, 0xff };
	unsigned char text[4];
	struct json j;
	size_t a, b, c;
	int i;

	(void)state;
	json__init(&j);
	for (i = 1; i < 65536; i++) {
		text[0] = (unsigned char)(i >> 8);
		text[1] = (unsigned char)i;
		check_bytes(&j, text, 2);
	}
	for (i = 0xe0; i < 0x100; i++)
		for (a = 0; a < sizeof(second); a++)
			for (b = 0; b < sizeof(second); b++)
				for (c = 0; c < sizeof(second); c++) {
					text[0] = (unsigned char)i;
					text[1] = second[a];
					text[2] = second[b];
					text[3] = second[c];
					check_bytes(&j, text, 4);
					check_bytes(&j, text, 3);
				}
	json__free(&j);
}

static void test_random_bytes(void **state)
{
	static const unsigned char likely[] = { 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98,
						0x80, 0xed, 0xa0, 0xf4, 0x90, 0xc0, '"',  '\\' };
	unsigned seed = 20261121;
	unsigned char text[64] = { 0 };
	struct json j;
	size_t len, k;
	int i, kind;

	(void)state;
	json__init(&j);
	for (i = 0; i < RANDOM_STRINGS; i++) {
		len = (size_t)rand_r(&seed) % sizeof(text);
		kind = i % 3;
		for (k = 0; k < len; k++) {
			text[k] = (unsigned char)rand_r(&seed);
			if (kind == 1)
				text[k] = likely[text[k] % sizeof(likely)];
			else if (kind == 2 && text[k] > 40)
				text[k] = 'a';
			if (!text[k] && i % 8)
				text[k] = 1;
		}
		check_bytes(&j, text, len);
	}
	json__free(&j);
}

static void expect_line(struct json *j, const char *line)
{
	assert_false(j->failed);
	assert_int_equal(j->len, strlen(line));
	assert_memory_equal(j->buf, line, j->len);
	json__reset(j);
}

static void test_structure(void **state)
{
	struct json j;
	const char *none = NULL;

	(void)state;
	json__init(&j);
	json__open_obj(&j, NULL);
	json__str(&j, "a", "x\"y");
	json__open_arr(&j, "b");
	json__close_arr(&j);
	json__open_arr(&j, "c");
	json__u64(&j, NULL, 1);
	json__open_obj(&j, NULL);
	json__close_obj(&j);
	json__open_obj(&j, NULL);
	json__bool(&j, "t", true);
	json__bool(&j, "f", false);
	json__close_obj(&j);
	json__null(&j, NULL);
	json__close_arr(&j);
	json__str(&j, "d", none);
	json__bytes(&j, "e", none, 7);
	json__bytes_hex(&j, "g", none, 7);
	json__raw(&j, "h", "[1,2]", 5);
	json__open_obj(&j, "i");
	json__null(&j, "n");
	json__close_obj(&j);
	json__hex(&j, "k", 0xab);
	json__close_obj(&j);
	json__end_line(&j);
	assert_false(json__needs_hex(none, 7));
	expect_line(&j, "{\"a\":\"x\\\"y\",\"b\":[],\"c\":[1,{},{\"t\":true,\"f\":false},null],"
			"\"d\":null,\"e\":null,\"g\":null,\"h\":[1,2],\"i\":{\"n\":null},"
			"\"k\":\"0xab\"}\n");
	/* The next line starts afresh without a reset, too. */
	json__open_arr(&j, NULL);
	json__close_arr(&j);
	json__end_line(&j);
	json__open_arr(&j, NULL);
	json__close_arr(&j);
	json__end_line(&j);
	expect_line(&j, "[]\n[]\n");
	json__free(&j);
}

static void check_number(struct json *j, uint64_t value)
{
	uint64_t shown = value > JSON_MAX_INT ? JSON_MAX_INT : value;
	int64_t negative = (int64_t)(0 - value);
	char text[64];
	json_t *parsed;

	json__u64(j, NULL, value);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)shown);
	parsed = json_loadb(j->buf, j->len, STRICT, NULL);
	assert_int_equal(json_integer_value(parsed), shown);
	json_decref(parsed);
	expect_line(j, text);

	json__hex(j, NULL, value);
	snprintf(text, sizeof(text), "\"0x%llx\"", (unsigned long long)value);
	expect_line(j, text);

	if (value && value <= (uint64_t)INT64_MAX + 1) {
		json__s64(j, NULL, negative);
		snprintf(text, sizeof(text), "-%llu", (unsigned long long)shown);
		expect_line(j, text);
	}
	if (value <= INT64_MAX) {
		json__s64(j, NULL, (int64_t)value);
		snprintf(text, sizeof(text), "%llu", (unsigned long long)shown);
		expect_line(j, text);
	}
}

static void test_numbers(void **state)
{
	uint64_t power = 1;
	unsigned seed = 7;
	struct json j;
	int i;

	(void)state;
	json__init(&j);
	for (i = 0; i < 70000; i++)
		check_number(&j, (uint64_t)i);
	for (i = 0; i < 20; i++, power *= 10) {
		check_number(&j, power - 1);
		check_number(&j, power);
		check_number(&j, power + 1);
	}
	for (i = 0; i < 64; i++) {
		check_number(&j, (1ULL << i) - 1);
		check_number(&j, 1ULL << i);
		check_number(&j, (1ULL << i) + 1);
	}
	for (i = 0; i < 50000; i++)
		check_number(&j,
			     ((uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed)) >> i % 60);
	check_number(&j, UINT64_MAX);
	check_number(&j, JSON_MAX_INT);
	check_number(&j, JSON_MAX_INT + 1);
	json__free(&j);
}

static void test_growth(void **state)
{
	struct json j;
	json_t *parsed;
	char key[16], *settled;
	int i, round;

	(void)state;
	json__init(&j);
	for (round = 0; round < 3; round++) {
		settled = j.buf;
		json__reset(&j);
		json__open_obj(&j, NULL);
		for (i = 0; i < 30000; i++) {
			snprintf(key, sizeof(key), "k%d", i);
			json__u64(&j, key, (uint64_t)i * 1000003);
		}
		json__close_obj(&j);
		json__end_line(&j);
		assert_true(j.len <= j.cap);
		if (round)
			assert_ptr_equal(j.buf, settled);
		parsed = json_loadb(j.buf, j.len, STRICT, NULL);
		assert_non_null(parsed);
		assert_int_equal(json_object_size(parsed), 30000);
		assert_int_equal(json_integer_value(json_object_get(parsed, "k29999")),
				 29999LL * 1000003);
		json_decref(parsed);
	}
	json__free(&j);
	assert_null(j.buf);
	json__free(NULL);
}

/* What is there already stays, and there is room for as much as was asked for. */
static void test_reserved(void **state)
{
	static const char text[] = "0123456789";
	struct json j;
	char *held;

	(void)state;
	json__init(&j);
	json__raw(&j, NULL, text, sizeof(text) - 1);
	assert_true(json__reserve(&j, 1 << 20));
	assert_memory_equal(j.buf, text, sizeof(text) - 1);
	held = j.buf;
	while (j.len < (1 << 20) - 3 * sizeof(text))
		json__raw(&j, NULL, text, sizeof(text) - 1);
	assert_ptr_equal(j.buf, held);
	assert_true(json__reserve(&j, 1 << 10));
	assert_true(j.buf == held && j.cap == 1 << 20);
	assert_false(json__reserve(&j, SIZE_MAX / 2));
	assert_ptr_equal(j.buf, held);
	json__free(&j);
}

/* That is more than any machine has, and more than a size_t may be doubled for. */
static void test_out_of_memory(void **state)
{
	static const size_t rooms[] = { SIZE_MAX / 4, SIZE_MAX / 2, SIZE_MAX };
	struct json j;
	char *before;
	size_t i;

	(void)state;
	json__init(&j);
	json__open_arr(&j, NULL);
	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		before = j.buf;
		assert_false(json__grow(&j, rooms[i]));
		assert_true(j.failed);
		assert_ptr_equal(j.buf, before);
		json__u64(&j, NULL, i);
		assert_true(j.failed);
		json__reset(&j);
		assert_false(j.failed);
		json__open_arr(&j, NULL);
	}
	json__close_arr(&j);
	expect_line(&j, "[]");
	json__free(&j);
}

/* This is not an error of the program that the sanitizer is to report. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_bytes),
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_short_combinations),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
