/* SPDX-License-Identifier: Apache-2.0 */
/* recording - a whole file, replayed: whatever stands in it, what is written are strict lines within --max-line, numbered
 * without a gap. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "bpf/event.h"
#include "options/command_line.h"
#include "output/recording_layout.h"
#include "replay.h"
#include "tests/fuzz/frames.h"
#include "tests/fuzz/fuzz.h"

#define ARGS_MAX 32

/* Its bits say what is left as it is. */
enum as_is { HEADER_AS_IS = 1, CHECKSUMS_AS_IS = 2, RECORDS_AS_IS = 4 };

static const char *const formats[] = { "json", "ecs", "ocsf", "text" };

/* Each of them is given or not, by a bit. */
static const char *const filters[8][2] = {
	{ "--op", "read" },	    { "--caller-comm", "pvmcall" },
	{ "--relation", "!self" },  { "--outcome", "failure" },
	{ "--target-cgroup", "*" }, { "--caller-container", "!none" },
	{ "--region", "heap" },	    { "--aggregate", "10" },
};

static int files[2];

static void mend_header(uint8_t *data)
{
	struct recording_header h;

	memcpy(&h, data, sizeof(h));
	recording_header__seal(&h);
	memcpy(data, &h, sizeof(h));
}

static void mend_frames(uint8_t *data, size_t size, bool records)
{
	struct frame frame;

	while (size >= sizeof(frame)) {
		memcpy(&frame, data, sizeof(frame));
		if (frame.size > size - sizeof(frame))
			frame.size = (uint32_t)(size - sizeof(frame));
		if (records && (frame.kind == FRAME_CALL || frame.kind == FRAME_ARRAY))
			frames__mend_record(data + sizeof(frame), frame.size);
		frame.crc = frame__checksum(&frame, data + sizeof(frame));
		memcpy(data, &frame, sizeof(frame));
		data += sizeof(frame) + frame.size;
		size -= sizeof(frame) + frame.size;
	}
}

static void put_file(const uint8_t *data, size_t size, uint8_t as_is)
{
	const size_t head = sizeof(struct recording_header);
	uint8_t *copy = malloc(size ? size : 1);

	assert_non_null(copy);
	memcpy(copy, data, size);
	if (!(as_is & HEADER_AS_IS) && size >= head)
		mend_header(copy);
	if (!(as_is & CHECKSUMS_AS_IS) && size > head)
		mend_frames(copy + head, size - head, !(as_is & RECORDS_AS_IS));
	fuzz__fill_file(files[0], copy, size);
	free(copy);
}

static void check_json(const char *line, size_t len, json_int_t number)
{
	json_error_t error;
	json_t *j = json_loadb(line, len - 1, JSON_REJECT_DUPLICATES, &error);

	if (!j)
		fail_msg("%s at %d: %.*s", error.text, error.position, (int)len, line);
	assert_true(json_is_object(j));
	if (json_object_get(j, "schema"))
		assert_int_equal(json_integer_value(json_object_get(j, "seq")), number);
	json_decref(j);
}

/* Returns how many lines there are. */
static json_int_t check_lines(bool is_text, size_t max_line)
{
	size_t size;
	char *text = fuzz__read_file(files[1], &size), *at = text;
	json_int_t cnt = 0;

	while (at < text + size) {
		const char *end = memchr(at, '\n', (size_t)(text + size - at));
		size_t len;

		assert_non_null(end);
		len = (size_t)(end + 1 - at);
		assert_true(len <= max_line);
		cnt++;
		if (is_text)
			fuzz__expect_text(at, len, false);
		else
			check_json(at, len, cnt);
		at += len;
	}
	free(text);
	return cnt;
}

/* Replays as the bytes choose, and returns the status. */
static int replay(const uint8_t *choice, const char *format, const char *max_line)
{
	char name[32], *argv[ARGS_MAX];
	struct options o;
	int argc = 0, status;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", files[0]);
	argv[argc++] = (char *)"pvmtrace";
	argv[argc++] = (char *)"--no-sandbox";
	argv[argc++] = (char *)"--replay";
	argv[argc++] = name;
	argv[argc++] = (char *)"--format";
	argv[argc++] = (char *)format;
	argv[argc++] = (char *)"--max-line";
	argv[argc++] = (char *)max_line;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]) && choice[1] & 1; i++) {
		if (!(choice[2] >> i & 1))
			continue;
		argv[argc++] = (char *)filters[i][0];
		argv[argc++] = (char *)filters[i][1];
	}
	argv[argc] = NULL;
	status = options__parse(&o, argc, argv);
	if (!status)
		status = replay__run(&o);
	options__free(&o);
	return status;
}

static void begin(void)
{
	files[0] = fuzz__file("recording");
	files[1] = fuzz__file("stdout");
	assert_int_equal(dup2(files[1], STDOUT_FILENO), STDOUT_FILENO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice[CHOICES] = { 0 };
	const char *format;
	char max_line[16];
	uint32_t limit;
	int status;

	if (!files[0])
		begin();
	if (size < CHOICES)
		return 0;
	memcpy(choice, data, CHOICES);
	put_file(data + CHOICES, size - CHOICES, choice[0]);
	format = formats[choice[3] % 4];
	limit = 1024 + choice[4] * (choice[5] % 2 ? 16U : 256U);
	snprintf(max_line, sizeof(max_line), "%u", limit);
	fuzz__fill_file(files[1], "", 0);
	status = replay(choice, format, max_line);
	/* It is not to be read by others, /proc included (sandbox/), by which the file is opened. */
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	if (status != EX_USAGE && status != EX_DATAERR)
		assert_int_equal(status, 0);
	check_lines(choice[3] % 4 == 3, limit);
	return 0;
}
