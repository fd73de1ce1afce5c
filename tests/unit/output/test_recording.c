/* SPDX-License-Identifier: Apache-2.0 */
/* test_recording - what is put into a recording comes out of it; damage is found where it is, and all before
 * it is delivered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <zlib.h>

#include "base/clock.h"
#include "capture.h"
#include "fixture.h"
#include "output/recording.h"
#include "scratch.h"

static const struct owner keep = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
#define HEAD sizeof(struct recording_header)
#define SMALL_MAX 8192

/* This is a small file with a frame of each kind. */
static struct small {
	struct {
		enum frame_kind kind;
		size_t size, begin;
		uint8_t data[2048];
	} frames[4];
	size_t cnt, size;
	uint8_t bytes[SMALL_MAX];
} small;

static const struct recording_header header = {
	.real_ns = 1234567890123456789ULL,
	.run_id = FIXTURE_RUN_ID,
	.program = "9.9",
	.resolve = "kfunc",
	.user = "somebody",
	.pid = 4242,
};

static struct recorder *create(const char *name)
{
	struct recorder *r = NULL;

	assert_int_equal(recorder__create(&r, name, &header, &keep), 0);
	return r;
}

static void put(struct recorder *r, enum frame_kind kind, const void *data, size_t size)
{
	assert_int_equal(recorder__put(r, kind, data, size, kind == FRAME_CALL), 0);
	assert_true(small.cnt < 4 && size <= sizeof(small.frames[0].data));
	small.frames[small.cnt].kind = kind;
	small.frames[small.cnt].size = size;
	small.frames[small.cnt].begin = small.size;
	memcpy(small.frames[small.cnt++].data, data, size);
	small.size += sizeof(struct frame) + size;
}

static size_t load(const char *name, void *to, size_t max)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, to, max);
	close(fd);
	assert_true(n >= 0);
	return (size_t)n;
}

static void store(const char *name, const void *data, size_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static int setup(void **state)
{
	struct frame_clock clock = { 1000, 2000 };
	struct frame_books books = { .type = REC_STOP, .real_ns = 5, .text = "signal" };
	struct fixture_call call;
	struct recorder *r = NULL;
	_Alignas(8) uint8_t array[1200];
	size_t len;

	if (scratch__setup(state))
		return -1;
	memset(&small, 0, sizeof(small));
	small.size = HEAD;
	r = create("out");
	put(r, FRAME_CLOCK, &clock, sizeof(clock));
	fixture__call(&call);
	fixture__random_bytes(array + 200, 1000);
	len = fixture__array(array, &call.call, false, false, array + 200, 160, 1);
	put(r, FRAME_ARRAY, array, len);
	put(r, FRAME_CALL, &call, call.call.hdr.size);
	put(r, FRAME_BOOKS, &books, sizeof(books));
	assert_int_equal(recorder__pending(r), 1);
	assert_int_equal(recorder__close(r), 0);
	assert_int_equal(load("out", small.bytes, sizeof(small.bytes)), small.size);
	return 0;
}

/* Opens the file "other" and reads what it gives; the frames must be the first ones of small. What was said is in
 * text; the result is the status of open, or -1, 0 as the last read gave. */
static int replay(char *text, size_t *got)
{
	struct recording *r = NULL;
	enum frame_kind kind;
	struct capture capture;
	const void *data;
	size_t size;
	int err;

	*got = 0;
	capture__start(&capture, STDERR_FILENO);
	err = recording__open(&r, "other");
	if (!err)
		err = recording__begin(r);
	while (!err && (err = recording__next(r, &kind, &data, &size)) > 0) {
		if (*got < small.cnt && kind == small.frames[*got].kind &&
		    size == small.frames[*got].size && !memcmp(data, small.frames[*got].data, size))
			++*got;
		else
			fprintf(stderr, "frame %zu is not what was put\n", *got);
		err = 0;
	}
	recording__close(r);
	capture__end(&capture, text);
	return err;
}

/* Returns how many frames of small end at or before this place. */
static size_t whole_frames(size_t place)
{
	size_t n = 0;

	while (n < small.cnt &&
	       small.frames[n].begin + sizeof(struct frame) + small.frames[n].size <= place)
		n++;
	return n;
}

static void expect_said(const char *text, const char *what, size_t offset)
{
	char want[64];

	snprintf(want, sizeof(want), "(offset %zu)", offset);
	if (!strstr(text, what) || !strstr(text, want) || !strstr(text, "--replay other") ||
	    strchr(text, '\n') != text + strlen(text) - 1)
		fail_msg("not one line with '%s' and '%s': %s", what, want, text);
}

static void test_round_trip(void **state)
{
	const struct recording_header *h;
	struct recording *r = NULL;
	struct stat st;
	enum frame_kind kind;
	const void *data;
	size_t size, i;

	(void)state;
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(recording__open(&r, "out"), 0);
	assert_int_equal(recording__begin(r), 0);
	h = recording__header(r);
	assert_memory_equal(h->magic, RECORDING_MAGIC, sizeof(h->magic));
	assert_int_equal(h->version, RECORDING_VERSION);
	assert_int_equal(h->wire, PVM_WIRE_VERSION);
	assert_int_equal(h->real_ns, header.real_ns);
	assert_string_equal(h->run_id, header.run_id);
	assert_string_equal(h->resolve, header.resolve);
	assert_string_equal(h->user, header.user);
	assert_int_equal(h->pid, header.pid);
	for (i = 0; i < small.cnt; i++) {
		assert_int_equal(recording__next(r, &kind, &data, &size), 1);
		assert_int_equal(kind, small.frames[i].kind);
		assert_int_equal(size, small.frames[i].size);
		assert_int_equal((uintptr_t)data % 8, 0);
		assert_memory_equal(data, small.frames[i].data, size);
	}
	assert_int_equal(recording__next(r, &kind, &data, &size), 0);
	assert_int_equal(recording__next(r, &kind, &data, &size), 0);
	recording__close(r);
	recording__close(NULL);
	assert_int_equal(recorder__close(NULL), 0);
}

/* There are more than the buffer holds, frames of no bytes and of the most that one may have among them. */
static void test_many_frames(void **state)
{
	enum { CNT = 120 };
	static uint8_t noise[RECORDING_FRAME_MAX];
	struct recorder *w = create("out.1");
	struct recording *r = NULL;
	enum frame_kind kind;
	const void *data;
	size_t size, want[CNT];

	(void)state;
	fixture__random_bytes(noise, sizeof(noise));
	for (size_t i = 0; i < CNT; i++) {
		want[i] = i == 0 ? 0 : i == 1 ? sizeof(noise) : fixture__below(60000);
		assert_true(recorder__room(w));
		assert_int_equal(recorder__put(w, FRAME_ARRAY, noise + i * (i != 1), want[i], 1),
				 0);
	}
	assert_true(recorder__pending(w) > 0 && recorder__pending(w) < CNT);
	assert_int_equal(recorder__flush(w), 0);
	assert_int_equal(recorder__pending(w), 0);
	assert_int_equal(recorder__close(w), 0);
	assert_int_equal(recording__open(&r, "out.1"), 0);
	assert_int_equal(recording__begin(r), 0);
	for (size_t i = 0; i < CNT; i++) {
		assert_int_equal(recording__next(r, &kind, &data, &size), 1);
		assert_int_equal(size, want[i]);
		assert_memory_equal(data, noise + i * (i != 1), size);
	}
	assert_int_equal(recording__next(r, &kind, &data, &size), 0);
	recording__close(r);
}

static void test_cut_at_each_byte(void **state)
{
	char text[CAPTURE_SZ];
	size_t got;

	(void)state;
	for (size_t len = 0; len <= small.size; len++) {
		size_t n = whole_frames(len);
		int err;

		store("other", small.bytes, len);
		err = replay(text, &got);
		if (len < HEAD) {
			assert_int_equal(err, EX_DATAERR);
			expect_said(text, len < 8 ? "not a recording" : "cut off",
				    len < 8 ? 0 : len);
		} else if (len == small.size || len == small.frames[n].begin) {
			assert_int_equal(err, 0);
			assert_string_equal(text, "");
		} else {
			assert_int_equal(err, -EBADMSG);
			expect_said(text, "cut off", small.frames[n].begin);
		}
		assert_int_equal(got, n);
	}
}

static void test_damage_at_each_byte_of_the_header(void **state)
{
	char text[CAPTURE_SZ];
	size_t got;

	(void)state;
	for (size_t at = 0; at < offsetof(struct recording_header, crc) + sizeof(uint32_t); at++) {
		small.bytes[at] ^= 0x5a;
		store("other", small.bytes, small.size);
		small.bytes[at] ^= 0x5a;
		assert_int_equal(replay(text, &got), EX_DATAERR);
		assert_int_equal(got, 0);
		if (at < 8)
			expect_said(text, "not a recording", 0);
		else if (at >= 12 && at < 24)
			expect_said(text, "this program reads", 12);
		else if (at >= 24)
			expect_said(text, "damaged", 0);
	}
}

static void test_damage_at_each_byte_of_the_frames(void **state)
{
	char text[CAPTURE_SZ];
	size_t got;

	(void)state;
	for (size_t at = HEAD; at < small.size; at++) {
		size_t n = whole_frames(at);
		bool in_size = at - small.frames[n].begin < sizeof(uint32_t);

		small.bytes[at] ^= 0x81;
		store("other", small.bytes, small.size);
		small.bytes[at] ^= 0x81;
		assert_int_equal(replay(text, &got), -EBADMSG);
		assert_int_equal(got, n);
		/* A size that goes beyond the end looks like a cut. */
		expect_said(text, in_size && !strstr(text, "damaged") ? "cut off" : "damaged",
			    small.frames[n].begin);
	}
}

/* Puts one frame alone into the file "other". */
static void store_frame(enum frame_kind kind, size_t size)
{
	static const uint8_t nothing[RECORDING_FRAME_MAX];
	struct recorder *r;

	unlink("other");
	r = create("other");
	assert_int_equal(recorder__put(r, kind, nothing, size, 0), 0);
	assert_int_equal(recorder__close(r), 0);
}

/* Reads the file's only frame: as recording__next does. text gets what was said. */
static int read_frame(char *text)
{
	struct recording *r = NULL;
	enum frame_kind kind;
	struct capture capture;
	const void *data;
	size_t size;
	int got;

	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(recording__open(&r, "other"), 0);
	assert_int_equal(recording__begin(r), 0);
	got = recording__next(r, &kind, &data, &size);
	recording__close(r);
	capture__end(&capture, text);
	return got;
}

/* A frame of our own that is longer or shorter than its kind is nothing that this program wrote; nor is one of no kind. */
static void test_frames_of_no_such_size(void **state)
{
	static const struct {
		enum frame_kind kind;
		size_t size;
	} kinds[] = {
		{ FRAME_CLOCK, sizeof(struct frame_clock) },
		{ FRAME_BOOKS, sizeof(struct frame_books) },
		{ FRAME_KEY, sizeof(struct pin_key) },
		{ FRAME_TOLD, sizeof(uint64_t) },
		{ FRAME_HOST, HOST_NAME_SZ },
	};
	char text[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const size_t size = kinds[i].size, wrong[] = { 0, size - 1, size + 1, 2 * size };

		store_frame(kinds[i].kind, size);
		assert_int_equal(read_frame(text), 1);
		assert_string_equal(text, "");
		for (size_t n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
			store_frame(kinds[i].kind, wrong[n]);
			assert_int_equal(read_frame(text), -EBADMSG);
			expect_said(text, "damaged", HEAD);
		}
	}
	store_frame((enum frame_kind)0, 8);
	assert_int_equal(read_frame(text), -EBADMSG);
	store_frame((enum frame_kind)(FRAME_HOST + 1), 8);
	assert_int_equal(read_frame(text), -EBADMSG);
	expect_said(text, "damaged", HEAD);
}

/* Writes small's frames below another header, whose checksum is right, and reads. */
static void expect_refused(struct recording_header *h, const char *what, size_t offset)
{
	uint8_t bytes[SMALL_MAX];
	char text[CAPTURE_SZ];
	size_t got;

	h->crc = (uint32_t)crc32(0, (const Bytef *)h, offsetof(struct recording_header, crc));
	memcpy(bytes, small.bytes, small.size);
	memcpy(bytes, h, sizeof(*h));
	store("other", bytes, small.size);
	assert_int_equal(replay(text, &got), EX_DATAERR);
	assert_int_equal(got, 0);
	expect_said(text, what, offset);
}

static void test_other_headers(void **state)
{
	struct recording_header good, h;

	(void)state;
	memcpy(&good, small.bytes, sizeof(good));
	h = good;
	h.order = __builtin_bswap32(h.order);
	h.version = __builtin_bswap32(h.version);
	expect_refused(&h, "byte order", 8);
	h = good;
	h.version++;
	h.size += 64;
	expect_refused(&h, "format 3.3, this program reads 2.3", 12);
	h = good;
	h.wire++;
	expect_refused(&h, "format 2.4, this program reads 2.3", 12);
	h = good;
	h.size += 8;
	expect_refused(&h, "this program reads", 12);
}

/* Everything in a header may have been written by somebody who wants more keys in a line than there are. */
static void test_identifiers(void **state)
{
	struct recording_header good, h;
	static const struct {
		const char *what;
		size_t offset, size;
	} cases[] = {
#define ID(what, member) { what, offsetof(struct recording_header, member), sizeof(good.member) }
		ID("its run id", run_id),	    ID("its way to look up targets", resolve),
		ID("its second ABI", abis[1].name), ID("its machine id", host.machine_id),
		ID("its boot id", host.boot_id),    ID("its architecture", host.arch),
#undef ID
	};
	static const char *const bad[] = { "\",\"a\":\"", "5f0\\", "x y", "\x1b[31m",
					   "\xc2\x85",	  "a-\n",  "\xff" };

	(void)state;
	memcpy(&good, small.bytes, sizeof(good));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
			h = good;
			memset((char *)&h + cases[i].offset, '\0', cases[i].size);
			memcpy((char *)&h + cases[i].offset, bad[n],
			       strnlen(bad[n], cases[i].size - 1));
			expect_refused(&h, cases[i].what, cases[i].offset);
		}
		/* Without an end it goes on into its neighbour. */
		h = good;
		memset((char *)&h + cases[i].offset, 'a', cases[i].size);
		expect_refused(&h, cases[i].what, cases[i].offset);
	}
	h = good;
	memset(h.run_id, '\0', sizeof(h.run_id));
	expect_refused(&h, "its run id", offsetof(struct recording_header, run_id));
	h = good;
	memset(h.run_id, 'a', 17);
	expect_refused(&h, "its run id", offsetof(struct recording_header, run_id));
	h = good;
	strcpy(h.host.boot_id, "5f0c2b7e");
	expect_refused(&h, "its boot id", offsetof(struct recording_header, host.boot_id));
}

static void test_foreign_files(void **state)
{
	static const char *const foreign[] = { "", "x", "PVMTRAC",
					       "{\"time\":\"2026-11-21T19:28:11", "\177ELF\2\1\1" };
	struct recording *r = NULL;
	struct capture capture;
	char text[CAPTURE_SZ];
	size_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		store("other", foreign[i], strlen(foreign[i]));
		assert_int_equal(replay(text, &got), EX_DATAERR);
		expect_said(text, "not a recording", 0);
	}
	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(recording__open(&r, "none"), EX_NOINPUT);
	capture__end(&capture, text);
	assert_non_null(strstr(text, strerror(ENOENT)));
	assert_null(r);
}

static void expect_not_created(const char *name, int err)
{
	struct recorder *r = NULL;
	struct capture capture;
	char text[CAPTURE_SZ];

	capture__start(&capture, STDERR_FILENO);
	assert_int_equal(recorder__create(&r, name, &header, &keep), err);
	capture__end(&capture, text);
	assert_null(r);
	assert_non_null(strstr(text, "--record "));
	assert_non_null(strstr(text, name));
}

static void test_what_is_not_overwritten(void **state)
{
	(void)state;
	expect_not_created("out", -EEXIST);
	assert_int_equal(load("out", small.bytes, sizeof(small.bytes)), small.size);
	assert_int_equal(symlink("out.2", "link"), 0);
	expect_not_created("link", -ELOOP);
	assert_int_equal(access("out.2", F_OK), -1);
	expect_not_created(".", -EISDIR);
	expect_not_created("nowhere/out", -ENOENT);
	/* Nobody reads it: waiting for somebody would be a start that never comes. */
	assert_int_equal(mkfifo("out.1", 0600), 0);
	expect_not_created("out.1", -ENXIO);
	/* What is empty is as good as new. */
	store("out.2", "", 0);
	assert_int_equal(recorder__close(create("out.2")), 0);
}

/* The file takes no more for a while: it ends with a whole frame, and nothing is missing later. */
static void test_no_room_for_a_while(void **state)
{
	struct rlimit old, tight;
	struct recorder *r = create("other");
	struct capture capture;
	char text[CAPTURE_SZ];
	struct stat st;
	size_t got;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(recorder__put(r, small.frames[i].kind, small.frames[i].data,
					       small.frames[i].size, 0),
				 0);
	assert_int_equal(recorder__flush(r), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = small.frames[2].begin + 100;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(recorder__put(r, small.frames[2].kind, small.frames[2].data,
				       small.frames[2].size, 1),
			 0);
	capture__start(&capture, STDERR_FILENO);
	setrlimit(RLIMIT_FSIZE, &tight);
	got = (size_t)-recorder__flush(r) * 1000 + (size_t)-recorder__flush(r);
	setrlimit(RLIMIT_FSIZE, &old);
	capture__end(&capture, text);
	assert_int_equal(got, EFBIG * 1001);
	/* It is said once. */
	assert_non_null(strstr(text, strerror(EFBIG)));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_int_equal(stat("other", &st), 0);
	assert_int_equal(st.st_size, small.frames[2].begin);
	assert_int_equal(recorder__pending(r), 1);
	assert_int_equal(recorder__put(r, small.frames[3].kind, small.frames[3].data,
				       small.frames[3].size, 0),
			 0);
	assert_int_equal(recorder__close(r), 0);
	assert_int_equal(replay(text, &got), 0);
	assert_int_equal(got, small.cnt);
	assert_string_equal(text, "");
}

/* However often the clock was set before, and with the key. */
static void test_begun_anew_with_all_that_came_first(void **state)
{
	static uint8_t before[3 * SMALL_MAX], after[3 * SMALL_MAX];
	struct frame_clock clock = { 0 };
	struct pin_key key = { .page_shift = 12 };
	struct recorder *r = create("other");
	size_t size;

	(void)state;
	for (int i = 0; i < CLOCK_STEPS; i++)
		assert_int_equal(recorder__put(r, FRAME_CLOCK, &clock, sizeof(clock), 0), 0);
	assert_int_equal(recorder__put(r, FRAME_KEY, &key, sizeof(key), 0), 0);
	recorder__keep_head(r);
	assert_int_equal(recorder__flush(r), 0);
	size = load("other", before, sizeof(before));
	assert_true(size > HEAD && size < sizeof(before));
	assert_int_equal(truncate("other", 0), 0);
	assert_int_equal(recorder__begin_anew(r), 0);
	assert_int_equal(load("other", after, sizeof(after)), size);
	assert_memory_equal(after, before, size);
	assert_int_equal(recorder__close(r), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, scratch__teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_many_frames),
		TEST(test_cut_at_each_byte),
		TEST(test_damage_at_each_byte_of_the_header),
		TEST(test_damage_at_each_byte_of_the_frames),
		TEST(test_frames_of_no_such_size),
		TEST(test_other_headers),
		TEST(test_identifiers),
		TEST(test_foreign_files),
		TEST(test_what_is_not_overwritten),
		TEST(test_no_room_for_a_while),
		TEST(test_begun_anew_with_all_that_came_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
