/* SPDX-License-Identifier: Apache-2.0 */
/* test_replay - a run that is recorded and replayed: the same books, and what is said where the recording is cut, damaged
 * or left early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "bpf/control.h"
#include "bpf/rules.h"
#include "capture.h"
#include "live_run.h"
#include "options/command_line.h"
#include "replay.h"
#include "scratch.h"
#include "to_recording.h"

#define CALL "process_vm_access"
#define RECORDING "other"
#define REPLAYED "out.1"

static void end_by_signal(struct tracer *t)
{
	(void)t;
	raise(SIGTERM);
}

/* Records four calls: one is told twice, and one is filtered before it is recorded. Gives what `stop` said of them. */
static json_t *record(void)
{
	static const char *const args[] = { "--record", RECORDING, NULL };
	const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	const struct pin_key key = { .page_shift = 0 };
	struct to_recording recording;
	json_t *counters;

	live_run__begin(NULL, args);
	assert_int_equal(to_recording__open(&recording, &run.collector, &ourselves, &key), 0);
	live_run__call(1, PVM_COMPLETE);
	live_run__call(2, PVM_IN_FLIGHT);
	live_run__call(2, PVM_COMPLETE);
	live_run__call(3, PVM_COMPLETE);
	run.fake.counts.n[PVM_C_SEEN]++;
	run.fake.counts.n[PVM_C_FILTERED]++;
	run.fake.on_consume = end_by_signal;
	assert_int_equal(loop__run(&run.loop), 0);
	live_run__read("out");
	/* The calls are in the recording instead. */
	assert_int_equal(live_run__count(CALL), 0);
	assert_int_equal(live_run__count("start"), 1);
	assert_int_equal(live_run__counter("emitted"), 3);
	assert_int_equal(live_run__counter("in_flight_emitted"), 1);
	counters = json_incref(json_object_get(live_run__stop(), "counters"));
	live_run__end();
	return counters;
}

static void take(void *data, size_t size)
{
	(void)collector__on_call(&run.collector, data, size);
	assert_int_equal(collector__flush(&run.collector), 0);
}

#define ANCESTRIES 5000
#define ANCESTRY_ROOM 4096 /* docs/operations.md, Limits */

/* What a replay will have forgotten, the kernel half sends again when it is needed: the least recently used of them, of
 * which a call of the first one makes the second one. */
static void test_ancestries(void **state)
{
	static const char *const args[] = { "--record", RECORDING, NULL };
	const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	const struct pin_key key = { .page_shift = 0 };
	static _Alignas(8) uint8_t buf[2048];
	struct to_recording recording;
	struct fixture_call f;

	(void)state;
	live_run__begin(NULL, args);
	assert_int_equal(to_recording__open(&recording, &run.collector, &ourselves, &key), 0);
	fixture__call(&f);
	f.call.ancestry[PVM_CALLER] = 1;
	for (uint64_t id = 1; id <= ANCESTRIES; id++) {
		take(buf, fixture__ancestry(buf, id, PVM_CALLER, 1));
		if (id == ANCESTRY_ROOM)
			take(&f, f.call.hdr.size);
	}
	assert_int_equal(run.fake.forgotten_ancestries, ANCESTRIES - ANCESTRY_ROOM);
	assert_int_equal(run.fake.forgotten_ancestry, ANCESTRIES - ANCESTRY_ROOM + 1);
	/* One that is not known any more is sent again, too. */
	run.collector.reminders = 1;
	f.call.ancestry[PVM_CALLER] = 2;
	take(&f, f.call.hdr.size);
	assert_int_equal(run.fake.forgotten_ancestry, 2);
	assert_int_equal(run.fake.forgotten_ancestries, ANCESTRIES - ANCESTRY_ROOM + 1);
	live_run__end();
}

#define TEXTS 10000
#define TEXT_ROOM 8192 /* docs/operations.md, Limits */

/* Likewise the paths of mapped files. */
static void test_texts(void **state)
{
	static const char *const args[] = { "--record", RECORDING, NULL };
	const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	const struct pin_key key = { .page_shift = 0 };
	const struct pvm_task nobody = { 0 };
	static uint64_t buf[256];
	struct to_recording recording;
	struct fixture_call f;

	(void)state;
	live_run__begin(NULL, args);
	assert_int_equal(to_recording__open(&recording, &run.collector, &ourselves, &key), 0);
	fixture__call(&f);
	f.call.look = PVM_LOOK_TAKEN;
	f.call.region_cnt = 1;
	f.call.region = (struct pvm_region){ .text = 1 };
	for (uint64_t id = 1; id <= TEXTS; id++) {
		size_t size = fixture__path(buf, PVM_MAPPED, &nobody, "x", sizeof("x"), 0);

		((struct pvm_path *)buf)->id = id;
		take(buf, size);
		if (id == TEXT_ROOM)
			take(&f, f.call.hdr.size);
	}
	assert_int_equal(run.fake.forgotten_texts, TEXTS - TEXT_ROOM);
	assert_int_equal(run.fake.forgotten_text, TEXTS - TEXT_ROOM + 1);
	run.collector.reminders = 1;
	f.call.region.text = 2;
	take(&f, f.call.hdr.size);
	assert_int_equal(run.fake.forgotten_text, 2);
	assert_int_equal(run.fake.forgotten_texts, TEXTS - TEXT_ROOM + 1);
	live_run__end();
}

static int replay(const char *option, const char *value)
{
	char *argv[] = { (char *)"pvmtrace", (char *)"--replay", (char *)RECORDING, (char *)"-o",
			 (char *)REPLAYED,   (char *)option,	 (char *)value,	    NULL };
	struct options o;
	int status;

	memset(&run, 0, sizeof(run));
	assert_int_equal(options__parse(&o, option ? 7 : 5, argv), 0);
	o.no_sandbox = true; /* there are more tests in this process */
	status = replay__run(&o);
	options__free(&o);
	live_run__read(REPLAYED);
	return status;
}

static const char *reason(void)
{
	return json_string_value(json_object_get(live_run__stop(), "reason"));
}

static bool is_complete(void)
{
	return json_is_true(json_object_get(live_run__stop(), "complete"));
}

static void test_same_books(void **state)
{
	json_t *counters;

	(void)state;
	counters = record();
	assert_int_equal(replay(NULL, NULL), 0);
	assert_string_equal(live_run__kind(0), "start");
	assert_int_equal(live_run__count(CALL), 4);
	assert_string_equal(reason(), "signal");
	assert_true(is_complete());
	assert_true(json_equal(counters, json_object_get(live_run__stop(), "counters")));
	json_decref(counters);
}

/* A call that is left out of a replay is filtered, and the sum stays. */
static void test_filters(void **state)
{
	(void)state;
	json_decref(record());
	assert_int_equal(replay("--op", "write"), 0);
	assert_int_equal(live_run__count(CALL), 0);
	assert_int_equal(live_run__counter("seen"), 4);
	assert_int_equal(live_run__counter("filtered"), 4);
	assert_true(json_is_true(json_object_get(live_run__stop(), "balanced")));
}

static void test_count(void **state)
{
	(void)state;
	json_decref(record());
	assert_int_equal(replay("--count", "1"), 0);
	assert_int_equal(live_run__count(CALL), 1);
	assert_string_equal(reason(), "count");
	assert_int_equal(live_run__counter("emitted"), 1);
	assert_false(is_complete());
}

/* Its last frame is `stop`. */
static void test_cut(void **state)
{
	struct stat st;

	(void)state;
	json_decref(record());
	assert_int_equal(stat(RECORDING, &st), 0);
	assert_int_equal(truncate(RECORDING, st.st_size - (off_t)(sizeof(struct frame) +
								  sizeof(struct frame_books))),
			 0);
	assert_int_equal(replay(NULL, NULL), EX_DATAERR);
	assert_int_equal(live_run__count(CALL), 4);
	assert_string_equal(reason(), "recording_cut");
	assert_false(is_complete());
	assert_true(json_is_true(json_object_get(live_run__stop(), "balanced")));
}

static void test_damaged(void **state)
{
	struct stat st;
	char byte;
	int fd;

	(void)state;
	json_decref(record());
	fd = open(RECORDING, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0 && !fstat(fd, &st));
	assert_int_equal(pread(fd, &byte, 1, st.st_size - 1), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, st.st_size - 1), 1);
	close(fd);
	assert_int_equal(replay(NULL, NULL), EX_DATAERR);
	assert_int_equal(live_run__count(CALL), 4);
	assert_string_equal(reason(), "recording_damaged");
	assert_false(is_complete());
}

/* Makes a recording of one frame. */
static void record_frame(enum frame_kind kind, const void *data, size_t size)
{
	struct recording_header header = { .real_ns = NS_PER_S, .run_id = FIXTURE_RUN_ID };
	const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct recorder *recorder;

	unlink(RECORDING);
	assert_int_equal(recorder__create(&recorder, RECORDING, &header, &ourselves), 0);
	assert_int_equal(recorder__put(recorder, kind, data, size, 0), 0);
	assert_int_equal(recorder__close(recorder), 0);
}

/* Replays in the same way; text gets what is said. */
static int replay_aloud(char *text)
{
	struct capture c;
	int status;

	unlink(REPLAYED);
	capture__start(&c, STDERR_FILENO);
	status = replay(NULL, NULL);
	capture__end(&c, text);
	return status;
}

static void forget_lines(void)
{
	for (size_t i = 0; i < run.line_cnt; i++)
		json_decref(run.lines[i]);
	run.line_cnt = 0;
}

/* Fewer pages than a list needs show another list, unless pages may have gone by unseen by then: the call is not looked into
 * when it is recorded, and its replay says what would have been told. */
static void test_pages_that_lack(void **state)
{
	static const char *const args[] = { "--record", RECORDING, NULL };
	const struct owner ourselves = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	const struct pin_key key = { { 7, 77 }, PVM_PAGE_SHIFT, 0 };
	const struct pvm_pins one = fixture__one_page(&key, 0x55d0c0de0000);
	static const struct iov_elem local = { 0x7ffd12345000, 4096 };
	static const struct iov_elem on_two = { 0x55d0c0de0800, 4096 };
	struct to_recording recording;
	struct fixture_call f;

	(void)state;
	fixture__call(&f);
	fixture__data(&f, &local, sizeof(local), &on_two, sizeof(on_two), NULL, 0, NULL, 0);
	fixture__pins(&f, &one);
	for (uint32_t lack = 0; lack < 2; lack++) {
		const json_t *changed = NULL;

		live_run__begin(NULL, args);
		assert_int_equal(to_recording__open(&recording, &run.collector, &ourselves, &key),
				 0);
		collector__set_key(&run.collector, &key);
		run.fake.pin_key = key;
		run.fake.pin_key.may_lack = lack;
		take(&f, f.call.hdr.size);
		live_run__end();
		replay(NULL, NULL);
		assert_int_equal(live_run__count(CALL), 1);
		for (size_t i = 0; i < run.line_cnt; i++) {
			if (!strcmp(live_run__kind(i), CALL))
				changed = json_object_get(json_object_get(run.lines[i], "remote"),
							  "changed");
		}
		assert_non_null(changed);
		assert_true(lack ? json_is_false(changed) : json_is_true(changed));
		forget_lines();
		assert_int_equal(unlink(RECORDING), 0);
		assert_int_equal(unlink(REPLAYED), 0);
	}
}

/* What this program did not write is not told: its end is then as good as none. */
static void test_no_word(void **state)
{
	static const char word[] = "SIGTERM";
	struct frame_books books = { .type = REC_STOP, .text = "sig nal" };

	(void)state;
	memcpy(books.signal, word, sizeof(word));
	record_frame(FRAME_BOOKS, &books, sizeof(books));
	assert_int_equal(replay(NULL, NULL), EX_DATAERR);
	assert_int_equal(run.line_cnt, 2);
	assert_string_equal(reason(), "recording_cut");
}

/* A frame whose size is not its kind's is not told either: nobody knows what it was to say. */
static void test_no_size(void **state)
{
	static const struct pin_key keys[2] = { { .page_shift = PVM_PAGE_SHIFT } };
	char text[CAPTURE_SZ];

	(void)state;
	record_frame(FRAME_KEY, keys, sizeof(keys[0]));
	replay_aloud(text);
	assert_string_equal(reason(), "recording_cut");
	assert_null(strstr(text, "damaged"));
	forget_lines();
	record_frame(FRAME_KEY, keys, sizeof(keys));
	assert_int_equal(replay_aloud(text), EX_DATAERR);
	assert_string_equal(reason(), "recording_damaged");
	assert_non_null(strstr(text, "damaged"));
	assert_false(is_complete());
}

/* A key of pages that no host has is left out, and said to be. */
static void test_no_page(void **state)
{
	static const struct {
		uint32_t shift;
		bool is_one;
	} shifts[] = {
		{ 0, false },
		{ PVM_PAGE_SHIFT - 1, false },
		{ PVM_PAGE_SHIFT, true },
		{ PVM_PAGE_SHIFT_MAX, true },
		{ PVM_PAGE_SHIFT_MAX + 1, false },
		{ UINT32_MAX, false },
	};
	char text[CAPTURE_SZ];

	(void)state;
	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		const struct pin_key key = { .page_shift = shifts[i].shift };

		record_frame(FRAME_KEY, &key, sizeof(key));
		replay_aloud(text);
		assert_int_equal(strstr(text, "no host has pages") == NULL, shifts[i].is_one);
		forget_lines();
	}
}

static int teardown(void **state)
{
	forget_lines();
	return scratch__teardown(state);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch__setup, teardown)
		IN_SCRATCH(test_same_books),	  IN_SCRATCH(test_filters),
		IN_SCRATCH(test_count),		  IN_SCRATCH(test_cut),
		IN_SCRATCH(test_damaged),	  IN_SCRATCH(test_no_word),
		IN_SCRATCH(test_no_size),	  IN_SCRATCH(test_no_page),
		IN_SCRATCH(test_ancestries),	  IN_SCRATCH(test_texts),
		IN_SCRATCH(test_pages_that_lack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
